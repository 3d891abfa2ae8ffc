//! The threads that carry out imports. Each owns a connection. They take small imports as they come, and chunks of large ones in
//! between; chunks are leased by row locks, so that the threads of other processes share the work and take over what a process
//! that was killed left behind.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::run::{self, AtOnce, InHand, Kept};
use super::store::{self, chunks};
use super::waiting;
use crate::batch::Context;
use crate::db::Fault;
use crate::db::session::{Session, is_transient};
use crate::error::{Code, Problem};
use crate::kind::Kind;
use crate::places::{Place, Places};
use crate::text;

/// Tasks that may wait. Of small imports, which wait in memory, there are no more than places.
const QUEUE: usize = 256;

/// Imports that are received at the same time: each takes some memory.
const PLACES: usize = 16;

/// Those of one organisation.
const PLACES_OF_ONE: usize = 8;

/// How long a thread without work waits before it looks for what other processes have left.
const PAUSE: Duration = Duration::from_millis(500);

/// How often lines that wait are looked at.
const WAITING: Duration = Duration::from_secs(1);

/// Looks at them after a change.
const LOOKS: u32 = 5;

/// How often they are looked at although nothing seems to have changed: what changed may have been committed later.
const WAITING_ANYHOW: Duration = Duration::from_secs(15);

/// How often what is over is tidied up.
const TIDYING: Duration = Duration::from_secs(60);

/// An import that is still being received after so many hours is not.
const ABANDONED_HOURS: i64 = 6;

enum Task {
    AtOnce(Box<AtOnce>, oneshot::Sender<Result<Kept, Problem>>),
    Abandon(Uuid),
    Wake,
}

/// The way to the threads. Cloning is cheap; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Imports {
    tasks: SyncSender<Task>,
    places: Places,
}

/// A thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the threads that carry out imports could not be started: {0}")]
pub struct StartError(#[from] std::io::Error);

impl Imports {
    /// Starts the threads.
    pub fn start(url: &str, threads: usize, context: &Arc<Context>) -> Result<Self, StartError> {
        let (tasks, queue) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            whole: Mutex::new(()),
            upkeep: Mutex::new(Upkeep::default()),
            growth: Mutex::default(),
            context: Arc::clone(context),
            url: url.to_owned(),
        });
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("import-{number}")).spawn(move || shared.work())?;
        }
        Ok(Self { tasks, places: Places::new(PLACES, PLACES_OF_ONE) })
    }

    /// Carries out a small import and waits for it.
    pub async fn at_once(&self, import: AtOnce) -> Result<Kept, Problem> {
        let (reply, answer) = oneshot::channel();
        self.tasks.try_send(Task::AtOnce(Box::new(import), reply)).map_err(|error| match error {
            TrySendError::Full(_) => busy(),
            TrySendError::Disconnected(_) => Problem::new(Code::Unavailable),
        })?;
        answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
    }

    /// Takes a place among those whose imports are received.
    pub fn take_place(&self, organisation: Uuid) -> Result<Place, Problem> {
        self.places.take(organisation).ok_or_else(busy)
    }

    /// An import has been received: there are chunks. Full queues have woken threads.
    pub fn wake(&self) {
        let _ = self.tasks.try_send(Task::Wake);
        let _ = self.tasks.try_send(Task::Wake);
    }

    /// An import was not received to its end. What is not told here is found by tidying up.
    pub fn abandon(&self, id: Uuid) {
        let _ = self.tasks.try_send(Task::Abandon(id));
    }
}

fn busy() -> Problem {
    Problem::because(
        Code::Unavailable,
        text!("Too many imports are being received." / "Troppe importazioni sono in corso di ricezione."),
    )
}

/// When the work that has to be done now and then was done last.
#[derive(Default)]
struct Upkeep {
    pulse: i64,
    /// Looks at the lines that wait that are still to be taken after the last change: what changed may be committed a little later.
    looks: u32,
    waiting: Option<Instant>,
    pause: Duration,
    released: Option<Instant>,
    tidied: Option<Instant>,
}

