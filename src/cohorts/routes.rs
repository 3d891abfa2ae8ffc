//! Operations on cohorts.

use serde_json::Value;
use uuid::Uuid;

use super::model::Cohort;
use super::wire::CohortFilter;
use super::{Cohorts, store};
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::Api;
use crate::http::page::Page;
use crate::identity::scopes::{CohortsRead, CohortsWrite};

impl Exposed for Cohorts {
    type Read = CohortsRead;
    type Write = CohortsWrite;
    type Filter = CohortFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at"];
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
        crud::common_sort_value(record, sort)
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Cohorts>(api);
}
