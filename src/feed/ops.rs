//! A page of the feed: sequence, read, embed.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::cursor::{self, Place};
use super::store;
use super::walk::{self, Step, Walk};
use super::wire::{Change, Changes, ChangesQuery};
use crate::audit::{self, Request};
use crate::batch::{Context, refs};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Stored};
use crate::error::{Code, Problem};
use crate::http::crud::Exposed;
use crate::identity::Caller;
use crate::identity::scopes::{ChangesRead, Scope, ScopeInfo, ScopeSet};
use crate::kind::Kind;
use crate::metrics::metrics;
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

/// Reads a page for a reader, after everything that was committed has its place.
pub fn page(
    conn: &mut Conn,
    query: &ChangesQuery,
    caller: &Caller,
    sources: &[Source],
    reading: &Request,
    context: &Context,
) -> Result<Changes, QueryError> {
    let kinds = kinds(query, caller, sources)?;
    let began = Instant::now();
    let limit = usize::try_from(query.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
    store::settle_day(conn)?;
    // Taken before the sequencing: what was committed before this instant is in the log after it.
    let (epoch, before) = store::epoch(conn)?;
    store::sequence(conn)?;
    // One snapshot for sight, events and records, so that the page is what was true at one instant.
    let page = store::snapshot(conn, |conn| {
        let head = store::head(conn, epoch)?;
        let place = cursor::place(conn, query.cursor.as_deref(), &head)?;
        let walk = walk::walk(
            conn,
            place,
            &Walk {
                kinds: &kinds,
                sight: caller.sight(),
                limit,
                through: head.position,
                epoch: (head.after_position, head.after_seq),
            },
        )?;
        let complete_through = match walk.end {
            Some(place) => store::complete_before(conn, place.position)?,
            None => before,
        };
        let items = embed_all(conn, &walk.steps, caller, sources, context)?;
        // At the end of the log the cursor moves past what the reader may not see, too, so that it is not looked through again.
        let end = walk.end.unwrap_or(Place { position: head.position, seq: i64::MAX, within: None });
        let next = cursor::encode(conn, &end, epoch)?;
        let lag_seconds = (head.now - complete_through).as_seconds_f64().max(0.0);
        Ok(Changes { items, next, has_more: walk.end.is_some(), complete_through, lag_seconds })
    })?;
    let shown = page.items.iter().filter(|item| item.record.is_some());
    let shown = shown.filter_map(|item| Some((Kind::from_name(&item.r#type)?, item.id)));
    audit::note(conn, caller, reading, shown, context)?;
    metrics().page(began.elapsed());
    Ok(page)
}

/// The cursor of the end of the log, for who reads everything else in the snapshot that `conn` is in. What was committed is to be
/// sequenced before that snapshot is taken.
pub fn end(conn: &mut Conn, epoch: Uuid) -> Result<String, QueryError> {
    let head = store::head(conn, epoch)?;
    cursor::encode(conn, &Place { position: head.position, seq: i64::MAX, within: None }, epoch)
}

/// Refuses a cursor that the feed does not go on from.
pub fn check(conn: &mut Conn, cursor: &str, epoch: Uuid) -> Result<(), QueryError> {
    let head = store::head(conn, epoch)?;
    cursor::place(conn, Some(cursor), &head).map(drop)
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
    steps: &[Step],
    caller: &Caller,
    sources: &[Source],
    context: &Context,
) -> Result<Vec<Change>, Fault> {
    let mut records: HashMap<(&str, Uuid), Box<RawValue>> = HashMap::new();
    for source in sources {
        let shown = |step: &&Step| step.kind == source.name && step.operation.shows();
        let mut ids: Vec<Uuid> = steps.iter().filter(shown).map(|step| step.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let found = (source.embed)(conn, &ids, caller, context)?;
            records.extend(found.into_iter().map(|(id, record)| ((source.name, id), record)));
        }
    }
    Ok(steps
        .iter()
        .map(|step| Change {
            r#type: step.kind.clone(),
            id: step.id,
            version: step.version,
            operation: step.operation,
            record: step.operation.shows().then(|| records.get(&(step.kind.as_str(), step.id)).cloned()).flatten(),
        })
        .collect())
}
