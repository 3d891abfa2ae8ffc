//! Imports in the database.

pub mod chunks;
pub mod items;
pub mod waiting;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::verdict::{Effect, Verdict};
use crate::audit::Request;
use crate::batch::Idempotency;
use crate::db::schema::{import, import_chunk};
use crate::db::{Conn, Fault};

/// An import as it is kept.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = import, check_for_backend(diesel::pg::Pg))]
pub struct Import {
    pub id: Uuid,
    pub client_id: String,
    pub organisation_id: Uuid,
    pub scopes: String,
    pub purpose: Option<String>,
    pub tracking: Option<serde_json::Value>,
    pub mode: String,
    pub dry_run: bool,
    pub wait_days: i32,
    pub wanted_plan: Option<String>,
    pub plan_hash: Option<String>,
    pub idempotency_key: Option<String>,
    pub digest: Vec<u8>,
    pub state: String,
    pub reason: Option<String>,
    pub stage: i32,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub lines: i64,
    pub created: i64,
    pub changed: i64,
    pub unchanged: i64,
    pub deleted: i64,
    pub waiting: i64,
    pub refused: i64,
    pub superseded: i64,
    pub skipped: i64,
}

impl Import {
    /// What its changes are noted as in the audit log.
    pub fn request(&self) -> Arc<Request> {
        Arc::new(Request { operation: "send_import".into(), request_id: self.id.to_string() })
    }
}

/// How many lines came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([i64; Effect::ALL.len()]);

impl Counts {
    /// Of verdicts.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let mut counts = Self::default();
        verdicts.iter().for_each(|verdict| counts.add(verdict.effect, 1));
        counts
    }

    /// Adds to one of them.
    pub fn add(&mut self, effect: Effect, more: i64) {
        if let Some(count) = Effect::ALL.iter().position(|one| *one == effect).and_then(|place| self.0.get_mut(place)) {
            *count += more;
        }
    }

    /// Adds others to them.
    pub fn add_all(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(count, more)| *count += more);
    }

    /// One of them.
    pub fn get(&self, effect: Effect) -> i64 {
        let place = Effect::ALL.iter().position(|one| *one == effect);
        place.and_then(|place| self.0.get(place)).copied().unwrap_or_default()
    }
}

/// A new import.
pub fn insert(conn: &mut Conn, new: &Import) -> Result<(), Fault> {
    diesel::insert_into(import::table)
        .values((
            (
                import::id.eq(new.id),
                import::client_id.eq(&new.client_id),
                import::organisation_id.eq(new.organisation_id),
                import::scopes.eq(&new.scopes),
                import::purpose.eq(&new.purpose),
                import::tracking.eq(&new.tracking),
                import::mode.eq(&new.mode),
                import::dry_run.eq(new.dry_run),
                import::wait_days.eq(new.wait_days),
                import::wanted_plan.eq(&new.wanted_plan),
            ),
            (
                import::plan_hash.eq(&new.plan_hash),
                import::idempotency_key.eq(&new.idempotency_key),
                import::digest.eq(&new.digest),
                import::state.eq(&new.state),
                import::reason.eq(&new.reason),
                import::created_at.eq(new.created_at),
                import::served_at.eq(new.created_at),
                import::finished_at.eq(new.finished_at),
                import::lines.eq(new.lines),
            ),
        ))
        .execute(conn)
        .map(drop)
}

/// The import that a client gave this key.
pub fn of_key(conn: &mut Conn, client_id: &str, key: &str) -> Result<Option<Import>, Fault> {
    import::table
        .filter(import::client_id.eq(client_id))
        .filter(import::idempotency_key.eq(key))
        .select(Import::as_select())
        .first(conn)
        .optional()
}

/// An import, whoever's.
pub fn find(conn: &mut Conn, id: Uuid) -> Result<Option<Import>, Fault> {
    import::table.find(id).select(Import::as_select()).first(conn).optional()
}

