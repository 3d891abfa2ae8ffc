//! From items to verdicts, through the one write path. Everything here takes part in a transaction that the caller has begun.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::item::Item;
use super::verdict::{Effect, Reason, Verdict};
use crate::actions::Actions;
use crate::audit::Request;
use crate::batch::{self, Context, Job, Target, Verb, Wants};
use crate::calls::Calls;
use crate::cohorts::Cohorts;
use crate::db::Fault;
use crate::db::session::{Reach, Session};
use crate::error::{Code, Problem};
use crate::http::crud::Exposed;
use crate::identity::Caller;
use crate::identity::scopes::{Scope as _, ScopeSet};
use crate::kind::Kind;
use crate::members::Members;
use crate::organisations::Organisations;
use crate::outcomes::Outcomes;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::{shape, text};

/// Carries out items, each as if it had come by itself: deletions first, children before parents, then what is written, parents
/// before children, then the deletions again that other records stood against. The verdicts come in the order of the items.
pub fn apply(
    session: &mut Session,
    caller: &Arc<Caller>,
    request: &Arc<Request>,
    items: &[Item],
    context: &Context,
) -> Result<Vec<Verdict>, Fault> {
    session.act_for(Reach::of(caller.sight()))?;
    let mut verdicts: Vec<Option<Verdict>> = items.iter().map(|_| None).collect();
    let of = |wanted: &dyn Fn(&Item) -> bool| -> Vec<usize> {
        items.iter().enumerate().filter(|(_, item)| wanted(item)).map(|(index, _)| index).collect()
    };
    let mut again = Vec::new();
    for kind in Kind::ALL.into_iter().rev() {
        let deleted = of(&|item| item.data.is_none() && item.kind == kind);
        carry_out(session, caller, request, items, &deleted, &mut verdicts, context)?;
        let blocked = |index: &usize| is(&verdicts, *index, Verdict::is_still_referenced);
        again.push(deleted.into_iter().filter(blocked).collect::<Vec<usize>>());
    }
    let mut written = of(&|item| item.data.is_some());
    // What refers to its own kind may stand before what it refers to.
    while !written.is_empty() {
        carry_out(session, caller, request, items, &written, &mut verdicts, context)?;
        let made: HashSet<(&str, &str)> = written
            .iter()
            .filter(|index| is(&verdicts, **index, |verdict| verdict.effect == Effect::Created))
            .filter_map(|index| items.get(*index))
            .map(|item| (item.kind.name(), item.external_id.as_str()))
            .collect();
        let may_now = |index: &usize| {
            is(&verdicts, *index, |verdict| {
                let lacked =
                    verdict.lacks().and_then(|lacked| Some((lacked.kind.as_str(), lacked.external_id.as_deref()?)));
                lacked.is_some_and(|lacked| made.contains(&lacked))
            })
        };
        written.retain(may_now);
    }
    for deleted in again.iter().filter(|deleted| !deleted.is_empty()) {
        carry_out(session, caller, request, items, deleted, &mut verdicts, context)?;
    }
    Ok(verdicts
        .into_iter()
        .zip(items)
        .map(|(verdict, item)| verdict.unwrap_or_else(|| Verdict::of(item, None)))
        .collect())
}

fn is(verdicts: &[Option<Verdict>], index: usize, what: impl Fn(&Verdict) -> bool) -> bool {
    verdicts.get(index).and_then(Option::as_ref).is_some_and(what)
}

/// Carries out some of the items.
fn carry_out(
    session: &mut Session,
    caller: &Arc<Caller>,
    request: &Arc<Request>,
    items: &[Item],
    chosen: &[usize],
    verdicts: &mut [Option<Verdict>],
    context: &Context,
) -> Result<(), Fault> {
    let (mut jobs, mut indexes) = (Vec::with_capacity(chosen.len()), Vec::with_capacity(chosen.len()));
    for index in chosen {
        let (Some(item), Some(slot)) = (items.get(*index), verdicts.get_mut(*index)) else { continue };
        match job_of(item, caller, request) {
            Ok(job) => {
                jobs.push(job);
                indexes.push(*index);
            }
            Err(problem) => *slot = Some(Verdict::of(item, Some(&Err(problem)))),
        }
    }
    batch::carry_out_in_parts(session, &mut jobs, context)?;
    for (index, job) in indexes.into_iter().zip(&jobs) {
        if let (Some(item), Some(slot)) = (items.get(index), verdicts.get_mut(index)) {
            *slot = Some(Verdict::of(item, job.outcome()));
        }
    }
    Ok(())
}

