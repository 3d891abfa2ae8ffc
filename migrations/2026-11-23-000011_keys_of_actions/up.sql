-- The keys of actions, checked once for a statement instead of for each row. A foreign key looks its parent up again for every row
-- and locks it: for a thousand actions of one operator in one partnership that is three thousand look-ups and locks of the same two
-- rows, which took more time than writing the rows with all their indexes. A statement's actions have few parents that differ.
--
-- As strong as foreign keys: a parent is there when an action is written, or the statement fails by the key's name; and it
-- stays, since rows of resources are never deleted (change_log_refuse) and keep their ids (identity_refuse).
CREATE FUNCTION identity_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the id of % does not change', TG_TABLE_NAME; END $$;

CREATE FUNCTION identity_attach(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER identity BEFORE UPDATE OF id ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION identity_refuse()', t);
    EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER identity', t);
END $$;
SELECT identity_attach('organisation');
SELECT identity_attach('partnership');
SELECT identity_attach('cohort');
SELECT identity_attach('participant');
SELECT identity_attach('action');

-- By key, whatever PostgreSQL knew of the parents when it planned this: hence the setting, and no EXISTS, which it may turn into
-- reading all of them.
CREATE FUNCTION action_keys() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE broken text;
BEGIN
    SELECT c.name INTO broken
      FROM (SELECT DISTINCT source_organisation_id, partnership_id, cohort_id, performer_organisation_id, rectifies_id FROM changed) n
     CROSS JOIN LATERAL (SELECT CASE
           WHEN (SELECT p.id FROM organisation p WHERE p.id = n.source_organisation_id) IS NULL THEN 'action_source_fk'
           WHEN (SELECT p.id FROM partnership p WHERE p.id = n.partnership_id) IS NULL THEN 'action_partnership_fk'
           WHEN n.cohort_id IS NOT NULL AND (SELECT p.id FROM cohort p WHERE p.id = n.cohort_id) IS NULL THEN 'action_cohort_fk'
           WHEN (SELECT p.id FROM organisation p WHERE p.id = n.performer_organisation_id) IS NULL THEN 'action_performer_fk'
           WHEN n.rectifies_id IS NOT NULL AND (SELECT p.id FROM action p WHERE p.id = n.rectifies_id) IS NULL THEN 'action_rectifies_fk'
         END) c (name)
     WHERE c.name IS NOT NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an action refers to what is not there: %', broken
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = broken, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER action_keys_insert AFTER INSERT ON action REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION action_keys();
CREATE TRIGGER action_keys_update AFTER UPDATE ON action REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION action_keys();
ALTER TABLE action ENABLE ALWAYS TRIGGER action_keys_insert, ENABLE ALWAYS TRIGGER action_keys_update,
    DROP CONSTRAINT action_source_fk, DROP CONSTRAINT action_partnership_fk, DROP CONSTRAINT action_cohort_fk,
    DROP CONSTRAINT action_performer_fk, DROP CONSTRAINT action_rectifies_fk;
