-- Message security of the ModI guidelines, for clients whose profile demands it: who signs each message beside holding a token
-- (INTEGRITY_REST_02), who says of each on whose behalf it is (AUDIT_REST_01). See docs/decisions/0015-message-security.md.
ALTER TABLE client ADD demands_integrity boolean NOT NULL DEFAULT false, ADD demands_audit boolean NOT NULL DEFAULT false;

-- What is signed with a client's key is good once, each kind by itself: a client may name an assertion and a message alike.
ALTER TABLE used_assertion ADD kind text NOT NULL DEFAULT 'assertion',
    ADD CONSTRAINT used_assertion_kind_ck CHECK (kind IN ('assertion', 'signature', 'evidence'));
ALTER TABLE used_assertion DROP CONSTRAINT used_assertion_pk, ADD CONSTRAINT used_assertion_pk PRIMARY KEY (client_id, kind, jti);

-- On whose behalf a request was, as its evidence says: part of the entry, and of the leaf of the log.
ALTER TABLE audit_event ADD tracking jsonb;
-- An import is carried out later.
ALTER TABLE import ADD tracking jsonb;
