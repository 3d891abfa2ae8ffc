//! What was known at an instant, and true on a day: the same queries on the same tables as they were then. The database's schema `known`
//! has them; for one transaction it stands before the present one.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use diesel::RunQueryDsl as _;
use diesel::sql_types::Text;

use super::threads::QueryError;
use super::{Conn, Fault};

/// A point in recorded time, in valid time, or in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// What had been recorded by then; everything where there is none.
    pub known_at: Option<DateTime<Utc>>,
    /// What had begun by that day; everything where there is none.
    pub as_of: Option<NaiveDate>,
}

/// From here to its end, the transaction that `conn` is in reads the past.
pub fn enter(conn: &mut Conn, past: Past) -> Result<(), Fault> {
    let known_at = past.known_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)).unwrap_or_default();
    let as_of = past.as_of.map(|day| day.to_string()).unwrap_or_default();
    diesel::sql_query(
        "SELECT set_config('ricolloca.as_known_at', $1, true), set_config('ricolloca.as_of', $2, true), set_config('search_path', 'known, public', true)",
    )
    .bind::<Text, _>(known_at)
    .bind::<Text, _>(as_of)
    .execute(conn)
    .map(drop)
}

/// Reads the past, in a transaction of its own.
pub fn read<T>(
    conn: &mut Conn,
    past: Past,
    read: impl FnOnce(&mut Conn) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    conn.build_transaction().repeatable_read().read_only().run(|conn| {
        enter(conn, past)?;
        read(conn)
    })
}
