//! Participants in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Date, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::model::{ExitReason, Participant, Recorded, Stay};
use super::wire::ParticipantFilter;
use crate::calls::model::DotePath;
use crate::cohorts::Cohorts;
use crate::db::schema::{cohort, participant, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::http::page::Page;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::codes::{Province, Sector};
use crate::vocabularies::terms::{EntryStatus, Sex};
use crate::{keyset, narrow, stored};

stored! {
    participant => Participant {
        partnership_id: Id<Partnerships>,
        cohort_id: Id<Cohorts>,
        operator_organisation_id: Id<Organisations>,
        person_sealed: Option<Vec<u8>>,
        worker_index: Vec<u8>,
        pseudonym: String,
        birth_year: i32,
        sex: Sex,
        municipality: String,
        education_level: Option<String>,
        entry_status: EntryStatus,
        unemployed_since: Option<NaiveDate>,
        dote_number: String,
        dote_path: DotePath,
        dote_from: NaiveDate,
        dote_to: NaiveDate,
        taken_charge_on: Option<NaiveDate>,
        left_on: Option<NaiveDate>,
        exit_reason: Option<ExitReason>,
        restricted_at: Option<DateTime<Utc>>,
        pseudonymised_at: Option<DateTime<Utc>>,
    }
}

/// Where a participant is, and who is in charge.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// The cohort.
    pub cohort: Id<Cohorts>,
    /// The operator.
    pub operator: Id<Organisations>,
    /// Whether the worker's data is restricted.
    pub restricted: bool,
}

/// The charges of live participants.
pub fn charges(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Charge>, Fault> {
    let rows: Vec<(Uuid, Uuid, Uuid, Option<DateTime<Utc>>)> = participant::table
        .filter(participant::id.eq_any(ids))
        .filter(participant::deleted_at.is_null())
        .select((
            participant::id,
            participant::cohort_id,
            participant::operator_organisation_id,
            participant::restricted_at,
        ))
        .load(conn)?;
    let charge = |(id, cohort, operator, restricted_at): (Uuid, Uuid, Uuid, Option<DateTime<Utc>>)| {
        (id, Charge { cohort: Id::new(cohort), operator: Id::new(operator), restricted: restricted_at.is_some() })
    };
    Ok(rows.into_iter().map(charge).collect())
}

/// A page of participants.
pub fn list(
    conn: &mut Conn,
    filter: &ParticipantFilter,
    page: &Page,
    sees: Option<Uuid>,
) -> Result<Vec<Participant>, QueryError> {
    let mut query = participant::table.filter(participant::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = sees {
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(participant::partnership_id.eq_any(seen));
    }
    if let Some(calls) = &filter.call {
        let under = partnership::table.filter(partnership::call_id.eq_any(calls.clone())).select(partnership::id);
        query = query.filter(participant::partnership_id.eq_any(under));
    }
    narrow!(query, participant, filter);
    narrow!(query, participant, {
        uuid partnership_id filter.partnership, uuid cohort_id filter.cohort,
        uuid operator_organisation_id filter.operator, text entry_status filter.entry_status,
        text exit_reason filter.exit_reason, text dote_path filter.dote_path,
        text municipality filter.province.as_deref().map(Province::municipalities),
        from taken_charge_on filter.taken_charge_from, to taken_charge_on filter.taken_charge_to,
        from left_on filter.left_from, to left_on filter.left_to,
    });
    match filter.active {
        Some(true) => query = query.filter(participant::left_on.is_null()),
        Some(false) => query = query.filter(participant::left_on.is_not_null()),
        None => {}
    }
    if let Some(day) = filter.dote_on {
        query = query.filter(participant::dote_from.le(day)).filter(participant::dote_to.ge(day));
    }
    if let Some(sectors) = &filter.sector {
        let of = cohort::table.filter(cohort::ateco.eq_any(Sector::with_all_below(sectors)));
        query = query.filter(participant::cohort_id.eq_any(of.select(cohort::id)));
    }
    keyset!(query, page, participant, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "dote_valid_to" => dote_to: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

/// The newest records of one worker; for an organisation: those in its charge, of partnerships that it sees.
pub fn of_worker(
    conn: &mut Conn,
    worker_index: &[u8],
    sees: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Participant>, Fault> {
    let mut query = participant::table
        .filter(participant::worker_index.eq(worker_index.to_vec()))
        .filter(participant::deleted_at.is_null())
        .select(Row::as_select())
        .into_boxed();
    if let Some(organisation) = sees {
        query =
            query
                .filter(participant::operator_organisation_id.eq(organisation))
                .filter(participant::partnership_id.eq_any(
                    sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id),
                ));
    }
    records(query.order((participant::created_at.desc(), participant::id.desc())).limit(limit).load(conn)?)
}

#[derive(QueryableByName)]
struct StayRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bytea)]
    worker_index: Vec<u8>,
    #[diesel(sql_type = Text)]
    dote_number: String,
    #[diesel(sql_type = Nullable<Date>)]
    taken_charge_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    left_on: Option<NaiveDate>,
}

/// The stays, in any partnership, of these workers or under these Doti.
pub fn stays(conn: &mut Conn, workers: &[&[u8]], dotes: &[&str]) -> Result<Vec<Stay>, Fault> {
    if workers.is_empty() && dotes.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<StayRow> = diesel::sql_query("SELECT * FROM stays_of($1, $2)")
        .bind::<Array<Bytea>, _>(workers)
        .bind::<Array<Text>, _>(dotes)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|StayRow { id, worker_index, dote_number, taken_charge_on, left_on }| Stay {
            id,
            worker_index,
            dote_number,
            taken_charge_on,
            left_on,
        })
        .collect())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Which of these participants an action's attendance or a live outcome refers to.
