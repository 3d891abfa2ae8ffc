DROP TRIGGER sealed_anew ON outcome_revision;
DROP TRIGGER revision_stays ON outcome_revision;
CREATE TRIGGER revision_stays BEFORE UPDATE OR DELETE ON outcome_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER revision_stays;
DROP TRIGGER touch_update ON outcome;
CREATE TRIGGER touch_update AFTER UPDATE ON outcome REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_outcome();
ALTER TABLE outcome ENABLE ALWAYS TRIGGER touch_update;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['participant', 'outcome'] LOOP
        EXECUTE format('DROP TRIGGER sealed_anew ON %1$I;
                        DROP TRIGGER change_log_update ON %1$I;
                        CREATE TRIGGER change_log_update AFTER UPDATE ON %1$I REFERENCING NEW TABLE AS changed
                            FOR EACH STATEMENT EXECUTE FUNCTION %2$I();
                        ALTER TABLE %1$I ENABLE ALWAYS TRIGGER change_log_update', t, 'change_log_' || t);
    END LOOP;
END $$;
DROP FUNCTION sealed_anew_attach(text, text);
DROP FUNCTION sealed_anew();
DROP TABLE data_key;
