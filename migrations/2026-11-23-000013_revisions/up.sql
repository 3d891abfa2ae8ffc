-- Every revision of what a placement rests on: outcomes, the call's rules, the cohort's crisis company. So it can be told what was known
-- at an instant, by the very same queries: the schema `known` has these tables as they were then, and stands before `public` in the
-- search path of a transaction that asks for it. See docs/decisions/0008-revisions.md.
-- A revision was recorded when its record was last written (updated_at).
CREATE FUNCTION revision_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% of % would change what was known', TG_OP, TG_TABLE_NAME; END $$;

CREATE SCHEMA known;

CREATE FUNCTION known_at() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('ricolloca.as_known_at', true), '')::timestamptz, 'infinity')
$$;

CREATE FUNCTION revision_attach(t text) RETURNS void LANGUAGE plpgsql AS $attach$
BEGIN
    EXECUTE format($f$
        CREATE TABLE %1$s_revision (LIKE %1$I, CONSTRAINT %1$s_revision_pk PRIMARY KEY (id, version));
        INSERT INTO %1$s_revision SELECT * FROM %1$I;
        CREATE FUNCTION %1$s_revise() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO %1$s_revision SELECT * FROM changed ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER revise_insert AFTER INSERT ON %1$I REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION %1$s_revise();
        CREATE TRIGGER revise_update AFTER UPDATE ON %1$I REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION %1$s_revise();
        ALTER TABLE %1$I ENABLE ALWAYS TRIGGER revise_insert, ENABLE ALWAYS TRIGGER revise_update;
        CREATE TRIGGER revision_stays BEFORE UPDATE OR DELETE ON %1$s_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
        CREATE TRIGGER revisions_stay BEFORE TRUNCATE ON %1$s_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
        ALTER TABLE %1$s_revision ENABLE ALWAYS TRIGGER revision_stays, ENABLE ALWAYS TRIGGER revisions_stay;
        CREATE VIEW known.%1$I AS SELECT r.* FROM %1$s_revision r
         WHERE r.updated_at <= known_at()
           AND NOT EXISTS (SELECT FROM %1$s_revision n WHERE n.id = r.id AND n.version > r.version AND n.updated_at <= known_at());
    $f$, t);
END $attach$;
SELECT revision_attach('call');
SELECT revision_attach('cohort');
SELECT revision_attach('outcome');
CREATE INDEX outcome_revision_participant_ix ON outcome_revision (participant_id);
CREATE INDEX outcome_revision_partnership_ix ON outcome_revision (partnership_id);

-- What was true on a day takes no account of contracts that began later.
CREATE OR REPLACE VIEW known.outcome AS SELECT r.* FROM outcome_revision r
 WHERE r.updated_at <= known_at()
   AND NOT EXISTS (SELECT FROM outcome_revision n WHERE n.id = r.id AND n.version > r.version AND n.updated_at <= known_at())
   AND r.starts_on <= coalesce(nullif(current_setting('ricolloca.as_of', true), '')::date, 'infinity');
