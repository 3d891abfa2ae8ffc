//! Disclosures: who was shown whose personal data. One entry for a page or a piece of an export, written before it is sent.

pub mod store;

use std::borrow::Cow;

use uuid::Uuid;

use crate::batch::Context;
use crate::db::{Conn, Fault};
use crate::identity::Caller;
use crate::kind::Kind;

/// A request that shows records.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The operation's id.
    pub operation: Cow<'static, str>,
    /// The request's id.
    pub request_id: String,
}

/// Whether a kind of record shows personal data.
pub const fn is_personal(kind: Kind) -> bool {
    matches!(kind, Kind::Participant | Kind::Outcome)
}

/// Notes what several requests were shown, each one record.
pub fn note_each(conn: &mut Conn, shown: &[(&Caller, &Reading, Kind, Uuid)], context: &Context) -> Result<(), Fault> {
    let personal: Vec<_> = shown.iter().filter(|(.., kind, _)| is_personal(*kind)).collect();
    if personal.is_empty() { Ok(()) } else { store::insert_each(conn, &personal, context.now()) }
}

/// Notes that these records were shown; nothing where none of them is of a person.
pub fn note(
    conn: &mut Conn,
    caller: &Caller,
    reading: &Reading,
    shown: impl Iterator<Item = (Kind, Uuid)>,
    context: &Context,
) -> Result<(), Fault> {
    let (kinds, ids): (Vec<&str>, Vec<Uuid>) =
        shown.filter(|(kind, _)| is_personal(*kind)).map(|(kind, id)| (kind.name(), id)).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    store::insert(conn, caller, reading, &kinds, &ids, context.now())
}
