DROP TABLE disclosure;
DROP FUNCTION disclosure_refuse;
DROP FUNCTION feed_prune;
DROP FUNCTION feed_epoch_now;
DROP FUNCTION feed_database;
ALTER TABLE feed_epoch DROP COLUMN of_database, DROP COLUMN pruned_through, DROP COLUMN after_position, DROP COLUMN after_seq;
DROP TRIGGER touch_update ON organisation;
DROP TRIGGER touch_update ON cohort;
DROP TRIGGER touch_update ON call;
DROP TRIGGER touch_update ON outcome;
DROP TRIGGER touch_insert ON outcome;
DROP FUNCTION touched_by_organisation, touched_by_cohort, touched_by_call, touched_by_outcome;
DROP FUNCTION change_log_touch_outcomes;
DROP FUNCTION sight_settle_day;
DROP TRIGGER sight_insert ON member;
DROP TRIGGER sight_update ON member;
DROP TRIGGER sight_insert ON partnership;
DROP TRIGGER sight_update ON partnership;
DROP FUNCTION sight_of_member, sight_of_partnership;
DROP FUNCTION sight_settle;
DROP TABLE sight_settled;
DROP TABLE sight_told;
DROP FUNCTION change_log_mark;
-- What older readers do not know is not in the log they read.
DELETE FROM change_event WHERE operation IN ('grant', 'revoke');
ALTER TABLE change_event DROP CONSTRAINT change_event_audience_ck, DROP CONSTRAINT change_event_operation_ck,
    DROP COLUMN organisation_id, ADD CONSTRAINT change_event_operation_ck CHECK (operation IN ('upsert', 'delete'));
ALTER TABLE change_pending DROP COLUMN marked_at;
