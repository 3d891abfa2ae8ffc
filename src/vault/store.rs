//! The keys that seal, and what is sealed, in the database.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::DataKey;
use crate::db::{Conn, Fault};

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Bytea)]
    wrapped: Vec<u8>,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    seals: bool,
}

/// The keys that seal, will or did. Whether one's time has come is judged by the database's clock: all processes have that one.
pub fn keys(conn: &mut Conn) -> Result<Vec<DataKey>, Fault> {
    let rows: Vec<KeyRow> = diesel::sql_query(
        "SELECT version, wrapped, seals_from <= clock_timestamp() AS seals FROM data_key ORDER BY version",
    )
    .load(conn)?;
    let key = |KeyRow { version, wrapped, seals }| {
        let version = u16::try_from(version).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
        Ok(DataKey { version, wrapped, seals })
    };
    rows.into_iter().map(key).collect()
}

/// Adds the first key, which seals at once, unless another process was quicker.
pub fn add_first(conn: &mut Conn, wrapped: &[u8]) -> Result<(), Fault> {
    conn.transaction(|conn| {
        lock(conn)?;
        if keys(conn)?.is_empty() { add(conn, 1, wrapped, 0) } else { Ok(()) }
    })
}

/// Adds the next key, which seals in so many seconds; answers its version, `None` where there are none left.
pub fn add_next(conn: &mut Conn, wrapped: impl Fn(u16) -> Vec<u8>, seconds: u32) -> Result<Option<u16>, Fault> {
    conn.transaction(|conn| {
        lock(conn)?;
        let version = keys(conn)?.last().map_or(0, |key| key.version).checked_add(1);
        version.map(|version| add(conn, version, &wrapped(version), seconds).map(|()| version)).transpose()
    })
}

/// Nobody else adds a key until the transaction ends.
fn lock(conn: &mut Conn) -> Result<(), Fault> {
    diesel::sql_query("LOCK TABLE data_key IN EXCLUSIVE MODE").execute(conn).map(drop)
}

/// Adds a key that seals in so many seconds.
fn add(conn: &mut Conn, version: u16, wrapped: &[u8], seconds: u32) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO data_key (version, wrapped, seals_from) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 second')",
    )
    .bind::<Integer, _>(i32::from(version))
    .bind::<Bytea, _>(wrapped)
    .bind::<Integer, _>(i32::try_from(seconds).unwrap_or(i32::MAX))
    .execute(conn)
    .map(drop)
}

/// Where something is sealed: table and column, the column with the id that it is sealed for, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub record: &'static str,
    pub name: &'static str,
}

/// What is sealed with other keys than the current one.
#[derive(QueryableByName)]
pub struct Old {
    #[diesel(sql_type = Text)]
    pub at: String,
    #[diesel(sql_type = SqlUuid)]
    pub record: Uuid,
    #[diesel(sql_type = Bytea)]
    pub sealed: Vec<u8>,
}

/// The number of blocks of a table.
pub fn blocks(conn: &mut Conn, place: Place) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Blocks {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    diesel::sql_query("SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint AS n")
        .bind::<Text, _>(place.table)
        .get_result::<Blocks>(conn)
        .map(|blocks| blocks.n)
}

/// What in these blocks does not begin with `mark`. By blocks rather than by key: so a table is read once, whatever its key is.
pub fn old(conn: &mut Conn, place: Place, mark: &[u8], from: i64, to: i64) -> Result<Vec<Old>, Fault> {
    let Place { table, column, record, .. } = place;
    diesel::sql_query(format!(
        "SELECT ctid::text AS at, {record} AS record, {column} AS sealed FROM {table} \
         WHERE ctid >= '({from},0)' AND ctid < '({to},0)' AND substring({column} FROM 1 FOR 3) <> $1"
    ))
    .bind::<Bytea, _>(mark)
    .load(conn)
}

/// Puts what was sealed anew where what it was still stands; answers how many did. What was written meanwhile is left for the next pass.
pub fn replace(conn: &mut Conn, place: Place, old: &[Old], new: &[Vec<u8>]) -> Result<usize, Fault> {
    let Place { table, column, .. } = place;
    conn.transaction(|conn| {
        diesel::sql_query("SELECT set_config('ricolloca.sealing_anew', 'on', true)").execute(conn)?;
        diesel::sql_query(format!(
            "UPDATE {table} AS t SET {column} = n.new FROM UNNEST($1, $2, $3) AS n (at, old, new) \
             WHERE t.ctid = n.at::tid AND t.{column} = n.old"
        ))
        .bind::<Array<Text>, _>(old.iter().map(|one| one.at.as_str()).collect::<Vec<_>>())
        .bind::<Array<Bytea>, _>(old.iter().map(|one| one.sealed.as_slice()).collect::<Vec<_>>())
        .bind::<Array<Bytea>, _>(new.iter().map(Vec::as_slice).collect::<Vec<_>>())
        .execute(conn)
    })
}

/// Destroys keys that sealed until a day ago or longer, and with which nothing is sealed any more: by then whoever read what they sealed
/// before it was sealed anew has written it back, and that was sealed anew as well.
pub fn destroy_spent(conn: &mut Conn, places: &[Place]) -> Result<usize, Fault> {
    let unused: Vec<String> = places
        .iter()
        .map(|Place { table, column, .. }| {
            format!(
                "NOT EXISTS (SELECT FROM {table} WHERE substring({column} FROM 1 FOR 3) = \
                 '\\x01'::bytea || substring(int4send(k.version) FROM 3))"
            )
        })
        .collect();
    let unused = unused.join(" AND ");
    diesel::sql_query(format!(
        "DELETE FROM data_key k WHERE EXISTS (SELECT FROM data_key n WHERE n.version > k.version AND n.seals_from < clock_timestamp() - interval '1 day') AND {unused}"
    ))
    .execute(conn)
}
