-- Indexes for the filters and orders of the lists. A list without a filter that narrows it much goes along the index of its order
-- and skips what it does not want; so not every filter has an index. Those that narrow it to little do, and then hold the usual
-- order too, so that the hundredth page of a large partnership costs what the first does.

-- `external_id`, with or without `source_organisation`: the name comes first, since readers ask for names whoever gave them. The
-- same uniqueness and the same number of indexes as before.
DROP INDEX organisation_external_id_uq;
CREATE UNIQUE INDEX organisation_external_id_uq ON organisation (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX call_external_id_uq;
CREATE UNIQUE INDEX call_external_id_uq ON call (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX partnership_external_id_uq;
CREATE UNIQUE INDEX partnership_external_id_uq ON partnership (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX member_external_id_uq;
CREATE UNIQUE INDEX member_external_id_uq ON member (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX cohort_external_id_uq;
CREATE UNIQUE INDEX cohort_external_id_uq ON cohort (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX participant_external_id_uq;
CREATE UNIQUE INDEX participant_external_id_uq ON participant (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX action_external_id_uq;
CREATE UNIQUE INDEX action_external_id_uq ON action (external_id, source_organisation_id) WHERE deleted_at IS NULL;
DROP INDEX outcome_external_id_uq;
CREATE UNIQUE INDEX outcome_external_id_uq ON outcome (external_id, source_organisation_id) WHERE deleted_at IS NULL;

-- What belongs to one partnership, cohort, organisation or call, in the order in which it was made: instead of the indexes that
-- ended in the id.
DROP INDEX partnership_call_ix;
CREATE INDEX partnership_call_ix ON partnership (call_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX partnership_lead_ix;
CREATE INDEX partnership_lead_ix ON partnership (lead_organisation_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX cohort_partnership_ix;
CREATE INDEX cohort_partnership_ix ON cohort (partnership_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX participant_partnership_ix;
CREATE INDEX participant_partnership_ix ON participant (partnership_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX participant_cohort_ix;
CREATE INDEX participant_cohort_ix ON participant (cohort_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX action_partnership_ix;
CREATE INDEX action_partnership_ix ON action (partnership_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX action_cohort_ix;
CREATE INDEX action_cohort_ix ON action (cohort_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX action_performer_ix;
CREATE INDEX action_performer_ix ON action (performer_organisation_id, created_at, id) WHERE deleted_at IS NULL;
DROP INDEX outcome_partnership_ix;
CREATE INDEX outcome_partnership_ix ON outcome (partnership_id, created_at, id) WHERE deleted_at IS NULL;

-- The same where there was none: the members of a partnership, former ones included; the workers in the charge of an operator.
CREATE INDEX participant_operator_ix ON participant (operator_organisation_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX member_partnership_ix ON member (partnership_id, created_at, id) WHERE deleted_at IS NULL;

-- What waits for the region (completed actions) and for the Dote system (evidenced outcomes): little of much.
CREATE INDEX action_status_ix ON action (status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX outcome_state_ix ON outcome (state, created_at, id) WHERE deleted_at IS NULL;

-- Orders of the large tables, which serve the periods of the same dates too: Doti that are about to end, outcomes by their first
-- day and by their last step. The other tables are small enough to be sorted.
CREATE INDEX participant_dote_to_ix ON participant (dote_to, id) WHERE deleted_at IS NULL;
CREATE INDEX outcome_starts_ix ON outcome (starts_on, id) WHERE deleted_at IS NULL;
CREATE INDEX outcome_state_changed_ix ON outcome (state_changed_on, id) WHERE deleted_at IS NULL;
