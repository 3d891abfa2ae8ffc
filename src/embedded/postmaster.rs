//! One run of the server: its settings, start, readiness and end.

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Durability;
use super::binaries::Binaries;
use super::cluster::Log;
use super::error::{Error, at};
use super::place::{PG, Place, SOCKET};

/// Replaying the log after a crash takes its time.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// All a server needs to be started, again and again.
pub(super) struct Recipe {
    pub(super) place: Place,
    pub(super) binaries: Binaries,
    pub(super) durability: Durability,
}

/// A running server.
pub(super) struct Postmaster {
    child: Child,
    socket: PathBuf,
    pid_file: PathBuf,
    log: Log,
    log_from: u64,
}

impl Recipe {
    pub(super) fn pg(&self) -> PathBuf {
        self.place.root.join(PG)
    }

    pub(super) fn log(&self) -> Log {
        Log::of(&self.place.root)
    }

    /// Spawns the server, not yet ready. On Linux it does not outlive the calling *thread*.
    pub(super) fn spawn(&self) -> Result<Postmaster, Error> {
        let pg = self.pg();
        let log = self.log();
        let (file, log_from) = log.open()?;
        let copy = file.try_clone().map_err(at("opening", log.path()))?;
        let socket = self.place.socket.join(SOCKET);
        let program = self.binaries.program("postgres");
        let mut command = self.place.account.command(&program, &pg);
        command.arg("-D").arg(&pg).stdout(file).stderr(copy);
        for (name, value) in self.settings() {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(value);
            command.arg("-c").arg(setting);
        }
        // A group of its own: Ctrl-C is for the service, which still has requests to finish.
        command.process_group(0);
        let last_wish = match self.durability {
            Durability::Durable => Signal::SIGINT,
            Durability::Disposable => Signal::SIGQUIT,
        };
        die_with_this_thread(&mut command, last_wish);
        let child = command.spawn().map_err(at("running", &program))?;
        Ok(Postmaster { child, socket, pid_file: pg.join("postmaster.pid"), log, log_from })
    }

    fn settings(&self) -> Vec<(&'static str, OsString)> {
        let mut settings: Vec<(&str, OsString)> = vec![("unix_socket_directories", self.place.socket.clone().into())];
        let own: &[(&str, &str)] = match self.durability {
            Durability::Durable => &[("shared_buffers", "256MB"), ("wal_level", "replica")],
            Durability::Disposable => &[
                ("shared_buffers", "128MB"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                // Dropping a database makes room in the log of what was written: a test looks for what stands there.
                ("wal_keep_size", "1GB"),
            ],
        };
        settings.extend(COMMON.iter().chain(own).map(|(name, value)| (*name, OsString::from(value))));
        settings
    }
}

/// The settings of every server. Those about the log keep personal data out of it.
const COMMON: [(&str, &str); 16] = [
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("cluster_name", "ricolloca"),
    ("max_connections", "200"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("logging_collector", "off"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_min_error_statement", "panic"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
    // What a statement did wrong goes to the service, which knows what may be written down: the message quotes values ("invalid input syntax: ..."), its detail whole keys.
    // `log` ranks above `error` here: the server's own affairs are logged, errors of statements are not.
    ("log_min_messages", "log"),
    ("log_error_verbosity", "terse"),
    ("log_checkpoints", "off"),
];

impl Postmaster {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server accepts connections; `interrupted` is asked now and then, and waits a moment itself.
    pub(super) fn wait_ready(&mut self, mut interrupted: impl FnMut(Duration) -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.ended() {
                return Err(self.failure(format!("it ended with {status}")));
            }
            if self.says_ready() && UnixStream::connect(&self.socket).is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.failure(format!("not ready within {} s", READY_WITHIN.as_secs())));
            }
            if interrupted(Duration::from_millis(20)) {
                return Err(self.failure("it was told to stop".to_owned()));
            }
        }
    }

    /// The eighth line of `postmaster.pid` is the status, as `pg_ctl` reads it; the first says whose it is.
    fn says_ready(&self) -> bool {
        std::fs::read_to_string(&self.pid_file).is_ok_and(|text| {
            let mut lines = text.lines().map(str::trim);
            lines.next().and_then(|pid| pid.parse().ok()) == Some(self.child.id()) && lines.nth(6) == Some("ready")
        })
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        match self.child.try_wait() {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(%error, "cannot tell whether PostgreSQL runs");
                None
            }
        }
    }

    fn failure(&self, reason: String) -> Error {
        Error::NotStarted { reason, log: self.log.path().to_owned(), tail: self.log.tail(self.log_from) }
    }

    /// Stops it: rolls back what is open, then ever less politely.
    pub(super) fn stop(mut self) {
        for (signal, patience) in [
            (Signal::SIGINT, Duration::from_secs(10)),
            (Signal::SIGQUIT, Duration::from_secs(5)),
            (Signal::SIGKILL, Duration::from_secs(5)),
        ] {
            let Ok(pid) = i32::try_from(self.child.id()) else {
                return;
            };
            // Not reaped yet, so the pid cannot be another process's.
            if let Err(errno) = kill(Pid::from_raw(pid), signal) {
                tracing::warn!("PostgreSQL could not be sent {signal}: {}", errno.desc());
            }
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                if self.ended().is_some() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            tracing::warn!("PostgreSQL still runs {} s after {signal}", patience.as_secs());
        }
    }
}

/// Has the kernel signal the child when the calling thread ends, which no kill -9 of the service can prevent.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "only a pre_exec hook runs in the child after its user id has changed, which would undo the setting"
)]
pub(super) fn die_with_this_thread(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec only async-signal-safe functions may run. The hook makes two plain system calls, and neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // It may have died before the setting took hold.
            if nix::unistd::getppid() != parent {
                return Err(nix::errno::Errno::ESRCH.into());
            }
            Ok(())
        });
    }
}

/// Elsewhere an orphan is stopped by the next start.
#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_this_thread(_command: &mut Command, _signal: Signal) {}
