-- A worker's attendance is looked for by the days of a new action. Actions come in the order of their days: of what a worker attended
-- nearly everything is over by then, and an index that begins with the last day leaves it out.
DROP INDEX attendance_worker_ix;
CREATE INDEX attendance_worker_ix ON attendance (worker_index, to_on, from_on);

-- A foreign key is checked row by row, ten microseconds for the two of them. Nothing can break them: attendance is written by the
-- transaction that writes the action and has locked the participant, and rows of both tables are never deleted
-- (change_log_refuse), but become tombstones.
ALTER TABLE attendance DROP CONSTRAINT attendance_action_fk, DROP CONSTRAINT attendance_participant_fk;
