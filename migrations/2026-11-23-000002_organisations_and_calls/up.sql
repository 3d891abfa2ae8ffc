CREATE TABLE organisation (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    tax_code               text NOT NULL,
    name                   text NOT NULL,
    legal_form             text,
    ateco                  text,
    municipality           text,
    province               text,
    accreditation          jsonb,
    CONSTRAINT organisation_pk PRIMARY KEY (id),
    CONSTRAINT organisation_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id)
);
CREATE UNIQUE INDEX organisation_external_id_uq ON organisation (source_organisation_id, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX organisation_tax_code_uq ON organisation (tax_code) WHERE deleted_at IS NULL;
CREATE INDEX organisation_created_ix ON organisation (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX organisation_updated_ix ON organisation (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX organisation_name_ix ON organisation (name, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('organisation', 'organisation', 'NULL::uuid');

-- `call` is one edition of the funding (avviso); `rules` holds its parameters.
CREATE TABLE call (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    code                   text NOT NULL,
    title                  text NOT NULL,
    allocation_cents       bigint NOT NULL,
    applications_from      date NOT NULL,
    applications_to        date NOT NULL,
    activities_from        date NOT NULL,
    activities_to          date NOT NULL,
    reporting_deadline     date NOT NULL,
    rules                  jsonb NOT NULL,
    CONSTRAINT call_pk PRIMARY KEY (id),
    CONSTRAINT call_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT call_allocation_ck CHECK (allocation_cents >= 0)
);
CREATE UNIQUE INDEX call_external_id_uq ON call (source_organisation_id, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX call_code_uq ON call (code) WHERE deleted_at IS NULL;
CREATE INDEX call_created_ix ON call (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX call_updated_ix ON call (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('call', 'call', 'NULL::uuid');

-- What was granted under a call, beside its allocation: one row, so that the ceiling is one CHECK whatever happens at once.
CREATE TABLE call_budget (
    call_id          uuid NOT NULL,
    allocation_cents bigint NOT NULL,
    granted_cents    bigint NOT NULL DEFAULT 0,
    CONSTRAINT call_budget_pk PRIMARY KEY (call_id),
    CONSTRAINT call_budget_call_fk FOREIGN KEY (call_id) REFERENCES call (id),
    CONSTRAINT call_budget_ceiling_ck CHECK (granted_cents >= 0 AND granted_cents <= allocation_cents)
);
