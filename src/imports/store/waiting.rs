//! Lines that wait for what they refer to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::{Conn, Fault};
use crate::imports::item::Item;
use crate::kind::Kind;

/// In place of a kind: what is waited for is an organisation of this tax code, whoever registers it.
pub const BY_TAX_CODE: &str = "tax_code";

/// A line that waits.
#[derive(Clone, Debug, QueryableByName)]
pub struct Waiting {
    #[diesel(sql_type = SqlUuid)]
    pub import_id: Uuid,
    #[diesel(sql_type = BigInt)]
    pub line: i64,
    #[diesel(sql_type = SqlUuid)]
    pub organisation_id: Uuid,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub external_id: String,
    #[diesel(sql_type = Text)]
    pub parent_kind: String,
    #[diesel(sql_type = Text)]
    pub parent_name: String,
    #[diesel(sql_type = Timestamptz)]
    pub since: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub until: DateTime<Utc>,
    #[diesel(sql_type = Bytea)]
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "w.import_id, w.line, w.organisation_id, w.kind, w.external_id, w.parent_kind, w.parent_name, w.since, w.until, w.sealed";

/// Keeps lines that wait.
pub fn put(conn: &mut Conn, waiting: &[Waiting], now: DateTime<Utc>) -> Result<(), Fault> {
    if waiting.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO import_waiting (import_id, line, organisation_id, kind, external_id, parent_kind, parent_name, since, until, sealed, tried_at) \
         SELECT w.*, $11 FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS w",
    )
    .bind::<Array<SqlUuid>, _>(waiting.iter().map(|w| w.import_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(waiting.iter().map(|w| w.line).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(waiting.iter().map(|w| w.organisation_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(waiting.iter().map(|w| w.kind.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(waiting.iter().map(|w| w.external_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(waiting.iter().map(|w| w.parent_kind.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(waiting.iter().map(|w| w.parent_name.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(waiting.iter().map(|w| w.since).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(waiting.iter().map(|w| w.until).collect::<Vec<_>>())
    .bind::<Array<Bytea>, _>(waiting.iter().map(|w| w.sealed.as_slice()).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .map(drop)
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = SqlUuid)]
    import_id: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
}

/// Removes what waits under the names of these items, since they take its place; answers which lines that were.
pub fn supersede(conn: &mut Conn, organisation: Uuid, items: &[Item]) -> Result<Vec<(Uuid, i64)>, Fault> {
    #[derive(QueryableByName)]
    struct Any {
        #[diesel(sql_type = Bool)]
        any: bool,
    }
    let some: Any = diesel::sql_query("SELECT EXISTS (SELECT FROM import_waiting WHERE organisation_id = $1) AS any")
        .bind::<SqlUuid, _>(organisation)
        .get_result(conn)?;
    if !some.any {
        return Ok(Vec::new());
    }
    let gone: Vec<Key> = diesel::sql_query(
        "DELETE FROM import_waiting w USING UNNEST($2, $3) AS n (kind, external_id) \
         WHERE w.organisation_id = $1 AND w.kind = n.kind AND w.external_id = n.external_id RETURNING w.import_id, w.line",
    )
    .bind::<SqlUuid, _>(organisation)
    .bind::<Array<Text>, _>(items.iter().map(|item| item.kind.name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(items.iter().map(|item| item.external_id.as_str()).collect::<Vec<_>>())
    .load(conn)?;
    Ok(gone.into_iter().map(|key| (key.import_id, key.line)).collect())
}

/// Some lines whose parent has come since they were tried last, locked. Two minutes is how long a transaction may take at most:
/// what it made bears the time of its beginning.
pub fn due(conn: &mut Conn, kind: Option<Kind>, now: DateTime<Utc>, limit: i64) -> Result<Vec<Waiting>, Fault> {
    let (parent_kind, table, found) = match kind {
        Some(kind) => {
            (kind.name(), kind.name(), "r.external_id = w.parent_name AND r.source_organisation_id = w.organisation_id")
        }
        None => (BY_TAX_CODE, Kind::Organisation.name(), "r.tax_code = w.parent_name"),
    };
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM import_waiting w WHERE w.parent_kind = $1 AND w.tried_at < $2::timestamptz - interval '2 seconds' \
           AND EXISTS (SELECT FROM {table} r WHERE {found} AND r.deleted_at IS NULL AND r.created_at > w.tried_at - interval '2 minutes') \
         LIMIT $3 FOR UPDATE OF w SKIP LOCKED"
    ))
    .bind::<Text, _>(parent_kind)
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(conn)
    // Here rather than there, where all that is due would be sorted for the few that are taken.
    .map(|mut due: Vec<Waiting>| {
        due.sort_by_key(|one| (one.import_id, one.line));
        due
    })
}

/// Lines whose deadline has passed, locked.
pub fn expired(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> Result<Vec<Waiting>, Fault> {
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM import_waiting w WHERE w.until < $1 ORDER BY w.until LIMIT $2 FOR UPDATE OF w SKIP LOCKED"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Removes lines that no longer wait.
pub fn remove(conn: &mut Conn, keys: &[(Uuid, i64)]) -> Result<(), Fault> {
    diesel::sql_query(
        "DELETE FROM import_waiting w USING UNNEST($1, $2) AS k (import_id, line) WHERE w.import_id = k.import_id AND w.line = k.line",
    )
    .bind::<Array<SqlUuid>, _>(keys.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(keys.iter().map(|(_, line)| *line).collect::<Vec<_>>())
    .execute(conn)
    .map(drop)
}

/// Which of these lines are meant for a record that was written or deleted after they came, by name: they must not overwrite it, nor
/// bring it back.
pub fn overtaken(conn: &mut Conn, kind: Kind, waiting: &[&Waiting]) -> Result<Vec<(Uuid, i64)>, Fault> {
    let rows: Vec<Key> = diesel::sql_query(format!(
        "WITH w AS (SELECT * FROM UNNEST($1, $2, $3, $4, $5) AS w (import_id, line, organisation_id, external_id, since)) \
         SELECT w.import_id, w.line FROM w \
           JOIN {kind} r ON r.external_id = w.external_id AND r.source_organisation_id = w.organisation_id \
          WHERE r.deleted_at IS NULL AND r.updated_at > w.since \
         UNION SELECT w.import_id, w.line FROM w \
           JOIN {kind} r ON r.external_id = w.external_id AND r.source_organisation_id = w.organisation_id \
          WHERE r.deleted_at > w.since",
        kind = kind.name()
    ))
    .bind::<Array<SqlUuid>, _>(waiting.iter().map(|w| w.import_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(waiting.iter().map(|w| w.line).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(waiting.iter().map(|w| w.organisation_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(waiting.iter().map(|w| w.external_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(waiting.iter().map(|w| w.since).collect::<Vec<_>>())
    .load(conn)?;
    Ok(rows.into_iter().map(|key| (key.import_id, key.line)).collect())
}

/// A line that waits for a record of its own kind.
#[derive(Debug, QueryableByName)]
pub struct Link {
    #[diesel(sql_type = BigInt)]
    pub line: i64,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub external_id: String,
    #[diesel(sql_type = Text)]
    pub parent_name: String,
}

/// Lines of an import that wait for records of their own kind.
pub fn links(conn: &mut Conn, import_id: Uuid, limit: i64) -> Result<Vec<Link>, Fault> {
    diesel::sql_query(
        "SELECT line, kind, external_id, parent_name FROM import_waiting WHERE import_id = $1 AND parent_kind = kind LIMIT $2",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Lines that wait, of an organisation or of one import, in the order in which they came.
pub fn list(
    conn: &mut Conn,
    organisation: Uuid,
    import_id: Option<Uuid>,
    after: (Uuid, i64),
    limit: i64,
) -> Result<Vec<Waiting>, Fault> {
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM import_waiting w WHERE w.organisation_id = $1 AND ($2 IS NULL OR w.import_id = $2) \
           AND (w.import_id, w.line) > ($3, $4) ORDER BY w.import_id, w.line LIMIT $5"
    ))
    .bind::<SqlUuid, _>(organisation)
    .bind::<Nullable<SqlUuid>, _>(import_id)
    .bind::<SqlUuid, _>(after.0)
    .bind::<BigInt, _>(after.1)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// A number that grows with every change of a record: while it stays, nothing that is waited for can have come. Zero where
/// nothing waits.
pub fn pulse(conn: &mut Conn) -> Result<i64, Fault> {
    let last: Last = diesel::sql_query(
        "SELECT CASE WHEN EXISTS (SELECT FROM import_waiting) THEN \
           coalesce(pg_sequence_last_value(pg_get_serial_sequence('change_event', 'seq')::regclass), 0) ELSE 0 END AS n",
    )
    .get_result(conn)?;
    Ok(last.n)
}
