//! Partnerships, and the facts about them that other tables hold, in the database.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Date, Int8, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::model::Partnership;
use super::network::{CohortFacts, InCharge, Membership, Network};
use super::wire::PartnershipFilter;
use crate::calls::Calls;
use crate::calls::model::Call;
use crate::db::schema::{member, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Cell as _, Conn, Fault, Json, Stored as _};
use crate::http::filter::texts;
use crate::http::page::Page;
use crate::identifiers::Cup;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::organisations::model::Organisation;
use crate::vocabularies::codes::Sector;
use crate::vocabularies::terms::{MemberCategory, PartnershipState};
use crate::{keyset, narrow, stored};

stored! {
    partnership => Partnership {
        call_id: Id<Calls>,
        lead_organisation_id: Id<Organisations>,
        title: String,
        ateco: Option<String>,
        provinces: Json<Vec<String>>,
        cup: Option<Cup>,
        starts_on: NaiveDate,
        ends_on: NaiveDate,
        budget_cents: i64,
        requested_cents: i64,
        granted_cents: Option<i64>,
        state: PartnershipState,
        submitted_on: Option<NaiveDate>,
        decided_on: Option<NaiveDate>,
        decision_reason: Option<String>,
        activated_on: Option<NaiveDate>,
        concluded_on: Option<NaiveDate>,
        withdrawn_on: Option<NaiveDate>,
        withdrawal_reason: Option<String>,
    }
}

