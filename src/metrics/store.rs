//! Where the feed stands, in the database.

use diesel::prelude::*;
use diesel::sql_types::{Double, Int8};

use crate::db::{Conn, Fault};

/// Where the feed stands.
#[derive(Debug, QueryableByName)]
pub struct Standing {
    /// The last position.
    #[diesel(sql_type = Int8)]
    pub position: i64,
    /// Transactions that were committed and have none yet.
    #[diesel(sql_type = Int8)]
    pub pending: i64,
    /// How long ago the oldest of them wrote its first change, in seconds.
    #[diesel(sql_type = Double)]
    pub oldest_seconds: f64,
    /// Changes in the log, by PostgreSQL's estimate.
    #[diesel(sql_type = Int8)]
    pub events: i64,
}

/// Looks.
pub fn standing(conn: &mut Conn) -> Result<Standing, Fault> {
    diesel::sql_query(
        "SELECT coalesce((SELECT max(position) FROM change_position), 0) AS position, \
                (SELECT count(*) FROM change_pending) AS pending, \
                coalesce((SELECT extract(epoch FROM clock_timestamp() - min(marked_at)) FROM change_pending), 0)::float8 AS oldest_seconds, \
                greatest((SELECT reltuples::bigint FROM pg_class WHERE oid = 'change_event'::regclass), 0) AS events",
    )
    .get_result(conn)
}
