//! The write path, step by step. See the module's page for the order of the steps.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::job::{Answer, Effect, Job};
use super::{
    Change, Claimed, Claims, Context, Draft, Input, Item, Kept, ParentLock, Resource, Settled, Target, Verb,
    idempotency, notes, refs, store,
};
use crate::db::{Conn, ExternalKey, Fault, Meta, Stored};
use crate::error::{Code, Problem, Violation};
use crate::identifiers::PersonTaxCode;
use crate::identity::Caller;
use crate::shape;
use crate::text;

/// Carries out changes of one kind, in as many waves as their claims demand.
pub(super) fn run<R: Resource>(conn: &mut Conn, jobs: Vec<&mut Job>, context: &Context) -> Result<(), Fault> {
    let mut waiting = jobs;
    while !waiting.is_empty() {
        let answers = {
            let items: Vec<&Item<R>> = waiting.iter().filter_map(|job| job.item.downcast_ref()).collect();
            advance(conn, &items, context)?
        };
        let mut left = Vec::new();
        for (job, answer) in waiting.into_iter().zip(answers) {
            match answer {
                Some(answer) => job.outcome = Some(answer),
                None => left.push(job),
            }
        }
        waiting = left;
    }
    Ok(())
}

/// A change before its references are known.
struct Opened<'a, R: Resource> {
    index: usize,
    before: Option<R::Record>,
    meta: Meta,
    change: Change<'a, R>,
}

/// One wave. `None` stands for a change that has to wait for the next one.
fn advance<R: Resource>(conn: &mut Conn, items: &[&Item<R>], context: &Context) -> Result<Vec<Option<Answer>>, Fault> {
    let mut answers = recall_answers(conn, items, context)?;
    notes::note_shown::<R>(conn, items, &notes::replayed(&answers), context)?;
    let opened = open_targets(conn, items, &mut answers, context)?;

    let asked: Vec<(&Caller, &Change<'_, R>)> =
        opened.iter().filter_map(|open| Some((items.get(open.index)?.caller.as_ref(), &open.change))).collect();
    let resolved = R::resolve(conn, &asked, context)?;
    drop(asked);
    let drafts = opened.into_iter().zip(resolved).filter_map(|(open, refs)| {
        let caller = items.get(open.index)?.caller.as_ref();
        Some((open.index, Draft { caller, before: open.before, meta: open.meta, change: open.change, refs }))
    });
    let (indexes, drafts) = first_wave(items, drafts);
    let (indexes, drafts) = lock(conn, indexes, drafts)?;

    let mut facts = R::gather(conn, &drafts, context)?;
    let mut written = Vec::with_capacity(drafts.len());
    for (index, draft) in indexes.iter().zip(&drafts) {
        match R::judge(&facts, draft, context) {
            Ok(record) => {
                R::absorb(&mut facts, draft, &record);
                written.push((*index, draft, finished::<R>(record, draft, context)));
            }
            Err(problem) => {
                notes::note_told(conn, items.get(*index), &problem, context)?;
                set(&mut answers, *index, Err(problem));
            }
        }
    }
    write::<R>(conn, &written, context)?;
    notes::note::<R>(conn, items, &written, context)?;
    notes::note_shown::<R>(conn, items, &notes::unchanged(&written), context)?;
    for (index, reply) in super::replies::replies::<R>(conn, items, &written, context)? {
        set(&mut answers, index, reply);
    }
    let remembered: Vec<_> = written
        .iter()
        .filter_map(|(index, ..)| match (items.get(*index)?.idempotency.as_ref(), answers.get(*index)?) {
            (Some(key), Some(Ok(reply))) => Some((key, reply)),
            _ => None,
        })
        .collect();
    idempotency::remember(conn, &remembered, context)?;
    Ok(answers)
}

fn set(answers: &mut [Option<Answer>], index: usize, answer: Answer) {
    if let Some(slot) = answers.get_mut(index) {
        *slot = Some(answer);
    }
}

fn recall_answers<R: Resource>(
    conn: &mut Conn,
    items: &[&Item<R>],
    context: &Context,
) -> Result<Vec<Option<Answer>>, Fault> {
    let keys: Vec<_> = items.iter().filter_map(|item| item.idempotency.as_ref()).collect();
    let known = idempotency::recall(conn, &keys, context)?;
    Ok(items.iter().map(|item| known.get(item.idempotency.as_ref()?).cloned()).collect())
}

/// Finds what the changes are meant for, refuses what the caller may not see or has read in another version, and turns
/// merge-patches into whole records.
fn open_targets<'a, R: Resource>(
    conn: &mut Conn,
    items: &[&'a Item<R>],
    answers: &mut [Option<Answer>],
    context: &Context,
) -> Result<Vec<Opened<'a, R>>, Fault> {
    let key = |item: &Item<R>| {
        let name = match (&item.target, &item.verb) {
            (Target::External(name), _) => name.as_str(),
            (Target::New, Verb::Write(input)) => input.external_id()?,
            _ => return None,
        };
        Some(ExternalKey { source: item.caller.organisation, external_id: name.to_owned() })
    };
    let keys: Vec<ExternalKey> = items.iter().filter_map(|item| key(item)).collect();
    let named: HashMap<ExternalKey, Uuid> =
        if keys.is_empty() { HashMap::new() } else { R::Record::find_external(conn, &keys)?.into_iter().collect() };
    let ids: Vec<Option<Uuid>> = items
        .iter()
        .map(|item| match &item.target {
            Target::New => None,
            Target::Id(id) => Some(*id),
            Target::External(_) => named.get(&key(item)?).copied(),
        })
        .collect();
    let callers: Vec<&Caller> = items.iter().map(|item| item.caller.as_ref()).collect();
    let records = refs::visible::<R>(conn, &callers, &ids)?;

    let mut opened = Vec::with_capacity(items.len());
    // Names that changes further ahead may be about to give.
    let mut coming = HashSet::new();
    for (index, ((item, id), before)) in items.iter().zip(ids).zip(records).enumerate() {
        if answers.get(index).is_none_or(Option::is_some) {
            continue;
        }
        if let (None, Some(name)) = (id, key(item)) {
            if matches!(item.verb, Verb::Write(_)) {
                coming.insert(name);
            } else if coming.contains(&name) {
                // What it claims is not known before that record is there, so nothing behind it may be judged either.
                break;
            }
        }
        let missing = before.is_none() && (id.is_some() || !matches!(item.verb, Verb::Write(_)));
        let stale = before
            .as_ref()
            .is_some_and(|record| item.if_version.is_some_and(|version| version != record.meta().version));
        let taken = item.target == Target::New && key(item).is_some_and(|key| named.contains_key(&key));
        let result = if missing {
            Err(Problem::new(Code::NotFound))
        } else if taken {
            let detail = text!(
                "The organisation has a record of this name: use PUT by external id to change it."
                    / "Il soggetto ha già un record con questo nome: per modificarlo usare PUT con l'identificativo esterno."
            );
            let violation = Violation::new("/external_id", "already_in_use", detail);
            Err(Problem::new(Code::AlreadyExists).with(vec![violation]))
        } else if stale || before.is_none() && item.if_version.is_some() {
            Err(Problem::new(Code::StaleVersion))
        } else {
            change_of(conn, item, before.as_ref(), context)?.and_then(|change| {
                let meta = meta_of(item, &change, before.as_ref(), context)?;
                Ok(Opened { index, before, meta, change })
            })
        };
        match result {
            Ok(open) => opened.push(open),
            Err(problem) => set(answers, index, Err(problem)),
        }
    }
    Ok(opened)
}

