//! References in requests: by the service's id or by the name that the caller's organisation gave the record.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::{Kept, store};
use crate::db::{Conn, ExternalKey, Fault, Stored};
use crate::error::Violation;
use crate::identity::Caller;
use crate::openapi::schemas::one_of_members;
use crate::text;

/// A reference to a record: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    /// The service's id of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The name that the caller's own organisation gave the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

impl PartialSchema for Ref {
    fn schema() -> RefOr<Schema> {
        one_of_members("A reference to a record: exactly one of the two.", [by_id(), by_name()])
    }
}

impl ToSchema for Ref {}

/// The member of a reference that is the service's id.
pub fn by_id() -> (&'static str, Object) {
    let id = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    ("id", id.description(Some("The service's id of the record.")).build())
}

/// The member of a reference that is the caller's own name.
pub fn by_name() -> (&'static str, Object) {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(100));
    ("external_id", name.description(Some("The name that the caller's own organisation gave the record.")).build())
}

impl Ref {
    /// By id.
    pub const fn id(id: Uuid) -> Self {
        Self { id: Some(id), external_id: None }
    }

    /// The name, where it refers by one.
    pub fn name(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// By the organisation's own name.
    pub fn external(name: impl Into<String>) -> Self {
        Self { id: None, external_id: Some(name.into()) }
    }
}

/// Finds the records that callers refer to; `None` where there is none, or none that the caller may see.
pub fn resolve<R: Kept>(conn: &mut Conn, asked: &[(&Caller, Option<&Ref>)]) -> Result<Vec<Option<R::Record>>, Fault> {
    resolve_to::<R, _>(conn, asked, Clone::clone)
}

/// The same, where only a part of each record is wanted: many may refer to one, and a whole copy for each is dear.
pub fn resolve_to<R: Kept, T>(
    conn: &mut Conn,
    asked: &[(&Caller, Option<&Ref>)],
    part: impl Fn(&R::Record) -> T,
) -> Result<Vec<Option<T>>, Fault> {
    let keys: Vec<ExternalKey> = asked
        .iter()
        .filter_map(|(caller, reference)| {
            let reference = reference.as_ref()?;
            let name = reference.external_id.as_ref().filter(|_| reference.id.is_none())?;
            Some(ExternalKey { source: caller.organisation, external_id: name.clone() })
        })
        .collect();
    let named: HashMap<ExternalKey, Uuid> =
        if keys.is_empty() { HashMap::new() } else { R::Record::find_external(conn, &keys)?.into_iter().collect() };
    let ids: Vec<Option<Uuid>> = asked
        .iter()
        .map(|(caller, reference)| {
            let reference = reference.as_ref()?;
            match (&reference.id, &reference.external_id) {
                (Some(id), None) => Some(*id),
                (None, Some(name)) => {
                    named.get(&ExternalKey { source: caller.organisation, external_id: name.clone() }).copied()
                }
                _ => None,
            }
        })
        .collect();
    let callers: Vec<&Caller> = asked.iter().map(|(caller, _)| *caller).collect();
    visible_parts::<R, _>(conn, &callers, &ids, part)
}

/// The records of these ids that the callers may see, in the same order.
pub fn visible<R: Kept>(
    conn: &mut Conn,
    callers: &[&Caller],
    ids: &[Option<Uuid>],
) -> Result<Vec<Option<R::Record>>, Fault> {
    visible_parts::<R, _>(conn, callers, ids, Clone::clone)
}

fn visible_parts<R: Kept, T>(
    conn: &mut Conn,
    callers: &[&Caller],
    ids: &[Option<Uuid>],
    part: impl Fn(&R::Record) -> T,
) -> Result<Vec<Option<T>>, Fault> {
    let mut wanted: Vec<Uuid> = ids.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(ids.iter().map(|_| None).collect());
    }
    let found: HashMap<Uuid, R::Record> =
        R::Record::fetch(conn, &wanted)?.into_iter().map(|record| (record.meta().id, record)).collect();
    let organisations: Vec<Uuid> = callers.iter().filter_map(|caller| caller.sight()).collect();
    let partnerships: Vec<Uuid> = found.values().filter_map(R::partnership_of).collect();
    let sights = store::sights(conn, &organisations, &partnerships)?;
    Ok(callers
        .iter()
        .zip(ids)
        .map(|(caller, id)| {
            let record = found.get(id.as_ref()?)?;
            let seen = match (caller.sight(), R::partnership_of(record)) {
                (Some(organisation), Some(partnership)) => sights.contains(&(organisation, partnership)),
                _ => true,
            };
            seen.then(|| part(record))
        })
        .collect())
}

/// Which of these organisations sees which of these partnerships; for what is not a reference.
pub use store::sights;

/// What is told of a reference that leads nowhere. A record that the caller may not see is told the same way.
pub fn unresolved(pointer: &str) -> Violation {
    Violation::new(
        pointer,
        "unknown_reference",
        text!(
            "There is no such record, or the caller may not see it. State exactly one way to find it."
                / "Il record non esiste, o il chiamante non può vederlo. Indicare un solo modo per trovarlo."
        ),
    )
}
