-- Clients whose tokens another authority issues, PDND say: what it calls them. They have no secret here.
ALTER TABLE client ADD issuer text, ADD subject text,
    ADD CONSTRAINT client_external_ck CHECK ((issuer IS NULL) = (subject IS NULL)),
    ADD CONSTRAINT client_external_secret_ck CHECK (issuer IS NULL OR secret_hash IS NULL),
    ADD CONSTRAINT client_external_uq UNIQUE (issuer, subject);
-- What an import was sent for, where its token said it: its lines are carried out later.
ALTER TABLE import ADD purpose text;
