//! Whose retention has ended, in the database.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Date, Nullable, Uuid as SqlUuid};
use uuid::Uuid;

use super::Ended;
use crate::db::{Conn, Fault};
use crate::vault::Mask;

/// Calls whose retention ended before a day.
const ENDED: &str = "SELECT s.id FROM partnership s JOIN call c ON c.id = s.call_id WHERE (c.rules ->> 'retention_months') IS NOT NULL \
     AND c.reporting_deadline + make_interval(months => (c.rules ->> 'retention_months')::int) < $1";

/// Workers' records that still say who it is.
const PARTICIPANT: &str = "pseudonymised_at IS NULL AND deleted_at IS NULL";

/// Outcomes that lead to somebody.
const OUTCOME: &str = "(employer_sealed IS NOT NULL OR cob IS NOT NULL OR previous_cob IS NOT NULL OR state_reason IS NOT NULL OR external_id IS NOT NULL)";

/// Deleted records that still say something.
const TOMBSTONES: [&str; 2] = [
    "participant WHERE deleted_at IS NOT NULL AND (person_sealed IS NOT NULL OR external_id IS NOT NULL)",
    "outcome WHERE deleted_at IS NOT NULL AND (employer_sealed IS NOT NULL OR cob IS NOT NULL OR previous_cob IS NOT NULL \
       OR state_reason IS NOT NULL OR external_id IS NOT NULL)",
];

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn due(conn: &mut Conn, table: &str, condition: &str, today: NaiveDate, limit: i64) -> Result<Vec<Uuid>, Fault> {
    let query =
        format!("SELECT id FROM {table} WHERE {condition} AND partnership_id IN ({ENDED}) ORDER BY id LIMIT $2");
    let found: Vec<Found> = diesel::sql_query(query).bind::<Date, _>(today).bind::<BigInt, _>(limit).load(conn)?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

/// Some of the workers' records whose retention has ended.
pub fn participants(conn: &mut Conn, today: NaiveDate, limit: i64) -> Result<Vec<Uuid>, Fault> {
    due(conn, "participant", PARTICIPANT, today, limit)
}

/// Some of the outcomes.
pub fn outcomes(conn: &mut Conn, today: NaiveDate, limit: i64) -> Result<Vec<Uuid>, Fault> {
    due(conn, "outcome", &format!("deleted_at IS NULL AND {OUTCOME}"), today, limit)
}

/// How many of each there are.
pub fn count(conn: &mut Conn, today: NaiveDate) -> Result<Ended, Fault> {
    let mut number = |query: &str| {
        // The day is a parameter of some of them only.
        let query = format!("SELECT count(*) AS n FROM {query} AND $1::date IS NOT NULL");
        let found: Number = diesel::sql_query(query).bind::<Date, _>(today).get_result(conn)?;
        Ok::<_, Fault>(usize::try_from(found.n).unwrap_or(usize::MAX))
    };
    let within = format!("partnership_id IN ({ENDED})");
    Ok(Ended {
        participants: number(&format!("participant WHERE {PARTICIPANT} AND {within}"))?,
        outcomes: number(&format!("outcome WHERE deleted_at IS NULL AND {OUTCOME} AND {within}"))?,
        revisions: number(&format!("outcome_revision WHERE {OUTCOME} AND {within}"))?,
        tombstones: TOMBSTONES.iter().map(|table| number(table)).sum::<Result<usize, Fault>>()?,
        calls_without_an_end: 0,
    })
}

/// How many calls do not say how long workers are kept.
pub fn calls_without_an_end(conn: &mut Conn) -> Result<usize, Fault> {
    let query = "SELECT count(*) AS n FROM call WHERE deleted_at IS NULL AND (rules ->> 'retention_months') IS NULL";
    let found: Number = diesel::sql_query(query).get_result(conn)?;
    Ok(usize::try_from(found.n).unwrap_or(usize::MAX))
}

#[derive(QueryableByName)]
struct Revision {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Bytea>)]
    employer_index: Option<Vec<u8>>,
}

/// Takes from some of what was recorded of outcomes before what leads to somebody; answers how many. Nothing else of a revision can change,
/// and even that only while it is said that retention ends.
pub fn mask_revisions(conn: &mut Conn, today: NaiveDate, limit: i64, mask: &Mask) -> Result<usize, Fault> {
    conn.transaction(|conn| {
        let query = format!(
            "SELECT id, version, employer_index FROM outcome_revision WHERE {OUTCOME} AND partnership_id IN ({ENDED}) \
             ORDER BY id, version LIMIT $2"
        );
        let found: Vec<Revision> =
            diesel::sql_query(query).bind::<Date, _>(today).bind::<BigInt, _>(limit).load(conn)?;
        if found.is_empty() {
            return Ok(0);
        }
        let masked: Vec<Option<Vec<u8>>> = found
            .iter()
            .map(|row| row.employer_index.as_ref().map(|index| mask.of("employer", index).to_vec()))
            .collect();
        diesel::sql_query("SELECT set_config('ricolloca.retention_ends', 'on', true)").execute(conn)?;
        diesel::sql_query(
            "UPDATE outcome_revision r SET employer_sealed = NULL, employer_index = n.index, cob = NULL, previous_cob = NULL, \
               state_reason = NULL, external_id = NULL FROM UNNEST($1, $2, $3) AS n (id, version, index) \
             WHERE r.id = n.id AND r.version = n.version",
        )
        .bind::<Array<SqlUuid>, _>(found.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(found.iter().map(|row| row.version).collect::<Vec<_>>())
        .bind::<Array<Nullable<Bytea>>, _>(masked)
        .execute(conn)
    })
}

/// Takes from deleted records what they still say. Whoever keeps a copy was told that they are gone.
pub fn empty_tombstones(conn: &mut Conn) -> Result<usize, Fault> {
    let [participants, outcomes] = TOMBSTONES;
    let worker = format!(
        "UPDATE {} ",
        participants.replacen(
            "WHERE",
            "SET person_sealed = NULL, external_id = NULL, worker_index = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) WHERE",
            1
        )
    );
    let outcome = format!(
        "UPDATE {} ",
        outcomes.replacen(
            "WHERE",
            "SET employer_sealed = NULL, employer_index = NULL, cob = NULL, previous_cob = NULL, state_reason = NULL, external_id = NULL WHERE",
            1
        )
    );
    conn.transaction(|conn| Ok(diesel::sql_query(worker).execute(conn)? + diesel::sql_query(outcome).execute(conn)?))
}
