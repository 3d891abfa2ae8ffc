//! A change with its type erased, so that changes of every kind wait in one queue and share a transaction.

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Context, Item, Resource, wave};
use crate::db::constraints::problem_of;
use crate::db::session::{Reach, Session, is_transient};
use crate::db::threads::Erased;
use crate::db::{Conn, Fault};
use crate::error::{Code, Problem};
use crate::kind::Kind;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is new.
    Created,
    /// It is another than before.
    Changed,
    /// It was so already; nothing was written.
    Unchanged,
    /// It is a tombstone now.
    Deleted,
}

impl Effect {
    /// As it is noted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
        }
    }
}

/// The answer to a change that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Which record.
    pub id: Uuid,
    /// Its version now.
    pub version: i64,
    /// What became of it.
    pub effect: Effect,
    /// The record as the caller may see it, as JSON; empty after a deletion, or where it is not wanted.
    pub body: Vec<u8>,
    /// The fields of what clients send that are other than before, where that is wanted and the record was changed.
    pub fields: Vec<String>,
    /// Whether this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

/// How a change ends.
pub type Answer = Result<Reply, Problem>;

type Run = fn(&mut Conn, Vec<&mut Job>, &Context) -> Result<(), Fault>;

/// A change that waits to be carried out.
pub struct Job {
    kind: Kind,
    reach: Reach,
    pub(super) item: Erased,
    run: Run,
    pub(super) outcome: Option<Answer>,
    reply: Option<oneshot::Sender<Answer>>,
}

impl Job {
    /// A change whose answer goes to `reply`, or stays with the job.
    pub fn new<R: Resource>(item: Item<R>, reply: Option<oneshot::Sender<Answer>>) -> Self {
        let reach = Reach::of(item.caller.sight());
        Self { kind: R::KIND, reach, item: Box::new(item), run: wave::run::<R>, outcome: None, reply }
    }

    /// Whose rows it touches.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// How it ended, once it has.
    pub const fn outcome(&self) -> Option<&Answer> {
        self.outcome.as_ref()
    }

    /// Ends it without having been carried out.
    pub fn fail(&mut self, problem: &Problem) {
        self.outcome = Some(Err(problem.clone()));
    }

    /// Sends the answer.
    pub fn answer(self) {
        if let (Some(reply), Some(outcome)) = (self.reply, self.outcome) {
            // A client that hung up no longer wants it; what was done stays done.
            let _ = reply.send(outcome);
        }
    }
}

/// How often a batch that met a deadlock or a serialization failure is tried again.
const TRIES: u32 = 5;

/// Carries out all jobs, which have one reach, and commits, in a transaction that the caller has begun for it. A job that the rules refuse does not touch
/// its neighbours. If the database refuses the batch, it is halved until the one job is found that it refuses.
pub fn commit(session: &mut Session, jobs: &mut [Job], context: &Context) {
    match attempt(session, jobs, context) {
        Ok(()) => {}
        Err(fault) => {
            session.note(&fault);
            // After a lost connection it is not known whether the commit took place: the clients retry, and their keys tell.
            if session.doomed {
                let problem = problem_of(&fault);
                jobs.iter_mut().for_each(|job| job.fail(&problem));
                return;
            }
            session.roll_back();
            again(session, jobs, context, &fault, TRIES);
        }
    }
}

fn again(session: &mut Session, jobs: &mut [Job], context: &Context, fault: &Fault, tries: u32) {
    let transient = is_transient(fault);
    if let [job] = jobs
        && (!transient || tries == 0)
    {
        job.fail(&problem_of(fault));
        return;
    }
    // Halving also breaks up a deadlock: smaller batches lock less.
    let middle = if jobs.len() > 1 { jobs.len() / 2 } else { jobs.len() };
    let (left, right) = jobs.split_at_mut(middle);
    for half in [left, right] {
        if half.is_empty() {
            continue;
        }
        if session.doomed {
            half.iter_mut().for_each(|job| job.fail(&Problem::new(Code::Unavailable)));
            continue;
        }
        let reach = half.first().map_or(Reach::Nobody, Job::reach);
        let result = session.begin_for(reach).and_then(|()| attempt(session, half, context));
        if let Err(fault) = result {
            session.note(&fault);
            if session.doomed {
                half.iter_mut().for_each(|job| job.fail(&problem_of(&fault)));
                continue;
            }
            session.roll_back();
            again(session, half, context, &fault, if transient { tries.saturating_sub(1) } else { tries });
        }
    }
}

fn attempt(session: &mut Session, jobs: &mut [Job], context: &Context) -> Result<(), Fault> {
    carry_out(session, jobs, context)?;
    session.commit()
}

/// Carries out all jobs in a transaction that the caller has begun and will end, and ends by itself those that the database
/// refuses: what it refuses together is halved until the one job is found. For whoever commits other things with them. An error
/// is one of the connection: nothing is known of the transaction then.
pub fn carry_out_in_parts(session: &mut Session, jobs: &mut [Job], context: &Context) -> Result<(), Fault> {
    in_parts(session, jobs, context, TRIES)
}

fn in_parts(session: &mut Session, jobs: &mut [Job], context: &Context, tries: u32) -> Result<(), Fault> {
    if jobs.is_empty() {
        return Ok(());
    }
    session.mark()?;
    let Err(fault) = carry_out(session, jobs, context) else { return session.forget_mark() };
    session.note(&fault);
    if session.doomed {
        return Err(fault);
    }
    session.back_to_mark()?;
    let transient = is_transient(&fault);
    if let [job] = jobs
        && (!transient || tries == 0)
    {
        job.fail(&problem_of(&fault));
        return Ok(());
    }
    let middle = if jobs.len() > 1 { jobs.len() / 2 } else { jobs.len() };
    let (left, right) = jobs.split_at_mut(middle);
    let tries = if transient { tries.saturating_sub(1) } else { tries };
    in_parts(session, left, context, tries)?;
    in_parts(session, right, context, tries)
}

/// Carries out all jobs in a transaction that the caller has begun and will end. For whoever wants all or nothing.
pub fn carry_out(session: &mut Session, jobs: &mut [Job], context: &Context) -> Result<(), Fault> {
    jobs.iter_mut().for_each(|job| job.outcome = None);
    let mut groups: Vec<(Kind, Run, Vec<&mut Job>)> = Vec::new();
    for job in jobs {
        match groups.iter_mut().find(|(kind, ..)| *kind == job.kind) {
            Some((.., group)) => group.push(job),
            None => groups.push((job.kind, job.run, vec![job])),
        }
    }
    // Parents first, so that a batch may hold a record and what refers to it.
    groups.sort_by_key(|(kind, ..)| *kind);
    for (_, run, group) in groups {
        run(&mut session.conn, group, context)?;
    }
    Ok(())
}
