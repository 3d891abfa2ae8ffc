ALTER TABLE import DROP purpose;
ALTER TABLE client DROP issuer, DROP subject;
