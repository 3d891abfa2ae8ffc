//! `ricolloca pull`: the reference client of the feed. It keeps a copy, in SQLite, of all that a client may see: first from exports, then
//! from the feed, with the place in the feed in the same transaction as what was applied, so that it may be killed at any time. It can
//! prove that its copy is right (`--check`).
//!
//! The way of the data: [`sync`] (exports, feed) -> [`mirror`] (SQLite), and [`check`] beside them.

pub mod check;
pub mod mirror;
pub mod sync;

use std::fs::{self, File, TryLockError};
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;

use mirror::Mirror;
use sync::Sync;

use crate::kind::Kind;
use crate::remote::{Failure, Service};

/// What is to be copied, from where and to where.
#[derive(Debug, Args)]
pub struct Pull {
    /// The directory that holds the copy, `mirror.sqlite`. It holds personal data.
    pub directory: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the text would be shown as help")]
    pub service: Service,
    /// Only these kinds of record, by commas; all that the client may read where nothing is said.
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    pub types: Vec<Kind>,
    /// Go on for as long as nothing ends it.
    #[arg(long)]
    pub follow: bool,
    /// Compare the copy with the service; exit with 1 where they differ.
    #[arg(long, conflicts_with = "follow")]
    pub check: bool,
    /// Make the copy anew, also where it is of another service, client or of other kinds of record.
    #[arg(long)]
    pub restart: bool,
    /// Changes that are asked for at once.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// Seconds for which the service waits for a change, with `--follow`.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub wait: u8,
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("one of {}", known.join(", "))
    })
}

/// Pulls. 0: the copy is made, and right where that was asked. 1: it is not right. 2: it could not be done.
pub fn run(pull: &Pull) -> ExitCode {
    match attempt(pull) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "ricolloca: {failure}");
            ExitCode::from(2)
        }
    }
}

fn attempt(pull: &Pull) -> Result<bool, Failure> {
    let _lock = occupy(&pull.directory)?;
    let mirror = Mirror::open(&pull.directory.join("mirror.sqlite"))?;
    let mut sync = Sync::new(pull, mirror)?;
    let mut progress = Progress::new();
    sync.settle(pull.restart)?;
    sync.catch_up(&mut progress)?;
    progress.finish();
    let right = if pull.check { check::check(&mut sync, &mut progress)? } else { true };
    let summary = sync.summary()?;
    writeln!(std::io::stdout(), "{summary}").map_err(|error| Failure::File("standard output".to_owned(), error))?;
    if !pull.follow {
        return Ok(right);
    }
    loop {
        sync.wait(&mut progress)?;
    }
}

/// Takes the directory for itself until the process ends.
fn occupy(directory: &Path) -> Result<File, Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| Failure::file(directory, error))?;
    let name = directory.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name);
    let file = file.map_err(|error| Failure::file(&name, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::Input(format!("{}: another run is at work in it", directory.display())))
        }
        Err(TryLockError::Error(error)) => Err(Failure::file(&name, error)),
    }
}

/// How often something is told where there is no terminal.
const TELLING: Duration = Duration::from_secs(5);

/// What is told on the way: one line that changes on a terminal, a line now and then elsewhere.
pub struct Progress {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, told: Instant::now() }
    }

    /// Where it is.
    pub fn tell(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None if self.told.elapsed() >= TELLING => self.note(text),
            None => {}
        }
    }

    /// Something that is worth a line of its own.
    pub fn note(&mut self, text: &str) {
        self.told = Instant::now();
        match &self.bar {
            Some(bar) => bar.println(text),
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
