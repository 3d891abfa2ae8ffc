//! Whether the copy is what the service shows: digests of its buckets, then of the records in those that differ. What only came late
//! is no difference: the copy is brought up to date and compared again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Progress;
use super::sync::Sync;
use crate::kind::Kind;
use crate::reconciliations::digest::{self, Bucket, Digest};
use crate::remote::Failure;

/// How often records that differ are compared again, after the copy was brought up to date.
const ROUNDS: u32 = 3;

/// Records that are sent at once, at most.
const RECORDS: usize = 5_000;

/// Buckets that are named at once, at most.
const BUCKETS: usize = 4_096;

/// Records of a bucket, about.
const FILLED: usize = 64;

/// What is told of differing records.
const FIRST: usize = 10;

#[derive(Default)]
struct Differences {
    missing: BTreeSet<String>,
    different: BTreeSet<String>,
    extra: BTreeSet<String>,
}

impl Differences {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty() && self.extra.is_empty()
    }

    /// Those that are there both times, however: what changes all the time is different each time for another reason.
    fn keep_those_of(&mut self, other: &Self) {
        let all: BTreeSet<String> =
            [&other.missing, &other.different, &other.extra].into_iter().flatten().cloned().collect();
        for mine in [&mut self.missing, &mut self.different, &mut self.extra] {
            mine.retain(|id| all.contains(id));
        }
    }
}

/// Compares every kind of record, and tells; whether all of them are right.
pub fn check(sync: &mut Sync, progress: &mut Progress) -> Result<bool, Failure> {
    let mut right = true;
    for kind in sync.kinds().to_vec() {
        let (count, found) = compare(sync, kind, progress)?;
        let mut told = format!("{}: {count} records, ", kind.plural());
        if found.is_empty() {
            told.push_str("equal");
        } else {
            right = false;
            let named = |name: &str, ids: &BTreeSet<String>| {
                let first: Vec<&str> = ids.iter().take(FIRST).map(String::as_str).collect();
                format!("{} {name} {}", ids.len(), first.join(" "))
            };
            let parts = [("missing", &found.missing), ("different", &found.different), ("extra", &found.extra)];
            let parts: Vec<String> =
                parts.iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| named(name, ids)).collect();
            told.push_str(parts.join("; ").trim_end());
        }
        writeln!(std::io::stdout(), "{told}").map_err(|error| Failure::File("standard output".to_owned(), error))?;
    }
    Ok(right)
}

fn compare(sync: &mut Sync, kind: Kind, progress: &mut Progress) -> Result<(usize, Differences), Failure> {
    let mut lasting: Option<Differences> = None;
    for round in 0..ROUNDS {
        if round > 0 {
            sync.catch_up(progress)?;
        }
        let records = sync.mirror().digests(kind)?;
        let count = records.len();
        progress.tell(&format!("{}: comparing {count}", kind.plural()));
        let depth = depth_for(count);
        let differing = differing_buckets(sync, kind, depth, &records)?;
        let mut found = differing_records(sync, kind, depth, &records, &differing)?;
        if let Some(before) = &lasting {
            found.keep_those_of(before);
        }
        if found.is_empty() {
            return Ok((count, found));
        }
        lasting = Some(found);
        if round + 1 == ROUNDS {
            return Ok((count, lasting.unwrap_or_default()));
        }
    }
    Ok((0, Differences::default()))
}

fn depth_for(count: usize) -> usize {
    let mut depth = 0;
    while depth < 3 && count / FILLED > 16_usize.pow(u32::try_from(depth).unwrap_or_default()) {
        depth += 1;
    }
    depth
}

fn ask(sync: &mut Sync, body: &Value) -> Result<Value, Failure> {
    let remote = sync.remote();
    let url = format!("{}/v1/reconciliations", remote.url());
    let answer = remote.ask(|agent, token| agent.post(&url).header("authorization", token).send_json(body))?;
    match answer.status.as_u16() {
        200 => Ok(answer.json()),
        _ => Err(Failure::refusal("the comparison", &answer)),
    }
}

fn odd() -> Failure {
    Failure::Service("the comparison: the answer is not what it should be".to_owned())
}

fn differing_buckets(
    sync: &mut Sync,
    kind: Kind,
    depth: usize,
    records: &[(Uuid, Digest)],
) -> Result<Vec<String>, Failure> {
    let mut buckets: BTreeMap<String, Bucket> = BTreeMap::new();
    for (id, digest) in records {
        buckets.entry(digest::bucket(*id, depth)).or_default().add(digest);
    }
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|(name, bucket)| json!({"bucket": name, "count": bucket.count, "digest": digest::hex(&bucket.digest())}))
        .collect();
    let answer = ask(sync, &json!({"type": kind.name(), "depth": depth, "buckets": buckets}))?;
    let differing = answer.get("differing").and_then(Value::as_array).ok_or_else(odd)?;
    differing
        .iter()
        .map(|bucket| bucket.get("bucket").and_then(Value::as_str).map(str::to_owned).ok_or_else(odd))
        .collect()
}

fn differing_records(
    sync: &mut Sync,
    kind: Kind,
    depth: usize,
    records: &[(Uuid, Digest)],
    buckets: &[String],
) -> Result<Differences, Failure> {
    let mut by_bucket: BTreeMap<&str, Vec<Value>> = buckets.iter().map(|name| (name.as_str(), Vec::new())).collect();
    for (id, digest) in records {
        if let Some(of) = by_bucket.get_mut(digest::bucket(*id, depth).as_str()) {
            of.push(json!({"id": id, "digest": digest::hex(digest)}));
        }
    }
    let mut found = Differences::default();
    let mut pending = by_bucket.into_iter().peekable();
    while pending.peek().is_some() {
        let (mut within, mut sent): (Vec<&str>, Vec<Value>) = (Vec::new(), Vec::new());
        while let Some((name, mut of)) =
            pending.next_if(|(_, of)| within.is_empty() || sent.len() + of.len() <= RECORDS)
        {
            within.push(name);
            sent.append(&mut of);
            if within.len() == BUCKETS {
                break;
            }
        }
        if sent.len() > RECORDS {
            return Err(Failure::Service(format!("{}: too many records in one bucket", kind.plural())));
        }
        let answer = ask(sync, &json!({"type": kind.name(), "depth": depth, "within": within, "records": sent}))?;
        for (name, ids) in
            [("missing", &mut found.missing), ("different", &mut found.different), ("extra", &mut found.extra)]
        {
            let told = answer.get(name).and_then(Value::as_array).ok_or_else(odd)?;
            ids.extend(told.iter().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_filled_alike() {
        let depths = [0, 64, 127, 128, 1_000, 2_000, 20_000, 250_000, 10_000_000].map(depth_for);
        assert_eq!(depths, [0, 0, 0, 1, 1, 2, 3, 3, 3]);
    }
}