/// The change that an item asks for; the same as its single request would.
fn job_of(item: &Item, caller: &Arc<Caller>, request: &Arc<Request>) -> Result<Job, Problem> {
    match item.kind {
        Kind::Organisation => job::<Organisations>(item, caller, request),
        Kind::Call => job::<Calls>(item, caller, request),
        Kind::Partnership => job::<Partnerships>(item, caller, request),
        Kind::Member => job::<Members>(item, caller, request),
        Kind::Cohort => job::<Cohorts>(item, caller, request),
        Kind::Participant => job::<Participants>(item, caller, request),
        Kind::Action => job::<Actions>(item, caller, request),
        Kind::Outcome => job::<Outcomes>(item, caller, request),
    }
}

fn job<R: Exposed>(item: &Item, caller: &Arc<Caller>, request: &Arc<Request>) -> Result<Job, Problem> {
    if let Some(scope) = R::Write::INFO.filter(|scope| !caller.scopes.has(scope)) {
        return Err(Problem::insufficient_scope(
            ScopeSet::of([scope]),
            text!("The operation needs the scope `{}`." / "L'operazione richiede lo scope `{}`.", scope.name),
        ));
    }
    let verb = match &item.data {
        None => Verb::Delete,
        Some(data) => {
            // The line was JSON; only one that nests too deeply is found out here.
            let document = serde_json::from_str(data.get()).map_err(|_| Problem::new(Code::MalformedJson))?;
            Verb::Write(shape::parse::<R::Input>(document).map_err(Problem::invalid)?)
        }
    };
    let item = batch::Item::<R> {
        caller: Arc::clone(caller),
        request: Arc::clone(request),
        target: Target::External(item.external_id.clone()),
        verb,
        if_version: None,
        idempotency: None,
        wants: Wants::Fields,
    };
    Ok(Job::new(item, None))
}

/// Verdicts on the lines of names that stand more than once, and those items that are left to be carried out: of the same item
/// once again the first; of different ones none.
pub fn without_doubles(items: Vec<Item>) -> (Vec<Item>, Vec<Verdict>) {
    let mut by_name: HashMap<(Kind, &str), Vec<&Item>> = HashMap::with_capacity(items.len());
    for item in &items {
        by_name.entry((item.kind, &item.external_id)).or_default().push(item);
    }
    let mut verdicts: HashMap<i64, Verdict> = HashMap::new();
    for group in by_name.values().filter(|group| group.len() > 1) {
        let lines: Vec<i64> = group.iter().map(|item| item.line).collect();
        let same = group.iter().all(|item| Some(item.digest) == group.first().map(|first| first.digest));
        for item in group.iter().skip(usize::from(same)) {
            verdicts.insert(item.line, double(item, &lines, same));
        }
    }
    drop(by_name);
    let left = items.into_iter().filter(|item| !verdicts.contains_key(&item.line)).collect();
    (left, verdicts.into_values().collect())
}

/// Lines that a verdict names at most.
const NAMED: usize = 10;

/// The verdict on a line whose name stands on all of `lines`, every time with the `same` item or not.
pub fn double(item: &Item, lines: &[i64], same: bool) -> Verdict {
    let others: Vec<i64> = lines.iter().copied().filter(|line| *line != item.line).take(NAMED).collect();
    if same {
        let detail =
            text!("The same item stands on an earlier line." / "Lo stesso elemento è presente in una riga precedente.");
        let reason = Reason::new("", "repeated", &detail, None).with_lines(others);
        return Verdict { effect: Effect::Unchanged, ..Verdict::refused(item, reason) };
    }
    let detail = text!(
        "Another line says something else about the same record: leave one of them."
            / "Un'altra riga dice altro dello stesso record: lasciarne una sola."
    );
    Verdict::refused(item, Reason::new("/external_id", "ambiguous", &detail, None).with_lines(others))
}
