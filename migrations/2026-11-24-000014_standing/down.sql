ALTER TABLE signing_key DROP signs_from;
DROP TRIGGER client_generation ON client;
DROP FUNCTION client_change();
DROP INDEX client_changed_ix;
ALTER TABLE client DROP generation, DROP changed_at;
