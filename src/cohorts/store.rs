//! Cohorts in the database.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use uuid::Uuid;

use super::model::Cohort;
use super::wire::CohortFilter;
use crate::db::schema::{action, cohort, participant, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::http::page::Page;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::codes::Sector;
use crate::{keyset, narrow, stored};

stored! {
    cohort => Cohort {
        partnership_id: Id<Partnerships>,
        operator_organisation_id: Id<Organisations>,
        name: String,
        crisis_company_id: Option<Id<Organisations>>,
        ateco: Option<String>,
        province: Option<String>,
        agreement_on: Option<NaiveDate>,
    }
}

/// A page of cohorts.
pub fn list(
    conn: &mut Conn,
    filter: &CohortFilter,
    page: &Page,
    sees: Option<Uuid>,
) -> Result<Vec<Cohort>, QueryError> {
    let mut query = cohort::table.filter(cohort::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = sees {
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(cohort::partnership_id.eq_any(seen));
    }
    if let Some(calls) = &filter.call {
        let under = partnership::table.filter(partnership::call_id.eq_any(calls.clone())).select(partnership::id);
        query = query.filter(cohort::partnership_id.eq_any(under));
    }
    narrow!(query, cohort, filter);
    narrow!(query, cohort, {
        uuid partnership_id filter.partnership, uuid operator_organisation_id filter.operator,
        uuid crisis_company_id filter.crisis_company, text province filter.province,
        text ateco filter.sector.as_deref().map(Sector::with_all_below),
        from agreement_on filter.agreement_from, to agreement_on filter.agreement_to,
    });
    keyset!(query, page, cohort, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "name" => name: String,
    });
    Ok(records(query.load(conn)?)?)
}

/// Which of these cohorts a live participant or action refers to.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<HashSet<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let workers =
        participant::table.filter(participant::cohort_id.eq(cohort::id)).filter(participant::deleted_at.is_null());
    let actions =
        action::table.filter(action::cohort_id.eq(cohort::id.nullable())).filter(action::deleted_at.is_null());
    let found: Vec<Uuid> = cohort::table
        .filter(cohort::id.eq_any(ids))
        .filter(exists(workers).or(exists(actions)))
        .select(cohort::id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}