pub fn referenced(conn: &mut Conn, ids: &[Uuid]) -> Result<HashSet<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    // The table `attendance` leaves out actions that do not count; these name their workers all the same.
    let found: Vec<Found> = diesel::sql_query(
        "SELECT p.id FROM participant p WHERE p.id = ANY ($1) AND ( \
         EXISTS (SELECT FROM outcome o WHERE o.participant_id = p.id AND o.deleted_at IS NULL) \
         OR EXISTS (SELECT FROM attendance t WHERE t.participant_id = p.id) \
         OR EXISTS (SELECT FROM action a WHERE a.partnership_id = p.partnership_id AND a.deleted_at IS NULL \
                    AND a.attendance @> jsonb_build_array(jsonb_build_object('participant_id', p.id))))",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct RecordedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Date>)]
    attended_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    attended_to: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    outcome_from: Option<NaiveDate>,
}

/// The days on which something is recorded of these participants that rests on their Dote.
pub fn recorded(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Recorded>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<RecordedRow> = diesel::sql_query(
        "SELECT p AS id, (SELECT min(from_on) FROM attendance WHERE participant_id = p) AS attended_from, \
                (SELECT max(to_on) FROM attendance WHERE participant_id = p) AS attended_to, \
                (SELECT min(starts_on) FROM outcome WHERE participant_id = p AND deleted_at IS NULL AND state <> 'withdrawn') AS outcome_from \
         FROM UNNEST($1) AS p",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|RecordedRow { id, attended_from, attended_to, outcome_from }| {
            (id, Recorded { attended_from, attended_to, outcome_from })
        })
        .collect())
}

/// Carries corrected workers into their attendance, on which the rules about double financing rest.
pub fn correct_attendance(conn: &mut Conn, workers: &[(Uuid, &[u8])]) -> Result<(), Fault> {
    if workers.is_empty() {
        return Ok(());
    }
    let (ids, indexes): (Vec<Uuid>, Vec<&[u8]>) = workers.iter().copied().unzip();
    diesel::sql_query(
        "UPDATE attendance a SET worker_index = w.worker_index FROM UNNEST($1, $2) AS w (id, worker_index) \
         WHERE a.participant_id = w.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Bytea>, _>(indexes)
    .execute(conn)?;
    Ok(())
}
