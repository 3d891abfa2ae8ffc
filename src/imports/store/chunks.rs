//! The chunks of imports, and the names in those that are being received.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::Chunk;
use crate::db::schema::{import, import_chunk, import_name};
use crate::db::{Conn, Fault};
use crate::imports::item::Item;

/// Adds a chunk, numbered after those that are there.
pub fn add(conn: &mut Conn, import_id: Uuid, number: i32, stage: i32, sealed: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(import_chunk::table)
        .values((
            import_chunk::import_id.eq(import_id),
            import_chunk::number.eq(number),
            import_chunk::stage.eq(stage),
            import_chunk::sealed.eq(sealed),
        ))
        .execute(conn)
        .map(drop)
}

/// Adds a chunk to an import that runs already; its number is free, since no two chunks become one.
pub fn add_later(conn: &mut Conn, import_id: Uuid, after: i32, stage: i32, sealed: &[u8]) -> Result<(), Fault> {
    // Those that were received are numbered from 0; each can leave behind one.
    add(conn, import_id, -1 - after, stage, sealed)
}

/// The open imports, the one that was served longest ago first, and whether each is carried out as a whole.
pub fn open(conn: &mut Conn) -> Result<Vec<(Uuid, bool)>, Fault> {
    let rows: Vec<(Uuid, String, bool, Option<String>)> = import::table
        .filter(import::finished_at.is_null())
        .filter(import::state.eq("running"))
        .order(import::served_at)
        .limit(50)
        .select((import::id, import::mode, import::dry_run, import::wanted_plan))
        .load(conn)?;
    let whole = |mode: &str, dry_run: bool, plan: Option<String>| mode == "atomic" || dry_run || plan.is_some();
    Ok(rows.into_iter().map(|(id, mode, dry_run, plan)| (id, whole(&mode, dry_run, plan))).collect())
}

/// Takes a chunk of the import's stage for this transaction. The row's lock is the lease: it ends with the transaction, or with
/// the connection of a process that was killed.
pub fn claim(conn: &mut Conn, import_id: Uuid) -> Result<Option<Chunk>, Fault> {
    diesel::sql_query(
        "SELECT c.number, c.stage, c.failures, c.sealed FROM import_chunk c \
         WHERE c.import_id = $1 AND c.stage = (SELECT i.stage FROM import i WHERE i.id = $1 AND i.state = 'running') \
         ORDER BY c.number LIMIT 1 FOR UPDATE OF c SKIP LOCKED",
    )
    .bind::<SqlUuid, _>(import_id)
    .get_result(conn)
    .optional()
}

/// The chunks of an import, in the order in which they are carried out.
pub fn numbers(conn: &mut Conn, import_id: Uuid) -> Result<Vec<i32>, Fault> {
    import_chunk::table
        .filter(import_chunk::import_id.eq(import_id))
        .order((import_chunk::stage, import_chunk::number))
        .select(import_chunk::number)
        .load(conn)
}

/// A chunk.
pub fn get(conn: &mut Conn, import_id: Uuid, number: i32) -> Result<Option<Chunk>, Fault> {
    diesel::sql_query("SELECT number, stage, failures, sealed FROM import_chunk WHERE import_id = $1 AND number = $2")
        .bind::<SqlUuid, _>(import_id)
        .bind::<Integer, _>(number)
        .get_result(conn)
        .optional()
}

/// A chunk is done, or given up.
pub fn remove(conn: &mut Conn, import_id: Uuid, number: i32) -> Result<(), Fault> {
    diesel::delete(import_chunk::table.find((import_id, number))).execute(conn).map(drop)
}

/// Removes all chunks of an import that nobody is at.
pub fn remove_all(conn: &mut Conn, import_id: Uuid) -> Result<(), Fault> {
    diesel::sql_query(
        "DELETE FROM import_chunk WHERE ctid = ANY (ARRAY(SELECT ctid FROM import_chunk WHERE import_id = $1 FOR UPDATE SKIP LOCKED))",
    )
    .bind::<SqlUuid, _>(import_id)
    .execute(conn)
    .map(drop)
}

/// Removes what is left of imports that have ended.
pub fn remove_leftovers(conn: &mut Conn) -> Result<(), Fault> {
    diesel::sql_query(
        "DELETE FROM import_chunk c USING import i WHERE i.id = c.import_id AND i.finished_at IS NOT NULL",
    )
    .execute(conn)
    .map(drop)
}

/// Notes that carrying out a chunk failed without an answer; answers how often it has. Its import was served all the same: the
/// others come first now.
pub fn failed(conn: &mut Conn, import_id: Uuid, number: i32, now: DateTime<Utc>) -> Result<i32, Fault> {
    diesel::update(import::table.find(import_id)).set(import::served_at.eq(now)).execute(conn)?;
    let failures: Option<i32> = diesel::update(import_chunk::table.find((import_id, number)))
        .set(import_chunk::failures.eq(import_chunk::failures + 1))
        .returning(import_chunk::failures)
        .get_result(conn)
        .optional()?;
    Ok(failures.unwrap_or_default())
}

/// Notes the names in a part of an import.
pub fn add_names(conn: &mut Conn, import_id: Uuid, items: &[Item]) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO import_name (import_id, kind, external_id, digest, line) \
         SELECT $1, n.* FROM UNNEST($2, $3, $4, $5) AS n",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<Array<Text>, _>(items.iter().map(|item| item.kind.name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(items.iter().map(|item| item.external_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(items.iter().map(|item| item.digest).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(items.iter().map(|item| item.line).collect::<Vec<_>>())
    .execute(conn)
    .map(drop)
}

/// A name that stands more than once in an import.
#[derive(Debug, QueryableByName)]
pub struct Double {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub external_id: String,
    #[diesel(sql_type = Array<BigInt>)]
    pub lines: Vec<i64>,
    #[diesel(sql_type = Array<SqlUuid>)]
    pub digests: Vec<Uuid>,
}

/// Names that stand more than once, a part at a time: those after this one.
pub fn doubles(conn: &mut Conn, import_id: Uuid, after: (&str, &str), limit: i32) -> Result<Vec<Double>, Fault> {
    diesel::sql_query(
        "SELECT kind, external_id, array_agg(line ORDER BY line) AS lines, array_agg(digest ORDER BY line) AS digests \
         FROM import_name WHERE import_id = $1 AND (kind, external_id) > ($2, $3) \
         GROUP BY kind, external_id HAVING count(*) > 1 ORDER BY kind, external_id LIMIT $4",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<Text, _>(after.0)
    .bind::<Text, _>(after.1)
    .bind::<Integer, _>(limit)
    .load(conn)
}

/// Forgets the names of an import.
pub fn forget_names(conn: &mut Conn, import_id: Uuid) -> Result<(), Fault> {
    diesel::delete(import_name::table.filter(import_name::import_id.eq(import_id))).execute(conn).map(drop)
}
