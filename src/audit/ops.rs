//! Reading the log, and proving what it holds.

use serde_json::Value;
use uuid::Uuid;

use super::checkpoint::{self, hex};
use super::store::{self, Event, Wanted};
use super::wire::{
    AuditCheckpoint, AuditConsistency, AuditEvent, AuditKey, AuditProof, AuditedAs, AuditedRecord, AuditedUser,
    CheckpointsQuery, ConsistencyQuery, EventsQuery, ProofQuery,
};
use super::{entry, log};
use crate::batch::Context;
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::identity::message::Tracking;

/// Entries on a page at most.
pub const MOST_EVENTS: i64 = 200;

/// Checkpoints on a page at most.
pub const MOST_CHECKPOINTS: i64 = 1000;

/// Entries or checkpoints on a page, where nothing is said.
const LIMIT: i64 = 50;

/// Entries and the cursor of the next page.
pub type Page<T> = (Vec<T>, Option<String>);

fn before(cursor: Option<&str>) -> Result<i64, Problem> {
    let read = |cursor: &str| cursor.parse().ok().filter(|before| *before > 0).ok_or(Problem::new(Code::InvalidCursor));
    cursor.map_or(Ok(i64::MAX), read)
}

fn cut<T>(mut found: Vec<T>, limit: i64, mark: impl Fn(&T) -> i64) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| mark(last).to_string());
    (found, next)
}

/// Entries, newest first.
pub fn events(conn: &mut Conn, query: &EventsQuery) -> Result<Page<AuditEvent>, QueryError> {
    let limit = query.limit.unwrap_or(LIMIT);
    let wanted = Wanted {
        client: query.client.as_deref(),
        organisation: query.organisation,
        operation: query.operation.as_deref(),
        request_id: query.request.as_deref(),
        record: query.record,
        pseudonym: query.pseudonym.as_deref(),
        from: query.from,
        to: query.to,
        id: query.id,
        before: before(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let (found, next) = cut(store::list(conn, &wanted)?, limit, |event| event.id);
    let records: Vec<Uuid> = found.iter().flat_map(|event| event.record_ids.iter().copied()).collect();
    let whose = store::pseudonyms(conn, &records)?;
    let shown = found.into_iter().map(|event| {
        let records = records_of(&event, |id| whose.get(&id).cloned());
        let Event {
            id,
            at,
            client_id,
            organisation_id,
            purpose,
            tracking,
            operation,
            request_id,
            effects,
            position,
            ..
        } = event;
        let on_behalf_of =
            tracking.and_then(|said| serde_json::from_value::<Tracking>(said).ok()).map(AuditedUser::from);
        let action = if effects.is_some() { AuditedAs::Write } else { AuditedAs::Read };
        AuditEvent {
            id,
            at,
            client_id,
            organisation_id,
            purpose,
            on_behalf_of,
            operation,
            request_id,
            action,
            records,
            position,
        }
    });
    Ok((shown.collect(), next))
}

fn records_of(event: &Event, whose: impl Fn(Uuid) -> Option<String>) -> Vec<AuditedRecord> {
    let pairs = event.kinds.iter().zip(&event.record_ids).enumerate();
    pairs
        .map(|(place, (kind, id))| AuditedRecord {
            kind: kind.clone(),
            id: *id,
            pseudonym: whose(*id),
            effect: event.effects.as_ref().and_then(|effects| effects.get(place).cloned()),
            version: event.versions.as_ref().and_then(|versions| versions.get(place).copied()),
        })
        .collect()
}

fn shown(context: &Context, size: i64, statement: String) -> Result<AuditCheckpoint, Problem> {
    // One that this service did not sign is for `audit verify`, not to be handed out.
    let said = checkpoint::read(context.vault.signer(), &statement).ok_or(Problem::new(Code::Internal))?;
    Ok(AuditCheckpoint { size, root: said.root, at: said.at, statement })
}

/// Checkpoints, newest first.
pub fn checkpoints(
    conn: &mut Conn,
    query: &CheckpointsQuery,
    context: &Context,
) -> Result<Page<AuditCheckpoint>, QueryError> {
    let limit = query.limit.unwrap_or(LIMIT);
    let found = store::checkpoints(conn, before(query.cursor.as_deref())?, limit + 1)?;
    let (found, next) = cut(found, limit, |(size, _)| *size);
    let found: Result<Vec<_>, Problem> =
        found.into_iter().map(|(size, statement)| shown(context, size, statement)).collect();
    Ok((found?, next))
}

fn leaves(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn path(hashes: &[log::Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

/// A proof that an entry is in the log.
pub fn proof(conn: &mut Conn, query: &ProofQuery, context: &Context) -> Result<AuditProof, QueryError> {
    let absent = || QueryError::from(Problem::new(Code::NotFound));
    let wanted = Wanted { id: Some(query.event), before: i64::MAX, limit: 1, ..Wanted::default() };
    let event = store::list(conn, &wanted)?.pop().ok_or_else(absent)?;
    let position = event.position.ok_or_else(absent)?;
    let (size, statement) = store::checkpoint_of(conn, query.size.unwrap_or(position + 1))?.ok_or_else(absent)?;
    if query.size.is_some_and(|wanted| wanted != size) {
        return Err(absent());
    }
    let hashes = log::inclusion(leaves(size), leaves(position), |level, place| store::node(conn, level, place))?;
    Ok(AuditProof {
        event: event.id,
        position,
        content: String::from_utf8(entry::content(&event)).unwrap_or_default(),
        path: path(&hashes.ok_or_else(absent)?),
        checkpoint: shown(context, size, statement)?,
    })
}

/// A proof that the log was only added to between two checkpoints.
pub fn consistency(conn: &mut Conn, query: &ConsistencyQuery) -> Result<AuditConsistency, QueryError> {
    let absent = || QueryError::from(Problem::new(Code::NotFound));
    let &ConsistencyQuery { first, second } = query;
    for size in [first, second] {
        store::checkpoint_of(conn, size)?.filter(|(known, _)| *known == size).ok_or_else(absent)?;
    }
    let hashes = log::consistency(leaves(first), leaves(second), |level, place| store::node(conn, level, place))?;
    Ok(AuditConsistency { first, second, path: path(&hashes.ok_or_else(absent)?) })
}

/// The key that checkpoints are signed with.
pub fn key(context: &Context) -> AuditKey {
    let signer = context.vault.signer();
    let public = checkpoint::public_key(signer);
    let part = |name: &str| public.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kid = checkpoint::thumbprint(signer);
    AuditKey { alg: "ES256", kid, kty: part("kty"), crv: part("crv"), x: part("x"), y: part("y") }
}
