//! Receiving an import: a small one is kept in memory and carried out at once, a large one is staged in chunks while it comes
//! in, so that memory does not grow with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::apply::double;
use super::body::{Body, Encoding, Read};
use super::item::Item;
use super::run::{AtOnce, Failure, Kept, PUT, recall};
use super::store::{self, Counts, Import, chunks, items};
use super::verdict::Verdict;
use super::wire::Mode;
use super::worker::Imports;
use super::{AT_ONCE_BYTES, AT_ONCE_LINES, CHUNK_BYTES, CHUNK_ITEMS, MAX_LINES, MAX_LINES_AS_A_WHOLE, stage};
use crate::batch::{Context, Idempotency};
use crate::db::threads::QueryError;
use crate::db::{Conn, Database, Fault};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::kind::Kind;
use crate::text;

/// How an import is to be carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Every item by itself, or all or nothing.
    pub mode: Mode,
    /// Whether only to find out what it would come to.
    pub dry_run: bool,
    /// The plan that it has to come to.
    pub wanted_plan: Option<String>,
    /// Days that an item waits for its parent; 0 where it is refused instead.
    pub wait_days: i32,
    /// Whether the sender prefers not to wait for a small one either.
    pub respond_async: bool,
}

impl Options {
    /// Whether it is carried out in one transaction.
    pub fn is_whole(&self) -> bool {
        self.mode == Mode::Atomic || self.dry_run || self.wanted_plan.is_some()
    }
}

/// An import as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// By whom.
    pub caller: Arc<Caller>,
    /// How it is to be carried out.
    pub options: Options,
    /// The request's key and digest, where it has one.
    pub key: Option<Idempotency>,
    /// SHA-256 of the body.
    pub digest: Vec<u8>,
}

impl Sent {
    /// The import, new.
    pub fn import(&self, context: &Context, state: &str) -> Import {
        let now = context.now();
        Import {
            id: context.ids.next(now),
            client_id: self.caller.client_id.clone(),
            organisation_id: self.caller.organisation,
            scopes: self.caller.scopes.to_list(),
            purpose: self.caller.purpose().map(str::to_owned),
            tracking: self.caller.tracking.as_ref().and_then(|tracking| serde_json::to_value(tracking).ok()),
            mode: self.options.mode.as_str().to_owned(),
            dry_run: self.options.dry_run,
            wait_days: self.options.wait_days,
            wanted_plan: self.options.wanted_plan.clone(),
            plan_hash: None,
            idempotency_key: self.key.as_ref().map(|key| key.key.clone()),
            digest: self.key.as_ref().map_or_else(|| self.digest.clone(), |key| key.digest.clone()),
            state: state.to_owned(),
            reason: None,
            stage: 0,
            created_at: now,
            finished_at: None,
            lines: 0,
            created: 0,
            changed: 0,
            unchanged: 0,
            deleted: 0,
            waiting: 0,
            refused: 0,
            superseded: 0,
            skipped: 0,
        }
    }
}

/// How long a sender may be silent within a body.
const SILENCE: Duration = Duration::from_secs(30);

/// A sender that is slower than this for long keeps a place from others.
const SLOWEST_BYTES_PER_SECOND: u64 = 500;

/// Seconds after which no sender keeps a place, however much it has sent.
const LONGEST: u64 = 2 * 3600;

/// Seconds that every sender has.
const GRACE: u64 = 60;