/// A page of partnerships.
pub fn list(
    conn: &mut Conn,
    filter: &PartnershipFilter,
    page: &Page,
    sees: Option<Uuid>,
) -> Result<Vec<Partnership>, QueryError> {
    let mut query = partnership::table.filter(partnership::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = sees {
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(partnership::id.eq_any(seen));
    }
    if let Some(organisations) = &filter.organisation {
        let theirs = sight::table.filter(sight::organisation_id.eq_any(organisations.clone()));
        query = query.filter(partnership::id.eq_any(theirs.select(sight::partnership_id)));
    }
    narrow!(query, partnership, filter);
    narrow!(query, partnership, {
        uuid call_id filter.call, uuid lead_organisation_id filter.lead_organisation, text state filter.state,
        text ateco filter.sector.as_deref().map(Sector::with_all_below),
        from starts_on filter.starts_from, to starts_on filter.starts_to,
        from ends_on filter.ends_from, to ends_on filter.ends_to,
        from submitted_on filter.submitted_from, to submitted_on filter.submitted_to,
        from decided_on filter.decided_from, to decided_on filter.decided_to,
    });
    if let Some(provinces) = &filter.province {
        query = query.filter(partnership::provinces.has_any_key(texts(provinces)));
    }
    if let Some(day) = filter.running_on {
        query = query.filter(partnership::starts_on.le(day)).filter(partnership::ends_on.ge(day));
    }
    keyset!(query, page, partnership, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "title" => title: String,
        "starts_on" => starts_on: NaiveDate,
        "ends_on" => ends_on: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

/// The live partnerships of these ids with their calls.
pub fn with_calls(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, (Partnership, Call)>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let partnerships = Partnership::fetch(conn, ids)?;
    let mut calls: Vec<Uuid> = partnerships.iter().map(|partnership| partnership.call_id.uuid()).collect();
    calls.sort_unstable();
    calls.dedup();
    let calls: HashMap<Uuid, Call> = Call::fetch(conn, &calls)?.into_iter().map(|call| (call.meta.id, call)).collect();
    Ok(partnerships
        .into_iter()
        .filter_map(|partnership| {
            let call = calls.get(&partnership.call_id.uuid())?.clone();
            Some((partnership.meta.id, (partnership, call)))
        })
        .collect())
}

/// Who and what makes up these partnerships.
pub fn networks(conn: &mut Conn, ids: &[Uuid], today: NaiveDate) -> Result<HashMap<Uuid, Network>, Fault> {
    let mut networks: HashMap<Uuid, Network> = ids.iter().map(|id| (*id, Network::default())).collect();
    if ids.is_empty() {
        return Ok(networks);
    }
    add_members(conn, ids, &mut networks)?;
    for (id, organisation, in_charge) in workers(conn, ids, today)? {
        if let Some(network) = networks.get_mut(&id) {
            network.in_charge.insert(organisation, in_charge);
        }
    }
    for (id, cohort) in cohorts(conn, ids)? {
        if let Some(network) = networks.get_mut(&id) {
            network.cohorts.push(cohort);
        }
    }
    Ok(networks)
}

type MemberRow = (Uuid, Uuid, Uuid, String, NaiveDate, Option<NaiveDate>);

fn add_members(conn: &mut Conn, ids: &[Uuid], networks: &mut HashMap<Uuid, Network>) -> Result<(), Fault> {
    let rows: Vec<MemberRow> = member::table
        .filter(member::partnership_id.eq_any(ids))
        .filter(member::deleted_at.is_null())
        .order(member::id)
        .select((
            member::id,
            member::partnership_id,
            member::organisation_id,
            member::category,
            member::joined_on,
            member::left_on,
        ))
        .load(conn)?;
    let mut organisations: Vec<Uuid> = rows.iter().map(|row| row.2).collect();
    organisations.sort_unstable();
    organisations.dedup();
    let organisations: HashMap<Uuid, Organisation> = Organisation::fetch(conn, &organisations)?
        .into_iter()
        .map(|organisation| (organisation.meta.id, organisation))
        .collect();
    for (id, partnership_id, organisation_id, category, joined_on, left_on) in rows {
        let category = MemberCategory::load(category).map_err(Fault::DeserializationError)?;
        if let Some(network) = networks.get_mut(&partnership_id) {
            network.members.push(Membership { id, organisation_id, category, joined_on, left_on });
            if let Some(organisation) = organisations.get(&organisation_id) {
                network.organisations.insert(organisation_id, organisation.clone());
            }
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Workers {
    #[diesel(sql_type = SqlUuid)]
    partnership_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    operator_organisation_id: Uuid,
    #[diesel(sql_type = Int8)]
    current: i64,
    #[diesel(sql_type = Int8)]
    with_valid_dote: i64,
}

fn workers(conn: &mut Conn, ids: &[Uuid], today: NaiveDate) -> Result<Vec<(Uuid, Uuid, InCharge)>, Fault> {
    let rows: Vec<Workers> = diesel::sql_query(
        "SELECT partnership_id, operator_organisation_id, count(*) AS current, \
                count(*) FILTER (WHERE taken_charge_on <= $2 AND $2 BETWEEN dote_from AND dote_to) AS with_valid_dote \
         FROM participant WHERE partnership_id = ANY ($1) AND deleted_at IS NULL AND left_on IS NULL GROUP BY 1, 2",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Date, _>(today)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let in_charge = InCharge { current: number(row.current), with_valid_dote: number(row.with_valid_dote) };
            (row.partnership_id, row.operator_organisation_id, in_charge)
        })
        .collect())
}

#[derive(QueryableByName)]
struct CohortRow {
    #[diesel(sql_type = SqlUuid)]
    partnership_id: Uuid,
    #[diesel(sql_type = Bool)]
    names_company: bool,
    #[diesel(sql_type = Int8)]
    workers: i64,
}

fn cohorts(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<(Uuid, CohortFacts)>, Fault> {
    let rows: Vec<CohortRow> = diesel::sql_query(
        "SELECT c.partnership_id, c.crisis_company_id IS NOT NULL AS names_company, \
                (SELECT count(*) FROM participant p WHERE p.cohort_id = c.id AND p.deleted_at IS NULL AND p.left_on IS NULL) AS workers \
         FROM cohort c WHERE c.partnership_id = ANY ($1) AND c.deleted_at IS NULL",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.partnership_id, CohortFacts { workers: number(row.workers), names_company: row.names_company }))
        .collect())
}

fn number(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Which of these partnerships anything but their members refers to.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    use crate::db::schema::{action, cohort, outcome, participant};
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    macro_rules! lies_in {
        ($table:ident) => {
            exists(
                $table::table.filter($table::partnership_id.eq(partnership::id)).filter($table::deleted_at.is_null()),
            )
        };
    }
    partnership::table
        .filter(partnership::id.eq_any(ids))
        .filter(lies_in!(cohort).or(lies_in!(participant)).or(lies_in!(action)).or(lies_in!(outcome)))
        .select(partnership::id)
        .load(conn)
}

/// Deletes the members of partnerships that are deleted. Their rows are safe from others: whoever changes a member locks its
/// partnership first.
pub fn delete_members(conn: &mut Conn, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "UPDATE member SET deleted_at = $2, updated_at = $2, version = version + 1 \
         WHERE partnership_id = ANY ($1) AND deleted_at IS NULL",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

/// Lets go the workers of partnerships that have come to their end, so that others can take them in charge.
pub fn release_workers(conn: &mut Conn, ids: &[Uuid], today: NaiveDate, now: DateTime<Utc>) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    // greatest() passes over a null: who was never taken in charge leaves today.
    diesel::sql_query(
        "UPDATE participant SET left_on = greatest($2, taken_charge_on), exit_reason = 'partnership_ended', \
                updated_at = $3, version = version + 1 \
         WHERE partnership_id = ANY ($1) AND deleted_at IS NULL AND left_on IS NULL",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Date, _>(today)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}
