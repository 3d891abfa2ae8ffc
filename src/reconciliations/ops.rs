//! The comparison, in one snapshot.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::digest::{self, Bucket, Digest};
use super::store;
use super::wire::{
    BucketInput, BucketName, DifferingBucket, HexDigest, Reconciliation, ReconciliationInput, RecordDigest,
};
use crate::batch::{Context, refs};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem, Violation};
use crate::exports::scan::scan;
use crate::feed::{ops as feed, store as log};
use crate::http::crud::Exposed;
use crate::identity::Caller;
use crate::kind::Kind;
use crate::text;

/// What the reader has, in either form.
pub enum Claim {
    /// All its buckets.
    Buckets(Vec<BucketInput>),
    /// All its records in some buckets.
    Records(Vec<BucketName>, Vec<RecordDigest>),
}

/// What the input claims, or what is wrong with it.
pub fn claim(input: ReconciliationInput) -> Result<(usize, Claim), Problem> {
    let depth = usize::try_from(input.depth).unwrap_or_default();
    let mut violations = Vec::new();
    let mut names = |pointer: &str, names: &mut dyn Iterator<Item = &BucketName>| {
        let mut seen = std::collections::HashSet::new();
        for (at, name) in names.enumerate() {
            if name.0.len() != depth {
                let detail = text!(
                    "A bucket of this depth has {depth} digits." / "Un gruppo di questa profondità ha {depth} cifre."
                );
                violations.push(Violation::new(format!("{pointer}/{at}"), "wrong_format", detail));
            } else if !seen.insert(&name.0) {
                let detail = text!("The bucket is stated twice." / "Il gruppo è indicato due volte.");
                violations.push(Violation::new(format!("{pointer}/{at}"), "repeated_item", detail));
            }
        }
    };
    let claim = match (input.buckets, input.within, input.records) {
        (Some(buckets), None, None) => {
            names("/buckets", &mut buckets.iter().map(|bucket| &bucket.bucket));
            Claim::Buckets(buckets)
        }
        (None, Some(within), Some(records)) => {
            names("/within", &mut within.iter());
            let inside = |record: &RecordDigest| within.iter().any(|name| name.0 == digest::bucket(record.id, depth));
            if let Some(at) = records.iter().position(|record| !inside(record)) {
                let detail =
                    text!("The record lies in none of the buckets." / "Il record non è in nessuno dei gruppi.");
                violations.push(Violation::new(format!("/records/{at}"), "not_allowed", detail));
            }
            Claim::Records(within, records)
        }
        _ => {
            let detail = text!(
                "State `buckets`, or `within` and `records`." / "Indicare `buckets`, oppure `within` e `records`."
            );
            violations.push(Violation::new("/buckets", "required", detail));
            Claim::Buckets(Vec::new())
        }
    };
    if violations.is_empty() { Ok((depth, claim)) } else { Err(Problem::invalid(violations)) }
}

type Compare = fn(&mut Conn, usize, &Claim, &Caller, &Context) -> Result<Reconciliation, QueryError>;

/// How a kind of record is compared.
pub struct Comparison {
    /// Which.
    pub kind: Kind,
    /// The scope that reads it.
    pub scope: Option<&'static crate::identity::scopes::ScopeInfo>,
    /// Compares it.
    pub compare: Compare,
}

impl Comparison {
    /// The records of `R`.
    pub const fn of<R: Exposed>() -> Self {
        Self { kind: R::KIND, scope: <R::Read as crate::identity::scopes::Scope>::INFO, compare: compare::<R> }
    }
}

fn compare<R: Exposed>(
    conn: &mut Conn,
    depth: usize,
    claim: &Claim,
    caller: &Caller,
    context: &Context,
) -> Result<Reconciliation, QueryError> {
    log::settle_day(conn)?;
    let (epoch, _) = log::epoch(conn)?;
    log::sequence(conn)?;
    log::snapshot(conn, |conn| {
        let cursor = feed::end(conn, epoch)?;
        let found = Reconciliation {
            r#type: R::KIND.name(),
            equal: true,
            items: 0,
            differing: Vec::new(),
            missing: Vec::new(),
            different: Vec::new(),
            extra: Vec::new(),
            cursor,
        };
        match claim {
            Claim::Buckets(buckets) => compare_buckets::<R>(conn, depth, buckets, found, caller, context),
            Claim::Records(within, records) => {
                compare_records::<R>(conn, depth, (within, records), found, caller, context)
            }
        }
    })
}

