//! The log in the database: sequencing and reading.

use std::time::Instant;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::schema::sight;
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::kind::Kind;
use crate::metrics::metrics;

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
        let began = Instant::now();
        let moved: Moved = diesel::sql_query("SELECT change_log_sequence($1) AS n")
            .bind::<Int4, _>(SEQUENCED_AT_ONCE)
            .get_result(conn)?;
        metrics().sequenced(moved.n, began.elapsed());
        if moved.n < i64::from(SEQUENCED_AT_ONCE) {
            return Ok(());
        }
    }
}

/// Tells of memberships that ended with a day, where no reader of this day has done so yet.
pub fn settle_day(conn: &mut Conn) -> Result<(), Fault> {
    diesel::sql_query("SELECT sight_settle_day()").execute(conn).map(drop)
}

#[derive(QueryableByName)]
struct Epoch {
    #[diesel(sql_type = SqlUuid)]
    epoch: Uuid,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// The log's epoch, a new one where the database is not the one that it was, and this instant by the database's clock.
pub fn epoch(conn: &mut Conn) -> Result<(Uuid, DateTime<Utc>), Fault> {
    let found: Epoch =
        diesel::sql_query("SELECT feed_epoch_now() AS epoch, clock_timestamp() AS now").get_result(conn)?;
    Ok((found.epoch, found.now))
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
    /// The last position of the epoch before.
    #[diesel(sql_type = Int8)]
    pub after_position: i64,
    /// The last change of the epoch before.
    #[diesel(sql_type = Int8)]
    pub after_seq: i64,
    /// The last position that was forgotten.
    #[diesel(sql_type = Int8)]
    pub pruned_through: i64,
    /// This instant, by the database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

/// The end of the log of an epoch.
pub fn head(conn: &mut Conn, epoch: Uuid) -> Result<Head, Fault> {
    diesel::sql_query(
        "SELECT epoch, after_position, after_seq, pruned_through, coalesce((SELECT max(position) FROM change_position), 0) AS position, clock_timestamp() AS now \
         FROM feed_epoch WHERE epoch = $1",
    )
    .bind::<SqlUuid, _>(epoch)
    .get_result(conn)
}

/// Reads within one snapshot.
pub fn snapshot<T>(conn: &mut Conn, read: impl FnOnce(&mut Conn) -> Result<T, QueryError>) -> Result<T, QueryError> {
    conn.build_transaction().repeatable_read().read_only().run(read)
}

#[derive(QueryableByName)]
struct Transaction {
    #[diesel(sql_type = Text)]
    xid: String,
}

/// The transaction at a position.
pub fn transaction_at(conn: &mut Conn, position: i64) -> Result<Option<String>, Fault> {
    let found: Option<Transaction> =
        diesel::sql_query("SELECT xid::text AS xid FROM change_position WHERE position = $1")
            .bind::<Int8, _>(position)
            .get_result(conn)
            .optional()?;
    Ok(found.map(|found| found.xid))
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
    /// `upsert`, `delete`, `grant` or `revoke`.
    #[diesel(sql_type = Text)]
    pub operation: String,
}

#[derive(QueryableByName)]
struct Moment {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

/// The instant before which everything is delivered to whoever stands at a position within a sweep: the beginning of the sweep
/// before it, or of the feed.
pub fn complete_before(conn: &mut Conn, position: i64) -> Result<DateTime<Utc>, Fault> {
    let found: Moment = diesel::sql_query(
        "SELECT coalesce( \
            (SELECT sequenced_at FROM change_position WHERE position <= $1 \
                AND sequenced_at < (SELECT sequenced_at FROM change_position WHERE position = $1) ORDER BY position DESC LIMIT 1), \
            (SELECT max(started_at) FROM feed_epoch)) AS at",
    )
    .bind::<Int8, _>(position)
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
    /// Position and change that the epoch began after: the numbers of transactions may have begun again then.
    pub epoch: (i64, i64),
    /// Of these kinds.
    pub kinds: &'a [&'a str],
    /// Only what this organisation sees.
    pub sight: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Events in feed order: of what the reader sees now, and what it gained and lost sight of.
pub fn events(conn: &mut Conn, range: &Range<'_>) -> Result<Vec<Event>, Fault> {
    diesel::sql_query(
        "SELECT p.position, e.seq, e.kind, e.record_id, e.version, e.operation \
         FROM change_position p JOIN change_event e ON e.xid = p.xid AND e.seq <= p.last_seq \
         WHERE p.position >= $1 AND p.position <= $3 AND (p.position > $1 OR e.seq > $2) \
           AND (p.position <= $7 OR e.seq > $8) \
           AND CASE WHEN e.organisation_id IS NULL THEN e.kind = ANY ($4) ELSE e.organisation_id = $5 END \
           AND ($5 IS NULL OR e.partnership_id IS NULL OR e.operation = 'revoke' OR EXISTS ( \
                SELECT FROM sight s WHERE s.partnership_id = e.partnership_id AND s.organisation_id = $5)) \
         ORDER BY p.position, e.seq LIMIT $6",
    )
    .bind::<Int8, _>(range.after.0)
    .bind::<Int8, _>(range.after.1)
    .bind::<Int8, _>(range.through)
    .bind::<Array<Text>, _>(range.kinds)
    .bind::<Nullable<SqlUuid>, _>(range.sight)
    .bind::<Int8, _>(range.limit)
    .bind::<Int8, _>(range.epoch.0)
    .bind::<Int8, _>(range.epoch.1)
    .load(conn)
}

/// Whether an organisation sees a partnership now.
pub fn sees(conn: &mut Conn, organisation: Uuid, partnership: Uuid) -> Result<bool, Fault> {
    let found = sight::table
        .filter(sight::organisation_id.eq(organisation))
        .filter(sight::partnership_id.eq(partnership))
        .select(sight::partnership_id)
        .first::<Uuid>(conn)
        .optional()?;
    Ok(found.is_some())
}

/// A record of a partnership.
#[derive(Debug, QueryableByName)]
pub struct Belonging {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Its version.
    #[diesel(sql_type = Int8)]
    pub version: i64,
}

/// The live records of a kind that belong to a partnership, by their ids.
pub fn belonging(
    conn: &mut Conn,
    kind: Kind,
    partnership: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Belonging>, Fault> {
    let (table, of) = match kind {
        // Nobody gains or loses sight of these.
        Kind::Organisation | Kind::Call => return Ok(Vec::new()),
        Kind::Partnership => ("partnership", "id"),
        Kind::Member => ("member", "partnership_id"),
        Kind::Cohort => ("cohort", "partnership_id"),
        Kind::Participant => ("participant", "partnership_id"),
        Kind::Action => ("action", "partnership_id"),
        Kind::Outcome => ("outcome", "partnership_id"),
    };
    diesel::sql_query(format!(
        "SELECT id, version FROM {table} WHERE {of} = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT $3"
    ))
    .bind::<SqlUuid, _>(partnership)
    .bind::<SqlUuid, _>(after)
    .bind::<Int8, _>(limit)
    .load(conn)
}

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Bool)]
    pending: bool,
    #[diesel(sql_type = Int8)]
    position: i64,
}

/// The last position, after what has been committed was numbered; asks little of the database where nothing was.
pub fn advance(conn: &mut Conn) -> Result<i64, Fault> {
    let look = |conn: &mut Conn| -> Result<Standing, Fault> {
        diesel::sql_query(
            "SELECT EXISTS (SELECT FROM change_pending) AS pending, coalesce((SELECT max(position) FROM change_position), 0) AS position",
        )
        .get_result(conn)
    };
    let found = look(conn)?;
    if !found.pending {
        return Ok(found.position);
    }
    sequence(conn)?;
    Ok(look(conn)?.position)
}

/// Forgets what is older than `before`, some thousand transactions at a time; answers how many were. The head stays, or
/// positions would begin again. What is read meanwhile ends in the cursor of a place that is still there, or in a 410.
pub fn prune(conn: &mut Conn, before: DateTime<Utc>) -> Result<i64, Fault> {
    let moved: Moved = diesel::sql_query("SELECT feed_prune($1, $2) AS n")
        .bind::<Timestamptz, _>(before)
        .bind::<Int4, _>(SEQUENCED_AT_ONCE)
        .get_result(conn)?;
    Ok(moved.n)
}
