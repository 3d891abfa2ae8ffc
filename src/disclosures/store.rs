//! Disclosures in the database.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::Reading;
use crate::db::{Conn, Fault};
use crate::identity::Caller;
use crate::kind::Kind;

/// Writes one entry.
pub fn insert(
    conn: &mut Conn,
    caller: &Caller,
    reading: &Reading,
    kinds: &[&str],
    ids: &[Uuid],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO disclosure (at, client_id, organisation_id, operation, request_id, kinds, record_ids) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Timestamptz, _>(at)
    .bind::<Text, _>(&caller.client_id)
    .bind::<SqlUuid, _>(caller.organisation)
    .bind::<Text, _>(reading.operation.as_ref())
    .bind::<Text, _>(&reading.request_id)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(conn)
    .map(drop)
}

/// Writes an entry for each of several records.
pub fn insert_each(
    conn: &mut Conn,
    shown: &[&(&Caller, &Reading, Kind, Uuid)],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let texts = |of: fn(&(&Caller, &Reading, Kind, Uuid)) -> String| -> Vec<String> {
        shown.iter().map(|entry| of(entry)).collect()
    };
    let ids = |of: fn(&(&Caller, &Reading, Kind, Uuid)) -> Uuid| -> Vec<Uuid> {
        shown.iter().map(|entry| of(entry)).collect()
    };
    diesel::sql_query(
        "INSERT INTO disclosure (at, client_id, organisation_id, operation, request_id, kinds, record_ids) \
         SELECT $1, client, organisation, operation, request, ARRAY[kind], ARRAY[record] \
         FROM UNNEST($2, $3, $4, $5, $6, $7) AS shown (client, organisation, operation, request, kind, record)",
    )
    .bind::<Timestamptz, _>(at)
    .bind::<Array<Text>, _>(texts(|(caller, ..)| caller.client_id.clone()))
    .bind::<Array<SqlUuid>, _>(ids(|(caller, ..)| caller.organisation))
    .bind::<Array<Text>, _>(texts(|(_, reading, ..)| reading.operation.to_string()))
    .bind::<Array<Text>, _>(texts(|(_, reading, ..)| reading.request_id.clone()))
    .bind::<Array<Text>, _>(texts(|(.., kind, _)| kind.name().to_owned()))
    .bind::<Array<SqlUuid>, _>(ids(|(.., id)| *id))
    .execute(conn)
    .map(drop)
}
