//! The thread that owns the server: it starts it, restarts it when it dies, and stops it.
//!
//! It lives as long as the service, because on Linux the server dies with the thread that spawned it.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::{Error, at};
use super::orphans;
use super::place;
use super::postmaster::{Postmaster, Recipe};

const LOOK_EVERY: Duration = Duration::from_millis(100);
const SLOWEST_RETRY: Duration = Duration::from_secs(10);
const CUT_LOG_EVERY: Duration = Duration::from_secs(300);

/// A running supervisor; dropping it stops the server and waits for that.
pub(super) struct Supervisor {
    /// Nothing is ever sent: its end is the order to stop.
    order: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the server and returns once it accepts connections. The lock is held until it has stopped.
    pub(super) fn start(recipe: Recipe, lock: File) -> Result<Self, Error> {
        let (order, stop) = channel();
        let (report, started) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                let watch = Watch { recipe, stop };
                watch.run(&report);
                place::remove_distant_socket(&watch.recipe.place);
                drop(lock);
            })
            .map_err(at("starting the thread of", "PostgreSQL".as_ref()))?;
        let supervisor = Self { order: Some(order), thread: Some(thread) };
        // On an error the supervisor is dropped here, so that the lock is free when the caller reads it.
        match started.recv() {
            Ok(result) => result.map(|()| supervisor),
            Err(_) => Err(at("waiting for", "PostgreSQL".as_ref())(io::Error::other("its thread ended unexpectedly"))),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.order.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of PostgreSQL panicked");
        }
    }
}

struct Watch {
    recipe: Recipe,
    stop: Receiver<Infallible>,
}

impl Watch {
    fn run(&self, report: &SyncSender<Result<(), Error>>) {
        let mut postmaster = match self.first_start() {
            Ok(postmaster) => postmaster,
            Err(error) => {
                // Nobody listens only if the caller panicked.
                let _ = report.send(Err(error));
                return;
            }
        };
        tracing::debug!(pid = postmaster.pid(), "PostgreSQL accepts connections");
        let _ = report.send(Ok(()));

        let mut log_cut = Instant::now();
        while !self.told_to_stop_within(LOOK_EVERY) {
            if let Some(status) = postmaster.ended() {
                tracing::warn!("PostgreSQL ended unexpectedly with {status}: starting it again");
                let Some(next) = self.restart() else { return };
                postmaster = next;
                tracing::warn!(pid = postmaster.pid(), "PostgreSQL accepts connections again");
            }
            if log_cut.elapsed() > CUT_LOG_EVERY {
                self.recipe.log().cut();
                log_cut = Instant::now();
            }
        }
        postmaster.stop();
    }

    /// Where orphaned backends cannot be seen, the shared memory they still hold makes the first attempts fail.
    fn first_start(&self) -> Result<Postmaster, Error> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match self.attempt() {
                Err(Error::NotStarted { tail, .. })
                    if tail.contains("pre-existing shared memory block")
                        && Instant::now() < deadline
                        && !self.told_to_stop_within(Duration::from_millis(500)) => {}
                result => return result,
            }
        }
    }

    /// Tries until it works, ever more slowly; none when told to stop meanwhile.
    fn restart(&self) -> Option<Postmaster> {
        let mut pause = Duration::from_millis(50);
        while !self.told_to_stop_within(pause) {
            let attempt = orphans::clear(&self.recipe.pg()).and_then(|()| self.attempt());
            match attempt {
                Ok(postmaster) => return Some(postmaster),
                Err(error) => tracing::error!("{error}"),
            }
            pause = (pause * 2).min(SLOWEST_RETRY);
        }
        None
    }

    fn attempt(&self) -> Result<Postmaster, Error> {
        let mut postmaster = self.recipe.spawn()?;
        match postmaster.wait_ready(|moment| self.told_to_stop_within(moment)) {
            Ok(()) => Ok(postmaster),
            Err(error) => {
                postmaster.stop();
                Err(error)
            }
        }
    }

    fn told_to_stop_within(&self, moment: Duration) -> bool {
        match self.stop.recv_timeout(moment) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        }
    }
}
