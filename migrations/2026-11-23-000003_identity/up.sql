CREATE TABLE client (
    id              text NOT NULL,
    name            text NOT NULL,
    organisation_id uuid NOT NULL,
    role            text NOT NULL,
    secret_hash     text NOT NULL,
    created_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    CONSTRAINT client_pk PRIMARY KEY (id),
    CONSTRAINT client_organisation_fk FOREIGN KEY (organisation_id) REFERENCES organisation (id),
    CONSTRAINT client_role_ck CHECK (role IN ('operator', 'region', 'dote', 'auditor'))
);

CREATE TABLE signing_key (
    kid         text NOT NULL,
    private_pem text NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz,
    CONSTRAINT signing_key_pk PRIMARY KEY (kid)
);

-- What a request with an Idempotency-Key was answered, committed with its effect.
CREATE TABLE idempotency (
    client_id  text NOT NULL,
    key        text NOT NULL,
    digest     bytea NOT NULL,
    status     int NOT NULL,
    record_id  uuid NOT NULL,
    version    bigint NOT NULL,
    body       bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_pk PRIMARY KEY (client_id, key),
    CONSTRAINT idempotency_client_fk FOREIGN KEY (client_id) REFERENCES client (id)
);
CREATE INDEX idempotency_created_ix ON idempotency (created_at);

-- A value sealed with the secret that personal data is sealed with: a service with another secret finds out at its start.
CREATE TABLE vault_check (
    id     uuid NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT vault_check_pk PRIMARY KEY (id)
);
