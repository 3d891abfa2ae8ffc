//! What is noted in the audit log of a wave: what was written, what was shown without being written, and who was told of workers of others.

use uuid::Uuid;

use super::job::{Answer, Effect};
use super::wave::Written;
use super::{Context, Item, Resource, Wants};
use crate::audit::{self, Changed};
use crate::db::{Conn, Fault, Meta, Stored as _};
use crate::error::{Code, Problem};

/// Answers that were given before: what they show is shown again.
pub(super) fn replayed(answers: &[Option<Answer>]) -> Vec<(usize, Uuid)> {
    let shown = |(index, answer): (usize, &Option<Answer>)| match answer {
        Some(Ok(reply)) if !reply.body.is_empty() => Some((index, reply.id)),
        _ => None,
    };
    answers.iter().enumerate().filter_map(shown).collect()
}

/// Records that are shown to whoever has not changed them.
pub(super) fn unchanged<R: Resource>(written: &[Written<'_, '_, R>]) -> Vec<(usize, Uuid)> {
    let same = written.iter().filter(|(.., (_, effect))| *effect == Effect::Unchanged);
    same.map(|(index, _, (record, _))| (*index, record.meta().id)).collect()
}

/// Notes in the audit log what is shown without having been written: that is reading.
pub(super) fn note_shown<R: Resource>(
    conn: &mut Conn,
    items: &[&Item<R>],
    shown: &[(usize, Uuid)],
    context: &Context,
) -> Result<(), Fault> {
    let read: Vec<_> = shown
        .iter()
        .filter_map(|(index, id)| {
            let item = items.get(*index).filter(|item| item.wants == Wants::Record)?;
            Some((item.caller.as_ref(), item.request.as_ref(), R::KIND, *id))
        })
        .collect();
    audit::note_each(conn, &read, context)
}

/// Notes that somebody was told of a worker of others.
pub(super) fn note_told<R: Resource>(
    conn: &mut Conn,
    item: Option<&&Item<R>>,
    problem: &Problem,
    context: &Context,
) -> Result<(), Fault> {
    let Some(item) = item.filter(|_| problem.code == Code::WorkerTaken) else { return Ok(()) };
    context.probes.note(&item.caller.client_id);
    audit::note_request(conn, &item.caller, &item.request, context)
}

/// Notes in the audit log what was written.
pub(super) fn note<R: Resource>(
    conn: &mut Conn,
    items: &[&Item<R>],
    written: &[Written<'_, '_, R>],
    context: &Context,
) -> Result<(), Fault> {
    let changes: Vec<Changed<'_>> = written
        .iter()
        .filter(|(.., (_, effect))| *effect != Effect::Unchanged)
        .filter_map(|(index, _, (record, effect))| {
            let item = items.get(*index)?;
            let Meta { id, version, .. } = *record.meta();
            Some(Changed { caller: &item.caller, request: &item.request, kind: R::KIND, id, effect: *effect, version })
        })
        .collect();
    audit::note_changes(conn, &changes, context)
}
