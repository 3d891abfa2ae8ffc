//! Exports: all records of a kind that a reader sees, as they are at one instant, and the place in the feed that goes on from there.
//!
//! One thread and one connection for each, so that a slow reader holds up nobody else, and at most [`MOST`] at a time. The way of the
//! data: [`scan`] (records in one snapshot) -> [`lines`] (NDJSON or CSV, compressed) -> [`crate::http::stream`] (pieces, to a
//! client that may stall or hang up).

pub mod lines;
pub mod ops;
pub mod routes;
pub mod scan;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use uuid::Uuid;

use crate::batch::Context;
use crate::db::session::{Reach, Session};
use crate::error::{Code, Problem};
use crate::places::Places;
use crate::text;

/// Exports and reconciliations at the same time: each holds a connection and a snapshot.
pub const MOST: usize = 4;

/// Those of one organisation: one is always left for the others.
const OF_ONE: usize = MOST - 1;

/// The way to the threads that read for long. Cloning is cheap.
#[derive(Clone)]
pub struct Readers {
    url: Arc<str>,
    context: Arc<Context>,
    places: Places,
}

impl Readers {
    /// For a database.
    pub fn new(url: &str, context: &Arc<Context>) -> Self {
        Self { url: url.into(), context: Arc::clone(context), places: Places::new(MOST, OF_ONE) }
    }

    /// Has a thread of its own read what is within reach, with a connection of its own, for an organisation.
    pub fn start(
        &self,
        reach: Reach,
        organisation: Uuid,
        read: impl FnOnce(Result<&mut Session, Problem>, &Opener) + Send + 'static,
    ) -> Result<(), Problem> {
        let place = self.places.take(organisation).ok_or_else(|| {
            Problem::because(
                Code::Unavailable,
                text!(
                    "{MOST} exports are running already, or {OF_ONE} of the organisation: come again later."
                        / "Sono già in corso {MOST} esportazioni, o {OF_ONE} del soggetto: riprovare più tardi."
                ),
            )
        })?;
        let opener = Opener { url: Arc::clone(&self.url), reach, context: Arc::clone(&self.context) };
        let thread = std::thread::Builder::new().name("export".to_owned()).spawn(move || {
            let _place = place;
            let session = opener.open();
            let mut session = match session {
                Ok(session) => session,
                Err(problem) => return read(Err(problem), &opener),
            };
            // The connection closes with its thread, and with it whatever it had begun.
            if catch_unwind(AssertUnwindSafe(|| read(Ok(&mut session), &opener))).is_err() {
                tracing::error!("an export panicked");
            }
        });
        thread.map(drop).map_err(|_| Problem::new(Code::Unavailable))
    }
}

/// What a reading thread needs besides its connection.
pub struct Opener {
    url: Arc<str>,
    reach: Reach,
    /// Clock and keys.
    pub context: Arc<Context>,
}

impl Opener {
    /// Another connection.
    pub fn open(&self) -> Result<Session, Problem> {
        let lost = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, "no database connection could be had for an export");
            Problem::new(Code::Unavailable)
        };
        let mut session = Session::connect(&self.url).map_err(|error| lost(&error))?;
        session.act_for(self.reach).map_err(|error| lost(&error))?;
        Ok(session)
    }
}
