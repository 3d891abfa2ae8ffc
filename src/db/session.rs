//! Connections: r2d2 owns them, and lets go of one that has failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::result::{DatabaseErrorKind, Error};
use uuid::Uuid;

/// Whose rows of people PostgreSQL lets a connection touch: the second lock, whatever a query may forget. The migration `row_security`
/// has the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// No rows: the service's own upkeep needs none.
    Nobody,
    /// Those that this organisation sees.
    Of(Uuid),
    /// All of them.
    All,
    /// All of them, and the tables that only commands change: for demo data.
    Login,
}

impl Reach {
    /// The reach of who has this sight: see [`Caller::sight`](crate::identity::Caller::sight).
    pub fn of(sight: Option<Uuid>) -> Self {
        sight.map_or(Self::All, Self::Of)
    }

    fn statements(self) -> String {
        match self {
            Self::Nobody => "SET ROLE ricolloca_member; SET ricolloca.organisation = ''".to_owned(),
            Self::Of(organisation) => {
                format!("SET ROLE ricolloca_member; SET ricolloca.organisation = '{organisation}'")
            }
            Self::Login => "RESET ROLE; SET ricolloca.organisation = ''".to_owned(),
            Self::All => "SET ROLE ricolloca_region; SET ricolloca.organisation = ''".to_owned(),
        }
    }
}

/// A connection with what is known of its health.
pub struct Session {
    /// The connection itself.
    pub conn: PgConnection,
    /// Set when an error leaves its state in doubt: it is then closed instead of used again. This takes the place of a
    /// ping before each use, which costs a quarter of the throughput.
    pub doomed: bool,
    /// Whose rows it touches; `None` where that is not certain.
    reach: Option<Reach>,
    opened: Instant,
    used: Instant,
    url: Arc<str>,
}

/// After so long without use a connection is tried before a query is put to it.
const IDLE: Duration = Duration::from_millis(100);

impl Session {
    fn open(url: &Arc<str>) -> Result<Self, Unreachable> {
        let mut conn = PgConnection::establish(url).map_err(|error| Unreachable(error.to_string()))?;
        // A statement that runs away must not hold its locks for ever, nor a lost client its transaction. Compiling a statement to
        // machine code takes longer than any of ours: a page of the feed took 300 ms with it and 20 without.
        let settings = "SET TIME ZONE 'UTC'; SET jit = off; SET statement_timeout = '60s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'";
        conn.batch_execute(&format!("{settings}; {}", Reach::Nobody.statements()))
            .map_err(|error| Unreachable(error.to_string()))?;
        let (reach, now) = (Some(Reach::Nobody), Instant::now());
        Ok(Self { conn, doomed: false, reach, opened: now, used: now, url: Arc::clone(url) })
    }

    /// A connection outside the pool. It reaches nobody's rows yet.
    pub fn connect(url: &str) -> Result<Self, Unreachable> {
        Self::open(&url.into())
    }

    /// Replaces a connection that died by a fresh one.
    pub fn reopen(&mut self) -> Result<(), Unreachable> {
        *self = Self::open(&Arc::clone(&self.url))?;
        Ok(())
    }

    /// From here on it touches the rows of `reach`.
    pub fn act_for(&mut self, reach: Reach) -> Result<(), Error> {
        if self.reach != Some(reach) {
            self.reach = None;
            self.conn.batch_execute(&reach.statements())?;
            self.reach = Some(reach);
        }
        Ok(())
    }

    /// Makes it ready for a query that touches the rows of `reach`. Notices a connection that died while nobody used it, and replaces it:
    /// a query cannot be put a second time. One that is in use all the time is not asked, since that would cost a quarter of the
    /// throughput.
    pub fn wake(&mut self, reach: Reach) -> Result<(), Error> {
        let died = if self.reach != Some(reach) {
            self.act_for(reach).is_err()
        } else {
            self.used.elapsed() >= IDLE && self.conn.batch_execute("SELECT 1").is_err()
        };
        self.used = Instant::now();
        if died && self.reopen().is_err() {
            self.doomed = true;
        }
        self.act_for(reach)
    }

