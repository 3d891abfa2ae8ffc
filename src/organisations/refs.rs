//! References to organisations: by id, by the caller's own name, or by tax code.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::model::Organisation;
use super::{Organisations, store};
use crate::batch::{Ref, refs};
use crate::db::{Conn, Fault};
use crate::identity::Caller;
use crate::openapi::schemas::one_of_members;

/// A reference to an organisation: exactly one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationRef {
    /// The service's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The name that the caller's own organisation gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its codice fiscale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<String>,
}

impl PartialSchema for OrganisationRef {
    fn schema() -> RefOr<Schema> {
        let code = ObjectBuilder::new().schema_type(Type::String).min_length(Some(11)).max_length(Some(16));
        let code = code.description(Some("Its codice fiscale.")).build();
        let about = "A reference to an organisation: exactly one of the three.";
        one_of_members(about, [refs::by_id(), refs::by_name(), ("tax_code", code)])
    }
}

impl ToSchema for OrganisationRef {}

impl OrganisationRef {
    /// By id.
    pub const fn id(id: Uuid) -> Self {
        Self { id: Some(id), external_id: None, tax_code: None }
    }

    /// By tax code.
    pub fn tax_code(code: impl Into<String>) -> Self {
        Self { id: None, external_id: None, tax_code: Some(code.into()) }
    }

    fn plain(&self) -> Option<Ref> {
        self.tax_code.is_none().then(|| Ref { id: self.id, external_id: self.external_id.clone() })
    }
}

/// Finds the organisations that callers refer to, in the same order.
pub fn resolve(
    conn: &mut Conn,
    asked: &[(&Caller, Option<&OrganisationRef>)],
) -> Result<Vec<Option<Organisation>>, Fault> {
    let codes: Vec<&str> = asked.iter().filter_map(|(_, reference)| reference.as_ref()?.tax_code.as_deref()).collect();
    let by_code: HashMap<String, Organisation> = store::by_tax_code(conn, &codes)?
        .into_iter()
        .map(|organisation| (organisation.tax_code.as_str().to_owned(), organisation))
        .collect();
    let plain: Vec<Option<Ref>> = asked.iter().map(|(_, reference)| reference.as_ref()?.plain()).collect();
    let asked_plain: Vec<(&Caller, Option<&Ref>)> =
        asked.iter().zip(&plain).map(|((caller, _), reference)| (*caller, reference.as_ref())).collect();
    let found = refs::resolve::<Organisations>(conn, &asked_plain)?;
    Ok(asked
        .iter()
        .zip(found)
        .map(|((_, reference), found)| {
            let reference = reference.as_ref()?;
            match &reference.tax_code {
                Some(code) if reference.id.is_none() && reference.external_id.is_none() => by_code.get(code).cloned(),
                Some(_) => None,
                None => found,
            }
        })
        .collect())
}