/// Receives an import and carries it out, or has it carried out; `true` where that is done already.
pub async fn receive<B: AsRef<[u8]>, E>(
    database: &Database,
    imports: &Imports,
    caller: Arc<Caller>,
    options: Options,
    encoding: Encoding,
    mut stream: impl Stream<Item = Result<B, E>> + Unpin,
    key: impl FnOnce(&[u8]) -> Option<Idempotency>,
) -> Result<(Kept, bool), Problem> {
    let _place = imports.take_place(caller.organisation)?;
    let most = if options.is_whole() { MAX_LINES_AS_A_WHOLE } else { MAX_LINES };
    let mut body = Body::new(encoding, most).map_err(|_| Problem::new(Code::Internal))?;
    let mut digest = Sha256::new();
    let (mut waited, mut received) = (Duration::ZERO, 0);
    let mut lines: Vec<Read> = Vec::new();
    let mut staging: Option<Staging<'_>> = None;
    loop {
        let asked = Instant::now();
        let Some(bytes) = tokio::time::timeout(SILENCE, stream.next()).await.map_err(|_| cut_off())? else { break };
        waited += asked.elapsed();
        let bytes = bytes.map_err(|_| cut_off())?;
        let bytes = bytes.as_ref();
        digest.update(bytes);
        received += bytes.len() as u64;
        if waited.as_secs() > (GRACE + received / SLOWEST_BYTES_PER_SECOND).min(LONGEST) {
            return Err(cut_off());
        }
        for piece in body.pieces(bytes) {
            body.feed(bytes.get(piece).unwrap_or_default())?;
            lines.append(&mut body.take());
            let large = lines.len() > AT_ONCE_LINES || body.bytes() > AT_ONCE_BYTES as u64 || options.respond_async;
            if staging.is_none() && large {
                staging = Some(Staging::begin(database, imports, &caller, &options).await?);
            }
            if let Some(staging) = &mut staging {
                staging.add(&mut lines).await?;
            }
        }
    }
    lines.append(&mut body.finish()?);
    if body.count() == 0 {
        let detail = text!("The import has not one line." / "L'importazione non ha nemmeno una riga.");
        return Err(Problem::because(Code::MalformedBody, detail));
    }
    let digest = digest.finalize();
    let sent = Sent { caller, options, key: key(&digest), digest: digest.to_vec() };
    if staging.is_none() && (sent.options.respond_async || lines.len() > AT_ONCE_LINES) {
        staging = Some(Staging::begin(database, imports, &sent.caller, &sent.options).await?);
    }
    match staging {
        None => imports.at_once(AtOnce { sent, lines }).await.map(|kept| (kept, true)),
        Some(mut staging) => {
            staging.add(&mut lines).await?;
            staging.finish(sent, body.count()).await.map(|kept| (kept, false))
        }
    }
}

fn cut_off() -> Problem {
    Problem::because(
        Code::MalformedBody,
        text!(
            "The body ended, or paused for too long, before it was complete."
                / "Il corpo è terminato, o si è interrotto troppo a lungo, prima di essere completo."
        ),
    )
}

/// An import that is being received. Dropped before it is finished, it is taken back.
struct Staging<'a> {
    database: &'a Database,
    imports: &'a Imports,
    id: Uuid,
    organisation: Uuid,
    finished: bool,
    number: i32,
    /// What is not in a chunk yet, by stage, with its size.
    open: BTreeMap<i32, (Vec<Item>, usize)>,
    unreadable: Vec<Verdict>,
    refused: i64,
}

/// Verdicts on lines that cannot be read, kept together.
const UNREADABLE: usize = 1000;

/// Names that are looked at together.
const DOUBLES: i32 = 5000;

impl<'a> Staging<'a> {
    async fn begin(
        database: &'a Database,
        imports: &'a Imports,
        caller: &Arc<Caller>,
        options: &Options,
    ) -> Result<Self, Problem> {
        // Key and digest are known at the end.
        let sent = Sent { caller: Arc::clone(caller), options: options.clone(), key: None, digest: Vec::new() };
        let organisation = caller.organisation;
        let id = database
            .query(move |conn, context| {
                let import = sent.import(context, "receiving");
                store::insert(conn, &import)?;
                Ok(import.id)
            })
            .await?;
        Ok(Self {
            database,
            imports,
            id,
            organisation,
            finished: false,
            number: 0,
            open: BTreeMap::new(),
            unreadable: Vec::new(),
            refused: 0,
        })
    }

