//! Reading and cancelling imports. An organisation sees its own, whichever of its clients sent them.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Utc};
use uuid::Uuid;

use super::report;
use super::store::{self, End, chunks, items};
use super::verdict::Effect;
use super::wire::{Import, ImportResult, PageQuery, ResultsQuery, WaitingItem};
use crate::batch::Context;
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::text::Language;

/// Causes that a report has at most.
const CAUSES: i64 = 100;

/// Entries on a page, where nothing is said.
const LIMIT: i64 = 200;

/// Entries on a page at most.
pub const MOST: i64 = 1000;

fn find(conn: &mut Conn, id: Uuid, caller: &Caller) -> Result<store::Import, QueryError> {
    store::find(conn, id)?
        .filter(|import| import.organisation_id == caller.organisation && import.state != "receiving")
        .ok_or_else(|| Problem::new(Code::NotFound).into())
}

/// An import.
pub fn show(conn: &mut Conn, id: Uuid, caller: &Caller, context: &Context) -> Result<Import, QueryError> {
    find(conn, id, caller).map(|import| report::import(&import, context.now()))
}

/// An import with its causes.
pub fn report(
    conn: &mut Conn,
    id: Uuid,
    caller: &Caller,
    language: Language,
    context: &Context,
) -> Result<Import, QueryError> {
    let import = show(conn, id, caller, context)?;
    let failed = import.items.refused + import.items.waiting > 0;
    let causes = if failed { items::causes(conn, id, CAUSES)? } else { Vec::new() };
    let causes = causes.into_iter().map(|cause| report::cause(cause, language)).collect();
    Ok(Import { causes: Some(causes), ..import })
}

/// Stops an import. What is being carried out at this moment is taken back; what was carried out stays.
pub fn cancel(conn: &mut Conn, id: Uuid, caller: &Caller, context: &Context) -> Result<Import, QueryError> {
    let import = find(conn, id, caller)?;
    if import.state == "running" {
        let end = End { state: "cancelled", reason: Some("cancelled"), plan_hash: None };
        if store::end(conn, id, &end, context.now())? {
            chunks::remove_all(conn, id)?;
        }
    }
    show(conn, id, caller, context)
}

/// Entries and the cursor of the next page.
pub type Page<T> = (Vec<T>, Option<String>);

/// Cuts what was read, one more than fits on the page where there is more.
fn page<T, U>(mut found: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String, show: impl Fn(T) -> U) -> Page<U> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(cursor);
    (found.into_iter().map(show).collect(), next)
}

/// A cursor of parts that are separated by dots.
fn parts<A: FromStr, B: FromStr>(cursor: Option<&str>) -> Result<Option<(A, B)>, Problem> {
    let read = |cursor: &str| {
        let (one, other) = cursor.split_once('.')?;
        Some((one.parse().ok()?, other.parse().ok()?))
    };
    cursor.map(|cursor| read(cursor).ok_or(Problem::new(Code::InvalidCursor))).transpose()
}

fn cursor(one: impl Display, other: impl Display) -> String {
    format!("{one}.{other}")
}

/// The organisation's imports, newest first.
pub fn list(
    conn: &mut Conn,
    query: &PageQuery,
    caller: &Caller,
    context: &Context,
) -> Result<Page<Import>, QueryError> {
    let limit = query.limit.unwrap_or(LIMIT);
    let after: Option<(i64, Uuid)> = parts(query.cursor.as_deref())?;
    let after = after
        .map(|(micros, id)| {
            Ok::<_, Problem>((
                // PostgreSQL knows fewer years than chrono; no import bears one outside of these.
                DateTime::<Utc>::from_timestamp_micros(micros)
                    .filter(|instant| (1970..=9999).contains(&instant.year()))
                    .ok_or(Problem::new(Code::InvalidCursor))?,
                id,
            ))
        })
        .transpose()?;
    let found = store::list(conn, caller.organisation, after, limit + 1)?;
    let now = context.now();
    let mark = |import: &store::Import| cursor(import.created_at.timestamp_micros(), import.id);
    Ok(page(found, limit, mark, |import| report::import(&import, now)))
}

/// What became of the lines of an import.
pub fn results(
    conn: &mut Conn,
    id: Uuid,
    query: &ResultsQuery,
    caller: &Caller,
    language: Language,
) -> Result<Page<ImportResult>, QueryError> {
    find(conn, id, caller)?;
    let limit = query.limit.unwrap_or(LIMIT);
    let after: Option<i64> = query
        .cursor
        .as_deref()
        .map(|cursor| cursor.parse().map_err(|_| Problem::new(Code::InvalidCursor)))
        .transpose()?;
    let effects: Vec<&str> = query.effect.iter().flatten().copied().map(Effect::as_str).collect();
    let wanted = items::Wanted {
        effects: &effects,
        external_id: query.external_id.as_deref(),
        after: after.unwrap_or_default(),
        limit: limit + 1,
    };
    let found = items::list(conn, id, &wanted)?;
    Ok(page(found, limit, |kept| kept.line.to_string(), |kept| report::result(kept, language)))
}

/// Lines that wait, of one import or of all of the organisation.
pub fn waiting(
    conn: &mut Conn,
    id: Option<Uuid>,
    query: &PageQuery,
    caller: &Caller,
) -> Result<Page<WaitingItem>, QueryError> {
    if let Some(id) = id {
        find(conn, id, caller)?;
    }
    let limit = query.limit.unwrap_or(LIMIT);
    let after: Option<(Uuid, i64)> = parts(query.cursor.as_deref())?;
    let found: Result<Vec<_>, Fault> =
        store::waiting::list(conn, caller.organisation, id, after.unwrap_or_default(), limit + 1);
    Ok(page(found?, limit, |line| cursor(line.import_id, line.line), report::waiting))
}
