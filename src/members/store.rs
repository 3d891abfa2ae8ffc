//! Members in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use uuid::Uuid;

use super::model::Member;
use super::wire::MemberFilter;
use crate::db::schema::{member, organisation, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::http::filter::texts;
use crate::http::page::Page;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::codes::Sector;
use crate::vocabularies::terms::MemberCategory;
use crate::{keyset, narrow, stored};

stored! {
    member => Member {
        partnership_id: Id<Partnerships>,
        organisation_id: Id<Organisations>,
        category: MemberCategory,
        joined_on: NaiveDate,
        left_on: Option<NaiveDate>,
        own_resources_cents: i64,
    }
}

/// A page of members.
pub fn list(
    conn: &mut Conn,
    filter: &MemberFilter,
    page: &Page,
    sees: Option<Uuid>,
) -> Result<Vec<Member>, QueryError> {
    let mut query = member::table.filter(member::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = sees {
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(member::partnership_id.eq_any(seen));
    }
    if let Some(calls) = &filter.call {
        let under = partnership::table.filter(partnership::call_id.eq_any(calls.clone())).select(partnership::id);
        query = query.filter(member::partnership_id.eq_any(under));
    }
    narrow!(query, member, filter);
    narrow!(query, member, {
        uuid partnership_id filter.partnership, uuid organisation_id filter.organisation, text category filter.category,
        from joined_on filter.joined_from, to joined_on filter.joined_to,
        from left_on filter.left_from, to left_on filter.left_to,
    });
    if let Some(day) = filter.member_on {
        query = query.filter(member::joined_on.le(day)).filter(member::left_on.is_null().or(member::left_on.ge(day)));
    }
    if let Some(provinces) = &filter.province {
        let seated = organisation::table.filter(organisation::province.eq_any(texts(provinces)));
        query = query.filter(member::organisation_id.eq_any(seated.select(organisation::id)));
    }
    if let Some(sectors) = &filter.sector {
        let active = organisation::table.filter(organisation::ateco.eq_any(Sector::with_all_below(sectors)));
        query = query.filter(member::organisation_id.eq_any(active.select(organisation::id)));
    }
    keyset!(query, page, member, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "joined_on" => joined_on: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

/// The live members of these partnerships, past and future ones too, in the order of their ids.
pub fn of_partnerships(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Member>>, Fault> {
    let mut members: HashMap<Uuid, Vec<Member>> = HashMap::new();
    if ids.is_empty() {
        return Ok(members);
    }
    let rows = member::table
        .filter(member::partnership_id.eq_any(ids))
        .filter(member::deleted_at.is_null())
        .order(member::id)
        .select(Row::as_select())
        .load(conn)?;
    for member in records(rows)? {
        members.entry(member.partnership_id.uuid()).or_default().push(member);
    }
    Ok(members)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Which of these members cannot be deleted: their organisation performs an action, or is in charge of a cohort or worker of
/// the partnership.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<HashSet<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<Found> = diesel::sql_query(
        "SELECT m.id FROM member m WHERE m.id = ANY ($1) AND ( \
         EXISTS (SELECT FROM action a WHERE a.partnership_id = m.partnership_id AND a.performer_organisation_id = m.organisation_id AND a.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM participant p WHERE p.partnership_id = m.partnership_id AND p.operator_organisation_id = m.organisation_id AND p.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM cohort c WHERE c.partnership_id = m.partnership_id AND c.operator_organisation_id = m.organisation_id AND c.deleted_at IS NULL))",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(found.into_iter().map(|row| row.id).collect())
}
