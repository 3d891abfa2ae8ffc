//! Lines whose parent has not come: who is to blame, where they wait, and what happens when the parent comes or does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::Duration;
use uuid::Uuid;

use super::apply::apply;
use super::item::Item;
use super::stage;
use super::store::waiting::{BY_TAX_CODE, Waiting};
use super::store::{self, Counts, Import, items};
use super::verdict::{Effect, Reason, Reference, Verdict};
use crate::batch::Context;
use crate::db::session::{Reach, Session};
use crate::db::{Conn, Fault};
use crate::error::Code;
use crate::identity::{self, Caller, ScopeSet, Voucher};
use crate::kind::Kind;
use crate::text;

/// What a sender asked to be deleted and is gone since an earlier import is as it should be; what lacks a record that the same
/// import failed to make is blamed on that line; what may wait does.
pub fn blame(conn: &mut Conn, import: &Import, items: &[Item], verdicts: &mut [Verdict]) -> Result<(), Fault> {
    forgive(conn, import, items, verdicts)?;
    let parents: Vec<Name> = verdicts.iter().filter_map(lacked).collect();
    let named: Vec<(&str, &str)> = parents.iter().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
    let before: HashMap<Name, i64> = items::failed(conn, import.id, import.organisation_id, &named)?
        .into_iter()
        .map(|failed| ((failed.kind, failed.external_id), failed.root))
        .collect();
    let here: HashMap<Name, (i64, Option<Name>)> = verdicts
        .iter()
        .filter(|verdict| verdict.effect == Effect::Refused)
        .filter_map(|verdict| {
            let name = (verdict.kind?.name().to_owned(), verdict.external_id.clone()?);
            Some((name, (verdict.line, lacked(verdict))))
        })
        .collect();
    let may_wait = import.mode == "partial" && import.wait_days > 0;
    for verdict in verdicts.iter_mut() {
        let Some(mut parent) = lacked(verdict) else { continue };
        // Up to the line that has itself to blame. There are fewer kinds than steps; in a circle any line will do.
        for _ in 0..Kind::ALL.len() {
            match here.get(&parent) {
                Some((line, _)) if *line == verdict.line => break,
                Some((line, next)) => {
                    verdict.blocked_by = Some(*line);
                    match next {
                        Some(next) => parent = next.clone(),
                        None => break,
                    }
                }
                None => {
                    verdict.blocked_by = before.get(&parent).copied().or(verdict.blocked_by);
                    break;
                }
            }
        }
        if may_wait {
            verdict.effect = Effect::Waiting;
        }
    }
    // What refers to an organisation by its tax code waits, too, without a line to blame.
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.effect == Effect::Refused && verdict.lacks().is_some())
    {
        if may_wait {
            verdict.effect = Effect::Waiting;
        }
    }
    Ok(())
}

/// Kind of record, and the sender's name for it.
type Name = (String, String);

fn lacked(verdict: &Verdict) -> Option<Name> {
    let reference = verdict.lacks().filter(|_| verdict.effect == Effect::Refused)?;
    Some((reference.kind.clone(), reference.external_id.clone()?))
}

fn forgive(conn: &mut Conn, import: &Import, items: &[Item], verdicts: &mut [Verdict]) -> Result<(), Fault> {
    let missing = |verdict: &Verdict| verdict.reasons.iter().any(|reason| reason.code == Code::NotFound.as_str());
    let deletions: Vec<&Item> = items
        .iter()
        .zip(verdicts.iter())
        .filter(|(item, verdict)| item.data.is_none() && verdict.effect == Effect::Refused && missing(verdict))
        .map(|(item, _)| item)
        .collect();
    let gone: HashMap<i64, (Uuid, i64)> = items::deleted_before(conn, import.organisation_id, &deletions)?
        .into_iter()
        .map(|(line, id, version)| (line, (id, version)))
        .collect();
    for verdict in verdicts.iter_mut() {
        if let Some(record) = gone.get(&verdict.line) {
            verdict.effect = Effect::Unchanged;
            verdict.record = Some(*record);
            verdict.reasons.clear();
        }
    }
    Ok(())
}

/// Takes the place of what waits under the same names, and lets wait what has to.
pub fn keep(
    conn: &mut Conn,
    import: &Import,
    items: &[Item],
    verdicts: &[Verdict],
    context: &Context,
) -> Result<(), Fault> {
    let superseded = store::waiting::supersede(conn, import.organisation_id, items)?;
    end_waiting(conn, &superseded, Effect::Superseded)?;
    let now = context.now();
    let since = import.created_at;
    let waiting: Vec<Waiting> = items
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.effect == Effect::Waiting)
        .filter_map(|(item, verdict)| {
            let (parent_kind, parent_name) = parent_of(verdict.lacks()?)?;
            Some(Waiting {
                import_id: import.id,
                line: item.line,
                organisation_id: import.organisation_id,
                kind: item.kind.name().to_owned(),
                external_id: item.external_id.clone(),
                parent_kind,
                parent_name,
                since,
                until: since + Duration::days(i64::from(import.wait_days)),
                sealed: stage::seal(context, import.id, std::slice::from_ref(item)),
            })
        })
        .collect();
    store::waiting::put(conn, &waiting, now)
}

fn parent_of(reference: &Reference) -> Option<(String, String)> {
    match (&reference.external_id, &reference.tax_code) {
        (Some(name), _) => Some((reference.kind.clone(), name.clone())),
        (None, Some(code)) => Some((BY_TAX_CODE.to_owned(), code.clone())),
        (None, None) => None,
    }
}

