DROP TRIGGER touch_update ON outcome;
CREATE TRIGGER touch_update AFTER UPDATE ON outcome REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_outcome();
ALTER TABLE outcome ENABLE ALWAYS TRIGGER touch_update;
DROP TRIGGER revision_is_what_it_was ON outcome_revision;
DROP TRIGGER revision_stays ON outcome_revision;
CREATE TRIGGER revision_stays BEFORE UPDATE OR DELETE ON outcome_revision FOR EACH STATEMENT EXECUTE FUNCTION revision_refuse();
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER revision_stays;
DROP FUNCTION revision_sealed_anew();
DROP TABLE data_key;
