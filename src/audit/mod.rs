//! Who did what: every read of personal data, written before it is sent, and every change, in the transaction that makes it. One entry
//! for a page, a piece of an export or a wave of changes.

pub mod checkpoint;
pub mod entry;
pub mod log;
pub mod ops;
pub mod routes;
pub mod seal;
pub mod store;
pub mod verify;
pub mod wire;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::{Context, Effect};
use crate::db::{Conn, Fault};
use crate::identity::{Caller, Role, ScopeSet};
use crate::kind::Kind;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation's id.
    pub operation: Cow<'static, str>,
    /// The request's id.
    pub request_id: String,
}

impl Request {
    /// Something that the service does by itself, or on the command line.
    pub fn internal(operation: &'static str) -> Arc<Self> {
        Arc::new(Self { operation: operation.into(), request_id: String::new() })
    }
}

/// Whoever does something on the command line: no client, of no organisation.
pub fn command_line() -> Caller {
    Caller {
        client_id: "(command line)".to_owned(),
        organisation: Uuid::nil(),
        role: Role::Auditor,
        scopes: ScopeSet::NONE,
        generation: 0,
        voucher: None,
        tracking: None,
    }
}

/// Notes that something was done on the command line; `about` names the client or key that it was done to, in the place of a request.
pub fn note_command(conn: &mut Conn, operation: &'static str, about: &str, at: DateTime<Utc>) -> Result<(), Fault> {
    let request = Request { operation: operation.into(), request_id: about.to_owned() };
    store::insert(conn, &command_line(), &request, &[], &[], at)
}

/// What became of a record.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// Who asked for it.
    pub caller: &'a Caller,
    /// By which request.
    pub request: &'a Request,
    /// Kind of record.
    pub kind: Kind,
    /// Which.
    pub id: Uuid,
    /// What became of it.
    pub effect: Effect,
    /// Its version since then.
    pub version: i64,
}

/// Whether a kind of record shows personal data: of actions, who attended.
pub const fn is_personal(kind: Kind) -> bool {
    matches!(kind, Kind::Participant | Kind::Action | Kind::Outcome)
}

/// Notes what several requests were shown, each one record.
pub fn note_each(conn: &mut Conn, shown: &[(&Caller, &Request, Kind, Uuid)], context: &Context) -> Result<(), Fault> {
    let personal: Vec<_> = shown.iter().filter(|(.., kind, _)| is_personal(*kind)).collect();
    if personal.is_empty() { Ok(()) } else { store::insert_each(conn, &personal, context.now()) }
}

/// Notes that these records were shown; nothing where none of them is of a person.
pub fn note(
    conn: &mut Conn,
    caller: &Caller,
    request: &Request,
    shown: impl Iterator<Item = (Kind, Uuid)>,
    context: &Context,
) -> Result<(), Fault> {
    let (kinds, ids): (Vec<&str>, Vec<Uuid>) =
        shown.filter(|(kind, _)| is_personal(*kind)).map(|(kind, id)| (kind.name(), id)).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    store::insert(conn, caller, request, &kinds, &ids, context.now())
}

/// Notes that something was asked for that shows no records of people and is worth knowing of all the same.
pub fn note_request(conn: &mut Conn, caller: &Caller, request: &Request, context: &Context) -> Result<(), Fault> {
    store::insert(conn, caller, request, &[], &[], context.now())
}

/// Notes changes, with one entry for those of one request that stand together.
pub fn note_changes(conn: &mut Conn, changes: &[Changed<'_>], context: &Context) -> Result<(), Fault> {
    let together = |one: &Changed<'_>, other: &Changed<'_>| {
        let (caller, another) = (one.caller, other.caller);
        one.request == other.request
            && caller.client_id == another.client_id
            && caller.purpose() == another.purpose()
            && caller.tracking == another.tracking
    };
    for group in changes.chunk_by(together) {
        store::insert_changes(conn, group, context.now())?;
    }
    Ok(())
}
