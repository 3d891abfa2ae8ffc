//! Operations on organisations.

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Organisation;
use super::ops::Act;
use super::wire::{Accreditation, Organisation as View, OrganisationFilter};
use super::{Organisations, store};
use crate::batch::{Item, Target, Verb, Wants};
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::Problem;
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api};
use crate::http::extract::{Body, MayMatch, PathId};
use crate::http::page::Page;
use crate::http::permit::Permit;
use crate::http::respond::Changed;
use crate::identity::scopes::{OrganisationsRead, OrganisationsWrite};

impl Exposed for Organisations {
    type Read = OrganisationsRead;
    type Write = OrganisationsWrite;
    type Filter = OrganisationFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "name"];
    const MEANING: &'static str = "An organisation (soggetto): a legal entity, by its codice fiscale.";
    const WRITING: &'static str = "The region registers organisations.";

    fn list(
        conn: &mut Conn,
        filter: &OrganisationFilter,
        page: &Page,
        _: Option<Uuid>,
    ) -> Result<Vec<Organisation>, QueryError> {
        store::list(conn, filter, page)
    }

    fn sort_value(record: &Organisation, sort: &str) -> Value {
        match sort {
            "name" => json!(record.name),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Organisations>(api);
    api.operation(
        Method::PUT,
        "/v1/organisations/{id}/accreditation",
        About {
            id: "accredit_organisation".to_owned(),
            tag: "organisations",
            summary: "Set what the register of labour operators says of an organisation".to_owned(),
            description: "Replaces entries and units (accreditamento, l.r. 22/2006 art. 13). An operator must be accredited on every date on which it delivers a service.".to_owned(),
        },
        accredit,
    );
}

async fn accredit(
    permit: Permit<OrganisationsWrite>,
    id: PathId,
    version: MayMatch,
    body: Body<Accreditation>,
) -> Result<Changed<View>, Problem> {
    let item = Item::<Organisations> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::Id(id.0),
        verb: Verb::Act(Act::Accredit(body.value)),
        if_version: version.0,
        idempotency: None,
        wants: Wants::Record,
    };
    crud::apply(&permit, item).await
}
