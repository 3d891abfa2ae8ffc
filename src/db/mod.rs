//! The database: connections, the threads that use them, and how models become rows.
//!
//! Nothing outside this folder and the slices' `store.rs` speaks Diesel. Handlers reach a [`Database`] only through a
//! [`crate::http::permit::Permit`], which states the scope they need.

pub mod cell;
pub mod constraints;
pub mod history;
pub mod migrate;
pub mod schema;
pub mod session;
pub mod stored;
mod texts;
pub mod threads;
pub mod usage;

pub use cell::{Cell, CellError, Json};
pub use stored::{ExternalKey, Meta, Stored};
pub use threads::Database;

/// A connection inside a transaction, or for reading. An alias, so that only this folder names the driver.
pub type Conn = diesel::pg::PgConnection;

/// The SQL types of columns, for [`Cell`].
pub mod types {
    pub use diesel::sql_types::{Bool, Bytea, Date, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid};
}

/// A connection outside the pool, for what happens before the service serves.
pub fn connect(url: &str) -> Result<Conn, diesel::ConnectionError> {
    diesel::Connection::establish(url)
}

/// Asks the database for a sign of life.
pub fn ping(conn: &mut Conn) -> Result<(), Fault> {
    diesel::connection::SimpleConnection::batch_execute(conn, "SELECT 1")
}

/// What a store function can fail with: the database's own error, to be judged where the transaction ends.
pub type Fault = diesel::result::Error;