    /// Begins a transaction that touches the rows of `reach`: said in the same round trip, where it was not said before.
    pub fn begin_for(&mut self, reach: Reach) -> Result<(), Error> {
        if self.reach == Some(reach) {
            return self.begin();
        }
        self.reach = None;
        self.conn.batch_execute(&format!("{}; BEGIN", reach.statements()))?;
        self.reach = Some(reach);
        Ok(())
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.conn.batch_execute("BEGIN")
    }

    /// Commits it.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.conn.batch_execute("COMMIT")
    }

    /// Takes it back. A connection that cannot even do that is not used again.
    pub fn roll_back(&mut self) {
        // What was said of the reach within the transaction is taken back with it.
        self.reach = None;
        if self.conn.batch_execute("ROLLBACK").is_err() {
            self.doomed = true;
        }
    }

    /// Has PostgreSQL look at these tables, or at all where none is named, so that its plans are made for what is in them. Until it
    /// has looked at a table, it takes every partial index for nearly empty, and reads it whole.
    pub fn analyze(&mut self, tables: &[&str]) -> Result<(), Error> {
        let tables: Vec<String> = tables.iter().map(|table| format!("'{table}'")).collect();
        self.conn.batch_execute(&format!("SELECT look_at_tables(ARRAY[{}]::text[])", tables.join(", ")))
    }

    /// Marks a point within the transaction.
    pub fn mark(&mut self) -> Result<(), Error> {
        self.conn.batch_execute("SAVEPOINT mark")
    }

    /// Gives up the mark; what was done since then stays.
    pub fn forget_mark(&mut self) -> Result<(), Error> {
        self.conn.batch_execute("RELEASE SAVEPOINT mark")
    }

    /// Takes back what was done since the mark, and gives it up.
    pub fn back_to_mark(&mut self) -> Result<(), Error> {
        self.reach = None;
        self.conn.batch_execute("ROLLBACK TO SAVEPOINT mark; RELEASE SAVEPOINT mark")
    }

    /// Notes what an error says about the connection.
    pub fn note(&mut self, error: &Error) {
        if is_connection_fault(error) {
            self.doomed = true;
        }
    }
}

/// Whether an error is about the connection or the server rather than about the statement.
pub fn is_connection_fault(error: &Error) -> bool {
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        )
        | Error::BrokenTransactionManager
        | Error::AlreadyInTransaction => true,
        // libpq reports a server that went away without an SQLSTATE, so that Diesel cannot classify it.
        Error::DatabaseError(DatabaseErrorKind::Unknown, info) => {
            let message = info.message();
            [
                "server closed the connection",
                "terminating connection",
                "no connection to the server",
                "could not receive data",
                "SSL connection has been closed",
                "the database system is",
            ]
            .iter()
            .any(|sign| message.contains(sign))
        }
        Error::RollbackErrorOnCommit { rollback_error, commit_error } => {
            is_connection_fault(rollback_error) || is_connection_fault(commit_error)
        }
        _ => false,
    }
}

/// Whether the same transaction may succeed when it is tried again.
pub fn is_transient(error: &Error) -> bool {
    match error {
        // Another transaction made the record that this one did not find: now it will be found.
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
            info.constraint_name().is_some_and(|name| name.ends_with("_external_id_uq"))
        }
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        Error::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        other => is_connection_fault(other),
    }
}

/// A connection lives at most this long, so that a failover or a change of settings reaches every one of them.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// Opens and judges connections for r2d2.
pub struct Manager {
    url: Arc<str>,
}

impl Manager {
    /// Connections to this database.
    pub fn new(url: impl Into<Arc<str>>) -> Self {
        Self { url: url.into() }
    }
}

/// Why a connection could not be had. Says nothing of the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be reached: {0}")]
pub struct Unreachable(String);

impl r2d2::ManageConnection for Manager {
    type Connection = Session;
    type Error = Unreachable;

    fn connect(&self) -> Result<Session, Unreachable> {
        Session::open(&self.url)
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), Unreachable> {
        session.conn.batch_execute("SELECT 1").map_err(|error| Unreachable(error.to_string()))
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.doomed || session.opened.elapsed() > MAX_AGE || std::thread::panicking()
    }
}
