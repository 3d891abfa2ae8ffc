//! One export, from the snapshot to its last line.

use std::io;

use chrono::SecondsFormat;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Opener;
use super::lines::{Form, Lines, Packing};
use super::scan::scan;
use crate::audit::{self, Request, is_personal};
use crate::batch::Context;
use crate::db::history;
use crate::db::session::Session;
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, constraints};
use crate::error::{Code, Problem};
use crate::feed::{ops as feed, store};
use crate::http::crud::{Exposed, past_of};
use crate::http::stream::Writer;
use crate::identity::Caller;

/// What is asked for.
pub struct Asked<R: Exposed> {
    /// Only these.
    pub filter: R::Filter,
    /// To go on with: the cursor of the export that was cut off, and the last record that was received of it.
    pub from: Option<(String, Option<Uuid>)>,
    /// In this form.
    pub form: Form,
    /// Compressed in this way.
    pub packing: Packing,
    /// Columns of a table.
    pub columns: Vec<String>,
    /// By whom.
    pub caller: std::sync::Arc<Caller>,
    /// For the note of what was shown.
    pub reading: Request,
    /// Whether the caller's client is still what it was.
    pub standing: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Writes an export. `begun` is told the cursor once there is something to answer with, or why there is nothing.
pub fn export<R: Exposed>(
    session: &mut Session,
    opener: &Opener,
    asked: &Asked<R>,
    writer: Writer,
    begun: oneshot::Sender<Result<String, Problem>>,
) {
    let mut begun = Some(begun);
    let mut lines = match Lines::new(writer, asked.form, asked.packing, asked.columns.clone()) {
        Ok(lines) => lines,
        Err(error) => return tracing::error!(%error, "an export could not be compressed"),
    };
    let mut lost = None;
    let written = write(&mut session.conn, opener, asked, &mut lines, &mut begun, &mut lost);
    if let Some(error) = lost {
        return tracing::info!(%error, "an export was cut off by its reader");
    }
    match written {
        Ok(cursor) => {
            if let Err(error) = lines.end(&cursor) {
                tracing::info!(%error, "an export was cut off by its reader");
            }
        }
        Err(error) => {
            let problem = match error {
                QueryError::Problem(problem) => problem,
                QueryError::Fault(fault) => constraints::problem_of(&fault),
            };
            match begun.take() {
                // Whoever asked may be gone.
                Some(begun) => drop(begun.send(Err(problem))),
                None if problem.code == Code::Unauthenticated => {
                    tracing::info!("an export was cut off: its client was revoked or changed");
                }
                None => tracing::error!(%problem, "an export failed"),
            }
        }
    }
}

fn write<R: Exposed>(
    conn: &mut Conn,
    opener: &Opener,
    asked: &Asked<R>,
    lines: &mut Lines,
    begun: &mut Option<oneshot::Sender<Result<String, Problem>>>,
    lost: &mut Option<io::Error>,
) -> Result<String, QueryError> {
    let context: &Context = &opener.context;
    store::settle_day(conn)?;
    let (epoch, read_at) = store::epoch(conn)?;
    store::sequence(conn)?;
    // The snapshot is read-only, and what is shown is noted before it is sent: on another connection.
    let mut notes = if is_personal(R::KIND) { Some(opener.open()?) } else { None };
    let mut keep = |written: io::Result<()>| {
        written.map_err(|error| {
            *lost = Some(error);
            QueryError::Fault(Fault::RollbackTransaction)
        })
    };
    store::snapshot(conn, |conn| {
        let (cursor, after) = match &asked.from {
            Some((cursor, after)) => {
                feed::check(conn, cursor, epoch)?;
                (cursor.clone(), *after)
            }
            None => (feed::end(conn, epoch)?, None),
        };
        if let Some(past) = past_of::<R>(&asked.filter, context)? {
            history::enter(conn, past)?;
        }
        if let Some(begun) = begun.take() {
            // Whoever asked may be gone: the first piece will tell.
            let _ = begun.send(Ok(cursor.clone()));
        }
        keep(lines.begin(R::KIND.plural(), &cursor, &read_at.to_rfc3339_opts(SecondsFormat::Micros, true)))?;
        let (caller, reading, standing) = (&*asked.caller, &asked.reading, &asked.standing);
        scan::<R>(conn, &asked.filter, after, caller, context, |ids, views| {
            if !standing() {
                return Err(Problem::new(Code::Unauthenticated).into());
            }
            if let Some(notes) = &mut notes {
                let shown = ids.iter().map(|id| (R::KIND, *id));
                audit::note(&mut notes.conn, caller, reading, shown, context)?;
            }
            keep(lines.records(views))
        })?;
        Ok(cursor)
    })
}
