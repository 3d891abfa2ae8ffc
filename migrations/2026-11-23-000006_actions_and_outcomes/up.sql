CREATE TABLE action (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    partnership_id            uuid NOT NULL,
    cohort_id                 uuid,
    performer_organisation_id uuid NOT NULL,
    kind                      text NOT NULL,
    mode                      text NOT NULL,
    status                    text NOT NULL,
    planned_on                date NOT NULL,
    started_on                date,
    ended_on                  date,
    municipality              text,
    minutes                   int NOT NULL,
    financing                 text NOT NULL,
    attendance                jsonb NOT NULL,
    deliverables              jsonb NOT NULL,
    cost_lines                jsonb NOT NULL,
    details                   jsonb NOT NULL,
    evidence                  text,
    requested_cents           bigint NOT NULL,
    approved_cents            bigint,
    liquidated_cents          bigint,
    rectifies_id              uuid,
    CONSTRAINT action_pk PRIMARY KEY (id),
    CONSTRAINT action_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT action_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    CONSTRAINT action_cohort_fk FOREIGN KEY (cohort_id) REFERENCES cohort (id),
    CONSTRAINT action_performer_fk FOREIGN KEY (performer_organisation_id) REFERENCES organisation (id),
    CONSTRAINT action_rectifies_fk FOREIGN KEY (rectifies_id) REFERENCES action (id),
    CONSTRAINT action_dates_ck CHECK (planned_on <= started_on AND started_on <= ended_on),
    CONSTRAINT action_money_ck CHECK (requested_cents >= 0 AND approved_cents BETWEEN 0 AND requested_cents AND liquidated_cents BETWEEN 0 AND approved_cents)
);
CREATE UNIQUE INDEX action_external_id_uq ON action (source_organisation_id, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX action_rectifies_uq ON action (rectifies_id) WHERE deleted_at IS NULL;
CREATE INDEX action_partnership_ix ON action (partnership_id, id) WHERE deleted_at IS NULL;
CREATE INDEX action_cohort_ix ON action (cohort_id, id) WHERE deleted_at IS NULL;
CREATE INDEX action_performer_ix ON action (performer_organisation_id, id) WHERE deleted_at IS NULL;
CREATE INDEX action_planned_ix ON action (planned_on, id) WHERE deleted_at IS NULL;
CREATE INDEX action_created_ix ON action (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX action_updated_ix ON action (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('action', 'action', 'n.partnership_id');

-- Which worker attended which live action, when and paid from what: the facts of the rules on double financing and on a
-- worker's day. Kept beside action.attendance by the same transaction; not a resource, so without events.
CREATE TABLE attendance (
    action_id      uuid NOT NULL,
    participant_id uuid NOT NULL,
    worker_index   bytea NOT NULL,
    kind           text NOT NULL,
    financing      text NOT NULL,
    from_on        date NOT NULL,
    to_on          date NOT NULL,
    minutes        int NOT NULL,
    CONSTRAINT attendance_pk PRIMARY KEY (action_id, participant_id),
    CONSTRAINT attendance_action_fk FOREIGN KEY (action_id) REFERENCES action (id),
    CONSTRAINT attendance_participant_fk FOREIGN KEY (participant_id) REFERENCES participant (id),
    CONSTRAINT attendance_period_ck CHECK (from_on <= to_on)
);
CREATE INDEX attendance_worker_ix ON attendance (worker_index, from_on);
CREATE INDEX attendance_participant_ix ON attendance (participant_id);

CREATE TABLE outcome (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    partnership_id         uuid NOT NULL,
    participant_id         uuid NOT NULL,
    kind                   text NOT NULL,
    contract_type          text,
    working_time           text,
    employer_sealed        bytea,
    employer_index         bytea,
    starts_on              date NOT NULL,
    ends_on                date,
    cob                    text,
    previous_cob           text,
    cob_annulled           boolean NOT NULL,
    ccnl                   text,
    profession             text,
    vat_opened_on          date,
    state                  text NOT NULL,
    state_reason           text,
    state_changed_on       date NOT NULL,
    CONSTRAINT outcome_pk PRIMARY KEY (id),
    CONSTRAINT outcome_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT outcome_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    CONSTRAINT outcome_participant_fk FOREIGN KEY (participant_id) REFERENCES participant (id),
    CONSTRAINT outcome_period_ck CHECK (ends_on IS NULL OR ends_on >= starts_on)
);
CREATE UNIQUE INDEX outcome_external_id_uq ON outcome (source_organisation_id, external_id) WHERE deleted_at IS NULL;
-- An employer's notice is evidence for one outcome only: paid once.
CREATE UNIQUE INDEX outcome_cob_uq ON outcome (cob) WHERE deleted_at IS NULL AND state <> 'withdrawn';
CREATE INDEX outcome_participant_ix ON outcome (participant_id, starts_on) WHERE deleted_at IS NULL;
CREATE INDEX outcome_partnership_ix ON outcome (partnership_id, id) WHERE deleted_at IS NULL;
CREATE INDEX outcome_created_ix ON outcome (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX outcome_updated_ix ON outcome (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('outcome', 'outcome', 'n.partnership_id');
