-- Tokens are good for a quarter of an hour, unless what their client may do is taken from it or changed: then for a second or two.
-- A token names the generation of its client; whoever revokes a client, on the command line or here, ends the generation.
ALTER TABLE client ADD generation bigint NOT NULL DEFAULT 1, ADD changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE FUNCTION client_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.generation := OLD.generation + 1;
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER client_generation BEFORE UPDATE ON client FOR EACH ROW
    WHEN ((OLD.organisation_id, OLD.role, OLD.secret_hash, OLD.revoked_at) IS DISTINCT FROM
          (NEW.organisation_id, NEW.role, NEW.secret_hash, NEW.revoked_at))
    EXECUTE FUNCTION client_change();
CREATE INDEX client_changed_ix ON client (changed_at);

-- A key is published before it signs, so that whoever verifies knows it by then.
ALTER TABLE signing_key ADD signs_from timestamptz;
UPDATE signing_key SET signs_from = created_at;
ALTER TABLE signing_key ALTER signs_from SET NOT NULL;
