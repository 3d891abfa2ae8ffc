-- A client may authenticate with assertions that it signs (RFC 7523): then it needs no secret.
ALTER TABLE client ALTER COLUMN secret_hash DROP NOT NULL;

CREATE TABLE client_key (
    client_id  text NOT NULL,
    kid        text NOT NULL,
    algorithm  text NOT NULL,
    jwk        jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT client_key_pk PRIMARY KEY (client_id, kid),
    CONSTRAINT client_key_client_fk FOREIGN KEY (client_id) REFERENCES client (id),
    CONSTRAINT client_key_algorithm_ck CHECK (algorithm IN ('RS256', 'PS256', 'ES256'))
);

-- Assertions that were used, until they expire: each is good for one token, whichever process it is sent to.
CREATE TABLE used_assertion (
    client_id  text NOT NULL,
    jti        text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT used_assertion_pk PRIMARY KEY (client_id, jti)
);
CREATE INDEX used_assertion_expires_ix ON used_assertion (expires_at);
