DELETE FROM signing_key WHERE private_pem IS NULL;
ALTER TABLE signing_key DROP private_sealed, ALTER private_pem SET NOT NULL;
DROP TRIGGER sealed_anew ON outcome_revision;
DROP FUNCTION outcome_revision_keeps();
CREATE TRIGGER sealed_anew BEFORE UPDATE ON outcome_revision FOR EACH ROW EXECUTE FUNCTION sealed_anew('employer_sealed');
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER sealed_anew;
DROP FUNCTION lock_workers(uuid[], bytea[]);
CREATE FUNCTION lock_workers(ids uuid[], workers bytea[])
RETURNS TABLE (id uuid, partnership_id uuid, cohort_id uuid, worker_index bytea, dote_from date, dote_to date, taken_charge_on date, left_on date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE wanted uuid[];
BEGIN
    SELECT ids || array_agg(p.id) INTO wanted FROM participant p WHERE p.worker_index = ANY (workers) AND p.deleted_at IS NULL;
    RETURN QUERY
        SELECT p.id, p.partnership_id, p.cohort_id, p.worker_index, p.dote_from, p.dote_to, p.taken_charge_on, p.left_on FROM participant p
         WHERE p.id = ANY (wanted) AND p.deleted_at IS NULL ORDER BY p.id FOR NO KEY UPDATE;
END $$;
REVOKE EXECUTE ON FUNCTION lock_workers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_workers TO ricolloca_member, ricolloca_region;
-- Who is not known any more cannot be made known again: an empty value opens as nothing.
UPDATE participant SET person_sealed = '' WHERE person_sealed IS NULL;
ALTER TABLE participant DROP CONSTRAINT participant_person_ck, ALTER person_sealed SET NOT NULL, DROP pseudonymised_at, DROP restricted_at;
