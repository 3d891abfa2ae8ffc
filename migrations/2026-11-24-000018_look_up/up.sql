-- An organisation looks up workers in its charge only. With its id in the index, a worker of others is not even found in it, so that the answer
-- "nobody" takes as long for a tax code that others know as for one that nobody does: the condition on sight, which took 35 µs more, is
-- not looked at for either.
DROP INDEX participant_worker_ix;
CREATE INDEX participant_worker_ix ON participant (worker_index, operator_organisation_id) WHERE deleted_at IS NULL;
