//! The copy: a database of its own, whose table `record` holds what the client may see, each record as canonical JSON. While a copy is
//! made anew, what comes goes to the table `incoming`, which then takes the place of `record` in one transaction: who reads the copy
//! meanwhile reads the one before.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;
use uuid::Uuid;

use crate::kind::Kind;
use crate::reconciliations::digest::{self, Digest};
use crate::remote::Failure;

/// The copy.
pub struct Mirror {
    conn: Connection,
    name: String,
}

/// What happens to the copy with one change.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// The record takes the place of what is there.
    Put(Kind, Uuid, Value),
    /// The record goes.
    Remove(Kind, Uuid),
    /// A partnership goes, with all that belongs to it.
    Forget(Uuid),
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS export (type TEXT PRIMARY KEY, cursor TEXT NOT NULL, after TEXT, done INTEGER NOT NULL) WITHOUT ROWID;
";

impl Mirror {
    /// Opens it, or makes one.
    pub fn open(file: &Path) -> Result<Self, Failure> {
        // Nobody else's to read, from the first moment on.
        let made = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file);
        made.map_err(|error| Failure::file(file, error))?;
        let name = file.display().to_string();
        let conn = Connection::open(file).map_err(|error| broken(&name, &error))?;
        let mirror = Self { conn, name };
        mirror.keep(mirror.conn.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; {SCHEMA}"
        )))?;
        Ok(mirror)
    }

    fn keep<T>(&self, result: rusqlite::Result<T>) -> Result<T, Failure> {
        result.map_err(|error| broken(&self.name, &error))
    }

    /// What is kept under a name.
    pub fn state(&self, name: &str) -> Result<Option<String>, Failure> {
        let found = self.conn.query_row("SELECT value FROM state WHERE name = ?1", [name], |row| row.get(0));
        self.keep(found.optional())
    }

    /// Whether a copy is being made: there is none yet, or it is made anew.
    pub fn is_building(&self) -> Result<bool, Failure> {
        let found =
            self.conn.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'incoming'", [], |row| row.get(0));
        Ok(self.keep::<i64>(found)? > 0)
    }

    /// Begins a copy, from nothing. What it is of is kept under these names.
    pub fn begin(&mut self, of: &[(&str, &str)]) -> Result<(), Failure> {
        self.transact(|tx| {
            tx.execute_batch(
                "DROP TABLE IF EXISTS incoming; DELETE FROM export; DELETE FROM state WHERE name IN ('incoming_cursor', 'incoming_complete_through');
                 CREATE TABLE incoming (type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, partnership_id TEXT, body TEXT NOT NULL,
                     PRIMARY KEY (type, id)) WITHOUT ROWID;",
            )?;
            of.iter().try_for_each(|(name, value)| put_state(tx, name, value))
        })
    }

    /// How far the export of a kind is: its cursor, the last record, and whether that was all.
    pub fn export(&self, kind: Kind) -> Result<Option<(String, Option<String>, bool)>, Failure> {
        let found =
            self.conn.query_row("SELECT cursor, after, done FROM export WHERE type = ?1", [kind.name()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            });
        self.keep(found.optional())
    }

    /// Notes that an export has begun. The feed goes on from the first of them: it is the oldest.
    pub fn export_began(&mut self, kind: Kind, cursor: &str) -> Result<(), Failure> {
        self.transact(|tx| {
            tx.execute("INSERT OR REPLACE INTO export VALUES (?1, ?2, NULL, 0)", [kind.name(), cursor])?;
            tx.execute("INSERT OR IGNORE INTO state VALUES ('incoming_cursor', ?1)", [cursor]).map(drop)
        })
    }

    /// Forgets how far an export was, and what came of it.
    pub fn export_lost(&mut self, kind: Kind) -> Result<(), Failure> {
        self.transact(|tx| {
            tx.execute("DELETE FROM export WHERE type = ?1", [kind.name()])?;
            tx.execute("DELETE FROM incoming WHERE type = ?1", [kind.name()]).map(drop)
        })
    }

    /// Takes a piece of an export, and where it ends.
    pub fn take(&mut self, kind: Kind, records: &[(Uuid, Value)], done: bool) -> Result<(), Failure> {
        self.transact(|tx| {
            for (id, record) in records {
                put(tx, "incoming", kind, *id, record)?;
            }
            if let Some((last, _)) = records.last() {
                tx.execute("UPDATE export SET after = ?2 WHERE type = ?1", [kind.name(), &last.to_string()])?;
            }
            tx.execute("UPDATE export SET done = ?2 WHERE type = ?1", params![kind.name(), done]).map(drop)
        })
    }

    /// Where the feed goes on.
    pub fn cursor(&self) -> Result<Option<String>, Failure> {
        self.state(if self.is_building()? { "incoming_cursor" } else { "cursor" })
    }

    /// Applies a page of the feed, and keeps where the next one begins: both or neither.
    pub fn apply(&mut self, changes: &[Change], next: &str, complete_through: &str) -> Result<(), Failure> {
        let building = self.is_building()?;
        let (table, cursor) = if building { ("incoming", "incoming_cursor") } else { ("record", "cursor") };
        self.transact(|tx| {
            for change in changes {
                match change {
                    Change::Put(kind, id, record) => put(tx, table, *kind, *id, record)?,
                    Change::Remove(kind, id) => drop(
                        tx.prepare_cached(&format!("DELETE FROM {table} WHERE type = ?1 AND id = ?2"))?
                            .execute([kind.name(), &id.to_string()])?,
                    ),
                    Change::Forget(id) => drop(
                        tx.prepare_cached(&format!("DELETE FROM {table} WHERE partnership_id = ?1"))?
                            .execute([&id.to_string()])?,
                    ),
                }
            }
            put_state(tx, cursor, next)?;
            put_state(tx, if building { "incoming_complete_through" } else { "complete_through" }, complete_through)
        })
    }

    /// Puts the new copy, which holds these kinds, in the place of the old one.
    pub fn swap(&mut self, kinds: &str) -> Result<(), Failure> {
        self.transact(|tx| {
            put_state(tx, "kinds", kinds)?;
            tx.execute_batch(
                "DROP TABLE IF EXISTS record; ALTER TABLE incoming RENAME TO record; DELETE FROM export;
                 CREATE INDEX record_partnership ON record (partnership_id) WHERE partnership_id IS NOT NULL;
                 DELETE FROM state WHERE name = 'complete_through';
                 INSERT OR REPLACE INTO state SELECT substr(name, 10), value FROM state WHERE name IN ('incoming_cursor', 'incoming_complete_through');
                 DELETE FROM state WHERE name IN ('incoming_cursor', 'incoming_complete_through');",
            )
        })
    }

    /// How many records there are of a kind.
    pub fn count(&self, kind: Kind) -> Result<u64, Failure> {
        let found = self.conn.query_row("SELECT count(*) FROM record WHERE type = ?1", [kind.name()], |row| row.get(0));
        self.keep::<i64>(found).map(|count| u64::try_from(count).unwrap_or_default())
    }

    /// Digests of all records of a kind, in the order of their ids; worked out from what is there, so that nothing is taken on trust.
    pub fn digests(&self, kind: Kind) -> Result<Vec<(Uuid, Digest)>, Failure> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = self.conn.prepare("SELECT id, body FROM record WHERE type = ?1 ORDER BY id")?;
            let rows = statement.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let odd = || Failure::Input(format!("{}: it holds what is no record", self.name));
        self.keep(read())?
            .into_iter()
            .map(|(id, body)| {
                let record: Value = serde_json::from_str(&body).map_err(|_| odd())?;
                Ok((Uuid::parse_str(&id).map_err(|_| odd())?, digest::of_record(&record).map_err(|_| odd())?))
            })
            .collect()
    }

    fn transact(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), Failure> {
        let name = self.name.clone();
        let run = || {
            let tx = self.conn.transaction()?;
            work(&tx)?;
            tx.commit()
        };
        run().map_err(|error| broken(&name, &error))
    }
}

