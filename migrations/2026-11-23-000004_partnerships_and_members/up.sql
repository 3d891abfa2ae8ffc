CREATE TABLE partnership (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    call_id                uuid NOT NULL,
    lead_organisation_id   uuid NOT NULL,
    title                  text NOT NULL,
    ateco                  text,
    provinces              jsonb NOT NULL,
    cup                    text,
    starts_on              date NOT NULL,
    ends_on                date NOT NULL,
    budget_cents           bigint NOT NULL,
    requested_cents        bigint NOT NULL,
    granted_cents          bigint,
    state                  text NOT NULL,
    submitted_on           date,
    decided_on             date,
    decision_reason        text,
    activated_on           date,
    concluded_on           date,
    withdrawn_on           date,
    withdrawal_reason      text,
    CONSTRAINT partnership_pk PRIMARY KEY (id),
    CONSTRAINT partnership_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT partnership_call_fk FOREIGN KEY (call_id) REFERENCES call (id),
    CONSTRAINT partnership_lead_fk FOREIGN KEY (lead_organisation_id) REFERENCES organisation (id),
    CONSTRAINT partnership_period_ck CHECK (starts_on <= ends_on),
    CONSTRAINT partnership_money_ck CHECK (0 <= requested_cents AND requested_cents <= budget_cents AND granted_cents BETWEEN 0 AND requested_cents)
);
CREATE UNIQUE INDEX partnership_external_id_uq ON partnership (source_organisation_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX partnership_call_ix ON partnership (call_id, id) WHERE deleted_at IS NULL;
CREATE INDEX partnership_lead_ix ON partnership (lead_organisation_id, id) WHERE deleted_at IS NULL;
CREATE INDEX partnership_created_ix ON partnership (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX partnership_updated_ix ON partnership (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('partnership', 'partnership', 'n.id');

CREATE TABLE member (
    id                     uuid NOT NULL,
    version                bigint NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    source_organisation_id uuid NOT NULL,
    external_id            text,
    partnership_id         uuid NOT NULL,
    organisation_id        uuid NOT NULL,
    category               text NOT NULL,
    joined_on              date NOT NULL,
    left_on                date,
    own_resources_cents    bigint NOT NULL,
    CONSTRAINT member_pk PRIMARY KEY (id),
    CONSTRAINT member_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    CONSTRAINT member_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    CONSTRAINT member_organisation_fk FOREIGN KEY (organisation_id) REFERENCES organisation (id),
    CONSTRAINT member_period_ck CHECK (left_on IS NULL OR left_on >= joined_on),
    CONSTRAINT member_money_ck CHECK (own_resources_cents >= 0)
);
CREATE UNIQUE INDEX member_external_id_uq ON member (source_organisation_id, external_id) WHERE deleted_at IS NULL;
-- One current membership of an organisation in a partnership; a former member may join again.
CREATE UNIQUE INDEX member_current_uq ON member (partnership_id, organisation_id) WHERE deleted_at IS NULL AND left_on IS NULL;
CREATE INDEX member_organisation_ix ON member (organisation_id, partnership_id) WHERE deleted_at IS NULL;
CREATE INDEX member_created_ix ON member (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX member_updated_ix ON member (updated_at, id) WHERE deleted_at IS NULL;
SELECT change_log_attach('member', 'member', 'n.partnership_id');

-- Which organisation sees a partnership and all that belongs to it: its lead and its members of today.
CREATE VIEW sight AS
    SELECT partnership_id, organisation_id FROM member
     WHERE deleted_at IS NULL AND (left_on IS NULL OR left_on >= (now() AT TIME ZONE 'Europe/Rome')::date)
    UNION
    SELECT id, lead_organisation_id FROM partnership WHERE deleted_at IS NULL;
