//! The engine's own queries: locks, sight, stored answers.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Int4, Int8, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::ParentLock;
use super::idempotency::{Idempotency, status_of};
use super::job::Reply;
use crate::db::schema::{idempotency, partnership, sight};
use crate::db::{Conn, Fault};

/// Locks partnerships in the order of their ids.
pub(super) fn lock_partnerships(conn: &mut Conn, ids: &[Uuid], lock: ParentLock) -> Result<(), Fault> {
    let query = partnership::table.filter(partnership::id.eq_any(ids)).order(partnership::id).select(partnership::id);
    match lock {
        ParentLock::None => {}
        ParentLock::Share => drop(query.for_share().load::<Uuid>(conn)?),
        ParentLock::Update => drop(query.for_no_key_update().load::<Uuid>(conn)?),
    }
    Ok(())
}

/// Which of these organisations sees which of these partnerships.
pub fn sights(conn: &mut Conn, organisations: &[Uuid], partnerships: &[Uuid]) -> Result<HashSet<(Uuid, Uuid)>, Fault> {
    if organisations.is_empty() || partnerships.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(sight::table
        .filter(sight::partnership_id.eq_any(partnerships))
        .filter(sight::organisation_id.eq_any(organisations))
        .select((sight::organisation_id, sight::partnership_id))
        .load::<(Uuid, Uuid)>(conn)?
        .into_iter()
        .collect())
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Int4)]
    n: i32,
    #[diesel(sql_type = Bool)]
    free: bool,
}

/// Takes the keys for this transaction; answers those that another transaction holds.
pub(super) fn busy_keys(conn: &mut Conn, keys: &[&Idempotency]) -> Result<Vec<Idempotency>, Fault> {
    let names: Vec<String> = keys.iter().map(|key| format!("{}\n{}", key.client_id, key.key)).collect();
    let taken: Vec<Taken> = diesel::sql_query(
        "SELECT n::int4 AS n, pg_try_advisory_xact_lock(hashtextextended(name, 4712)) AS free FROM UNNEST($1) WITH ORDINALITY AS k (name, n)",
    )
    .bind::<Array<Text>, _>(names)
    .load(conn)?;
    Ok(taken
        .into_iter()
        .filter(|row| !row.free)
        .filter_map(|row| keys.get(usize::try_from(row.n - 1).ok()?).map(|key| (*key).clone()))
        .collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency, check_for_backend(diesel::pg::Pg))]
pub(super) struct StoredAnswer {
    pub client_id: String,
    pub key: String,
    pub digest: Vec<u8>,
    pub status: i32,
    pub record_id: Uuid,
    pub version: i64,
    pub body: Vec<u8>,
}

pub(super) fn stored_answers(conn: &mut Conn, keys: &[&Idempotency]) -> Result<Vec<StoredAnswer>, Fault> {
    let clients: Vec<&str> = keys.iter().map(|key| key.client_id.as_str()).collect();
    let names: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
    idempotency::table
        .filter(idempotency::client_id.eq_any(clients))
        .filter(idempotency::key.eq_any(names))
        .select(StoredAnswer::as_select())
        .load(conn)
}

pub(super) fn store_answers(
    conn: &mut Conn,
    answers: &[(&Idempotency, &Reply)],
    sealed: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO idempotency (client_id, key, digest, status, record_id, version, body, created_at) \
         SELECT a.*, $8 FROM UNNEST($1, $2, $3, $4, $5, $6, $7) AS a",
    )
    .bind::<Array<Text>, _>(answers.iter().map(|(key, _)| key.client_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(answers.iter().map(|(key, _)| key.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Bytea>, _>(answers.iter().map(|(key, _)| key.digest.as_slice()).collect::<Vec<_>>())
    .bind::<Array<Int4>, _>(answers.iter().map(|(_, reply)| status_of(reply.effect)).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(answers.iter().map(|(_, reply)| reply.id).collect::<Vec<_>>())
    .bind::<Array<Int8>, _>(answers.iter().map(|(_, reply)| reply.version).collect::<Vec<_>>())
    .bind::<Array<Bytea>, _>(sealed)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

/// Forgets the answers that showed these records: what they say is not to be shown again.
pub fn forget_answers_of(conn: &mut Conn, records: &[Uuid]) -> Result<(), Fault> {
    if records.is_empty() {
        return Ok(());
    }
    diesel::delete(idempotency::table.filter(idempotency::record_id.eq_any(records))).execute(conn).map(drop)
}

#[derive(QueryableByName)]
struct Forgotten {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Forgets answers older than the promise; called now and then, a few at a time.
pub fn forget_answers(conn: &mut Conn, before: DateTime<Utc>) -> Result<i64, Fault> {
    let forgotten: Forgotten = diesel::sql_query(
        "WITH gone AS (DELETE FROM idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency WHERE created_at < $1 LIMIT 10000)) RETURNING 1) \
         SELECT count(*) AS n FROM gone",
    )
    .bind::<Timestamptz, _>(before)
    .get_result(conn)?;
    Ok(forgotten.n)
}
