ALTER TABLE import DROP tracking;
ALTER TABLE audit_event DROP tracking;
DELETE FROM used_assertion WHERE kind <> 'assertion';
ALTER TABLE used_assertion DROP CONSTRAINT used_assertion_pk, ADD CONSTRAINT used_assertion_pk PRIMARY KEY (client_id, jti), DROP kind;
ALTER TABLE client DROP demands_audit, DROP demands_integrity;
