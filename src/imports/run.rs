//! An import at once, a chunk of a large one, a large one as a whole: what happens in which transaction.

use std::cell::Cell;
use std::sync::Arc;

use uuid::Uuid;

use super::apply::{apply, without_doubles};
use super::body::Read;
use super::item::Item;
use super::store::{self, Chunk, Counts, End, Import, chunks, items};
use super::upload::Sent;
use super::verdict::{Effect, Plan, Verdict};
use super::{circles, stage, waiting};
use crate::audit;
use crate::batch::{Context, Idempotency};
use crate::db::constraints::problem_of;
use crate::db::session::Session;
use crate::db::{Conn, Fault};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::kind::Kind;
use crate::text;

/// A chunk that failed so often without an answer is given up: its items are refused with what the service's fault is told as.
const FAILURES: i32 = 3;

/// Verdicts that are kept with one statement.
pub const PUT: usize = 5000;

/// An import in memory.
pub struct AtOnce {
    /// By whom and how.
    pub sent: Sent,
    /// What its lines say.
    pub lines: Vec<Read>,
}

/// An import that is there: a new one, or the one that an earlier request with the same key made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: Uuid,
    /// Whether an earlier request made it.
    pub replayed: bool,
}

/// What ends work on an import.
pub enum Failure {
    /// A refusal to be told.
    Problem(Problem),
    /// The database failed.
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Carries out an import in one transaction, with all that is kept of it.
pub fn at_once(session: &mut Session, at_once: &AtOnce, context: &Context) -> Result<Kept, Problem> {
    for tries in (0..3).rev() {
        match attempt(session, at_once, context) {
            Ok(kept) => return Ok(kept),
            Err(Failure::Problem(problem)) => {
                session.roll_back();
                return Err(problem);
            }
            Err(Failure::Fault(fault)) => {
                session.note(&fault);
                // After a lost connection it is not known whether the commit took place: the sender's key tells.
                if session.doomed {
                    return Err(problem_of(&fault));
                }
                session.roll_back();
                if tries == 0
                    || !crate::db::session::is_transient(&fault)
                        && problem_of(&fault).code != Code::IdempotencyInProgress
                {
                    return Err(problem_of(&fault));
                }
            }
        }
    }
    Err(Problem::new(Code::Internal))
}

fn attempt(session: &mut Session, at_once: &AtOnce, context: &Context) -> Result<Kept, Failure> {
    let AtOnce { sent, lines } = at_once;
    session.begin()?;
    if let Some(kept) = recall(&mut session.conn, sent.key.as_ref())? {
        session.roll_back();
        return Ok(kept);
    }
    let import = Import { lines: i64::try_from(lines.len()).unwrap_or(i64::MAX), ..sent.import(context, "running") };
    store::insert(&mut session.conn, &import)?;
    let unreadable: Vec<Verdict> =
        lines.iter().filter_map(|line| line.as_ref().err()).map(Verdict::unreadable).collect();
    let (items, mut beforehand) =
        without_doubles(lines.iter().filter_map(|line| line.as_ref().ok()).cloned().collect());
    beforehand.extend(unreadable);
    let verdicts = apply(session, &sent.caller, &import.request(), &items, context)?;
    let mut plan = Plan::default();
    plan.add(&verdicts);
    let work = Work {
        import: &import,
        caller: &sent.caller,
        is_new: true,
        items: &items,
        verdicts,
        beforehand,
        plan: plan.hash(),
    };
    conclude(session, work, context)?;
    Ok(Kept { id: import.id, replayed: false })
}

/// The import that an earlier request with this key made.
pub fn recall(conn: &mut Conn, key: Option<&Idempotency>) -> Result<Option<Kept>, Failure> {
    let Some(key) = key else { return Ok(None) };
    match store::of_key(conn, &key.client_id, &key.key)? {
        None => Ok(None),
        Some(known) if known.digest == key.digest => Ok(Some(Kept { id: known.id, replayed: true })),
        Some(_) => Err(Failure::Problem(Problem::because(
            Code::IdempotencyKeyReused,
            text!("The key came with another import before." / "La chiave è già arrivata con un'altra importazione."),
        ))),
    }
}

/// An import that was carried out in a transaction that is still open.
struct Work<'a> {
    import: &'a Import,
    caller: &'a Caller,
    /// Whether this transaction made it.
    is_new: bool,
    /// The items that were carried out; those that may have to wait with their data.
    items: &'a [Item],
    verdicts: Vec<Verdict>,
    /// Verdicts that did not need carrying out, and are not kept yet.
    beforehand: Vec<Verdict>,
    plan: String,
}

