//! Disclosures in the database.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::Reading;
use crate::db::{Conn, Fault};
use crate::identity::Caller;

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
    .bind::<Text, _>(reading.operation)
    .bind::<Text, _>(&reading.request_id)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(conn)
    .map(drop)
}
