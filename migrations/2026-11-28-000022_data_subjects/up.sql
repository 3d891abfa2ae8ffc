-- What a worker may ask for, and what happens when retention ends. See docs/decisions/0016-data-subjects.md.
-- Restricted (art. 18 GDPR): kept, and not processed any more but by the region. Pseudonymised: nobody knows any more who it was.
ALTER TABLE participant ADD restricted_at timestamptz, ADD pseudonymised_at timestamptz,
    ALTER person_sealed DROP NOT NULL,
    ADD CONSTRAINT participant_person_ck CHECK (person_sealed IS NOT NULL OR pseudonymised_at IS NOT NULL OR deleted_at IS NOT NULL);

-- Who attends has to be known not to be restricted.
DROP FUNCTION lock_workers(uuid[], bytea[]);
CREATE FUNCTION lock_workers(ids uuid[], workers bytea[])
RETURNS TABLE (id uuid, partnership_id uuid, cohort_id uuid, worker_index bytea, dote_from date, dote_to date, taken_charge_on date, left_on date,
               is_closed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE wanted uuid[];
BEGIN
    SELECT ids || array_agg(p.id) INTO wanted FROM participant p WHERE p.worker_index = ANY (workers) AND p.deleted_at IS NULL;
    RETURN QUERY
        SELECT p.id, p.partnership_id, p.cohort_id, p.worker_index, p.dote_from, p.dote_to, p.taken_charge_on, p.left_on,
               p.restricted_at IS NOT NULL OR p.pseudonymised_at IS NOT NULL FROM participant p
         WHERE p.id = ANY (wanted) AND p.deleted_at IS NULL ORDER BY p.id FOR NO KEY UPDATE;
END $$;
REVOKE EXECUTE ON FUNCTION lock_workers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_workers TO ricolloca_member, ricolloca_region;

-- Of a revision nothing ever changes but the key that it is sealed with; and at the end of retention, when it is said so, what names
-- somebody goes. Which of the service's roles may change none of them at all.
CREATE FUNCTION outcome_revision_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := ARRAY['employer_sealed'];
    ends boolean := coalesce(current_setting('ricolloca.retention_ends', true), '') = 'on';
BEGIN
    IF ends THEN
        may := may || ARRAY['employer_index', 'cob', 'previous_cob', 'state_reason', 'external_id'];
    END IF;
    IF to_jsonb(OLD) - may IS DISTINCT FROM to_jsonb(NEW) - may
       OR (NOT ends AND (OLD.employer_sealed IS NULL) IS DISTINCT FROM (NEW.employer_sealed IS NULL)) THEN
        RAISE EXCEPTION '% of % would change what was known', TG_OP, TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER sealed_anew ON outcome_revision;
CREATE TRIGGER sealed_anew BEFORE UPDATE ON outcome_revision FOR EACH ROW EXECUTE FUNCTION outcome_revision_keeps();
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER sealed_anew;

-- The key that signs tokens is sealed like everything that must not be read in a dump. The service seals those that are there.
ALTER TABLE signing_key ALTER private_pem DROP NOT NULL, ADD private_sealed bytea,
    ADD CONSTRAINT signing_key_private_ck CHECK (private_pem IS NOT NULL OR private_sealed IS NOT NULL);
