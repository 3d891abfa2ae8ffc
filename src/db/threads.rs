//! The database threads. Each owns a connection while it works and takes all that waits in its queue, up to a bound:
//! reads by id become one query, writes become one transaction. Under load the work per request shrinks instead of growing;
//! at rest a request waits for nobody.
//!
//! Queues are bounded. What cannot be queued, or has waited too long to be of use, is refused with 503 and `Retry-After`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::session::{Manager, Reach, Session};
use super::{Conn, Fault};
use crate::batch::{self, Context, Job, Lookup};
use crate::error::{Code, Problem};
use crate::text;

/// How many threads serve which queue, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Threads for reads by id.
    pub lookups: usize,
    /// Threads for lists, feeds and other queries.
    pub queries: usize,
    /// Threads for writes.
    pub writes: usize,
    /// Requests that may wait in each queue.
    pub queue: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { lookups: 1, queries: 4, writes: 2, queue: 1024 }
    }
}

/// At most this many requests share a query or a transaction: a larger batch gains little and its last member waits longer.
const BATCH: usize = 64;

/// A request that has waited longer than this is answered with 503: its client has given up or will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that waits for a thread, and can be told that none will serve it.
trait Request: Send + 'static {
    /// Ends it with this problem.
    fn refuse(self, problem: Problem);
}

impl Request for Lookup {
    fn refuse(mut self, problem: Problem) {
        self.fail(&problem);
        self.answer();
    }
}

impl Request for Job {
    fn refuse(mut self, problem: Problem) {
        self.fail(&problem);
        self.answer();
    }
}

/// A query with its answer's way home. It is called with the problem where there is no session to run it on.
struct Work(Query, Reach);

type Query = Box<dyn FnOnce(Result<&mut Session, Problem>) + Send>;

impl Request for Work {
    fn refuse(self, problem: Problem) {
        (self.0)(Err(problem));
    }
}

struct Waiting<T> {
    since: Instant,
    item: T,
}

/// The way to the database. Cloning is cheap.
#[derive(Clone)]
pub struct Database {
    lookups: SyncSender<Waiting<Lookup>>,
    queries: SyncSender<Waiting<Work>>,
    writes: SyncSender<Waiting<Job>>,
    context: Arc<Context>,
    reach: Reach,
}

/// The pool could not be filled, or a thread not started.
#[derive(Debug, thiserror::Error)]
#[error("the database threads could not be started: {0}")]
pub struct StartError(String);

impl Database {
    /// Connects and starts the threads. They end when the last clone is dropped.
    pub fn start(url: &str, sizes: Sizes, context: Arc<Context>) -> Result<Self, StartError> {
        let connections = u32::try_from(sizes.lookups + sizes.queries + sizes.writes).unwrap_or(u32::MAX);
        let pool = r2d2::Pool::builder()
            .max_size(connections)
            .test_on_check_out(false)
            .connection_timeout(Duration::from_secs(5))
            .build(Manager::new(url))
            .map_err(|error| StartError(error.to_string()))?;
        let start_error = |error: std::io::Error| StartError(error.to_string());
        let (lookups, queue) = sync_channel(sizes.queue);
        let shared = Arc::clone(&context);
        spawn("lookup", sizes.lookups, queue, BATCH, &pool, move |session, items: Vec<Lookup>| {
            serve_lookups(session, items, &shared)
        })
        .map_err(start_error)?;
        let (queries, queue) = sync_channel(sizes.queue);
        spawn("query", sizes.queries, queue, 1, &pool, |session, items: Vec<Work>| {
            for Work(query, reach) in items {
                let ready = session.wake(reach).map_err(|fault| {
                    session.doomed = true;
                    super::constraints::problem_of(&fault)
                });
                query(ready.map(|()| &mut *session));
            }
        })
        .map_err(start_error)?;
        let (writes, queue) = sync_channel(sizes.queue);
        let shared = Arc::clone(&context);
        spawn("write", sizes.writes, queue, BATCH, &pool, move |session, items: Vec<Job>| {
            serve_writes(session, items, &shared)
        })
        .map_err(start_error)?;
        Ok(Self { lookups, queries, writes, context, reach: Reach::Nobody })
    }

    /// The same, for queries that touch the rows of `reach`. Without it they touch nobody's.
    #[must_use]
    pub fn acting_for(&self, reach: Reach) -> Self {
        Self { reach, ..self.clone() }
    }

    /// Clock, ids and keys that the threads work with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Reads one record for one viewer; coalesced with the reads of others.
    pub async fn look_up(
        &self,
        lookup: impl FnOnce(oneshot::Sender<batch::LookupAnswer>) -> Lookup,
    ) -> batch::LookupAnswer {
        let (reply, answer) = oneshot::channel();
        enqueue(&self.lookups, lookup(reply))?;
        answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
    }

    /// Carries out one change; coalesced with the changes of others into one transaction.
    pub async fn apply(&self, job: impl FnOnce(oneshot::Sender<batch::Answer>) -> Job) -> batch::Answer {
        let (reply, answer) = oneshot::channel();
        enqueue(&self.writes, job(reply))?;
        answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
    }

    /// Runs a query of its own shape: a list, a page of the feed. Outside a transaction, each statement by itself.
    pub async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn, &Context) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let context = Arc::clone(&self.context);
        let work: Query = Box::new(move |session| {
            let result = session.and_then(|session| {
                query(&mut session.conn, &context).map_err(|error| match error {
                    QueryError::Problem(problem) => problem,
                    QueryError::Fault(fault) => {
                        session.note(&fault);
                        super::constraints::problem_of(&fault)
                    }
                })
            });
            // A client that hung up no longer wants the answer.
            let _ = reply.send(result);
        });
        let work = Work(work, self.reach);
        enqueue(&self.queries, work)?;
        answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
    }
}