fn compare_buckets<R: Exposed>(
    conn: &mut Conn,
    depth: usize,
    claimed: &[BucketInput],
    mut found: Reconciliation,
    caller: &Caller,
    context: &Context,
) -> Result<Reconciliation, QueryError> {
    let mut buckets: BTreeMap<String, Bucket> = BTreeMap::new();
    let everything =
        serde_json::from_value::<R::Filter>(serde_json::json!({})).map_err(|_| Problem::new(Code::Internal))?;
    scan::<R>(conn, &everything, None, caller, context, |ids, views| {
        for (id, view) in ids.iter().zip(views) {
            let digest = digest::of_record(view).map_err(|_| Problem::new(Code::Internal))?;
            buckets.entry(digest::bucket(*id, depth)).or_default().add(&digest);
            found.items += 1;
        }
        Ok(())
    })?;
    let mut ours: BTreeMap<String, (i64, String)> = buckets
        .into_iter()
        .map(|(name, bucket)| {
            let count = i64::try_from(bucket.count).unwrap_or(i64::MAX);
            (name, (count, digest::hex(&bucket.digest())))
        })
        .collect();
    for theirs in claimed {
        match ours.get(&theirs.bucket.0) {
            Some((count, digest)) if (*count, digest) == (theirs.count, &theirs.digest.0) => {
                ours.remove(&theirs.bucket.0);
            }
            Some(_) => {}
            None => drop(ours.insert(theirs.bucket.0.clone(), (0, digest::hex(&Bucket::default().digest())))),
        }
    }
    found.differing = ours
        .into_iter()
        .map(|(name, (count, digest))| DifferingBucket { bucket: BucketName(name), count, digest: HexDigest(digest) })
        .collect();
    found.equal = found.differing.is_empty();
    Ok(found)
}

/// Records that are looked at together.
const PIECE: usize = 2_000;

fn compare_records<R: Exposed>(
    conn: &mut Conn,
    depth: usize,
    (within, records): (&[BucketName], &[RecordDigest]),
    mut found: Reconciliation,
    caller: &Caller,
    context: &Context,
) -> Result<Reconciliation, QueryError> {
    let ends: Vec<&str> = within.iter().map(|name| name.0.as_str()).collect();
    let mut theirs: HashMap<Uuid, &str> = records.iter().map(|record| (record.id, record.digest.0.as_str())).collect();
    for ids in store::within(conn, R::KIND, depth, &ends)?.chunks(PIECE) {
        for (id, digest) in digests::<R>(conn, ids, caller, context)? {
            found.items += 1;
            match theirs.remove(&id) {
                None => found.missing.push(id),
                Some(claimed) if claimed != digest::hex(&digest) => found.different.push(id),
                Some(_) => {}
            }
        }
    }
    found.extra = theirs.into_keys().collect();
    found.extra.sort_unstable();
    found.equal = found.missing.is_empty() && found.different.is_empty() && found.extra.is_empty();
    Ok(found)
}

fn digests<R: Exposed>(
    conn: &mut Conn,
    ids: &[Uuid],
    caller: &Caller,
    context: &Context,
) -> Result<Vec<(Uuid, Digest)>, QueryError> {
    let asked: Vec<Option<Uuid>> = ids.iter().copied().map(Some).collect();
    let records: Vec<R::Record> =
        refs::visible::<R>(conn, &vec![caller; ids.len()], &asked)?.into_iter().flatten().collect();
    let shown: Vec<(&R::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
    let views = R::views(conn, &shown, context)?;
    records
        .iter()
        .zip(&views)
        .map(|(record, view)| {
            let digest = digest::of_record(view).map_err(|error| Fault::SerializationError(Box::new(error)))?;
            Ok((record.meta().id, digest))
        })
        .collect()
}
