DROP TRIGGER action_keys_update ON action;
DROP TRIGGER action_keys_insert ON action;
DROP FUNCTION action_keys();
ALTER TABLE action
    ADD CONSTRAINT action_source_fk FOREIGN KEY (source_organisation_id) REFERENCES organisation (id),
    ADD CONSTRAINT action_partnership_fk FOREIGN KEY (partnership_id) REFERENCES partnership (id),
    ADD CONSTRAINT action_cohort_fk FOREIGN KEY (cohort_id) REFERENCES cohort (id),
    ADD CONSTRAINT action_performer_fk FOREIGN KEY (performer_organisation_id) REFERENCES organisation (id),
    ADD CONSTRAINT action_rectifies_fk FOREIGN KEY (rectifies_id) REFERENCES action (id);
DROP TRIGGER identity ON organisation;
DROP TRIGGER identity ON partnership;
DROP TRIGGER identity ON cohort;
DROP TRIGGER identity ON participant;
DROP TRIGGER identity ON action;
DROP FUNCTION identity_attach(regclass);
DROP FUNCTION identity_refuse();