fn change_of<'a, R: Resource>(
    conn: &mut Conn,
    item: &'a Item<R>,
    before: Option<&R::Record>,
    context: &Context,
) -> Result<Result<Change<'a, R>, Problem>, Fault> {
    Ok(match &item.verb {
        Verb::Write(input) => Ok(Change::Write(Cow::Borrowed(input))),
        Verb::Delete => Ok(Change::Delete),
        Verb::Act(act) => Ok(Change::Act(act)),
        Verb::Patch(patch) => {
            let Some(before) = before else {
                return Ok(Err(Problem::new(Code::NotFound)));
            };
            let input = R::input_of(conn, before, context)?;
            match serde_json::to_value(&input) {
                Ok(mut document) => {
                    merge(&mut document, patch);
                    shape::parse::<R::Input>(document)
                        .map(|input| Change::Write(Cow::Owned(input)))
                        .map_err(Problem::invalid)
                }
                Err(_) => Err(Problem::new(Code::Internal)),
            }
        }
    })
}

/// RFC 7396.
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    if let Some(target) = target.as_object_mut() {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.clone()).or_insert(serde_json::Value::Null), value);
            }
        }
    }
}

fn meta_of<R: Resource>(
    item: &Item<R>,
    change: &Change<'_, R>,
    before: Option<&R::Record>,
    context: &Context,
) -> Result<Meta, Problem> {
    let stated = match change {
        Change::Write(input) => input.external_id(),
        Change::Delete | Change::Act(_) => None,
    };
    let named = match (&item.target, before) {
        (Target::External(name), _) => Some(name.as_str()),
        (_, Some(before)) => before.meta().external_id.as_deref(),
        _ => None,
    };
    if let (Some(stated), Some(named)) = (stated, named)
        && stated != named
    {
        let detail = text!(
            "A record keeps the external id it was given: leave it out or repeat it."
                / "Un record mantiene l'identificativo esterno ricevuto: ometterlo o ripeterlo."
        );
        return Err(Problem::invalid(vec![Violation::new("/external_id", "immutable", detail)]));
    }
    let external_id = named.or(stated).map(str::to_owned);
    if external_id.as_deref().is_some_and(PersonTaxCode::looks_like) {
        let detail = text!(
            "A tax code must not name a record: names stand in URLs and logs."
                / "Un codice fiscale non deve dare nome a un record: i nomi compaiono in URL e log."
        );
        return Err(Problem::invalid(vec![Violation::new("/external_id", "personal_data", detail)]));
    }
    Ok(match before {
        Some(before) => Meta { external_id, ..before.meta().clone() },
        None => Meta::new(context.ids.next(context.now()), context.now(), item.caller.organisation, external_id),
    })
}

