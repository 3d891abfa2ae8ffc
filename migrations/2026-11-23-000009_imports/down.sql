DROP INDEX organisation_deleted_ix, call_deleted_ix, partnership_deleted_ix, member_deleted_ix, cohort_deleted_ix, participant_deleted_ix, action_deleted_ix, outcome_deleted_ix;
DROP TABLE import_name, import_waiting, import_item, import_chunk, import;
