//! Operations on cohorts.

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Cohort;
use super::wire::CohortFilter;
use super::{Cohorts, store};
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::Api;
use crate::http::page::Page;
use crate::http::select::Embed;
use crate::identity::scopes::{CohortsRead, CohortsWrite};
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;

impl Exposed for Cohorts {
    type Read = CohortsRead;
    type Write = CohortsWrite;
    type Filter = CohortFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "name"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Partnerships>("partnership", |record: &Cohort| Some(record.partnership_id.uuid())),
        Embed::one::<Organisations>("operator_organisation", |record: &Cohort| {
            Some(record.operator_organisation_id.uuid())
        }),
        Embed::one::<Organisations>("crisis_company", |record: &Cohort| record.crisis_company_id.map(Id::uuid)),
    ];
    const MEANING: &'static str = "A cohort (gruppo di lavoratori): workers accompanied together by one accredited operator, usually from one company or sector in crisis.";
    const WRITING: &'static str = "The partnership's lead and the operator in charge write it, until the partnership is at its end; only the lead names another operator. \
        A closed call takes corrections until its reporting deadline.";

    fn list(
        conn: &mut Conn,
        filter: &CohortFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Cohort>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn sort_value(record: &Cohort, sort: &str) -> Value {
        match sort {
            "name" => json!(record.name),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Cohorts>(api);
}
