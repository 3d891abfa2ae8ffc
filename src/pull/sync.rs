//! Exports and feed, applied to the copy.

use std::io::{BufRead, BufReader, Read};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::mirror::{Change, Mirror};
use super::{Progress, Pull};
use crate::kind::Kind;
use crate::remote::{Answer, Failure, Remote};

/// Records of an export that are kept together.
const PIECE: usize = 1_000;

/// Bytes of a line.
const LINE: u64 = 16 * 1024 * 1024;

/// How often an export that brings nothing is begun again.
const TRIES: u32 = 10;

/// A copy and what it is a copy of.
pub struct Sync {
    remote: Remote,
    mirror: Mirror,
    wanted: Vec<Kind>,
    kinds: Vec<Kind>,
    limit: u16,
    wait: u8,
    applied: u64,
    lag: f64,
}

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    More,
    Last,
    /// The place is no longer there.
    Expired,
}

/// How a piece of an export ended.
enum Piece {
    /// With its last line.
    Whole,
    /// Before it.
    Cut,
    /// The client may not read the kind.
    Forbidden,
    /// It cannot be gone on with.
    Expired,
}

impl Sync {
    /// A copy that is kept in `mirror`.
    pub fn new(pull: &Pull, mirror: Mirror) -> Result<Self, Failure> {
        let mut wanted = pull.types.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let remote = Remote::new(&pull.service)?;
        Ok(Self { remote, mirror, wanted, kinds: Vec::new(), limit: pull.limit, wait: pull.wait, applied: 0, lag: 0.0 })
    }

    /// Sees that the copy is of what is asked for, and begins it where there is none.
    pub fn settle(&mut self, restart: bool) -> Result<(), Failure> {
        let wanted = names(&self.wanted);
        let of = [("url", self.remote.url()), ("client_id", self.remote.client_id()), ("wanted", wanted.as_str())];
        let known = self.mirror.state("url")?.is_some();
        if known && !restart {
            for (name, value) in of {
                let kept = self.mirror.state(name)?.unwrap_or_default();
                if kept != value {
                    return Err(Failure::Input(format!(
                        "the copy is of another {name} ({kept}): name another directory, or --restart"
                    )));
                }
            }
        } else {
            let of = of.map(|(name, value)| (name, value.to_owned()));
            let of: Vec<(&str, &str)> = of.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.mirror.begin(&of)?;
        }
        Ok(())
    }

    /// The kinds of record that the copy holds.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The copy.
    pub const fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// The service.
    pub const fn remote(&mut self) -> &mut Remote {
        &mut self.remote
    }

    /// Brings the copy to where the service is.
    pub fn catch_up(&mut self, progress: &mut Progress) -> Result<(), Failure> {
        loop {
            let building = self.mirror.is_building()?;
            if building {
                self.export_all(progress)?;
            } else {
                self.kinds = kinds(&self.mirror.state("kinds")?.unwrap_or_default());
            }
            let ended = loop {
                match self.page(0)? {
                    Page::More => progress.tell(&self.told()),
                    ended => break ended,
                }
            };
            match (ended, building) {
                (Page::Expired, _) => self.start_over(progress)?,
                (_, true) => {
                    let kinds = names(&self.kinds);
                    self.mirror.swap(&kinds)?;
                    return Ok(());
                }
                (_, false) => return Ok(()),
            }
        }
    }

    /// Waits for changes and applies them.
    pub fn wait(&mut self, progress: &mut Progress) -> Result<(), Failure> {
        if self.page(self.wait)? == Page::Expired {
            self.start_over(progress)?;
            self.catch_up(progress)?;
        }
        progress.tell(&self.told());
        Ok(())
    }

    fn start_over(&mut self, progress: &mut Progress) -> Result<(), Failure> {
        progress.note("the feed does not go on from where the copy is: a new copy is made");
        self.mirror.begin(&[])
    }

    fn told(&self) -> String {
        format!("{} changes, {:.1} s behind", self.applied, self.lag)
    }

