-- What a worker may ask for, and what happens when retention ends. See docs/decisions/0016-data-subjects.md.
-- Restricted (art. 18 GDPR): kept, and not processed any more but by the region. Pseudonymised: nobody knows any more who it was.
ALTER TABLE participant ADD restricted_at timestamptz, ADD pseudonymised_at timestamptz,
    ALTER person_sealed DROP NOT NULL,
    ADD CONSTRAINT participant_person_ck CHECK (person_sealed IS NOT NULL OR pseudonymised_at IS NOT NULL OR deleted_at IS NOT NULL);

-- Of a revision nothing ever changes but the key that it is sealed with; and at the end of retention, when it is said so, what names
-- somebody goes. Which of the service's roles may change none of them at all.
CREATE FUNCTION outcome_revision_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := ARRAY['employer_sealed'];
    ends boolean := coalesce(current_setting('ricolloca.retention_ends', true), '') = 'on';
BEGIN
    IF ends THEN
        may := may || ARRAY['cob', 'previous_cob', 'state_reason', 'external_id'];
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
