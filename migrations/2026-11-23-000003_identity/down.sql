DROP TABLE vault_check, idempotency, signing_key, client;