/// What a query ends in when not in an answer.
#[derive(Debug)]
pub enum QueryError {
    /// A refusal to be told to the client.
    Problem(Problem),
    /// The database failed.
    Fault(Fault),
}

impl From<Fault> for QueryError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Problem> for QueryError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn enqueue<T>(queue: &SyncSender<Waiting<T>>, item: T) -> Result<(), Problem> {
    queue.try_send(Waiting { since: Instant::now(), item }).map_err(|error| match error {
        TrySendError::Full(_) => Problem::because(
            Code::Unavailable,
            text!(
                "Too many requests are waiting for the database." / "Troppe richieste sono in attesa della base dati."
            ),
        ),
        TrySendError::Disconnected(_) => {
            Problem::because(Code::Unavailable, text!("The service is stopping." / "Il servizio si sta arrestando."))
        }
    })
}

fn spawn<T: Request>(
    name: &str,
    threads: usize,
    queue: Receiver<Waiting<T>>,
    batch: usize,
    pool: &r2d2::Pool<Manager>,
    serve: impl Fn(&mut Session, Vec<T>) + Send + Sync + 'static,
) -> std::io::Result<()> {
    let queue = Arc::new(Mutex::new(queue));
    let serve = Arc::new(serve);
    for number in 0..threads {
        let (queue, pool, serve) = (Arc::clone(&queue), pool.clone(), Arc::clone(&serve));
        std::thread::Builder::new().name(format!("db-{name}-{number}")).spawn(move || {
            while let Some(items) = take(&queue, batch) {
                let Ok(mut session) = pool.get() else {
                    tracing::warn!(waiting = items.len(), "no database connection could be had");
                    items.into_iter().for_each(|item| item.refuse(Problem::new(Code::Unavailable)));
                    continue;
                };
                // A panic is a fault of ours: its requests are answered with 500, since their way home is dropped, and the
                // thread goes on with the next ones on another connection.
                if catch_unwind(AssertUnwindSafe(|| serve(&mut session, items))).is_err() {
                    tracing::error!("a database thread panicked");
                    session.doomed = true;
                }
            }
        })?;
    }
    Ok(())
}

/// Waits for work, then takes what else is there already. `None` when the service stops.
fn take<T: Request>(queue: &Mutex<Receiver<Waiting<T>>>, batch: usize) -> Option<Vec<T>> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut waiting = vec![queue.recv().ok()?];
        while waiting.len() < batch
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        let (late, timely): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|entry| entry.since.elapsed() >= PATIENCE);
        late.into_iter().for_each(|entry| entry.item.refuse(Problem::new(Code::Unavailable)));
        if !timely.is_empty() {
            return Some(timely.into_iter().map(|entry| entry.item).collect());
        }
    }
}

/// Those of one reach go together, in the order in which the first of them came.
fn by_reach<T>(items: Vec<T>, reach: impl Fn(&T) -> Reach) -> Vec<(Reach, Vec<T>)> {
    let mut groups: Vec<(Reach, Vec<T>)> = Vec::new();
    for item in items {
        let of = reach(&item);
        match groups.iter_mut().find(|(known, _)| *known == of) {
            Some((_, group)) => group.push(item),
            None => groups.push((of, vec![item])),
        }
    }
    groups
}

fn serve_lookups(session: &mut Session, lookups: Vec<Lookup>, context: &Context) {
    for (reach, group) in by_reach(lookups, Lookup::reach) {
        serve_lookups_of(session, reach, group, context);
    }
}

fn serve_lookups_of(session: &mut Session, reach: Reach, mut lookups: Vec<Lookup>, context: &Context) {
    for again in [true, false] {
        let made = session.act_for(reach).and_then(|()| batch::look_up(&mut session.conn, &mut lookups, context));
        match made {
            Ok(()) => break,
            Err(fault) => {
                session.note(&fault);
                // A read changes nothing, so one that met a dead connection is simply made again on a fresh one.
                if again && session.doomed && session.reopen().is_ok() {
                    continue;
                }
                let problem = super::constraints::problem_of(&fault);
                lookups.iter_mut().for_each(|lookup| lookup.fail(&problem));
                break;
            }
        }
    }
    lookups.into_iter().for_each(Lookup::answer);
}

fn serve_writes(session: &mut Session, jobs: Vec<Job>, context: &Context) {
    for (reach, group) in by_reach(jobs, Job::reach) {
        serve_writes_of(session, reach, group, context);
    }
}

fn serve_writes_of(session: &mut Session, reach: Reach, mut jobs: Vec<Job>, context: &Context) {
    // A connection that died while it was idle is noticed here, before anything was asked of it.
    if session.begin_for(reach).is_err() && (session.reopen().is_err() || session.begin_for(reach).is_err()) {
        session.doomed = true;
        let problem = Problem::new(Code::Unavailable);
        jobs.iter_mut().for_each(|job| job.fail(&problem));
        jobs.into_iter().for_each(Job::answer);
        return;
    }
    batch::commit(session, &mut jobs, context);
    jobs.into_iter().for_each(Job::answer);
}

/// Erased items of one kind, for the functions that know their type.
pub(crate) type Erased = Box<dyn Any + Send>;