/// Imports of an organisation that are received, newest first, after this one.
pub fn list(
    conn: &mut Conn,
    organisation: Uuid,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Import>, Fault> {
    let mut query = import::table
        .filter(import::organisation_id.eq(organisation))
        .filter(import::state.ne("receiving"))
        .select(Import::as_select())
        .into_boxed();
    if let Some((created_at, id)) = after {
        query = query
            .filter(import::created_at.le(created_at))
            .filter(import::created_at.lt(created_at).or(import::id.lt(id)));
    }
    query.order((import::created_at.desc(), import::id.desc())).limit(limit).load(conn)
}

/// Adds to the counts of an import, and notes that it was served. `false` where it is not in one of these states.
pub fn count(
    conn: &mut Conn,
    id: Uuid,
    states: &[&str],
    counts: &Counts,
    served_at: Option<DateTime<Utc>>,
) -> Result<bool, Fault> {
    let of = |effect: Effect| counts.get(effect);
    let updated = diesel::sql_query(
        "UPDATE import SET created = created + $3, changed = changed + $4, unchanged = unchanged + $5, deleted = deleted + $6, \
           waiting = waiting + $7, refused = refused + $8, superseded = superseded + $9, skipped = skipped + $10, \
           served_at = coalesce($11, served_at) WHERE id = $1 AND state = ANY ($2)",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Array<Text>, _>(states)
    .bind::<BigInt, _>(of(Effect::Created))
    .bind::<BigInt, _>(of(Effect::Changed))
    .bind::<BigInt, _>(of(Effect::Unchanged))
    .bind::<BigInt, _>(of(Effect::Deleted))
    .bind::<BigInt, _>(of(Effect::Waiting))
    .bind::<BigInt, _>(of(Effect::Refused))
    .bind::<BigInt, _>(of(Effect::Superseded))
    .bind::<BigInt, _>(of(Effect::Skipped))
    .bind::<Nullable<Timestamptz>, _>(served_at)
    .execute(conn)?;
    Ok(updated == 1)
}

/// Moves an import that runs on to a stage.
pub fn advance(conn: &mut Conn, id: Uuid, stage: i32) -> Result<(), Fault> {
    diesel::update(import::table.find(id)).set(import::stage.eq(stage)).execute(conn).map(drop)
}

/// What is known of an import once it is received.
#[derive(Debug)]
pub struct Start<'a> {
    /// Which.
    pub id: Uuid,
    /// Its lines.
    pub lines: i64,
    /// Its first stage.
    pub stage: i32,
    /// The request's key.
    pub key: Option<&'a Idempotency>,
    /// SHA-256 of the body.
    pub digest: &'a [u8],
}

/// An import was received: it runs from now on.
pub fn start(conn: &mut Conn, start: &Start<'_>) -> Result<(), Fault> {
    diesel::update(import::table.find(start.id))
        .set((
            import::state.eq("running"),
            import::lines.eq(start.lines),
            import::stage.eq(start.stage),
            import::idempotency_key.eq(start.key.map(|key| &key.key)),
            import::digest.eq(start.key.map_or(start.digest, |key| key.digest.as_slice())),
        ))
        .execute(conn)
        .map(drop)
}

/// Does something in a transaction of its own.
pub fn in_transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    conn.transaction(work)
}

/// How an import ended.
#[derive(Clone, Debug, Default)]
pub struct End<'a> {
    /// Its last state.
    pub state: &'a str,
    /// Why, where it was not completed.
    pub reason: Option<&'a str>,
    /// The plan it came to.
    pub plan_hash: Option<&'a str>,
}

/// Ends an import that runs; `false` where it does not.
pub fn end(conn: &mut Conn, id: Uuid, end: &End<'_>, now: DateTime<Utc>) -> Result<bool, Fault> {
    let ended = diesel::update(import::table.find(id).filter(import::state.eq("running")))
        .set((
            import::state.eq(end.state),
            import::reason.eq(end.reason),
            import::plan_hash.eq(end.plan_hash),
            import::finished_at.eq(now),
        ))
        .execute(conn)?;
    Ok(ended == 1)
}