/// How tables have grown by imports. A plan that was made for a small table, or for one of which PostgreSQL knows nothing yet, reads
/// a grown one whole, chunk after chunk; PostgreSQL itself looks at tables once a minute only. So a table is looked at whenever
/// it has doubled.
#[derive(Default)]
struct Growth(HashMap<Kind, (usize, usize)>);

/// Items after which a table is looked at first.
const GROWN: usize = 1000;

impl Growth {
    /// Notes items that were carried out; answers the tables to look at.
    fn note(&mut self, kind: Kind, items: usize) -> &'static [&'static str] {
        let (since, next) = self.0.entry(kind).or_insert((0, GROWN));
        *since += items;
        if *since < *next {
            return &[];
        }
        (*since, *next) = (0, *next * 2);
        match kind {
            Kind::Organisation => &["organisation", "import_item"],
            Kind::Call => &["call", "import_item"],
            Kind::Partnership => &["partnership", "sight", "import_item"],
            Kind::Member => &["member", "sight", "import_item"],
            Kind::Cohort => &["cohort", "import_item"],
            Kind::Participant => &["participant", "import_item"],
            Kind::Action => &["action", "attendance", "import_item"],
            Kind::Outcome => &["outcome", "import_item"],
        }
    }
}

struct Shared {
    queue: Mutex<Receiver<Task>>,
    /// Held by the thread that carries out an import as a whole, so that the others go on with the rest.
    whole: Mutex<()>,
    upkeep: Mutex<Upkeep>,
    growth: Mutex<Growth>,
    context: Arc<Context>,
    url: String,
}

enum Next {
    Task(Task),
    Nothing,
    Stop,
}

impl Shared {
    fn work(&self) {
        let mut session: Option<Session> = None;
        let in_hand = InHand::default();
        let mut idle = false;
        loop {
            let task = match self.next(idle) {
                Next::Stop => return,
                Next::Task(task) => Some(task),
                Next::Nothing => None,
            };
            let mut opened = match session.take().filter(|session| !session.doomed) {
                Some(session) => session,
                None => match Session::connect(&self.url) {
                    Ok(session) => session,
                    Err(error) => {
                        tracing::warn!(%error, "no database connection for imports");
                        if let Some(Task::AtOnce(_, reply)) = task {
                            let _ = reply.send(Err(Problem::new(Code::Unavailable)));
                        }
                        idle = true;
                        continue;
                    }
                },
            };
            // A panic is a fault of ours; its connection is closed, which takes back what it had begun.
            match catch_unwind(AssertUnwindSafe(|| self.step(&mut opened, task, &in_hand))) {
                Ok(worked) => {
                    idle = !worked;
                    session = Some(opened);
                }
                Err(_) => {
                    tracing::error!("a thread that carries out imports panicked");
                    idle = true;
                }
            }
        }
    }

