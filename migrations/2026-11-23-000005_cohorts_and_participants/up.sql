CREATE TABLE cohort (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    partnership_id           uuid NOT NULL,
    operator_organisation_id uuid NOT NULL,
    name                     text NOT NULL,
    crisis_company_id        uuid,
    ateco                    text,
    province                 text,
    agreement_on             date,
    CONSTRAINT cohort_pk PRIMARY KEY (id),
    CONSTRAINT cohort_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT cohort_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    CONSTRAINT cohort_operator_fk FOREIGN KEY (operator_organisation_id) REFERENCES organisation (id),
    CONSTRAINT cohort_crisis_company_fk FOREIGN KEY (crisis_company_id) REFERENCES organisation (id)
);
CREATE UNIQUE INDEX cohort_external_id_uq ON cohort (source_organisation_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX cohort_partnership_ix ON cohort (partnership_id, id) WHERE deleted_at IS NULL;
CREATE INDEX cohort_created_ix ON cohort (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX cohort_updated_ix ON cohort (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('cohort', 'cohort', 'n.partnership_id');

-- Tax code and names are sealed by the service; the index finds a worker without opening anything.
CREATE TABLE participant (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    partnership_id           uuid NOT NULL,
    cohort_id                uuid NOT NULL,
    operator_organisation_id uuid NOT NULL,
    person_sealed            bytea NOT NULL,
    worker_index             bytea NOT NULL,
    pseudonym                text NOT NULL,
    birth_year               int NOT NULL,
    sex                      text NOT NULL,
    municipality             text NOT NULL,
    education_level          text,
    entry_status             text NOT NULL,
    unemployed_since         date,
    dote_number              text NOT NULL,
    dote_path                text NOT NULL,
    dote_from                date NOT NULL,
    dote_to                  date NOT NULL,
    taken_charge_on          date,
    left_on                  date,
    exit_reason              text,
    CONSTRAINT participant_pk PRIMARY KEY (id),
    CONSTRAINT participant_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT participant_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    CONSTRAINT participant_cohort_fk FOREIGN KEY (cohort_id) REFERENCES cohort (id),
    CONSTRAINT participant_operator_fk FOREIGN KEY (operator_organisation_id) REFERENCES organisation (id),
    CONSTRAINT participant_dote_ck CHECK (dote_from <= dote_to)
);
CREATE UNIQUE INDEX participant_external_id_uq ON participant (source_organisation_id, external_id) WHERE deleted_at IS NULL;
-- A worker is in one partnership at a time, and a Dote belongs to one participant at a time (domain invariant 8).
CREATE UNIQUE INDEX participant_worker_current_uq ON participant (worker_index) WHERE deleted_at IS NULL AND left_on IS NULL;
CREATE UNIQUE INDEX participant_dote_current_uq ON participant (dote_number) WHERE deleted_at IS NULL AND left_on IS NULL;
CREATE INDEX participant_dote_ix ON participant (dote_number) WHERE deleted_at IS NULL;
CREATE INDEX participant_worker_ix ON participant (worker_index) WHERE deleted_at IS NULL;
CREATE INDEX participant_partnership_ix ON participant (partnership_id, id) WHERE deleted_at IS NULL;
CREATE INDEX participant_cohort_ix ON participant (cohort_id, id) WHERE deleted_at IS NULL;
CREATE INDEX participant_created_ix ON participant (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX participant_updated_ix ON participant (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('participant', 'participant', 'n.partnership_id');