    /// Exports what has not been exported yet.
    fn export_all(&mut self, progress: &mut Progress) -> Result<(), Failure> {
        let all = self.wanted.is_empty();
        let wanted = if all { Kind::ALL.to_vec() } else { self.wanted.clone() };
        self.kinds.clear();
        for kind in wanted {
            let mut tries = 0;
            loop {
                let before = self.mirror.export(kind)?;
                if before.as_ref().is_some_and(|(.., done)| *done) {
                    break;
                }
                match self.export(kind, before.as_ref(), progress)? {
                    Piece::Whole => progress.note(&format!("{}: exported", kind.plural())),
                    Piece::Forbidden if all => break progress.note(&format!("{}: not for this client", kind.plural())),
                    Piece::Forbidden => {
                        return Err(Failure::Service(format!("{}: the client may not read them", kind.plural())));
                    }
                    Piece::Expired => self.mirror.export_lost(kind)?,
                    Piece::Cut => {
                        let on = self.mirror.export(kind)? != before;
                        tries = if on { 0 } else { tries + 1 };
                        if tries > TRIES {
                            return Err(Failure::Service(format!("{}: the export breaks off", kind.plural())));
                        }
                        sleep(Duration::from_millis(250) * tries);
                    }
                }
            }
            if self.mirror.export(kind)?.is_some() {
                self.kinds.push(kind);
            }
        }
        Ok(())
    }

    fn export(
        &mut self,
        kind: Kind,
        before: Option<&(String, Option<String>, bool)>,
        progress: &mut Progress,
    ) -> Result<Piece, Failure> {
        let mut url = format!("{}/v1/exports/{}", self.remote.url(), kind.plural());
        if let Some((cursor, after, _)) = before {
            // Both are made of characters that stand for themselves in a URL.
            url = format!("{url}?from={cursor}");
            if let Some(after) = after {
                url = format!("{url}&after={after}");
            }
        }
        let mut answer = self.remote.open(|agent, token| {
            agent
                .get(&url)
                .header("authorization", token)
                .header("accept", "application/x-ndjson")
                .header("accept-encoding", "zstd")
                .call()
        })?;
        match answer.status().as_u16() {
            200 => {}
            403 => return Ok(Piece::Forbidden),
            410 => return Ok(Piece::Expired),
            _ => {
                let body = answer.body_mut().read_to_vec().unwrap_or_default();
                let told = Answer { status: answer.status(), headers: answer.headers().clone(), body };
                return Err(Failure::refusal(kind.plural(), &told));
            }
        }
        let packed = answer.headers().get("content-encoding").is_some_and(|value| value == "zstd");
        let reader = answer.body_mut().with_config().limit(u64::MAX).reader();
        let reader: Box<dyn Read> = if packed {
            let unpacked = zstd::stream::read::Decoder::new(reader);
            Box::new(unpacked.map_err(|error| Failure::Service(format!("{}: {error}", kind.plural())))?)
        } else {
            Box::new(reader)
        };
        take(&mut self.mirror, kind, before.is_some(), BufReader::new(reader), progress)
    }

    /// Asks for a page of the feed and applies it.
    fn page(&mut self, wait: u8) -> Result<Page, Failure> {
        let cursor = self.mirror.cursor()?.unwrap_or_default();
        let types = names(&self.kinds);
        let url =
            format!("{}/v1/changes?types={types}&limit={}&wait={wait}&cursor={cursor}", self.remote.url(), self.limit);
        let answer = self.remote.ask(|agent, token| agent.get(&url).header("authorization", token).call())?;
        match answer.status.as_u16() {
            200 => {}
            410 => return Ok(Page::Expired),
            _ => return Err(Failure::refusal("the feed", &answer)),
        }
        let page = answer.json();
        let text = |name: &str| page.get(name).and_then(Value::as_str).ok_or_else(|| odd("the feed"));
        let items = page.get("items").and_then(Value::as_array).ok_or_else(|| odd("the feed"))?;
        let mut changes = Vec::with_capacity(items.len());
        for item in items {
            changes.extend(change(item)?);
        }
        self.mirror.apply(&changes, text("next")?, text("complete_through")?)?;
        self.applied += u64::try_from(items.len()).unwrap_or_default();
        self.lag = page.get("lag_seconds").and_then(Value::as_f64).unwrap_or_default();
        Ok(if page.get("has_more").and_then(Value::as_bool).unwrap_or_default() { Page::More } else { Page::Last })
    }

    /// What the copy holds.
    pub fn summary(&self) -> Result<String, Failure> {
        let mut counts = Vec::new();
        for kind in &self.kinds {
            counts.push(format!("{} {}", self.mirror.count(*kind)?, kind.plural()));
        }
        let through = self.mirror.state("complete_through")?.unwrap_or_default();
        Ok(format!("{}; {} changes; complete through {through}", counts.join(", "), self.applied))
    }
}

