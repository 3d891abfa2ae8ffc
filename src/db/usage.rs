//! What processes tell each other of quotas.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use uuid::Uuid;

use super::{Conn, Fault};
use crate::http::limits::Use;

#[derive(QueryableByName)]
struct Total {
    #[diesel(sql_type = SqlUuid)]
    subject: Uuid,
    #[diesel(sql_type = BigInt)]
    minute: i64,
    #[diesel(sql_type = BigInt)]
    used: i64,
}

/// Adds what was used here, and answers what all have used.
pub fn add(conn: &mut Conn, told: &[Use]) -> Result<HashMap<(Uuid, u64), u32>, Fault> {
    let minutes: Vec<i64> = told.iter().map(|one| i64::try_from(one.minute).unwrap_or_default()).collect();
    let Some(newest) = minutes.iter().max().copied() else { return Ok(HashMap::new()) };
    let totals: Vec<Total> = diesel::sql_query(
        "INSERT INTO quota_use SELECT * FROM UNNEST($1, $2, $3) AS told (subject, minute, used) ORDER BY subject \
         ON CONFLICT (subject, minute) DO UPDATE SET used = quota_use.used + excluded.used RETURNING subject, minute, used",
    )
    .bind::<Array<SqlUuid>, _>(told.iter().map(|one| one.name).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(minutes)
    .bind::<Array<BigInt>, _>(told.iter().map(|one| i64::from(one.units)).collect::<Vec<_>>())
    .load(conn)?;
    diesel::sql_query("DELETE FROM quota_use WHERE minute < $1").bind::<BigInt, _>(newest - 1).execute(conn)?;
    let number = |total: &Total| u32::try_from(total.used).unwrap_or(u32::MAX);
    Ok(totals
        .iter()
        .map(|total| ((total.subject, u64::try_from(total.minute).unwrap_or_default()), number(total)))
        .collect())
}
