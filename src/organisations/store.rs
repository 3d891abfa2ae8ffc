//! Organisations in the database.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use uuid::Uuid;

use super::model::{Accreditation, Organisation};
use super::wire::OrganisationFilter;
use crate::db::schema::organisation;
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Json};
use crate::http::page::Page;
use crate::identifiers::OrganisationTaxCode;
use crate::vocabularies::codes::Sector;
use crate::{keyset, narrow, stored};

stored! {
    organisation => Organisation {
        tax_code: OrganisationTaxCode,
        name: String,
        legal_form: Option<String>,
        ateco: Option<String>,
        municipality: Option<String>,
        province: Option<String>,
        accreditation: Option<Json<Accreditation>>,
    }
}

/// A page of organisations.
pub fn list(conn: &mut Conn, filter: &OrganisationFilter, page: &Page) -> Result<Vec<Organisation>, QueryError> {
    let mut query =
        organisation::table.filter(organisation::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    narrow!(query, organisation, filter);
    narrow!(query, organisation, {
        text tax_code filter.tax_code, text province filter.province, text municipality filter.municipality,
        text ateco filter.sector.as_deref().map(Sector::with_all_below), text legal_form filter.legal_form,
    });
    match filter.operator {
        Some(true) => query = query.filter(organisation::accreditation.is_not_null()),
        Some(false) => query = query.filter(organisation::accreditation.is_null()),
        None => {}
    }
    if let Some(day) = filter.accredited_on {
        // Dates in JSON compare as they are written.
        query = query.filter(
            sql::<Bool>(
                "jsonb_path_exists(accreditation, '$.entries[*] ? (@.valid_from <= $day && \
                 (!exists(@.valid_to) || @.valid_to == null || @.valid_to >= $day))', jsonb_build_object('day', ",
            )
            .bind::<Text, _>(day.to_string())
            .sql("))"),
        );
    }
    keyset!(query, page, organisation, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "name" => name: String,
    });
    Ok(records(query.load(conn)?)?)
}

/// The live organisations of these tax codes.
pub fn by_tax_code(conn: &mut Conn, codes: &[&str]) -> Result<Vec<Organisation>, Fault> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    records(
        organisation::table
            .filter(organisation::tax_code.eq_any(codes))
            .filter(organisation::deleted_at.is_null())
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// Which of these organisations anything else refers to.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        id: Uuid,
    }
    let found: Vec<Found> = diesel::sql_query(
        "SELECT o AS id FROM UNNEST($1) AS o WHERE EXISTS (SELECT FROM member m WHERE m.organisation_id = o AND m.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM partnership p WHERE p.lead_organisation_id = o AND p.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM cohort c WHERE o IN (c.crisis_company_id, c.operator_organisation_id) AND c.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM client c WHERE c.organisation_id = o)",
    )
    .bind::<diesel::sql_types::Array<diesel::sql_types::Uuid>, _>(ids)
    .load(conn)?;
    Ok(found.into_iter().map(|row| row.id).collect())
}