fn put_state(tx: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<()> {
    tx.execute("INSERT OR REPLACE INTO state VALUES (?1, ?2)", [name, value]).map(drop)
}

fn put(tx: &Transaction<'_>, table: &str, kind: Kind, id: Uuid, record: &Value) -> rusqlite::Result<()> {
    let id = id.to_string();
    let partnership = match kind {
        Kind::Partnership => Some(id.as_str()),
        _ => record.get("partnership_id").and_then(Value::as_str),
    };
    let version = record.get("version").and_then(Value::as_i64).unwrap_or_default();
    // A map of serde_json is ordered by name: this is the canonical form.
    tx.prepare_cached(&format!("INSERT OR REPLACE INTO {table} VALUES (?1, ?2, ?3, ?4, ?5)"))?
        .execute(params![kind.name(), id, version, partnership, record.to_string()])
        .map(drop)
}

/// What SQLite says; it does not repeat values.
fn broken(name: &str, error: &rusqlite::Error) -> Failure {
    Failure::Input(format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_copy_takes_the_place_of_the_old_one_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(&folder.path().join("mirror.sqlite")).unwrap();
        assert!(!mirror.is_building().unwrap());
        let (one, two, p) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        mirror.begin(&[("url", "u")]).unwrap();
        mirror.export_began(Kind::Cohort, "c1").unwrap();
        mirror.export_began(Kind::Action, "c2").unwrap();
        mirror.take(Kind::Cohort, &[(one, json!({"version": 1, "partnership_id": p}))], true).unwrap();
        assert_eq!(mirror.export(Kind::Cohort).unwrap(), Some(("c1".to_owned(), Some(one.to_string()), true)));
        assert_eq!(mirror.cursor().unwrap().as_deref(), Some("c1"), "the oldest");
        let partnership = Change::Put(Kind::Partnership, p, json!({"version": 1}));
        mirror.apply(&[partnership, Change::Put(Kind::Call, two, json!({"version": 4}))], "c3", "t").unwrap();
        mirror.swap("cohort").unwrap();
        assert_eq!((mirror.count(Kind::Cohort).unwrap(), mirror.cursor().unwrap().as_deref()), (1, Some("c3")));
        mirror.begin(&[]).unwrap();
        assert_eq!(
            (mirror.count(Kind::Cohort).unwrap(), mirror.cursor().unwrap()),
            (1, None),
            "the old one is still there"
        );
        mirror.export_began(Kind::Cohort, "c9").unwrap();
        mirror.take(Kind::Cohort, &[(one, json!({"version": 1, "partnership_id": p}))], true).unwrap();
        mirror.swap("cohort").unwrap();
        assert_eq!(mirror.count(Kind::Call).unwrap(), 0);
        mirror.apply(&[Change::Forget(p)], "c10", "t").unwrap();
        assert_eq!(mirror.count(Kind::Cohort).unwrap(), 0, "what belongs to it is forgotten with it");
        assert_eq!(mirror.state("complete_through").unwrap().as_deref(), Some("t"));
    }
}
