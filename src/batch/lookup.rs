//! Reads by id, coalesced: what waits is read with one query per kind.

use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Context, Resource, refs};
use crate::audit::{self, Request};
use crate::db::session::Reach;
use crate::db::{Conn, Fault, Stored};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::kind::Kind;

/// A record as its reader may see it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The version read.
    pub version: i64,
    /// The record as JSON.
    pub body: Vec<u8>,
}

/// How a read ends.
pub type LookupAnswer = Result<Fetched, Problem>;

type Run = fn(&mut Conn, &mut [&mut Lookup], &Context) -> Result<(), Fault>;

/// A read that waits to be made.
pub struct Lookup {
    kind: Kind,
    id: Uuid,
    caller: Arc<Caller>,
    reading: Request,
    run: Run,
    outcome: Option<LookupAnswer>,
    reply: oneshot::Sender<LookupAnswer>,
}

impl Lookup {
    /// The record of this id, for this caller.
    pub fn new<R: Resource>(
        id: Uuid,
        caller: Arc<Caller>,
        reading: Request,
        reply: oneshot::Sender<LookupAnswer>,
    ) -> Self {
        Self { kind: R::KIND, id, caller, reading, run: run::<R>, outcome: None, reply }
    }

    /// Whose rows it touches.
    pub fn reach(&self) -> Reach {
        Reach::of(self.caller.sight())
    }

    /// Ends it without an answer from the database.
    pub fn fail(&mut self, problem: &Problem) {
        self.outcome = Some(Err(problem.clone()));
    }

    /// Sends the answer.
    pub fn answer(self) {
        if let Some(outcome) = self.outcome {
            let _ = self.reply.send(outcome);
        }
    }
}

/// Makes all reads.
pub fn look_up(conn: &mut Conn, lookups: &mut [Lookup], context: &Context) -> Result<(), Fault> {
    let mut groups: Vec<(Kind, Run, Vec<&mut Lookup>)> = Vec::new();
    for lookup in lookups {
        match groups.iter_mut().find(|(kind, ..)| *kind == lookup.kind) {
            Some((.., group)) => group.push(lookup),
            None => groups.push((lookup.kind, lookup.run, vec![lookup])),
        }
    }
    for (_, run, mut group) in groups {
        run(conn, &mut group, context)?;
    }
    Ok(())
}

fn run<R: Resource>(conn: &mut Conn, lookups: &mut [&mut Lookup], context: &Context) -> Result<(), Fault> {
    let callers: Vec<Arc<Caller>> = lookups.iter().map(|lookup| Arc::clone(&lookup.caller)).collect();
    let callers: Vec<&Caller> = callers.iter().map(AsRef::as_ref).collect();
    let ids: Vec<Option<Uuid>> = lookups.iter().map(|lookup| Some(lookup.id)).collect();
    let records = refs::visible::<R>(conn, &callers, &ids)?;
    let shown: Vec<(&R::Record, &Caller)> =
        records.iter().zip(&callers).filter_map(|(record, caller)| Some((record.as_ref()?, *caller))).collect();
    let mut views = R::views(conn, &shown, context)?.into_iter();
    let found = lookups.iter().zip(&records).filter(|(_, record)| record.is_some());
    let noted: Vec<_> =
        found.map(|(lookup, _)| (lookup.caller.as_ref(), &lookup.reading, R::KIND, lookup.id)).collect();
    audit::note_each(conn, &noted, context)?;
    for (lookup, record) in lookups.iter_mut().zip(&records) {
        let answer = record.as_ref().and_then(|record| {
            let view = views.next()?;
            Some(
                serde_json::to_vec(&view)
                    .map(|body| Fetched { version: record.meta().version, body })
                    .map_err(|_| Problem::new(Code::Internal)),
            )
        });
        lookup.outcome = Some(answer.unwrap_or_else(|| Err(Problem::new(Code::NotFound))));
    }
    Ok(())
}
