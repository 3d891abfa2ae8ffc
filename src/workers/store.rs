//! What belongs to the records of one worker.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Array, Date, Integer, Nullable, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::{Conn, Fault};

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

fn ids(conn: &mut Conn, query: &str, participants: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let rows: Vec<Found> = diesel::sql_query(query).bind::<Array<SqlUuid>, _>(participants).load(conn)?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The actions that these participants attend, counting or not.
pub fn actions(conn: &mut Conn, participants: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let query = "SELECT a.id FROM participant p JOIN action a ON a.partnership_id = p.partnership_id AND a.deleted_at IS NULL \
           AND a.attendance @> jsonb_build_array(jsonb_build_object('participant_id', p.id)) \
         WHERE p.id = ANY ($1) ORDER BY a.id LIMIT 10000";
    ids(conn, query, participants)
}

/// The outcomes of these participants.
pub fn outcomes(conn: &mut Conn, participants: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let query = "SELECT id FROM outcome WHERE participant_id = ANY ($1) AND deleted_at IS NULL ORDER BY id LIMIT 1000";
    ids(conn, query, participants)
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Date)]
    deadline: NaiveDate,
    #[diesel(sql_type = Nullable<Integer>)]
    months: Option<i32>,
}

/// The reporting deadline of each participant's call, and for how many months after it the worker is known.
pub fn retention(conn: &mut Conn, participants: &[Uuid]) -> Result<Vec<(Uuid, NaiveDate, Option<u32>)>, Fault> {
    let rows: Vec<Kept> = diesel::sql_query(
        "SELECT p.id, c.reporting_deadline AS deadline, (c.rules ->> 'retention_months')::int AS months FROM participant p \
           JOIN partnership s ON s.id = p.partnership_id JOIN call c ON c.id = s.call_id WHERE p.id = ANY ($1) ORDER BY p.created_at DESC, p.id DESC",
    )
    .bind::<Array<SqlUuid>, _>(participants)
    .load(conn)?;
    let months = |row: &Kept| row.months.and_then(|months| u32::try_from(months).ok());
    Ok(rows.iter().map(|row| (row.id, row.deadline, months(row))).collect())
}