    /// What to do next. A thread that is `idle` waits for it.
    fn next(&self, idle: bool) -> Next {
        let found = if idle {
            self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PAUSE)
        } else {
            match self.queue.try_lock() {
                Ok(queue) => queue.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
                // Another thread waits there, and will take what comes.
                Err(TryLockError::WouldBlock) => Err(RecvTimeoutError::Timeout),
                Err(TryLockError::Poisoned(_)) => Err(RecvTimeoutError::Timeout),
            }
        };
        match found {
            Ok(task) => Next::Task(task),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Stop,
        }
    }

    /// Does one thing; whether there was one to be done.
    fn step(&self, session: &mut Session, task: Option<Task>, in_hand: &InHand) -> bool {
        match task {
            Some(Task::AtOnce(import, reply)) => {
                let result = run::at_once(session, &import, &self.context);
                // A sender that hung up asks again with its key.
                let _ = reply.send(result);
                return true;
            }
            Some(Task::Abandon(id)) => {
                if let Err(fault) = store::drop_receiving(&mut session.conn, id) {
                    session.note(&fault);
                }
                return true;
            }
            Some(Task::Wake) | None => {}
        }
        let result =
            run::note_failure(session, in_hand, &self.context).and_then(|()| self.look_around(session, in_hand));
        match result {
            Ok(worked) => worked,
            Err(fault) => {
                tracing::warn!(%fault, "imports could not be carried on");
                session.note(&fault);
                if !session.doomed {
                    session.roll_back();
                    // A deadlock is no fault of the chunk's; what breaks the connection may be.
                    if is_transient(&fault) {
                        in_hand.take();
                    }
                }
                false
            }
        }
    }

    fn look_around(&self, session: &mut Session, in_hand: &InHand) -> Result<bool, Fault> {
        // What is wrong with it must not keep imports from being carried out.
        if let Err(fault) = self.upkeep(session) {
            tracing::warn!(%fault, "lines that wait could not be looked at");
            session.note(&fault);
            if session.doomed {
                return Err(fault);
            }
            session.roll_back();
        }
        for (id, whole) in chunks::open(&mut session.conn)? {
            let worked = if whole {
                match self.whole.try_lock() {
                    Ok(_held) => run::whole(session, id, in_hand, &self.context)?,
                    Err(_) => false,
                }
            } else {
                self.chunk(session, id, in_hand)?
            };
            if worked {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn chunk(&self, session: &mut Session, id: Uuid, in_hand: &InHand) -> Result<bool, Fault> {
        let Some((kind, items)) = run::chunk(session, id, in_hand, &self.context)? else { return Ok(false) };
        let tables = kind.map(|kind| self.growth.lock().unwrap_or_else(PoisonError::into_inner).note(kind, items));
        // Without it the plans are what they are.
        if let Some(tables) = tables.filter(|tables| !tables.is_empty())
            && let Err(fault) = session.analyze(tables)
        {
            tracing::warn!(%fault, "PostgreSQL could not look at tables that have grown");
            session.note(&fault);
        }
        Ok(true)
    }

    /// Lines that wait, and what is over. One thread at a time; the others do not wait for it.
    fn upkeep(&self, session: &mut Session) -> Result<(), Fault> {
        let Ok(mut upkeep) = self.upkeep.try_lock() else { return Ok(()) };
        let is_time = |last: Option<Instant>, period: Duration| last.is_none_or(|last| last.elapsed() >= period);
        if is_time(upkeep.waiting, upkeep.pause.max(WAITING)) {
            let began = Instant::now();
            upkeep.waiting = Some(began);
            let pulse = store::waiting::pulse(&mut session.conn)?;
            if pulse != upkeep.pulse {
                (upkeep.pulse, upkeep.looks) = (pulse, LOOKS);
            }
            if pulse != 0 && (upkeep.looks > 0 || is_time(upkeep.released, WAITING_ANYHOW)) {
                while waiting::release(session, &self.context)? > 0 {}
                upkeep.looks = upkeep.looks.saturating_sub(1);
                upkeep.released = Some(Instant::now());
            }
            // Where much waits, looking at it takes a tenth of the time at most.
            upkeep.pause = began.elapsed() * 10;
        }
        if is_time(upkeep.tidied, TIDYING) {
            upkeep.tidied = Some(Instant::now());
            let before = self.context.now() - chrono::Duration::hours(ABANDONED_HOURS);
            for id in store::abandoned(&mut session.conn, before)? {
                store::drop_receiving(&mut session.conn, id)?;
            }
            chunks::remove_leftovers(&mut session.conn)?;
            let before = self.context.now() - chrono::Duration::days(crate::batch::KEPT_DAYS);
            while store::forget(&mut session.conn, before)? > 0 {}
        }
        Ok(())
    }
}
