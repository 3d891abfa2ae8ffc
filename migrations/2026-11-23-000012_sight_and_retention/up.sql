-- What a reader of the feed needs besides the changes themselves: to be told when it gains or loses sight of a partnership, and when
-- what it is shown of a record changes though the record does not. See docs/decisions/0009-a-mirror-that-can-be-proven.md.

-- Whom a change concerns; null: everybody who sees the record.
ALTER TABLE change_event ADD COLUMN organisation_id uuid, DROP CONSTRAINT change_event_operation_ck,
    ADD CONSTRAINT change_event_operation_ck CHECK (operation IN ('upsert', 'delete', 'grant', 'revoke')),
    ADD CONSTRAINT change_event_audience_ck CHECK ((operation IN ('grant', 'revoke')) = (organisation_id IS NOT NULL));

-- When a transaction wrote its first change: what tells how far the numbering lags behind.
ALTER TABLE change_pending ADD COLUMN marked_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- Marks the transaction: its events are numbered up to this one.
CREATE FUNCTION change_log_mark(seq bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO change_pending SELECT pg_current_xact_id(), seq WHERE seq IS NOT NULL
    ON CONFLICT (xid) DO UPDATE SET last_seq = greatest(change_pending.last_seq, excluded.last_seq)
$$;

-- The sight that the feed has told of. `sight` says what holds now; what differs is told, and noted here, by the transaction that
-- changed it, or by the first reader of a day on which a membership has ended.
CREATE TABLE sight_told (
    partnership_id  uuid NOT NULL,
    organisation_id uuid NOT NULL,
    CONSTRAINT sight_told_pk PRIMARY KEY (partnership_id, organisation_id)
);
INSERT INTO sight_told SELECT partnership_id, organisation_id FROM sight;

CREATE TABLE sight_settled (
    settled_on date NOT NULL,
    CONSTRAINT sight_settled_pk PRIMARY KEY (settled_on)
);
INSERT INTO sight_settled VALUES ((now() AT TIME ZONE 'Europe/Rome')::date);

-- Tells what differs for these partnerships. Not of new ones: whatever is in them comes after this in the feed anyway.
CREATE FUNCTION sight_settle(partnerships uuid[], anew boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE last_seq bigint;
BEGIN
    WITH gained AS (
        INSERT INTO sight_told SELECT partnership_id, organisation_id FROM sight WHERE partnership_id = ANY (partnerships)
        ON CONFLICT DO NOTHING RETURNING partnership_id, organisation_id),
    lost AS (
        DELETE FROM sight_told t WHERE t.partnership_id = ANY (partnerships)
           AND NOT EXISTS (SELECT FROM sight s WHERE s.partnership_id = t.partnership_id AND s.organisation_id = t.organisation_id)
        RETURNING partnership_id, organisation_id),
    told AS (
        INSERT INTO change_event (kind, record_id, version, operation, partnership_id, organisation_id)
        SELECT 'partnership', p.id, p.version, d.operation, p.id, d.organisation_id
          FROM (SELECT partnership_id, organisation_id, 'grant' FROM gained WHERE NOT anew
                UNION ALL SELECT partnership_id, organisation_id, 'revoke' FROM lost) d (partnership_id, organisation_id, operation)
          JOIN partnership p ON p.id = d.partnership_id
        RETURNING seq)
    SELECT max(seq) INTO last_seq FROM told;
    PERFORM change_log_mark(last_seq);
END $$;

CREATE FUNCTION sight_of_partnership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sight_settle(array_agg(id), TG_OP = 'INSERT') FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER sight_insert AFTER INSERT ON partnership REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sight_of_partnership();
CREATE TRIGGER sight_update AFTER UPDATE ON partnership REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sight_of_partnership();

CREATE FUNCTION sight_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sight_settle(array_agg(DISTINCT partnership_id), false) FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER sight_insert AFTER INSERT ON member REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sight_of_member();
CREATE TRIGGER sight_update AFTER UPDATE ON member REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sight_of_member();

-- A membership ends at the end of a day, when nobody writes anything. Whoever reads the feed first on the next day tells of it.
CREATE FUNCTION sight_settle_day() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE today date := (now() AT TIME ZONE 'Europe/Rome')::date;
BEGIN
    IF NOT EXISTS (SELECT FROM sight_settled WHERE settled_on < today) THEN RETURN false; END IF;
    UPDATE sight_settled SET settled_on = today WHERE settled_on < today;
    IF FOUND THEN
        PERFORM sight_settle(array_agg(DISTINCT t.partnership_id), false) FROM sight_told t
          WHERE NOT EXISTS (SELECT FROM sight s WHERE s.partnership_id = t.partnership_id AND s.organisation_id = t.organisation_id)
         HAVING count(*) > 0;
    END IF;
    RETURN true;
END $$;

-- Some of what a reader is shown of a record rests on other records: then it is told again of the record, in the same version.
CREATE FUNCTION change_log_touch_outcomes(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH told AS (
        INSERT INTO change_event (kind, record_id, version, operation, partnership_id)
        SELECT 'outcome', id, version, 'upsert', partnership_id FROM outcome WHERE id = ANY (ids) AND deleted_at IS NULL
        RETURNING seq)
    SELECT change_log_mark(max(seq)) FROM told
$$;

-- Whether an outcome is a placement rests on the worker's other outcomes too.
CREATE FUNCTION touched_by_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM change_log_touch_outcomes(array_agg(o.id)) FROM outcome o
      WHERE o.participant_id = ANY (ARRAY(SELECT DISTINCT participant_id FROM changed)) AND o.deleted_at IS NULL
        AND o.id <> ALL (ARRAY(SELECT id FROM changed))
     HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER touch_insert AFTER INSERT ON outcome REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_outcome();
CREATE TRIGGER touch_update AFTER UPDATE ON outcome REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_outcome();

-- And on the call's rules.
CREATE FUNCTION touched_by_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM change_log_touch_outcomes(array_agg(o.id))
       FROM changed n JOIN before b USING (id) JOIN partnership p ON p.call_id = n.id JOIN outcome o ON o.partnership_id = p.id
      WHERE n.rules IS DISTINCT FROM b.rules AND o.deleted_at IS NULL
     HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER touch_update AFTER UPDATE ON call REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_call();

-- And on the company that dismissed the workers.
CREATE FUNCTION touched_by_cohort() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM change_log_touch_outcomes(array_agg(o.id))
       FROM changed n JOIN before b USING (id) JOIN participant p ON p.cohort_id = n.id JOIN outcome o ON o.participant_id = p.id
      WHERE n.crisis_company_id IS DISTINCT FROM b.crisis_company_id AND o.deleted_at IS NULL
     HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER touch_update AFTER UPDATE ON cohort REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_cohort();

-- A member is shown with the name of its organisation.
CREATE FUNCTION touched_by_organisation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched uuid[]; last_seq bigint;
BEGIN
    SELECT array_agg(n.id) INTO touched FROM changed n JOIN before b USING (id)
     WHERE (n.name, n.tax_code) IS DISTINCT FROM (b.name, b.tax_code);
    IF touched IS NULL THEN RETURN NULL; END IF;
    WITH told AS (
        INSERT INTO change_event (kind, record_id, version, operation, partnership_id)
        SELECT 'member', id, version, 'upsert', partnership_id FROM member WHERE organisation_id = ANY (touched) AND deleted_at IS NULL
        RETURNING seq)
    SELECT max(seq) INTO last_seq FROM told;
    PERFORM change_log_mark(last_seq);
    PERFORM change_log_touch_outcomes(array_agg(o.id))
       FROM cohort c JOIN participant p ON p.cohort_id = c.id JOIN outcome o ON o.participant_id = p.id
      WHERE c.crisis_company_id = ANY (touched) AND o.deleted_at IS NULL
     HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER touch_update AFTER UPDATE ON organisation REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_organisation();

ALTER TABLE partnership ENABLE ALWAYS TRIGGER sight_insert, ENABLE ALWAYS TRIGGER sight_update;
ALTER TABLE member ENABLE ALWAYS TRIGGER sight_insert, ENABLE ALWAYS TRIGGER sight_update;
ALTER TABLE outcome ENABLE ALWAYS TRIGGER touch_insert, ENABLE ALWAYS TRIGGER touch_update;
ALTER TABLE call ENABLE ALWAYS TRIGGER touch_update;
ALTER TABLE cohort ENABLE ALWAYS TRIGGER touch_update;
ALTER TABLE organisation ENABLE ALWAYS TRIGGER touch_update;

-- Which database an epoch is of: restoring a copy, or promoting a standby, makes another one of it. And how far it was pruned.
-- Another database may use the numbers of transactions again: what was before the epoch is told apart by where it began.
ALTER TABLE feed_epoch ADD COLUMN of_database text, ADD COLUMN pruned_through bigint NOT NULL DEFAULT 0,
    ADD COLUMN after_position bigint NOT NULL DEFAULT 0, ADD COLUMN after_seq bigint NOT NULL DEFAULT 0;

CREATE FUNCTION feed_database() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                     (SELECT oid FROM pg_database WHERE datname = current_database()))
$$;

-- The epoch of this database; a new one where it is not that of which the last one was.
CREATE FUNCTION feed_epoch_now() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE last feed_epoch;
BEGIN
    SELECT * INTO last FROM feed_epoch ORDER BY started_at DESC LIMIT 1;
    IF last.of_database = feed_database() THEN RETURN last.epoch; END IF;
    PERFORM pg_advisory_xact_lock(4712);
    SELECT * INTO last FROM feed_epoch ORDER BY started_at DESC LIMIT 1;
    IF last.of_database IS NULL THEN
        UPDATE feed_epoch SET of_database = feed_database() WHERE epoch = last.epoch;
    ELSIF last.of_database <> feed_database() THEN
        -- What was committed and has no place yet is of the database before as well.
        PERFORM change_log_sequence(1000000000);
        INSERT INTO feed_epoch (of_database, pruned_through, after_position, after_seq)
        SELECT feed_database(), last.pruned_through, coalesce((SELECT max(position) FROM change_position), 0),
               coalesce((SELECT max(last_seq) FROM change_position), 0)
        RETURNING * INTO last;
    END IF;
    RETURN last.epoch;
END $$;

-- Forgets transactions that were numbered before an instant, oldest first, and answers how many.
CREATE FUNCTION feed_prune(before timestamptz, at_most int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE through bigint; n bigint;
BEGIN
    SELECT max(position) INTO through FROM (
        SELECT position FROM change_position
         WHERE sequenced_at < before AND position < (SELECT max(position) FROM change_position)
         ORDER BY position LIMIT at_most) old;
    IF through IS NULL THEN RETURN 0; END IF;
    UPDATE feed_epoch SET pruned_through = greatest(pruned_through, through)
     WHERE epoch = (SELECT epoch FROM feed_epoch ORDER BY started_at DESC LIMIT 1);
    WITH gone AS (DELETE FROM change_position WHERE position <= through RETURNING xid),
         events AS (DELETE FROM change_event e USING gone WHERE e.xid = gone.xid)
    SELECT count(*) INTO n FROM gone;
    RETURN n;
END $$;

-- Who was shown whose personal data: one entry for a page. Append-only.
CREATE TABLE disclosure (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL,
    client_id       text NOT NULL,
    organisation_id uuid NOT NULL,
    operation       text NOT NULL,
    request_id      text NOT NULL,
    kinds           text[] NOT NULL,
    record_ids      uuid[] NOT NULL,
    CONSTRAINT disclosure_pk PRIMARY KEY (id)
);
-- Ids hardly compress, and an export notes hundreds of thousands.
ALTER TABLE disclosure ALTER record_ids SET STORAGE EXTERNAL;
CREATE FUNCTION disclosure_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% of a disclosure', TG_OP; END $$;
CREATE TRIGGER disclosure_stays BEFORE UPDATE OR DELETE ON disclosure FOR EACH STATEMENT EXECUTE FUNCTION disclosure_refuse();
CREATE TRIGGER disclosure_all_stay BEFORE TRUNCATE ON disclosure FOR EACH STATEMENT EXECUTE FUNCTION disclosure_refuse();