/// Takes the changes, in their order, whose claims do not keep them from those already taken.
fn first_wave<'a, R: Resource>(
    items: &[&'a Item<R>],
    drafts: impl Iterator<Item = (usize, Draft<'a, R>)>,
) -> (Vec<usize>, Vec<Draft<'a, R>>) {
    let mut wave = Claimed::default();
    drafts
        .filter(|(index, draft)| {
            let mut claims = Claims::default();
            claims.add("id", draft.meta.id);
            if let (None, Some(name)) = (&draft.before, &draft.meta.external_id) {
                claims.name(draft.meta.source_organisation_id, name);
            }
            if let Some(key) = items.get(*index).and_then(|item| item.idempotency.as_ref()) {
                claims.add("key", (&key.client_id, &key.key));
            }
            R::claims(draft, &mut claims);
            wave.admit(claims)
        })
        .unzip()
}

/// Locks partnerships, then the records themselves, each in the order of ids. A record that changed between its reading and
/// its locking waits for the next wave, which reads it again.
fn lock<'a, R: Resource>(
    conn: &mut Conn,
    indexes: Vec<usize>,
    drafts: Vec<Draft<'a, R>>,
) -> Result<(Vec<usize>, Vec<Draft<'a, R>>), Fault> {
    lock_partnerships(conn, &drafts)?;
    let existing: Vec<Uuid> = drafts.iter().filter(|draft| draft.before.is_some()).map(|draft| draft.meta.id).collect();
    if existing.is_empty() {
        return Ok((indexes, drafts));
    }
    let locked: HashMap<Uuid, i64> =
        R::Record::lock(conn, &existing)?.iter().map(|record| (record.meta().id, record.meta().version)).collect();
    // Nor does what stands behind such a one overtake it.
    Ok(indexes
        .into_iter()
        .zip(drafts)
        .take_while(|(_, draft)| {
            draft.before.as_ref().is_none_or(|before| locked.get(&before.meta().id) == Some(&before.meta().version))
        })
        .unzip())
}

/// Locks each partnership as firmly as any of the changes needs it.
fn lock_partnerships<R: Resource>(conn: &mut Conn, drafts: &[Draft<'_, R>]) -> Result<(), Fault> {
    let mut wanted: BTreeMap<Uuid, ParentLock> = BTreeMap::new();
    for draft in drafts {
        let needed = R::parent_lock(draft);
        for id in R::partnerships(draft) {
            let lock = wanted.entry(id).or_insert(needed);
            *lock = needed.max(*lock);
        }
    }
    // Neighbours with the same lock go together, so that all are taken in the order of ids whatever their locks.
    let wanted: Vec<(Uuid, ParentLock)> = wanted.into_iter().collect();
    for run in wanted.chunk_by(|(_, one), (_, other)| one == other) {
        let ids: Vec<Uuid> = run.iter().map(|(id, _)| *id).collect();
        if let Some((_, lock)) = run.first() {
            store::lock_partnerships(conn, &ids, *lock)?;
        }
    }
    Ok(())
}

/// The record as it will be stored: a new version where anything differs.
fn finished<R: Resource>(mut record: R::Record, draft: &Draft<'_, R>, context: &Context) -> (R::Record, Effect) {
    match &draft.before {
        None => (record, Effect::Created),
        Some(before) if *before == record => (record, Effect::Unchanged),
        Some(before) => {
            let version = before.meta().version + 1;
            let meta = record.meta_mut();
            meta.version = version;
            meta.updated_at = context.now();
            let effect = if meta.deleted_at.is_some() { Effect::Deleted } else { Effect::Changed };
            (record, effect)
        }
    }
}

pub(super) type Written<'d, 'a, R> = (usize, &'d Draft<'a, R>, (<R as Kept>::Record, Effect));

fn write<R: Resource>(conn: &mut Conn, written: &[Written<'_, '_, R>], context: &Context) -> Result<(), Fault> {
    let of = |wanted: &[Effect]| -> Vec<&R::Record> {
        written.iter().filter(|(.., (_, effect))| wanted.contains(effect)).map(|(.., (record, _))| record).collect()
    };
    R::Record::insert(conn, &of(&[Effect::Created]))?;
    let updates = of(&[Effect::Changed, Effect::Deleted]);
    if R::Record::update(conn, &updates)? != updates.len() {
        // The rows are locked: a missing one means that something else than this service writes to the table.
        return Err(Fault::NotFound);
    }
    let settled: Vec<Settled<'_, '_, R>> = written
        .iter()
        .filter(|(.., (_, effect))| *effect != Effect::Unchanged)
        .map(|(_, draft, (record, _))| Settled { draft, record })
        .collect();
    if settled.is_empty() { Ok(()) } else { R::settle(conn, &settled, context) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn a_merge_patch_does_what_the_standard_says() {
        for (original, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut target = original.clone();
            merge(&mut target, &patch);
            assert_eq!(target, expected, "{original} + {patch}");
        }
    }
}
