-- One log of who did what: reads of personal data, as until now, and every change. Sealed in the background into a Merkle log (RFC 6962)
-- whose checkpoints are signed with a key that the database does not have. See docs/decisions/0011-audit.md.
ALTER TABLE disclosure RENAME TO audit_event;
ALTER TABLE audit_event RENAME CONSTRAINT disclosure_pk TO audit_event_pk;
ALTER SEQUENCE disclosure_id_seq RENAME TO audit_event_id_seq;
ALTER FUNCTION disclosure_refuse() RENAME TO audit_refuse;
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% of %', TG_OP, TG_TABLE_NAME; END $$;
ALTER TRIGGER disclosure_stays ON audit_event RENAME TO audit_stays;
ALTER TRIGGER disclosure_all_stay ON audit_event RENAME TO audit_all_stays;
-- What became of the records, and their versions then; null for reads. And what for, where the request says it.
ALTER TABLE audit_event ADD effects text[], ADD versions bigint[], ADD purpose text;

-- What is committed and not sealed yet. An entry is sealed when it can be seen: those who write wait for nobody.
CREATE TABLE audit_pending (event_id bigint NOT NULL, CONSTRAINT audit_pending_pk PRIMARY KEY (event_id));
INSERT INTO audit_pending SELECT id FROM audit_event;
CREATE FUNCTION audit_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_pending SELECT id FROM noted;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_pending AFTER INSERT ON audit_event REFERENCING NEW TABLE AS noted
    FOR EACH STATEMENT EXECUTE FUNCTION audit_note();

-- The leaves of the log, in their order, and the hash of each complete subtree: at level 0 of the leaf itself.
CREATE TABLE audit_leaf (
    position bigint NOT NULL,
    event_id bigint NOT NULL,
    CONSTRAINT audit_leaf_pk PRIMARY KEY (position),
    CONSTRAINT audit_leaf_event_uq UNIQUE (event_id)
);
CREATE TABLE audit_node (
    level    integer NOT NULL,
    position bigint NOT NULL,
    hash     bytea NOT NULL,
    CONSTRAINT audit_node_pk PRIMARY KEY (level, position)
);
-- Roots, signed (JWS, RFC 7515). Each names the one before.
CREATE TABLE audit_checkpoint (
    size      bigint NOT NULL,
    statement text NOT NULL,
    CONSTRAINT audit_checkpoint_pk PRIMARY KEY (size)
);
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['audit_leaf', 'audit_node', 'audit_checkpoint'] LOOP
        EXECUTE format('CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON %1$I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
                        CREATE TRIGGER audit_all_stays BEFORE TRUNCATE ON %1$I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
                        GRANT SELECT, INSERT ON %1$I TO ricolloca_member, ricolloca_region', t);
    END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE ON audit_pending TO ricolloca_member, ricolloca_region;
CREATE INDEX audit_event_client_ix ON audit_event (client_id, id);
CREATE INDEX audit_event_organisation_ix ON audit_event (organisation_id, id);
