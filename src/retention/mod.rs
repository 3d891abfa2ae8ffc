//! The end of retention: records stay, for what they say of money and work, and nobody knows any more whom they are about. What a call says
//! of it (`retention_months`) counts from its reporting deadline.

pub mod store;

use std::sync::Arc;

use uuid::Uuid;

use crate::audit::{self, Request};
use crate::batch::{self, Context, Effect, Item, Job, Resource, Target, Verb, Wants};
use crate::db::Fault;
use crate::db::session::{Reach, Session, Unreachable};
use crate::error::Problem;
use crate::identity::{Caller, Role};
use crate::outcomes::Outcomes;
use crate::outcomes::ops::Act as OutcomeAct;
use crate::participants::Participants;
use crate::participants::subject::Act as ParticipantAct;
use crate::vault::Mask;

/// Records that are carried out in one transaction.
const AT_ONCE: i64 = 200;

/// What came of it, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Workers' records that are nobody's now.
    pub participants: usize,
    /// Outcomes that lead to nobody any more.
    pub outcomes: usize,
    /// What was recorded of outcomes before.
    pub revisions: usize,
    /// Deleted records that still said something.
    pub tombstones: usize,
    /// Calls that do not say how long workers are kept.
    pub calls_without_an_end: usize,
}

/// Why it could not be carried out. Whatever was committed stays; it can be run again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// No connection.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] Fault),
    /// A record was refused.
    #[error("a record was refused: {0}")]
    Refused(Problem),
    /// A record was not looked at.
    #[error("a record was not carried out")]
    Left,
}

/// Carries it out, or tells what it would come to.
pub fn run(url: &str, context: &Context, dry_run: bool) -> Result<Ended, RetentionError> {
    let mut session = Session::connect(url)?;
    session.act_for(Reach::Login)?;
    let today = context.today();
    let calls_without_an_end = store::calls_without_an_end(&mut session.conn)?;
    if dry_run {
        let due = store::count(&mut session.conn, today)?;
        return Ok(Ended { calls_without_an_end, ..due });
    }
    let mut ended = Ended { calls_without_an_end, ..Ended::default() };
    let (caller, request) = (Arc::new(caller()), Request::internal("run_retention"));
    // One mask for all: records of one person still tell that they are.
    let mask = Arc::new(Mask::new());
    let participants = || ParticipantAct::Pseudonymise(Arc::clone(&mask));
    loop {
        let due = store::participants(&mut session.conn, today, AT_ONCE)?;
        if due.is_empty() {
            break;
        }
        ended.participants += carry_out::<Participants>(&mut session, &due, participants, &caller, &request, context)?;
    }
    loop {
        let due = store::outcomes(&mut session.conn, today, AT_ONCE)?;
        if due.is_empty() {
            break;
        }
        ended.outcomes +=
            carry_out::<Outcomes>(&mut session, &due, || OutcomeAct::Pseudonymise, &caller, &request, context)?;
    }
    loop {
        let emptied = store::empty_revisions(&mut session.conn, today, AT_ONCE)?;
        ended.revisions += emptied;
        if emptied == 0 {
            break;
        }
    }
    ended.tombstones = store::empty_tombstones(&mut session.conn)?;
    audit::note_command(&mut session.conn, "run_retention", "", context.now())?;
    Ok(ended)
}

/// Who does it: nobody's client.
fn caller() -> Caller {
    Caller { role: Role::Region, ..audit::command_line() }
}

/// Takes a step with each of these records, in a transaction of its own; answers how many changed.
fn carry_out<R: Resource>(
    session: &mut Session,
    ids: &[Uuid],
    act: impl Fn() -> R::Act,
    caller: &Arc<Caller>,
    request: &Arc<Request>,
    context: &Context,
) -> Result<usize, RetentionError> {
    let item = |id: &Uuid| Item::<R> {
        caller: Arc::clone(caller),
        request: Arc::clone(request),
        target: Target::Id(*id),
        verb: Verb::Act(act()),
        if_version: None,
        idempotency: None,
        wants: Wants::Record,
    };
    let mut jobs: Vec<Job> = ids.iter().map(|id| Job::new(item(id), None)).collect();
    session.begin()?;
    let worked = attempt(session, &mut jobs, context);
    match worked {
        Ok(changed) => {
            session.commit()?;
            Ok(changed)
        }
        Err(error) => {
            session.roll_back();
            Err(error)
        }
    }
}

fn attempt(session: &mut Session, jobs: &mut [Job], context: &Context) -> Result<usize, RetentionError> {
    batch::carry_out(session, jobs, context)?;
    let mut changed = 0;
    for job in jobs {
        match job.outcome() {
            Some(Ok(reply)) => changed += usize::from(reply.effect == Effect::Changed),
            Some(Err(problem)) => return Err(RetentionError::Refused(problem.clone())),
            None => return Err(RetentionError::Left),
        }
    }
    Ok(changed)
}
