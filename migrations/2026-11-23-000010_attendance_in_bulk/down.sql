ALTER TABLE attendance
    ADD CONSTRAINT attendance_action_fk FOREIGN KEY (action_id) REFERENCES action (id),
    ADD CONSTRAINT attendance_participant_fk FOREIGN KEY (participant_id) REFERENCES participant (id);
DROP INDEX attendance_worker_ix;
CREATE INDEX attendance_worker_ix ON attendance (worker_index, from_on);
