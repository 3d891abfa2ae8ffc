//! The files of the input as one stream of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::table::Table;
use crate::imports::MAX_LINE;
use crate::kind::Kind;
use crate::remote::Failure;

/// A line of the input, as it is sent, with its place.
#[derive(Debug)]
pub struct Line {
    /// The item as JSON.
    pub text: Vec<u8>,
    /// Which file: a place in [`Source::names`].
    pub file: usize,
    /// Which line or row of it, from 1.
    pub number: u64,
}

/// The input.
pub struct Source {
    files: Vec<PathBuf>,
    names: Vec<Arc<str>>,
    bytes: u64,
    read: Arc<AtomicU64>,
    next: usize,
    open: Option<Open>,
}

enum Open {
    Lines { reader: Box<dyn BufRead>, number: u64 },
    Table(Box<Table>),
}

impl Source {
    /// Finds the files, and reads the headers of all tables.
    pub fn open(input: &Path) -> Result<Self, Failure> {
        let wrong = |path: &Path, error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
        let mut files = Vec::new();
        if input.is_dir() {
            for entry in std::fs::read_dir(input).map_err(|error| wrong(input, &error))? {
                let path = entry.map_err(|error| wrong(input, &error))?.path();
                if path.is_file() && form(&path).is_some() {
                    files.push(path);
                }
            }
            // Parents first, so that nothing has to wait for long.
            files.sort_by_key(|path| (kind_of(path).map_or(usize::MAX, order), path.clone()));
            if files.is_empty() {
                return Err(wrong(input, &"no .ndjson, .jsonl or .csv file in this directory"));
            }
        } else {
            if form(input).is_none() {
                return Err(wrong(input, &"not a .ndjson, .jsonl (also .gz, .zst) or .csv file"));
            }
            files.push(input.to_owned());
        }
        let mut bytes = 0;
        for path in &files {
            bytes += std::fs::metadata(path).map_err(|error| wrong(path, &error))?.len();
            let file = File::open(path).map_err(|error| wrong(path, &error))?;
            if form(path) == Some(Form::Table) {
                Table::open(Box::new(file), table_kind(path)?).map_err(|error| wrong(path, &error))?;
            }
        }
        let names = files.iter().map(|path| path.display().to_string().into()).collect();
        Ok(Self { files, names, bytes, read: Arc::default(), next: 0, open: None })
    }

    /// The files' names.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Bytes in all files.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The next line; empty ones are left out.
    pub fn next_line(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(path) = self.files.get(self.next) else { return Ok(None) };
                self.open = Some(open(path, &self.read)?);
                self.next += 1;
                continue;
            };
            let file = self.next - 1;
            let name = self.names.get(file).map_or("", |name| name);
            let found = match open {
                Open::Table(table) => table.next_item().map_err(|error| Failure::Input(format!("{name}: {error}")))?,
                Open::Lines { reader, number } => next_of(reader.as_mut(), number)
                    .map_err(|error| Failure::Input(format!("{name}, line {}: {error}", *number + 1)))?,
            };
            match found {
                Some((number, text)) => return Ok(Some(Line { text, file, number })),
                None => self.open = None,
            }
        }
    }
}

/// The next line that is not empty, with its number.
fn next_of(reader: &mut dyn BufRead, number: &mut u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    loop {
        let mut text = Vec::new();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX) + 2;
        if reader.take(most).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        *number += 1;
        let mut line = text.trim_ascii();
        if *number == 1 {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.len() > MAX_LINE {
            return Err(io::Error::other(format!("longer than {MAX_LINE} bytes")));
        }
        if !line.is_empty() {
            return Ok(Some((*number, line.to_vec())));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Table,
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn form(path: &Path) -> Option<Form> {
    let name = name_of(path);
    let bare = name.trim_end_matches(".gz").trim_end_matches(".zst");
    if bare.ends_with(".ndjson") || bare.ends_with(".jsonl") {
        Some(Form::Lines)
    } else if name.ends_with(".csv") {
        Some(Form::Table)
    } else {
        None
    }
}

/// The kind that a file is named after.
fn kind_of(path: &Path) -> Option<Kind> {
    let name = name_of(path);
    let stem = name.split('.').next().unwrap_or_default();
    Kind::ALL.into_iter().find(|kind| kind.plural() == stem || kind.name() == stem)
}

fn order(kind: Kind) -> usize {
    Kind::ALL.iter().position(|one| *one == kind).unwrap_or(usize::MAX)
}

fn table_kind(path: &Path) -> Result<Kind, Failure> {
    let names = || Kind::ALL.map(|kind| format!("{}.csv", kind.plural())).join(", ");
    kind_of(path)
        .ok_or_else(|| Failure::Input(format!("{}: a table is named after what it holds: {}", path.display(), names())))
}

/// Counts what is read of a file.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        Ok(read)
    }
}

fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Open, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
    let file = Counted(File::open(path).map_err(|error| wrong(&error))?, Arc::clone(read));
    if form(path) == Some(Form::Table) {
        let table = Table::open(Box::new(file), table_kind(path)?).map_err(|error| wrong(&error))?;
        return Ok(Open::Table(Box::new(table)));
    }
    let name = name_of(path);
    let reader: Box<dyn BufRead> = if name.ends_with(".gz") {
        Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file)))
    } else if name.ends_with(".zst") {
        Box::new(BufReader::new(zstd::stream::read::Decoder::new(file).map_err(|error| wrong(&error))?))
    } else {
        Box::new(BufReader::new(file))
    };
    Ok(Open::Lines { reader, number: 0 })
}
