-- The keys that seal personal data, each wrapped by one that the database does not have. A key is there before it seals, so that every
-- process knows it by then. See docs/decisions/0014-data-keys.md.
CREATE TABLE data_key (
    version    integer NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seals_from timestamptz NOT NULL,
    CONSTRAINT data_key_pk PRIMARY KEY (version),
    CONSTRAINT data_key_version_ck CHECK (version BETWEEN 1 AND 65535)
);
GRANT SELECT ON data_key TO ricolloca_member, ricolloca_region;

-- Sealed anew, a value is what it was: nothing that anybody is shown changes, and nobody is told.
DROP TRIGGER touch_update ON outcome;
CREATE TRIGGER touch_update AFTER UPDATE ON outcome REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT WHEN (current_setting('ricolloca.sealing_anew', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION touched_by_outcome();
ALTER TABLE outcome ENABLE ALWAYS TRIGGER touch_update;
-- Of a revision nothing changes but how the employer is sealed.
CREATE FUNCTION revision_sealed_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'employer_sealed' IS DISTINCT FROM to_jsonb(NEW) - 'employer_sealed'
       OR (OLD.employer_sealed IS NULL) <> (NEW.employer_sealed IS NULL) THEN
        RAISE EXCEPTION '% of % would change what was known', TG_OP, TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER revision_stays ON outcome_revision;
CREATE TRIGGER revision_stays BEFORE DELETE ON outcome_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
CREATE TRIGGER revision_is_what_it_was BEFORE UPDATE ON outcome_revision FOR EACH ROW EXECUTE FUNCTION revision_sealed_anew();
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER revision_stays, ENABLE ALWAYS TRIGGER revision_is_what_it_was;
