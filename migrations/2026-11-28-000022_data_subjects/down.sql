DELETE FROM signing_key WHERE private_pem IS NULL;
ALTER TABLE signing_key DROP private_sealed, ALTER private_pem SET NOT NULL;
DROP TRIGGER sealed_anew ON outcome_revision;
DROP FUNCTION outcome_revision_keeps();
CREATE TRIGGER sealed_anew BEFORE UPDATE ON outcome_revision FOR EACH ROW EXECUTE FUNCTION sealed_anew('employer_sealed');
ALTER TABLE outcome_revision ENABLE ALWAYS TRIGGER sealed_anew;
-- Who is not known any more cannot be made known again: an empty value opens as nothing.
UPDATE participant SET person_sealed = '' WHERE person_sealed IS NULL;
ALTER TABLE participant DROP CONSTRAINT participant_person_ck, ALTER person_sealed SET NOT NULL, DROP pseudonymised_at, DROP restricted_at;
