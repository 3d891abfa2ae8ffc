-- The second lock: whatever a query forgets, PostgreSQL shows the service's roles no rows of people that the acting organisation may not
-- see. The first is the typed sight that every query of the service asks for. See docs/decisions/0010-two-locks.md.

-- Whoever the service logs in as, its connections act as one of these two: `ricolloca_member` for an organisation, which is named by the
-- setting `ricolloca.organisation`, and where none is named for nobody; `ricolloca_region` for those who see everything. Roles belong to
-- the whole server: another database of it may have made them already, or be about to.
DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['ricolloca_member', 'ricolloca_region'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, role, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role, current_user);
        END IF;
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, known TO ricolloca_member, ricolloca_region;
GRANT USAGE ON SCHEMA known TO ricolloca_member, ricolloca_region;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ricolloca_member, ricolloca_region;
-- What was known and what was shown stays.
REVOKE UPDATE, DELETE ON disclosure, call_revision, cohort_revision, outcome_revision FROM ricolloca_member, ricolloca_region;
-- Who may call, and what tokens are signed with, is changed by commands.
REVOKE INSERT, UPDATE, DELETE ON client, client_key, vault_check, __diesel_schema_migrations FROM ricolloca_member, ricolloca_region;
REVOKE INSERT, UPDATE ON signing_key FROM ricolloca_member, ricolloca_region;

CREATE FUNCTION acting_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('ricolloca.organisation', true), '')::uuid
$$;

CREATE FUNCTION row_security_attach(t text) RETURNS void LANGUAGE plpgsql AS $attach$
BEGIN
    EXECUTE format($f$
        ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
        CREATE POLICY all_rows ON %1$I TO ricolloca_region USING (true);
        CREATE POLICY seen_rows ON %1$I TO ricolloca_member USING (partnership_id IN
            (SELECT s.partnership_id FROM sight s WHERE s.organisation_id = (SELECT acting_organisation())));
    $f$, t);
END $attach$;
SELECT row_security_attach('participant');
SELECT row_security_attach('action');
SELECT row_security_attach('outcome');
SELECT row_security_attach('outcome_revision');
-- A view looks at its tables with the rights of whoever made it, unless it is told otherwise.
ALTER VIEW known.outcome SET (security_invoker = true);

-- What rules have to know across organisations: that a worker or a Dote is taken, that a notice is used. Each of these answers just that,
-- and none of it is shown to anybody.
CREATE FUNCTION stays_of(workers bytea[], dotes text[])
RETURNS TABLE (id uuid, worker_index bytea, dote_number text, taken_charge_on date, left_on date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- Asked for in one condition, by worker or by Dote, PostgreSQL reads the whole table.
    RETURN QUERY
        SELECT p.id, p.worker_index, p.dote_number, p.taken_charge_on, p.left_on FROM participant p
         WHERE p.worker_index = ANY (workers) AND p.deleted_at IS NULL
        UNION
        SELECT p.id, p.worker_index, p.dote_number, p.taken_charge_on, p.left_on FROM participant p
         WHERE p.dote_number = ANY (dotes) AND p.deleted_at IS NULL;
END $$;

-- Locks the workers of these ids, and whoever else is the same worker, in the order of ids.
CREATE FUNCTION lock_workers(ids uuid[], workers bytea[])
RETURNS TABLE (id uuid, partnership_id uuid, cohort_id uuid, worker_index bytea, dote_from date, dote_to date, taken_charge_on date, left_on date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE wanted uuid[];
BEGIN
    SELECT ids || array_agg(p.id) INTO wanted FROM participant p WHERE p.worker_index = ANY (workers) AND p.deleted_at IS NULL;
    RETURN QUERY
        SELECT p.id, p.partnership_id, p.cohort_id, p.worker_index, p.dote_from, p.dote_to, p.taken_charge_on, p.left_on FROM participant p
         WHERE p.id = ANY (wanted) AND p.deleted_at IS NULL ORDER BY p.id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION notice_holders(cobs text[]) RETURNS TABLE (cob text, id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT o.cob, o.id FROM outcome o WHERE o.cob = ANY (cobs) AND o.deleted_at IS NULL AND o.state <> 'withdrawn';
END $$;

-- Only a table's owner may have PostgreSQL look at it.
CREATE FUNCTION look_at_tables(tables text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE 'ANALYZE ' || coalesce((SELECT string_agg(quote_ident(t), ', ') FROM unnest(tables) t), '');
END $$;

REVOKE EXECUTE ON FUNCTION stays_of, lock_workers, notice_holders, look_at_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stays_of, lock_workers, notice_holders, look_at_tables TO ricolloca_member, ricolloca_region;

-- Whoever changes what a record of others rests on need not see it.
ALTER FUNCTION change_log_touch_outcomes(uuid[]) SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION touched_by_call() SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION touched_by_cohort() SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION touched_by_outcome() SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION touched_by_organisation() SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION change_log_touch_outcomes(uuid[]) FROM PUBLIC;
