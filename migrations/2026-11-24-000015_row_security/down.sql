ALTER FUNCTION change_log_touch_outcomes(uuid[]) SECURITY INVOKER RESET search_path;
ALTER FUNCTION touched_by_call() SECURITY INVOKER RESET search_path;
ALTER FUNCTION touched_by_cohort() SECURITY INVOKER RESET search_path;
ALTER FUNCTION touched_by_outcome() SECURITY INVOKER RESET search_path;
ALTER FUNCTION touched_by_organisation() SECURITY INVOKER RESET search_path;
GRANT EXECUTE ON FUNCTION change_log_touch_outcomes(uuid[]) TO PUBLIC;
DROP FUNCTION stays_of, lock_workers, notice_holders, look_at_tables;
ALTER VIEW known.outcome RESET (security_invoker);
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['participant', 'action', 'outcome', 'outcome_revision'] LOOP
        EXECUTE format('DROP POLICY all_rows ON %1$I; DROP POLICY seen_rows ON %1$I; ALTER TABLE %1$I DISABLE ROW LEVEL SECURITY', t);
    END LOOP;
END $$;
DROP FUNCTION row_security_attach, acting_organisation;
-- The roles stay: other databases may use them.
REVOKE ALL ON ALL TABLES IN SCHEMA public, known FROM ricolloca_member, ricolloca_region;
REVOKE ALL ON SCHEMA known FROM ricolloca_member, ricolloca_region;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM ricolloca_member, ricolloca_region;