/// Lines no longer wait, for this reason. Imports are counted in the order of their ids, so that nobody waits crosswise.
fn end_waiting(conn: &mut Conn, keys: &[(Uuid, i64)], effect: Effect) -> Result<(), Fault> {
    if keys.is_empty() {
        return Ok(());
    }
    items::set_effect(conn, keys, effect)?;
    let mut by_import: BTreeMap<Uuid, i64> = BTreeMap::new();
    keys.iter().for_each(|(import, _)| *by_import.entry(*import).or_default() += 1);
    for (import, number) in by_import {
        let mut counts = Counts::default();
        counts.add(Effect::Waiting, -number);
        counts.add(effect, number);
        store::count(conn, import, ANY_STATE, &counts, None)?;
    }
    Ok(())
}

const ANY_STATE: &[&str] = &["running", "completed", "rejected", "cancelled"];

/// Lines that are tried again in one transaction.
const AT_ONCE: i64 = 500;

/// Carries out lines whose parent has come, and refuses those whose deadline has passed; answers how many there were. Each part
/// is a transaction of its own.
pub fn release(session: &mut Session, context: &Context) -> Result<usize, Fault> {
    let mut done = expire(session, context)?;
    for kind in Kind::ALL.map(Some).into_iter().chain([None]) {
        // Whose lines are due is not known yet.
        session.begin_for(Reach::All)?;
        let due = store::waiting::due(&mut session.conn, kind, context.now(), AT_ONCE)?;
        if due.is_empty() {
            session.roll_back();
            continue;
        }
        done += due.len();
        let mut rest = due.as_slice();
        while let Some(first) = rest.first() {
            let end = rest.iter().position(|one| one.import_id != first.import_id).unwrap_or(rest.len());
            let (of_one, others) = rest.split_at(end);
            retry(session, of_one, context)?;
            rest = others;
        }
        session.commit()?;
    }
    Ok(done)
}

fn expire(session: &mut Session, context: &Context) -> Result<usize, Fault> {
    session.begin()?;
    let expired = store::waiting::expired(&mut session.conn, context.now(), AT_ONCE)?;
    if expired.is_empty() {
        session.roll_back();
        return Ok(0);
    }
    let keys: Vec<(Uuid, i64)> = expired.iter().map(|one| (one.import_id, one.line)).collect();
    store::waiting::remove(&mut session.conn, &keys)?;
    end_waiting(&mut session.conn, &keys, Effect::Refused)?;
    session.commit()?;
    Ok(keys.len())
}

/// Who sent an import, if the client may still act.
pub fn sender(conn: &mut Conn, import: &Import) -> Result<Option<Arc<Caller>>, Fault> {
    let client = identity::store::live_client(conn, &import.client_id)?;
    Ok(client.filter(|client| client.organisation_id == import.organisation_id).map(|client| {
        let within = ScopeSet::of_role(client.role);
        let scopes = ScopeSet::grant(&import.scopes, within).unwrap_or_default();
        let voucher = import.purpose.clone().map(|purpose| Voucher { purpose: Some(purpose), ..Voucher::default() });
        let tracking = import.tracking.clone().and_then(|said| serde_json::from_value(said).ok());
        let (client_id, organisation, role) = (client.id, client.organisation_id, client.role);
        Arc::new(Caller { client_id, organisation, role, scopes, generation: client.generation, voucher, tracking })
    }))
}

/// Carries out lines of one import again.
fn retry(session: &mut Session, waiting: &[Waiting], context: &Context) -> Result<(), Fault> {
    // What overtook them may lie where their sender sees no more.
    session.act_for(Reach::All)?;
    let Some(import) = waiting.first().map(|one| store::find(&mut session.conn, one.import_id)).transpose()?.flatten()
    else {
        return Ok(());
    };
    let conn = &mut session.conn;
    let mut overtaken = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Waiting> = waiting.iter().filter(|one| one.kind == kind.name()).collect();
        if !of_kind.is_empty() {
            overtaken.extend(store::waiting::overtaken(conn, kind, &of_kind)?);
        }
    }
    let keys: Vec<(Uuid, i64)> = waiting.iter().map(|one| (one.import_id, one.line)).collect();
    store::waiting::remove(conn, &keys)?;
    end_waiting(conn, &overtaken, Effect::Superseded)?;
    let (mut items, mut damaged) = (Vec::new(), Vec::new());
    for one in waiting.iter().filter(|one| !overtaken.contains(&(one.import_id, one.line))) {
        match stage::open(context, one.import_id, &one.sealed).and_then(|mut opened| opened.pop()) {
            Some(item) => items.push(item),
            None => damaged.push((one.import_id, one.line)),
        }
    }
    if !damaged.is_empty() {
        tracing::error!(import = %import.id, lines = damaged.len(), "lines that waited cannot be opened");
        end_waiting(conn, &damaged, Effect::Refused)?;
    }
    let mut verdicts = match sender(conn, &import)? {
        Some(caller) => apply(session, &caller, &import.request(), &items, context)?,
        None => {
            let detail = text!(
                "The client was revoked while the line waited."
                    / "Il client è stato revocato mentre la riga era in attesa."
            );
            items.iter().map(|item| Verdict::refused(item, Reason::new("", "client_revoked", &detail, None))).collect()
        }
    };
    let conn = &mut session.conn;
    blame(conn, &import, &items, &mut verdicts)?;
    items::put(conn, import.id, import.organisation_id, &verdicts)?;
    keep(conn, &import, &items, &verdicts, context)?;
    let mut counts = Counts::of(&verdicts);
    counts.add(Effect::Waiting, -i64::try_from(verdicts.len()).unwrap_or_default());
    store::count(conn, import.id, ANY_STATE, &counts, None).map(drop)
}
