//! What was sent already, so that a client that was killed goes on where it was. It holds keys and reports, nothing of the items.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::Failure;

/// Reports by the keys of their chunks.
pub struct Journal {
    file: PathBuf,
    done: BTreeMap<String, Value>,
}

impl Journal {
    /// A journal without entries; those that are in the file are overwritten by the first one.
    pub const fn empty(file: PathBuf) -> Self {
        Self { file, done: BTreeMap::new() }
    }

    /// The journal in a file, which need not be there.
    pub fn open(file: PathBuf) -> Result<Self, Failure> {
        let done = match fs::read(&file) {
            // It is written whole or not at all; one that cannot be read was written by something else.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                Failure::Input(format!("{} is no journal; remove it, or name another one", file.display()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Failure::File(file.display().to_string(), error)),
        };
        Ok(Self { file, done })
    }

    /// The report on a chunk that was sent already.
    pub fn report(&self, key: &str) -> Option<&Value> {
        self.done.get(key)
    }

    /// Notes what became of a chunk.
    pub fn note(&mut self, key: &str, report: &Value) -> Result<(), Failure> {
        self.done.insert(key.to_owned(), report.clone());
        let mut draft = self.file.as_os_str().to_owned();
        draft.push(".new");
        let write = || {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec(&self.done)?)?;
            file.sync_all()?;
            fs::rename(&draft, &self.file)
        };
        write().map_err(|error| Failure::File(self.file.display().to_string(), error))
    }
}