/// Holds an import that is being received until the transaction ends; `false` where it was taken back meanwhile. What has no foreign
/// key to it would be left behind.
pub fn hold_receiving(conn: &mut Conn, id: Uuid) -> Result<bool, Fault> {
    let held: Option<Uuid> = import::table
        .filter(import::id.eq(id))
        .filter(import::state.eq("receiving"))
        .select(import::id)
        .for_update()
        .first(conn)
        .optional()?;
    Ok(held.is_some())
}

/// Takes back an import that was not received to its end.
pub fn drop_receiving(conn: &mut Conn, id: Uuid) -> Result<(), Fault> {
    diesel::sql_query(
        "WITH gone AS (DELETE FROM import WHERE id = $1 AND state = 'receiving' RETURNING id), \
              names AS (DELETE FROM import_name n USING gone WHERE n.import_id = gone.id) \
         DELETE FROM import_item i USING gone WHERE i.import_id = gone.id",
    )
    .bind::<SqlUuid, _>(id)
    .execute(conn)
    .map(drop)
}

/// Takes back imports whose receiving began before an instant and never ended: the process that received them is gone.
pub fn abandoned(conn: &mut Conn, before: DateTime<Utc>) -> Result<Vec<Uuid>, Fault> {
    import::table
        .filter(import::state.eq("receiving"))
        .filter(import::created_at.lt(before))
        .select(import::id)
        .limit(100)
        .load(conn)
}

#[derive(QueryableByName)]
struct Forgotten {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Forgets a part of what became of imports that ended before an instant; answers how many rows that were.
pub fn forget(conn: &mut Conn, before: DateTime<Utc>) -> Result<i64, Fault> {
    let forgotten: Forgotten = diesel::sql_query(
        "WITH old AS (SELECT id FROM import WHERE finished_at < $1 AND (waiting = 0 OR dry_run) ORDER BY finished_at LIMIT 1), \
              items AS (DELETE FROM import_item WHERE ctid = ANY (ARRAY( \
                SELECT i.ctid FROM import_item i JOIN old ON old.id = i.import_id LIMIT 10000)) RETURNING 1), \
              gone AS (DELETE FROM import WHERE id IN (SELECT id FROM old) AND NOT EXISTS (SELECT FROM items) RETURNING 1) \
         SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM gone) AS n",
    )
    .bind::<Timestamptz, _>(before)
    .get_result(conn)?;
    Ok(forgotten.n)
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

/// Takes an import as a whole for this connection, until it gives it back or is closed; `false` where another has it.
pub fn take_whole(conn: &mut Conn, id: Uuid) -> Result<bool, Fault> {
    let row: Locked = diesel::sql_query("SELECT pg_try_advisory_lock(4713, hashtext($1::text)) AS locked")
        .bind::<SqlUuid, _>(id)
        .get_result(conn)?;
    Ok(row.locked)
}

/// Gives it back.
pub fn give_back_whole(conn: &mut Conn, id: Uuid) -> Result<(), Fault> {
    diesel::sql_query("SELECT pg_advisory_unlock(4713, hashtext($1::text))")
        .bind::<SqlUuid, _>(id)
        .execute(conn)
        .map(drop)
}

/// A part of an import that waits for being carried out.
#[derive(Debug, QueryableByName)]
pub struct Chunk {
    #[diesel(sql_type = Integer)]
    pub number: i32,
    #[diesel(sql_type = Integer)]
    pub stage: i32,
    #[diesel(sql_type = Integer)]
    pub failures: i32,
    #[diesel(sql_type = Bytea)]
    pub sealed: Vec<u8>,
}

/// Whether an import has chunks left, and the first stage of those.
pub fn first_stage(conn: &mut Conn, id: Uuid) -> Result<Option<i32>, Fault> {
    import_chunk::table.filter(import_chunk::import_id.eq(id)).select(diesel::dsl::min(import_chunk::stage)).first(conn)
}
