DROP TABLE idempotency, signing_key, client;
