-- Imports: many changes in one request. See docs/decisions/0007-imports.md.
-- import          what was sent, by whom, how far it is
-- import_chunk    what of it still has to be carried out, sealed: it holds personal data. A chunk is deleted in the transaction that
--                 carries it out; its row's lock is the lease, which ends with the connection of whoever holds it
-- import_item     what became of each line, committed with its effect
-- import_waiting  lines whose parent has not come, sealed
-- import_name     the names in an import that is still being received, to find those that stand twice. Not logged: an import that was
--                 being received when the database crashed is refused by the connection that was lost
CREATE TABLE import (
    id              uuid NOT NULL,
    client_id       text NOT NULL,
    organisation_id uuid NOT NULL,
    scopes          text NOT NULL,
    mode            text NOT NULL,
    dry_run         boolean NOT NULL,
    wait_days       integer NOT NULL,
    -- The plan that it demands to come to; the plan that it came to.
    wanted_plan     text,
    plan_hash       text,
    idempotency_key text,
    digest          bytea NOT NULL,
    state           text NOT NULL,
    reason          text,
    -- Chunks are carried out stage by stage: parents before children.
    stage           integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    -- When the last chunk was carried out: the import that was served last waits for the others.
    served_at       timestamptz NOT NULL,
    finished_at     timestamptz,
    lines           bigint NOT NULL DEFAULT 0,
    created         bigint NOT NULL DEFAULT 0,
    changed         bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    deleted         bigint NOT NULL DEFAULT 0,
    waiting         bigint NOT NULL DEFAULT 0,
    refused         bigint NOT NULL DEFAULT 0,
    superseded      bigint NOT NULL DEFAULT 0,
    skipped         bigint NOT NULL DEFAULT 0,
    CONSTRAINT import_pk PRIMARY KEY (id),
    CONSTRAINT import_client_fk FOREIGN KEY (client_id) REFERENCES client (id),
    CONSTRAINT import_organisation_fk FOREIGN KEY (organisation_id) REFERENCES organisation (id),
    CONSTRAINT import_key_uq UNIQUE (client_id, idempotency_key),
    CONSTRAINT import_mode_ck CHECK (mode IN ('partial', 'atomic')),
    CONSTRAINT import_state_ck CHECK (state IN ('receiving', 'running', 'completed', 'rejected', 'cancelled')),
    CONSTRAINT import_finished_ck CHECK ((finished_at IS NULL) = (state IN ('receiving', 'running')))
);
CREATE INDEX import_organisation_ix ON import (organisation_id, created_at, id);
CREATE INDEX import_open_ix ON import (served_at) WHERE finished_at IS NULL;
CREATE INDEX import_finished_ix ON import (finished_at);

CREATE TABLE import_chunk (
    import_id uuid NOT NULL,
    number    integer NOT NULL,
    stage     integer NOT NULL,
    -- How often carrying it out has failed without an answer.
    failures  integer NOT NULL DEFAULT 0,
    sealed    bytea NOT NULL,
    CONSTRAINT import_chunk_pk PRIMARY KEY (import_id, number),
    CONSTRAINT import_chunk_import_fk FOREIGN KEY (import_id) REFERENCES import (id) ON DELETE CASCADE
);
CREATE INDEX import_chunk_stage_ix ON import_chunk (import_id, stage, number);
-- What is sealed does not become smaller.
ALTER TABLE import_chunk ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE import_item (
    import_id       uuid NOT NULL,
    line            bigint NOT NULL,
    organisation_id uuid NOT NULL,
    kind            text,
    external_id     text,
    -- Of the item as it was sent: the first half of a SHA-256.
    digest          uuid,
    effect          text NOT NULL,
    record_id       uuid,
    version         bigint,
    changed         text[],
    errors          jsonb,
    -- The line whose failure is the reason for this one's.
    blocked_by      bigint,
    CONSTRAINT import_item_pk PRIMARY KEY (import_id, line),
    CONSTRAINT import_item_effect_ck CHECK
        (effect IN ('created', 'changed', 'unchanged', 'deleted', 'waiting', 'refused', 'superseded', 'skipped'))
);
-- Of most lines nobody asks by name. Of those that failed the lines do that lack what they would have made; of deletions those that are
-- sent again.
CREATE INDEX import_item_failed_ix ON import_item (import_id, kind, external_id) WHERE effect IN ('refused', 'waiting');
CREATE INDEX import_item_deleted_ix ON import_item (organisation_id, kind, external_id, digest) WHERE effect = 'deleted';

CREATE TABLE import_waiting (
    import_id       uuid NOT NULL,
    line            bigint NOT NULL,
    organisation_id uuid NOT NULL,
    kind            text NOT NULL,
    external_id     text NOT NULL,
    -- What it waits for.
    parent_kind     text NOT NULL,
    parent_name     text NOT NULL,
    since           timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    tried_at        timestamptz NOT NULL,
    sealed          bytea NOT NULL,
    CONSTRAINT import_waiting_pk PRIMARY KEY (import_id, line),
    CONSTRAINT import_waiting_import_fk FOREIGN KEY (import_id) REFERENCES import (id) ON DELETE CASCADE,
    -- Of the same record only what was sent last waits.
    CONSTRAINT import_waiting_name_uq UNIQUE (organisation_id, kind, external_id)
);
CREATE INDEX import_waiting_parent_ix ON import_waiting (parent_kind, parent_name, organisation_id);
CREATE INDEX import_waiting_until_ix ON import_waiting (until);
ALTER TABLE import_waiting ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE UNLOGGED TABLE import_name (
    import_id   uuid NOT NULL,
    kind        text NOT NULL,
    external_id text NOT NULL,
    digest      uuid NOT NULL,
    line        bigint NOT NULL
);
CREATE INDEX import_name_ix ON import_name (import_id, kind, external_id);

-- What was deleted, by name: a line that waits does not bring it back.
CREATE INDEX organisation_deleted_ix ON organisation (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX call_deleted_ix ON call (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX partnership_deleted_ix ON partnership (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX member_deleted_ix ON member (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX cohort_deleted_ix ON cohort (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX participant_deleted_ix ON participant (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX action_deleted_ix ON action (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX outcome_deleted_ix ON outcome (external_id, source_organisation_id) WHERE deleted_at IS NOT NULL;
