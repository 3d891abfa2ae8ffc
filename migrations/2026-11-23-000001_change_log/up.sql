-- The exact change log. Numbers are given before the commit, so a cursor over them loses rows; positions are given after it.
-- change_event    what changed; written by triggers, in the writer's transaction
-- change_pending  one marker per transaction that wrote events: its last sequence number
-- change_position the committed transactions in feed order, dense
-- See docs/decisions/0003-change-log.md. Sequences keep CACHE 1: a larger cache would break the order.
CREATE TABLE change_event (
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    xid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind           text NOT NULL,
    record_id      uuid NOT NULL,
    version        bigint NOT NULL,
    operation      text NOT NULL,
    partnership_id uuid,
    CONSTRAINT change_event_pk PRIMARY KEY (xid, seq),
    CONSTRAINT change_event_operation_ck CHECK (operation IN ('upsert', 'delete'))
);

CREATE TABLE change_pending (
    xid      xid8 NOT NULL,
    last_seq bigint NOT NULL,
    CONSTRAINT change_pending_pk PRIMARY KEY (xid)
);

CREATE TABLE change_position (
    position     bigint NOT NULL,
    xid          xid8 NOT NULL,
    last_seq     bigint NOT NULL,
    -- When the sweep began that numbered it: whatever was committed before is numbered by it or was before.
    sequenced_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT change_position_pk PRIMARY KEY (position)
);

-- Positions and transaction numbers may repeat after a restore: a new epoch makes the old cursors say so.
CREATE TABLE feed_epoch (
    epoch      uuid NOT NULL DEFAULT gen_random_uuid(),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT feed_epoch_pk PRIMARY KEY (epoch)
);
INSERT INTO feed_epoch DEFAULT VALUES;

CREATE FUNCTION change_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% of % would lose events', TG_OP, TG_TABLE_NAME; END $$;

-- Gives a resource table its triggers. `scope` is an expression over the row `n` for the partnership it belongs to.
-- Deletion is soft (deleted_at): a record that is inserted again under its id would restart its versions, so DELETE is refused.
CREATE FUNCTION change_log_attach(t regclass, kind text, scope text) RETURNS void LANGUAGE plpgsql AS $attach$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WITH e AS (
                INSERT INTO change_event (kind, record_id, version, operation, partnership_id)
                SELECT %2$L, n.id, n.version, CASE WHEN n.deleted_at IS NULL THEN 'upsert' ELSE 'delete' END, %3$s
                  FROM changed n
                RETURNING seq)
            INSERT INTO change_pending
            SELECT pg_current_xact_id(), max(seq) FROM e HAVING count(*) > 0
            ON CONFLICT (xid) DO UPDATE SET last_seq = greatest(change_pending.last_seq, excluded.last_seq);
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_log_insert AFTER INSERT ON %4$s REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION %1$I();
        CREATE TRIGGER change_log_update AFTER UPDATE ON %4$s REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION %1$I();
        CREATE TRIGGER change_log_delete BEFORE DELETE ON %4$s FOR EACH STATEMENT EXECUTE FUNCTION change_log_refuse();
        CREATE TRIGGER change_log_truncate BEFORE TRUNCATE ON %4$s FOR EACH STATEMENT EXECUTE FUNCTION change_log_refuse();
        ALTER TABLE %4$s ENABLE ALWAYS TRIGGER change_log_insert, ENABLE ALWAYS TRIGGER change_log_update,
                         ENABLE ALWAYS TRIGGER change_log_delete, ENABLE ALWAYS TRIGGER change_log_truncate;
    $f$, 'change_log_' || kind, kind, scope, t);
END $attach$;

-- Moves committed markers into the log of positions and answers how many it moved. Whoever reads calls it first and commits before
-- it delivers what was numbered. The lock is taken in one statement and the markers are read in the next, so that the snapshot is
-- newer than the lock: with both in one statement the highest position could be stale.
CREATE FUNCTION change_log_sequence(at_most int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE n bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'change_log_sequence needs READ COMMITTED';
    END IF;
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock(4711);
    WITH pick AS (SELECT xid FROM change_pending ORDER BY last_seq LIMIT at_most),
         moved AS (DELETE FROM change_pending p USING pick WHERE p.xid = pick.xid RETURNING p.xid, p.last_seq)
    INSERT INTO change_position (position, xid, last_seq)
    SELECT (SELECT coalesce(max(position), 0) FROM change_position) + row_number() OVER (ORDER BY last_seq), xid, last_seq FROM moved;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