/// Commits, or takes all back and keeps what would have become of it.
fn conclude(session: &mut Session, work: Work<'_>, context: &Context) -> Result<(), Failure> {
    let Work { import, caller, is_new, items, mut verdicts, mut beforehand, plan } = work;
    let now = context.now();
    let atomic = import.mode == "atomic";
    let changed = import.wanted_plan.as_ref().is_some_and(|wanted| *wanted != plan);
    if changed && is_new {
        return Err(Failure::Problem(Problem::new(Code::PlanChanged)));
    }
    waiting::blame(&mut session.conn, import, items, &mut verdicts)?;
    let failed = |verdicts: &[Verdict]| {
        verdicts.iter().any(|verdict| matches!(verdict.effect, Effect::Refused | Effect::Waiting))
    };
    let refused = atomic && (failed(&verdicts) || failed(&beforehand) || import.refused > 0);
    let end = End {
        state: if (refused || changed) && !import.dry_run { "rejected" } else { "completed" },
        reason: if changed { Some("plan_changed") } else { refused.then_some("refused_items") },
        plan_hash: Some(&plan),
    };
    if refused || changed || import.dry_run {
        session.roll_back();
        session.begin()?;
        if is_new {
            store::insert(&mut session.conn, import)?;
        }
        // What was told of workers of others was told, though nothing came of it.
        if verdicts.iter().any(Verdict::tells_of_a_worker) {
            audit::note_request(&mut session.conn, caller, &import.request(), context)?;
        }
        if !import.dry_run {
            for verdict in verdicts.iter_mut().chain(&mut beforehand) {
                if changed || !matches!(verdict.effect, Effect::Refused | Effect::Waiting) {
                    verdict.effect = Effect::Skipped;
                    (verdict.record, verdict.changed) = (None, Vec::new());
                }
            }
        } else {
            // What a dry run would have made is not there.
            verdicts
                .iter_mut()
                .filter(|verdict| verdict.effect == Effect::Created)
                .for_each(|verdict| verdict.record = None);
        }
    } else {
        waiting::keep(&mut session.conn, import, items, &verdicts, context)?;
    }
    let conn = &mut session.conn;
    verdicts.append(&mut beforehand);
    for part in verdicts.chunks(PUT) {
        items::put(conn, import.id, import.organisation_id, part)?;
    }
    chunks::remove_all(conn, import.id)?;
    if !store::count(conn, import.id, &["running"], &Counts::of(&verdicts), Some(now))? {
        // It was cancelled meanwhile.
        session.roll_back();
        return Ok(());
    }
    circles::refuse(conn, import)?;
    store::end(conn, import.id, &end, now)?;
    Ok(session.commit()?)
}

/// Who sent an import; where the client may act no more, the import ends here.
fn sender_or_end(session: &mut Session, import: &Import, context: &Context) -> Result<Option<Arc<Caller>>, Fault> {
    let sender = waiting::sender(&mut session.conn, import)?;
    if sender.is_none() {
        let end = End { state: "cancelled", reason: Some("client_revoked"), plan_hash: None };
        store::end(&mut session.conn, import.id, &end, context.now())?;
        session.commit()?;
    }
    Ok(sender)
}

/// Carries out one chunk of an import in a transaction of its own; answers how many items of which kind it had, and
/// `None` where there is no chunk to be had.
pub fn chunk(
    session: &mut Session,
    import_id: Uuid,
    in_hand: &InHand,
    context: &Context,
) -> Result<Option<(Option<Kind>, usize)>, Fault> {
    session.begin()?;
    let Some(chunk) = chunks::claim(&mut session.conn, import_id)? else {
        session.roll_back();
        return Ok(None);
    };
    let Some(import) = store::find(&mut session.conn, import_id)? else {
        session.roll_back();
        return Ok(None);
    };
    let Some(caller) = sender_or_end(session, &import, context)? else { return Ok(Some((None, 0))) };
    in_hand.set(Some((import_id, chunk.number)));
    let mut items = open(session, &import, &chunk.sealed, context)?;
    let mut verdicts = if chunk.failures < FAILURES {
        apply(session, &caller, &import.request(), &items, context)?
    } else {
        items.iter().map(|item| Verdict::of(item, None)).collect()
    };
    let conn = &mut session.conn;
    later(conn, &import, &chunk, &mut items, &mut verdicts, context)?;
    waiting::blame(conn, &import, &items, &mut verdicts)?;
    waiting::keep(conn, &import, &items, &verdicts, context)?;
    items::put(conn, import.id, import.organisation_id, &verdicts)?;
    chunks::remove(conn, import.id, chunk.number)?;
    if !store::count(conn, import.id, &["running"], &Counts::of(&verdicts), Some(context.now()))? {
        // It was cancelled meanwhile: this chunk, too.
        session.roll_back();
        in_hand.set(None);
        return Ok(Some((None, 0)));
    }
    // The import's row is locked by now: whoever finishes another chunk waits, and sees that this one is gone.
    match store::first_stage(conn, import.id)? {
        Some(stage) => store::advance(conn, import.id, stage)?,
        None => {
            circles::refuse(conn, &import)?;
            store::end(conn, import.id, &End { state: "completed", ..End::default() }, context.now()).map(drop)?;
        }
    }
    session.commit()?;
    in_hand.set(None);
    Ok(Some((items.first().map(|item| item.kind), items.len())))
}

/// The chunk that a thread has in hand: whoever finds it there afterwards knows that carrying it out failed without an answer.
pub type InHand = Cell<Option<(Uuid, i32)>>;