fn names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",")
}

fn kinds(names: &str) -> Vec<Kind> {
    names.split(',').filter_map(Kind::from_name).collect()
}

/// What cannot be from this service. What was received is not told: it may be of a person.
fn odd(what: &str) -> Failure {
    Failure::Service(format!("{what}: the answer is not what it should be"))
}

/// What a change of the feed does to the copy. One whose record is gone by now does nothing: what says so comes later.
fn change(item: &Value) -> Result<Option<Change>, Failure> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let kind = text("type").and_then(Kind::from_name).ok_or_else(|| odd("the feed"))?;
    let id = text("id").and_then(|id| Uuid::parse_str(id).ok()).ok_or_else(|| odd("the feed"))?;
    match (text("operation"), item.get("record")) {
        (Some("upsert" | "grant"), Some(Value::Null) | None) => Ok(None),
        (Some("upsert" | "grant"), Some(record)) if is_of(record, id) => {
            Ok(Some(Change::Put(kind, id, record.clone())))
        }
        (Some("delete"), _) => Ok(Some(Change::Remove(kind, id))),
        (Some("revoke"), _) => Ok(Some(Change::Forget(id))),
        _ => Err(odd("the feed")),
    }
}

fn is_of(record: &Value, id: Uuid) -> bool {
    record.get("id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok()) == Some(id)
}

/// Takes the lines of an export until they end or break off.
fn take(
    mirror: &mut Mirror,
    kind: Kind,
    going_on: bool,
    mut reader: impl BufRead,
    progress: &mut Progress,
) -> Result<Piece, Failure> {
    let what = kind.plural();
    let mut records: Vec<(Uuid, Value)> = Vec::with_capacity(PIECE);
    let (mut begun, mut taken) = (false, 0_usize);
    loop {
        let mut line = Vec::new();
        let whole = reader.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok() && line.last() == Some(&b'\n');
        if !whole {
            if line.len() as u64 >= LINE {
                return Err(odd(what));
            }
            if begun && !records.is_empty() {
                mirror.take(kind, &records, false)?;
            }
            return Ok(Piece::Cut);
        }
        let line: Value = serde_json::from_slice(&line).map_err(|_| odd(what))?;
        if let Some(head) = line.get("_export") {
            let cursor = head.get("cursor").and_then(Value::as_str).ok_or_else(|| odd(what))?;
            if !going_on {
                mirror.export_began(kind, cursor)?;
            }
            begun = true;
            continue;
        }
        if !begun {
            return Err(odd(what));
        }
        if line.get("_end").is_some() {
            mirror.take(kind, &records, true)?;
            return Ok(Piece::Whole);
        }
        let id = line.get("id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        records.push((id.ok_or_else(|| odd(what))?, line));
        if records.len() == PIECE {
            mirror.take(kind, &records, false)?;
            taken += records.len();
            records.clear();
            progress.tell(&format!("{what}: {taken}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_feed_says_is_taken_as_it_is_or_not_at_all() {
        let id = Uuid::from_u128(7);
        let item = |operation: &str, record: Value| json!({"type": "action", "id": id, "version": 1, "operation": operation, "record": record});
        let record = json!({"id": id, "version": 2});
        assert_eq!(
            change(&item("upsert", record.clone())).unwrap(),
            Some(Change::Put(Kind::Action, id, record.clone()))
        );
        assert_eq!(change(&item("grant", record.clone())).unwrap(), Some(Change::Put(Kind::Action, id, record)));
        assert_eq!(change(&item("upsert", Value::Null)).unwrap(), None);
        assert_eq!(change(&item("delete", Value::Null)).unwrap(), Some(Change::Remove(Kind::Action, id)));
        assert_eq!(change(&item("revoke", Value::Null)).unwrap(), Some(Change::Forget(id)));
        for odd in [
            item("rename", Value::Null),
            item("upsert", json!({"id": Uuid::from_u128(8)})),
            item("upsert", json!("x")),
            json!({"type": "secret", "id": id, "operation": "delete"}),
            json!({"type": "action", "id": "7", "operation": "delete"}),
            json!(7),
        ] {
            let told = change(&odd).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
