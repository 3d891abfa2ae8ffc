//! `ricolloca push`: the reference client of imports. It reads NDJSON or CSV, sends it in compressed chunks with a key each, tries
//! again what got no answer, goes on where it was when it was killed, and tells at the end what was not carried out, and why.
//!
//! The way of the data: [`source`] (files, lines) -> [`table`] (CSV as items) -> [`chunk`] -> [`client`] (HTTP) -> [`summary`], with
//! [`journal`] beside it.

pub mod chunk;
pub mod client;
pub mod journal;
pub mod source;
pub mod summary;
pub mod table;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use chunk::{Chunk, Chunks};
use client::Client;
use journal::Journal;
use source::Source;
use summary::Summary;

use crate::remote::{Failure, Service};

/// What is to be pushed, and where.
#[derive(Debug, Args)]
pub struct Push {
    /// A file of lines (NDJSON: .ndjson, .jsonl, also .gz or .zst) or a table (.csv, named after its kind: actions.csv), or a
    /// directory of such files.
    pub input: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the text would be shown as help")]
    pub service: Service,
    /// `partial`: every item by itself. `atomic`: all or nothing, in one chunk.
    #[arg(long, value_enum, default_value_t = Mode::Partial)]
    pub mode: Mode,
    /// Only find out what it would come to, in one chunk.
    #[arg(long)]
    pub dry_run: bool,
    /// Days for which an item waits for what it refers to.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i32).range(0..=30))]
    pub wait_days: i32,
    /// Lines that are sent together.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub chunk_lines: u32,
    /// Where it is kept what was sent already, until everything is; beside the input where nothing is said.
    #[arg(long)]
    pub journal: Option<PathBuf>,
    /// Send everything, also what a run that was killed had sent already.
    #[arg(long)]
    pub restart: bool,
    /// File for the report, as JSON.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// What happens to the rest when an item is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// It is carried out.
    Partial,
    /// It is not.
    Atomic,
}

/// Lines that an import has at most which is carried out as a whole.
const WHOLE: u32 = 50_000;

/// Pushes. 0: everything was carried out, or waits for what it refers to. 1: some items were refused. 2: it could not be done.
pub fn run(push: &Push) -> ExitCode {
    match attempt(push) {
        Ok(summary) if summary.is_clean() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "ricolloca: {failure}");
            ExitCode::from(2)
        }
    }
}

fn attempt(push: &Push) -> Result<Summary, Failure> {
    // Everything that can be known to be wrong is told before anything is sent.
    let source = Source::open(&push.input)?;
    let mut client = Client::new(push)?;
    let journal = push.journal.clone().unwrap_or_else(|| beside(&push.input));
    let mut journal = if push.restart || push.dry_run { Journal::empty(journal) } else { Journal::open(journal)? };
    client.login()?;

    let whole = push.dry_run || push.mode == Mode::Atomic;
    let most = if whole { WHOLE } else { push.chunk_lines };
    let progress = Progress::new(source.bytes());
    let mut summary = Summary::default();
    let mut chunks = Chunks::new(source, most, &client.scope());
    let mut number = 0;
    while let Some(chunk) = chunks.next_chunk()? {
        if whole && (number > 0 || chunks.has_more()?) {
            return Err(Failure::Input(format!("an atomic import or a dry run has at most {WHOLE} lines")));
        }
        // A dry run has no effect that would have to be remembered, and its answer is good for now.
        let known = if push.dry_run { None } else { journal.report(number, &chunk.digest) };
        let report = match known {
            Some(report) => report,
            None => {
                if !push.dry_run {
                    journal.begin()?;
                }
                let report = client.send(&chunk, &journal.key(&chunk.digest), |done| progress.within(&chunk, done))?;
                if !push.dry_run {
                    journal.note(&chunk.digest, &report)?;
                }
                report
            }
        };
        number += 1;
        summary.add(&report, &chunk);
        progress.done(&chunk, &summary);
    }
    progress.finish();
    if !push.dry_run {
        journal.finish()?;
    }
    summary.print(push.dry_run).map_err(|error| Failure::File("standard output".to_owned(), error))?;
    if let Some(file) = &push.report {
        std::fs::write(file, summary.to_json()).map_err(|error| Failure::file(file, error))?;
    }
    Ok(summary)
}

fn beside(input: &std::path::Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".pushed.json");
    name.into()
}

/// What is told on the way: a bar on a terminal, a line a chunk elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new(bytes: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {percent}% {elapsed_precise} {msg}");
            let bar = ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar }
    }

    fn within(&self, chunk: &Chunk, done: i64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("lines to {}: {done} of {} done", chunk.last_place(), chunk.lines()));
        }
    }

    fn done(&self, chunk: &Chunk, summary: &Summary) {
        match &self.bar {
            Some(bar) => bar.set_position(chunk.read_to),
            None => {
                let _ = writeln!(std::io::stderr(), "up to {}: {}", chunk.last_place(), summary.counts());
            }
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
