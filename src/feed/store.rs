//! The log in the database: sequencing and reading.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::{Conn, Fault};

/// Transactions that one statement moves into the log; more than wait in practice.
const SEQUENCED_AT_ONCE: i32 = 10_000;

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = Int8)]
    n: i64,
}

/// Numbers every transaction that has committed. A statement of its own, and so committed before anything is read: what is
/// delivered was numbered for good.
pub fn sequence(conn: &mut Conn) -> Result<(), Fault> {
    loop {
        let moved: Moved = diesel::sql_query("SELECT change_log_sequence($1) AS n")
            .bind::<Int4, _>(SEQUENCED_AT_ONCE)
            .get_result(conn)?;
        if moved.n < i64::from(SEQUENCED_AT_ONCE) {
            return Ok(());
        }
    }
}

/// Where the log stands.
#[derive(Debug, QueryableByName)]
pub struct Head {
    /// The feed's epoch.
    #[diesel(sql_type = SqlUuid)]
    pub epoch: Uuid,
    /// The last position.
    #[diesel(sql_type = Int8)]
    pub position: i64,
    /// This instant, by the database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

/// The log's epoch and end.
pub fn head(conn: &mut Conn) -> Result<Head, Fault> {
    diesel::sql_query(
        "SELECT (SELECT epoch FROM feed_epoch ORDER BY started_at DESC LIMIT 1) AS epoch, \
         coalesce((SELECT max(position) FROM change_position), 0) AS position, clock_timestamp() AS now",
    )
    .get_result(conn)
}

/// A change as the log has it.
#[derive(Debug, QueryableByName)]
pub struct Event {
    /// Its transaction's place in the feed.
    #[diesel(sql_type = Int8)]
    pub position: i64,
    /// Its place within the transaction.
    #[diesel(sql_type = Int8)]
    pub seq: i64,
    /// Kind of record.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Which record.
    #[diesel(sql_type = SqlUuid)]
    pub record_id: Uuid,
    /// The version it made.
    #[diesel(sql_type = Int8)]
    pub version: i64,
    /// `upsert` or `delete`.
    #[diesel(sql_type = Text)]
    pub operation: String,
    /// When the sweep began that numbered its transaction.
    #[diesel(sql_type = Timestamptz)]
    pub sequenced_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Instant {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

/// The instant before which everything is delivered to whoever stands within a sweep: the beginning of the sweep before it,
/// or of the feed.
pub fn complete_before(conn: &mut Conn, position: i64, sweep: DateTime<Utc>) -> Result<DateTime<Utc>, Fault> {
    let found: Instant = diesel::sql_query(
        "SELECT coalesce( \
            (SELECT sequenced_at FROM change_position WHERE position <= $1 AND sequenced_at < $2 ORDER BY position DESC LIMIT 1), \
            (SELECT max(started_at) FROM feed_epoch)) AS at",
    )
    .bind::<Int8, _>(position)
    .bind::<Timestamptz, _>(sweep)
    .get_result(conn)?;
    Ok(found.at)
}

/// What to read.
#[derive(Debug)]
pub struct Range<'a> {
    /// After this position and this place within it.
    pub after: (i64, i64),
    /// Up to this position.
    pub through: i64,
    /// Of these kinds.
    pub kinds: &'a [&'a str],
    /// Only what this organisation sees.
    pub sight: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Events in feed order.
pub fn events(conn: &mut Conn, range: &Range<'_>) -> Result<Vec<Event>, Fault> {
    diesel::sql_query(
        "SELECT p.position, e.seq, e.kind, e.record_id, e.version, e.operation, p.sequenced_at \
         FROM change_position p JOIN change_event e ON e.xid = p.xid AND e.seq <= p.last_seq \
         WHERE p.position >= $1 AND p.position <= $3 AND (p.position > $1 OR e.seq > $2) AND e.kind = ANY ($4) \
           AND ($5 IS NULL OR e.partnership_id IS NULL OR EXISTS ( \
                SELECT FROM sight s WHERE s.partnership_id = e.partnership_id AND s.organisation_id = $5)) \
         ORDER BY p.position, e.seq LIMIT $6",
    )
    .bind::<Int8, _>(range.after.0)
    .bind::<Int8, _>(range.after.1)
    .bind::<Int8, _>(range.through)
    .bind::<Array<Text>, _>(range.kinds)
    .bind::<Nullable<SqlUuid>, _>(range.sight)
    .bind::<Int8, _>(range.limit)
    .load(conn)
}
