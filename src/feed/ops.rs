//! A page of the feed: sequence, read, embed.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::store::{self, Event, Head, Range};
use super::wire::{Change, Changes, ChangesQuery, Operation};
use crate::batch::{Context, refs};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Stored};
use crate::error::{Code, Problem};
use crate::http::crud::Exposed;
use crate::identity::Caller;
use crate::identity::scopes::{ChangesRead, Scope, ScopeInfo, ScopeSet};
use crate::text;

/// Changes on a page where the reader does not say.
const DEFAULT_LIMIT: i64 = 100;

type Embed = fn(&mut Conn, &[Uuid], &Caller, &Context) -> Result<HashMap<Uuid, Box<RawValue>>, Fault>;

/// A kind of record as the feed delivers it.
pub struct Source {
    name: &'static str,
    scope: Option<&'static ScopeInfo>,
    embed: Embed,
}

impl Source {
    /// The records of `R`, to whoever may read them.
    pub const fn of<R: Exposed>() -> Self {
        Self { name: R::KIND.name(), scope: <R::Read as Scope>::INFO, embed: embed::<R> }
    }
}

fn embed<R: Exposed>(
    conn: &mut Conn,
    ids: &[Uuid],
    caller: &Caller,
    context: &Context,
) -> Result<HashMap<Uuid, Box<RawValue>>, Fault> {
    let asked: Vec<Option<Uuid>> = ids.iter().copied().map(Some).collect();
    let records = refs::visible::<R>(conn, &vec![caller; ids.len()], &asked)?;
    let shown: Vec<(&R::Record, &Caller)> = records.iter().flatten().map(|record| (record, caller)).collect();
    let views = R::views(conn, &shown, context)?;
    Ok(shown
        .iter()
        .zip(views)
        .filter_map(|((record, _), view)| Some((record.meta().id, to_raw_value(&view).ok()?)))
        .collect())
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Epoch.
    e: Uuid,
    /// Position.
    p: i64,
    /// Place within the position.
    s: i64,
}

impl Cursor {
    fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str, head: &Head) -> Result<Self, Problem> {
        let cursor: Self = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(Problem::new(Code::InvalidCursor))?;
        // A position that the log has not reached is of a log that was lost since.
        if cursor.e != head.epoch || cursor.p > head.position {
            return Err(Problem::because(
                Code::CursorExpired,
                text!("Start over at /v1/changes without a cursor." / "Ricominciare da /v1/changes senza cursore."),
            ));
        }
        Ok(cursor)
    }
}

/// A page of the feed for a reader.
pub fn page(
    conn: &mut Conn,
    query: &ChangesQuery,
    caller: &Caller,
    sources: &[Source],
    context: &Context,
) -> Result<Changes, QueryError> {
    let kinds = kinds(query, caller, sources)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    // Read before the sequencing: what was committed before this instant is in the log after it.
    let before = store::head(conn)?;
    store::sequence(conn)?;
    let head = store::head(conn)?;
    let after = match &query.cursor {
        Some(cursor) => Cursor::decode(cursor, &head).map(|cursor| (cursor.p, cursor.s))?,
        None => (0, 0),
    };
    let range = Range { after, through: head.position, kinds: &kinds, sight: caller.sight(), limit: limit + 1 };
    let mut events = store::events(conn, &range)?;
    let has_more = events.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    // At the end of the log the cursor moves past what the reader may not see, too, so that it is not looked through again.
    let (next, complete_through) = match events.last() {
        Some(last) if has_more => {
            let complete = store::complete_before(conn, last.position, last.sequenced_at)?;
            (Cursor { e: head.epoch, p: last.position, s: last.seq }, complete)
        }
        _ => (Cursor { e: head.epoch, p: head.position, s: i64::MAX }, before.now),
    };
    let items = embed_all(conn, &events, caller, sources, context)?;
    Ok(Changes { items, next: next.encode(), has_more, complete_through })
}

fn kinds(query: &ChangesQuery, caller: &Caller, sources: &[Source]) -> Result<Vec<&'static str>, Problem> {
    let readable = |source: &Source| source.scope.is_none_or(|scope| caller.scopes.has(scope));
    let Some(types) = &query.types else {
        return Ok(sources.iter().filter(|source| readable(source)).map(|source| source.name).collect());
    };
    let wanted = |source: &&Source| types.iter().any(|kind| kind.name() == source.name);
    let needed =
        || ScopeSet::of(sources.iter().filter(wanted).filter_map(|source| source.scope).chain(ChangesRead::INFO));
    types
        .iter()
        .map(|kind| {
            let source =
                sources.iter().find(|source| source.name == kind.name()).ok_or(Problem::new(Code::Internal))?;
            match source.scope {
                Some(scope) if !readable(source) => Err(Problem::insufficient_scope(
                    needed(),
                    text!("These records need the scope `{}`." / "Questi record richiedono lo scope `{}`.", scope.name),
                )),
                _ => Ok(source.name),
            }
        })
        .collect()
}

fn embed_all(
    conn: &mut Conn,
    events: &[Event],
    caller: &Caller,
    sources: &[Source],
    context: &Context,
) -> Result<Vec<Change>, Fault> {
    let mut records: HashMap<(&str, Uuid), Box<RawValue>> = HashMap::new();
    for source in sources {
        let mut ids: Vec<Uuid> =
            events.iter().filter(|event| event.kind == source.name).map(|event| event.record_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let found = (source.embed)(conn, &ids, caller, context)?;
            records.extend(found.into_iter().map(|(id, record)| ((source.name, id), record)));
        }
    }
    Ok(events
        .iter()
        .map(|event| {
            let operation = if event.operation == "delete" { Operation::Delete } else { Operation::Upsert };
            Change {
                r#type: event.kind.clone(),
                id: event.record_id,
                version: event.version,
                operation,
                record: match operation {
                    Operation::Delete => None,
                    Operation::Upsert => records.get(&(event.kind.as_str(), event.record_id)).cloned(),
                },
            }
        })
        .collect())
}
