//! Which records lie in a bucket.

use diesel::prelude::*;
use diesel::sql_types::{Array, Int4, Text, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::{Conn, Fault};
use crate::kind::Kind;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The live records of a kind whose ids end in one of these, by their ids.
pub fn within(conn: &mut Conn, kind: Kind, depth: usize, ends: &[&str]) -> Result<Vec<Uuid>, Fault> {
    let found: Vec<Found> = diesel::sql_query(format!(
        "SELECT id FROM {} WHERE deleted_at IS NULL AND right(id::text, $1) = ANY ($2) ORDER BY id",
        kind.name()
    ))
    .bind::<Int4, _>(i32::try_from(depth).unwrap_or(i32::MAX))
    .bind::<Array<Text>, _>(ends)
    .load(conn)?;
    Ok(found.into_iter().map(|found| found.id).collect())
}
