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

-- Sealed anew, a value is what it was: nothing that anybody is shown changes, and nobody is told. While that is said, nothing else can change.
CREATE FUNCTION sealed_anew() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE old_row jsonb := to_jsonb(OLD); new_row jsonb := to_jsonb(NEW);
BEGIN
    IF old_row - TG_ARGV[0] IS DISTINCT FROM new_row - TG_ARGV[0]
       OR (old_row -> TG_ARGV[0] = 'null') IS DISTINCT FROM (new_row -> TG_ARGV[0] = 'null') THEN
        RAISE EXCEPTION '% of % would change what was known', TG_OP, TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION sealed_anew_attach(t text, sealed text) RETURNS void LANGUAGE plpgsql AS $attach$
BEGIN
    EXECUTE format($f$
        CREATE TRIGGER sealed_anew BEFORE UPDATE ON %1$I FOR EACH ROW
            WHEN (current_setting('ricolloca.sealing_anew', true) = 'on') EXECUTE FUNCTION sealed_anew(%2$L);
        DROP TRIGGER change_log_update ON %1$I;
        CREATE TRIGGER change_log_update AFTER UPDATE ON %1$I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
            WHEN (current_setting('ricolloca.sealing_anew', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION %3$I();
        ALTER TABLE %1$I ENABLE ALWAYS TRIGGER sealed_anew, ENABLE ALWAYS TRIGGER change_log_update;
    $f$, t, sealed, 'change_log_' || t);
END $attach$;
SELECT sealed_anew_attach('participant', 'person_sealed');
SELECT sealed_anew_attach('outcome', 'employer_sealed');
DROP TRIGGER touch_update ON outcome;
CREATE TRIGGER touch_update AFTER UPDATE ON outcome REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (current_setting('ricolloca.sealing_anew', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION touched_by_outcome();
ALTER TABLE outcome ENABLE ALWAYS TRIGGER touch_update;
-- Of a revision nothing else ever changes.
DROP TRIGGER revision_stays ON outcome_revision;
CREATE TRIGGER revision_stays BEFORE DELETE ON outcome_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
CREATE TRIGGER sealed_anew BEFORE UPDATE ON outcome_revision FOR EACH ROW EXECUTE FUNCTION sealed_anew('employer_sealed');
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER revision_stays, ENABLE ALWAYS TRIGGER sealed_anew;
