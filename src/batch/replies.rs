//! What a change is answered with.

use std::collections::BTreeSet;

use super::job::{Answer, Effect, Reply};
use super::wave::Written;
use super::{Context, Item, Resource, Wants};
use crate::db::{Conn, Fault, Stored};
use crate::error::{Code, Problem};
use crate::identity::Caller;

/// The answers to what was carried out, each with its place in `items`.
pub(super) fn replies<R: Resource>(
    conn: &mut Conn,
    items: &[&Item<R>],
    written: &[Written<'_, '_, R>],
    context: &Context,
) -> Result<Vec<(usize, Answer)>, Fault> {
    let wants = |index: usize, wanted: Wants| items.get(index).is_some_and(|item| item.wants == wanted);
    let is_shown = |index: usize, effect: Effect| effect != Effect::Deleted && wants(index, Wants::Record);
    let shown: Vec<(&R::Record, &Caller)> = written
        .iter()
        .filter(|(index, _, (_, effect))| is_shown(*index, *effect))
        .map(|(_, draft, (record, _))| (record, draft.caller))
        .collect();
    let mut views = R::views(conn, &shown, context)?.into_iter();
    written
        .iter()
        .map(|(index, draft, (record, effect))| {
            let body = if is_shown(*index, *effect) {
                views.next().map(|view| serde_json::to_vec(&view)).transpose()
            } else {
                Ok(None)
            };
            let fields = match &draft.before {
                Some(before) if *effect == Effect::Changed && wants(*index, Wants::Fields) => {
                    changed_fields::<R>(conn, before, record, context)?
                }
                _ => Vec::new(),
            };
            let answer = match body {
                Ok(body) => Ok(Reply {
                    id: record.meta().id,
                    version: record.meta().version,
                    effect: *effect,
                    body: body.unwrap_or_default(),
                    fields,
                    replayed: false,
                }),
                Err(_) => Err(Problem::new(Code::Internal)),
            };
            Ok((*index, answer))
        })
        .collect()
}

/// The members of what clients send that differ between two versions of a record.
fn changed_fields<R: Resource>(
    conn: &mut Conn,
    before: &R::Record,
    after: &R::Record,
    context: &Context,
) -> Result<Vec<String>, Fault> {
    let mut document = |record: &R::Record| {
        let input = R::input_of(conn, record, context)?;
        Ok::<_, Fault>(serde_json::to_value(&input).unwrap_or_default())
    };
    let (before, after) = (document(before)?, document(after)?);
    let names = before.as_object().into_iter().chain(after.as_object()).flat_map(serde_json::Map::keys);
    let changed: BTreeSet<&String> = names.filter(|name| before.get(name) != after.get(name)).collect();
    Ok(changed.into_iter().cloned().collect())
}
