//! What was sent already, so that a client that was killed goes on where it was. It holds digests and reports, nothing of the items,
//! and is removed once everything is sent: the next run sends everything anew.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::ids::Ids;
use crate::remote::Failure;

/// The chunks that were sent, in their order.
pub struct Journal {
    file: PathBuf,
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Makes the keys of this run other ones than those of the next: the same content again is to be carried out again, since
    /// something else may have been sent in between.
    run: String,
    sent: Vec<Sent>,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    digest: String,
    report: Value,
}

impl Kept {
    fn new() -> Self {
        Self { run: Ids::random().next(Clock::System.now()).to_string(), sent: Vec::new() }
    }
}

impl Journal {
    /// A journal without entries; those that are in the file are overwritten by the first one.
    pub fn empty(file: PathBuf) -> Self {
        Self { file, kept: Kept::new() }
    }

    /// The journal in a file, which need not be there.
    pub fn open(file: PathBuf) -> Result<Self, Failure> {
        let kept = match fs::read(&file) {
            // It is written whole or not at all; one that cannot be read was written by something else.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                Failure::Input(format!("{} is no journal; remove it, or name another one", file.display()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::new(),
            Err(error) => return Err(Failure::File(file.display().to_string(), error)),
        };
        Ok(Self { file, kept })
    }

    /// The report on the chunk at a place, if it was sent already. Where another one stands there the input has changed: from
    /// there on everything is sent, under new keys.
    pub fn report(&mut self, place: usize, digest: &str) -> Option<Value> {
        match self.kept.sent.get(place) {
            Some(sent) if sent.digest == digest => Some(sent.report.clone()),
            Some(_) => {
                self.kept.sent.truncate(place);
                self.kept.run = Kept::new().run;
                None
            }
            None => None,
        }
    }

    /// The key under which a chunk is sent in this run: the same after a restart. Of digits, which no tax code is made of alone.
    pub fn key(&self, digest: &str) -> String {
        let key = Sha256::new().chain_update(&self.kept.run).chain_update(digest).finalize();
        key.iter().fold(String::from("push-"), |text, byte| text + &format!("{byte:03}"))
    }

    /// Keeps the name of the run before anything is sent under it.
    pub fn begin(&self) -> Result<(), Failure> {
        self.write()
    }

    /// Notes what became of the next chunk.
    pub fn note(&mut self, digest: &str, report: &Value) -> Result<(), Failure> {
        self.kept.sent.push(Sent { digest: digest.to_owned(), report: report.clone() });
        self.write()
    }

    /// Everything is sent: there is nothing left to go on with.
    pub fn finish(self) -> Result<(), Failure> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::File(self.file.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self) -> Result<(), Failure> {
        let mut draft = self.file.as_os_str().to_owned();
        draft.push(".new");
        let write = || {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec(&self.kept)?)?;
            file.sync_all()?;
            fs::rename(&draft, &self.file)
        };
        write().map_err(|error| Failure::File(self.file.display().to_string(), error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Journal;

    #[test]
    fn a_run_goes_on_under_its_keys_and_what_has_changed_gets_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal");
        let mut journal = Journal::open(file.clone()).unwrap();
        journal.begin().unwrap();
        assert_eq!(journal.report(0, "a"), None);
        journal.note("a", &json!(1)).unwrap();
        let key = journal.key("b");
        assert!(key.trim_start_matches("push-").bytes().all(|byte| byte.is_ascii_digit()));

        let mut again = Journal::open(file.clone()).unwrap();
        assert_eq!((again.report(0, "a"), again.key("b")), (Some(json!(1)), key.clone()));
        // Another content at its place, and then the first one again: neither is taken for sent.
        assert_eq!(again.report(0, "c"), None);
        assert_ne!(again.key("b"), key);
        again.note("c", &json!(2)).unwrap();
        assert_eq!(again.report(0, "a"), None);
        again.finish().unwrap();
        assert!(!file.exists());
    }
}
