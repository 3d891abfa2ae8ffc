//! Calls, and what was granted under them, in the database.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Int8, Uuid as SqlUuid};
use uuid::Uuid;

use super::model::{Budget, Call, CallRules};
use super::wire::CallFilter;
use crate::db::schema::{call, call_budget, partnership};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Json};
use crate::http::page::Page;
use crate::{keyset, narrow, stored};

stored! {
    call => Call {
        code: String,
        title: String,
        allocation_cents: i64,
        applications_from: NaiveDate,
        applications_to: NaiveDate,
        activities_from: NaiveDate,
        activities_to: NaiveDate,
        reporting_deadline: NaiveDate,
        rules: Json<CallRules>,
    }
}

/// A page of calls.
pub fn list(conn: &mut Conn, filter: &CallFilter, page: &Page) -> Result<Vec<Call>, QueryError> {
    let mut query = call::table.filter(call::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    narrow!(query, call, filter);
    narrow!(query, call, {
        text code filter.code,
        from reporting_deadline filter.reporting_deadline_from, to reporting_deadline filter.reporting_deadline_to,
    });
    if let Some(day) = filter.applications_on {
        query = query.filter(call::applications_from.le(day)).filter(call::applications_to.ge(day));
    }
    if let Some(day) = filter.activities_on {
        query = query.filter(call::activities_from.le(day)).filter(call::activities_to.ge(day));
    }
    keyset!(query, page, call, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "code" => code: String,
        "title" => title: String,
        "applications_from" => applications_from: NaiveDate,
        "reporting_deadline" => reporting_deadline: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

/// The live calls of these ids, kept as they are until the transaction ends: nobody changes or deletes one while a verdict
/// rests on it. Locked in the order of ids.
pub fn hold(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Call>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = call::table
        .filter(call::id.eq_any(ids))
        .filter(call::deleted_at.is_null())
        .order(call::id)
        .select(Row::as_select())
        .for_share()
        .load(conn)?;
    Ok(records(rows)?.into_iter().map(|call| (call.meta.id, call)).collect())
}

/// Which of these calls a live partnership refers to.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    partnership::table
        .filter(partnership::call_id.eq_any(ids))
        .filter(partnership::deleted_at.is_null())
        .select(partnership::call_id)
        .distinct()
        .load(conn)
}

/// What was granted under a call.
pub fn budget(conn: &mut Conn, id: Uuid) -> Result<Option<Budget>, Fault> {
    Ok(budgets(call_budget::table.filter(call_budget::call_id.eq(id)).load(conn)?).remove(&id))
}

/// What was granted under these calls, locked until the transaction ends, in the order of ids: amounts are granted one
/// decision after the other.
pub fn lock_budgets(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Budget>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = call_budget::table
        .filter(call_budget::call_id.eq_any(ids))
        .order(call_budget::call_id)
        .for_no_key_update()
        .load(conn)?;
    Ok(budgets(rows))
}

fn budgets(rows: Vec<(Uuid, i64, i64)>) -> HashMap<Uuid, Budget> {
    rows.into_iter()
        .map(|(id, allocation_cents, granted_cents)| (id, Budget { allocation_cents, granted_cents }))
        .collect()
}

/// Opens the budgets of new calls and changes the allocation of others.
pub fn write_allocations(conn: &mut Conn, allocations: &[(Uuid, i64)]) -> Result<(), Fault> {
    if allocations.is_empty() {
        return Ok(());
    }
    let (ids, cents): (Vec<Uuid>, Vec<i64>) = allocations.iter().copied().unzip();
    diesel::sql_query(
        "INSERT INTO call_budget (call_id, allocation_cents) SELECT * FROM UNNEST($1, $2) \
         ON CONFLICT (call_id) DO UPDATE SET allocation_cents = excluded.allocation_cents",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Int8>, _>(cents)
    .execute(conn)?;
    Ok(())
}

/// Grants amounts under calls, or gives them back where they are negative. The constraint `call_budget_ceiling_ck` refuses
/// what no verdict should have let through.
pub fn grant(conn: &mut Conn, amounts: &BTreeMap<Uuid, i64>) -> Result<(), Fault> {
    if amounts.is_empty() {
        return Ok(());
    }
    let (ids, cents): (Vec<Uuid>, Vec<i64>) = amounts.iter().map(|(id, cents)| (*id, *cents)).unzip();
    diesel::sql_query(
        "UPDATE call_budget b SET granted_cents = b.granted_cents + a.cents FROM UNNEST($1, $2) AS a (call_id, cents) \
         WHERE b.call_id = a.call_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Int8>, _>(cents)
    .execute(conn)?;
    Ok(())
}