    async fn add(&mut self, lines: &mut Vec<Read>) -> Result<(), Problem> {
        for line in lines.drain(..) {
            match line {
                Ok(item) => {
                    let stage = stage::of(&item);
                    let (items, bytes) = self.open.entry(stage).or_default();
                    *bytes += item.data.as_ref().map_or(0, |data| data.get().len()) + item.external_id.len();
                    items.push(item);
                    if items.len() >= CHUNK_ITEMS || *bytes >= CHUNK_BYTES {
                        let full = std::mem::take(items);
                        *bytes = 0;
                        self.put(stage, full).await?;
                    }
                }
                Err(unreadable) => {
                    self.unreadable.push(Verdict::unreadable(&unreadable));
                    if self.unreadable.len() >= UNREADABLE {
                        self.put_unreadable().await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn put(&mut self, stage: i32, items: Vec<Item>) -> Result<(), Problem> {
        let (id, number) = (self.id, self.number);
        self.number += 1;
        self.database
            .query(move |conn, context| {
                let sealed = stage::seal(context, id, &items);
                Ok(store::in_transaction(conn, |conn| {
                    chunks::add(conn, id, number, stage, &sealed)?;
                    chunks::add_names(conn, id, &items)
                })?)
            })
            .await
    }

    async fn put_unreadable(&mut self) -> Result<(), Problem> {
        let (id, organisation, verdicts) = (self.id, self.organisation, std::mem::take(&mut self.unreadable));
        self.refused += i64::try_from(verdicts.len()).unwrap_or_default();
        self.database
            .query(move |conn, _| {
                Ok(store::in_transaction(conn, |conn| {
                    // A sender that hangs up does not wait for this.
                    if store::hold_receiving(conn, id)? {
                        items::put(conn, id, organisation, &verdicts)?;
                    }
                    Ok(())
                })?)
            })
            .await
    }

    async fn finish(mut self, sent: Sent, lines: i64) -> Result<Kept, Problem> {
        for (stage, (items, _)) in std::mem::take(&mut self.open) {
            if !items.is_empty() {
                self.put(stage, items).await?;
            }
        }
        self.put_unreadable().await?;
        let (id, organisation, refused) = (self.id, self.organisation, self.refused);
        let kept = self
            .database
            .query(move |conn, context| {
                if let Some(kept) = recall(conn, sent.key.as_ref()).map_err(|failure| match failure {
                    Failure::Problem(problem) => QueryError::Problem(problem),
                    Failure::Fault(fault) => QueryError::Fault(fault),
                })? {
                    return Ok(kept);
                }
                store::in_transaction(conn, |conn| {
                    if !store::hold_receiving(conn, id)? {
                        return Err(Fault::NotFound);
                    }
                    let mut counts = judge_doubles(conn, id, organisation)?;
                    counts.add(super::verdict::Effect::Refused, refused);
                    store::count(conn, id, &["receiving"], &counts, Some(context.now()))?;
                    let first = store::first_stage(conn, id)?;
                    store::start(
                        conn,
                        &store::Start {
                            id,
                            lines,
                            stage: first.unwrap_or_default(),
                            key: sent.key.as_ref(),
                            digest: &sent.digest,
                        },
                    )?;
                    if first.is_none() {
                        // Not one line could be read.
                        let atomic = sent.options.mode == Mode::Atomic && !sent.options.dry_run;
                        let end = store::End {
                            state: if atomic { "rejected" } else { "completed" },
                            reason: atomic.then_some("refused_items"),
                            plan_hash: None,
                        };
                        store::end(conn, id, &end, context.now())?;
                    }
                    Ok(())
                })?;
                Ok(Kept { id, replayed: false })
            })
            .await?;
        self.finished = !kept.replayed;
        self.imports.wake();
        Ok(kept)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.imports.abandon(self.id);
        }
    }
}

/// Keeps verdicts on the lines of names that stand more than once.
fn judge_doubles(conn: &mut Conn, id: Uuid, organisation: Uuid) -> Result<Counts, Fault> {
    let (mut all, mut last) = (Counts::default(), (String::new(), String::new()));
    loop {
        let found = chunks::doubles(conn, id, (&last.0, &last.1), DOUBLES)?;
        let Some(end) = found.last() else { break };
        last = (end.kind.clone(), end.external_id.clone());
        // One name may stand on every line: verdicts are kept a part at a time.
        let mut verdicts = found.iter().flat_map(verdicts_on).peekable();
        while verdicts.peek().is_some() {
            let part: Vec<Verdict> = verdicts.by_ref().take(PUT).collect();
            all.add_all(&Counts::of(&part));
            items::put(conn, id, organisation, &part)?;
        }
    }
    chunks::forget_names(conn, id)?;
    Ok(all)
}

fn verdicts_on(found: &chunks::Double) -> impl Iterator<Item = Verdict> + '_ {
    let same = found.digests.windows(2).all(|pair| pair.first() == pair.last());
    let lines = found.lines.iter().zip(&found.digests).skip(usize::from(same));
    Kind::from_name(&found.kind).into_iter().flat_map(move |kind| {
        lines.clone().map(move |(line, digest)| {
            let item = Item { line: *line, kind, external_id: found.external_id.clone(), digest: *digest, data: None };
            double(&item, &found.lines, same)
        })
    })
}