/// Notes that carrying out a chunk failed without an answer, so that it is not tried for ever. An import of which not even the
/// refusals can be kept is given up.
pub fn note_failure(session: &mut Session, in_hand: &InHand, context: &Context) -> Result<(), Fault> {
    let Some((import_id, number)) = in_hand.take() else { return Ok(()) };
    let failures = chunks::failed(&mut session.conn, import_id, number, context.now())?;
    tracing::warn!(import = %import_id, chunk = number, failures, "a chunk could not be carried out");
    if failures >= 2 * FAILURES {
        let end = End { state: "rejected", reason: Some("service_failed"), plan_hash: None };
        store::end(&mut session.conn, import_id, &end, context.now())?;
        chunks::remove_all(&mut session.conn, import_id)?;
    }
    Ok(())
}

/// The items of a chunk that have no verdict yet.
fn open(session: &mut Session, import: &Import, sealed: &[u8], context: &Context) -> Result<Vec<Item>, Fault> {
    let Some(mut items) = stage::open(context, import.id, sealed) else {
        // The secret is checked at the start: this is damage, and the import ends as one that the service failed at.
        return Err(Fault::DeserializationError("a chunk cannot be opened".into()));
    };
    let lines: Vec<i64> = items.iter().map(|item| item.line).collect();
    let judged = items::judged(&mut session.conn, import.id, &lines)?;
    items.retain(|item| !judged.contains(&item.line));
    Ok(items)
}

/// What the rest of the import may yet make possible is tried again behind it: see [`stage::later`].
fn later(
    conn: &mut Conn,
    import: &Import,
    chunk: &Chunk,
    items: &mut Vec<Item>,
    verdicts: &mut Vec<Verdict>,
    context: &Context,
) -> Result<(), Fault> {
    let (mut left, mut kept, mut behind) = (Vec::new(), Vec::new(), None);
    for (item, verdict) in items.drain(..).zip(verdicts.drain(..)) {
        match stage::later(chunk.stage, &item, &verdict) {
            Some(stage) => {
                // The items of a chunk are of one kind, and so of one stage.
                behind = Some(stage);
                left.push(item);
            }
            None => kept.push((item, verdict)),
        }
    }
    (*items, *verdicts) = kept.into_iter().unzip();
    if let Some(stage) = behind {
        let sealed = stage::seal(context, import.id, &left);
        chunks::add_later(conn, import.id, chunk.number, stage, &sealed)?;
    }
    Ok(())
}

/// Carries out an import that is all or nothing, demands a plan, or is a dry run; `false` where another process is at it.
pub fn whole(session: &mut Session, import_id: Uuid, in_hand: &InHand, context: &Context) -> Result<bool, Fault> {
    if !store::take_whole(&mut session.conn, import_id)? {
        return Ok(false);
    }
    let result = as_a_whole(session, import_id, in_hand, context);
    if let Err(fault) = &result {
        session.note(fault);
    }
    if !session.doomed {
        if result.is_err() {
            session.roll_back();
        }
        store::give_back_whole(&mut session.conn, import_id)?;
    }
    result.map(|()| true)
}

fn as_a_whole(session: &mut Session, import_id: Uuid, in_hand: &InHand, context: &Context) -> Result<(), Fault> {
    session.begin()?;
    let Some(import) = store::find(&mut session.conn, import_id)?.filter(|import| import.state == "running") else {
        session.roll_back();
        return Ok(());
    };
    let Some(caller) = sender_or_end(session, &import, context)? else { return Ok(()) };
    let (mut items, mut verdicts, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let numbers = chunks::numbers(&mut session.conn, import_id)?;
    in_hand.set(numbers.first().map(|first| (import_id, *first)));
    for number in numbers {
        let Some(chunk) = chunks::get(&mut session.conn, import_id, number)? else { continue };
        let opened = open(session, &import, &chunk.sealed, context)?;
        let judged = apply(session, &caller, &import.request(), &opened, context)?;
        for (mut item, verdict) in opened.into_iter().zip(judged) {
            if let Some(stage) = stage::later(chunk.stage, &item, &verdict) {
                again.push((stage, item));
                continue;
            }
            // Only what may have to wait is needed again.
            if verdict.lacks().is_none() {
                item.data = None;
            }
            items.push(item);
            verdicts.push(verdict);
        }
    }
    again.sort_by_key(|(stage, _)| *stage);
    let again: Vec<Item> = again.into_iter().map(|(_, item)| item).collect();
    verdicts.extend(apply(session, &caller, &import.request(), &again, context)?);
    items.extend(again);
    let mut plan = Plan::default();
    plan.add(&verdicts);
    let work = Work {
        import: &import,
        caller: &caller,
        is_new: false,
        items: &items,
        verdicts,
        beforehand: Vec::new(),
        plan: plan.hash(),
    };
    match conclude(session, work, context) {
        Ok(()) => {
            in_hand.set(None);
            Ok(())
        }
        Err(Failure::Fault(fault)) => Err(fault),
        Err(Failure::Problem(problem)) => {
            tracing::error!(import = %import_id, %problem, "an import as a whole came to a problem");
            Err(Fault::RollbackTransaction)
        }
    }
}
