DROP TABLE used_assertion, client_key;
DELETE FROM idempotency WHERE client_id IN (SELECT id FROM client WHERE secret_hash IS NULL);
DELETE FROM client WHERE secret_hash IS NULL;
ALTER TABLE client ALTER COLUMN secret_hash SET NOT NULL;
