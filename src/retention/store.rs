//! Whose retention has ended, in the database.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Uuid as SqlUuid};
use uuid::Uuid;

use super::Ended;
use crate::db::{Conn, Fault};

/// Calls whose retention ended before a day.
const ENDED: &str = "SELECT s.id FROM partnership s JOIN call c ON c.id = s.call_id WHERE (c.rules ->> 'retention_months') IS NOT NULL \
     AND c.reporting_deadline + make_interval(months => (c.rules ->> 'retention_months')::int) < $1";

/// Workers' records that still say who it is.
const PARTICIPANT: &str = "pseudonymised_at IS NULL AND deleted_at IS NULL";

/// Outcomes that lead to somebody.
const OUTCOME: &str = "(employer_sealed IS NOT NULL OR cob IS NOT NULL OR previous_cob IS NOT NULL OR state_reason IS NOT NULL OR external_id IS NOT NULL)";

/// Deleted records that still say something.
const TOMBSTONES: [(&str, &str); 2] = [
    ("participant", "deleted_at < clock_timestamp() - interval '30 days' AND pseudonymised_at IS NULL"),
    (
        "outcome",
        "deleted_at < clock_timestamp() - interval '30 days' AND (employer_sealed IS NOT NULL OR employer_index IS NOT NULL OR cob IS NOT NULL \
           OR previous_cob IS NOT NULL OR state_reason IS NOT NULL OR external_id IS NOT NULL)",
    ),
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
        tombstones: TOMBSTONES
            .iter()
            .map(|(table, condition)| number(&format!("{table} WHERE {condition}")))
            .sum::<Result<usize, Fault>>()?,
        calls_without_an_end: 0,
    })
}

/// How many calls do not say how long workers are kept.
pub fn calls_without_an_end(conn: &mut Conn) -> Result<usize, Fault> {
    let query = "SELECT count(*) AS n FROM call WHERE deleted_at IS NULL AND (rules ->> 'retention_months') IS NULL";
    let found: Number = diesel::sql_query(query).get_result(conn)?;
    Ok(usize::try_from(found.n).unwrap_or(usize::MAX))
}

/// Takes from some of what was recorded of outcomes before what leads to somebody; answers how many. Nothing else of a revision can change,
/// and even that only while it is said that retention ends.
pub fn empty_revisions(conn: &mut Conn, today: NaiveDate, limit: i64) -> Result<usize, Fault> {
    conn.transaction(|conn| {
        diesel::sql_query("SELECT set_config('ricolloca.retention_ends', 'on', true)").execute(conn)?;
        let query = format!(
            "UPDATE outcome_revision r SET employer_sealed = NULL, cob = NULL, previous_cob = NULL, state_reason = NULL, external_id = NULL \
             FROM (SELECT id, version FROM outcome_revision WHERE {OUTCOME} AND partnership_id IN ({ENDED}) \
                   ORDER BY id, version LIMIT $2) AS due WHERE r.id = due.id AND r.version = due.version"
        );
        diesel::sql_query(query).bind::<Date, _>(today).bind::<BigInt, _>(limit).execute(conn)
    })
}

/// Takes from deleted records what they still say, a month after the deletion: until then it can be told whose they were. Whoever keeps a copy
/// was told that they are gone.
pub fn empty_tombstones(conn: &mut Conn) -> Result<usize, Fault> {
    let [(_, worker), (_, outcome)] = TOMBSTONES;
    let worker = format!(
        "UPDATE participant SET person_sealed = NULL, external_id = NULL, pseudonymised_at = clock_timestamp(), \
           worker_index = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), \
           pseudonym = 'W-' || substring(encode(uuid_send(gen_random_uuid()), 'hex') FROM 1 FOR 16), \
           dote_number = 'X-' || upper(substring(encode(uuid_send(gen_random_uuid()), 'hex') FROM 1 FOR 16)) WHERE {worker}"
    );
    let outcome = format!(
        "UPDATE outcome SET employer_sealed = NULL, employer_index = NULL, cob = NULL, previous_cob = NULL, state_reason = NULL, \
           external_id = NULL WHERE {outcome}"
    );
    conn.transaction(|conn| Ok(diesel::sql_query(worker).execute(conn)? + diesel::sql_query(outcome).execute(conn)?))
}
