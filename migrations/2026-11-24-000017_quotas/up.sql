-- What was used of quotas in a minute, by all processes: see src/http/limits.rs. Not worth a log: after a crash everybody starts over.
CREATE UNLOGGED TABLE quota_use (
    subject uuid NOT NULL,
    minute  bigint NOT NULL,
    used    bigint NOT NULL,
    CONSTRAINT quota_use_pk PRIMARY KEY (subject, minute)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON quota_use TO ricolloca_member, ricolloca_region;
