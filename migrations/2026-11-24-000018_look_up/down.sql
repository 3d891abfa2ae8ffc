DROP INDEX participant_worker_ix;
CREATE INDEX participant_worker_ix ON participant (worker_index) WHERE deleted_at IS NULL;
