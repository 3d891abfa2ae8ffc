//! What became of each line.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{Conn, Fault};
use crate::imports::item::Item;
use crate::imports::verdict::{Effect, Verdict};
use crate::kind::Kind;

/// Reasons that are kept of a line at most: pages of a thousand lines have to be carried.
pub const MAX_REASONS: usize = 100;

/// Keeps verdicts; one that is there already is overwritten.
pub fn put(conn: &mut Conn, import_id: Uuid, organisation: Uuid, verdicts: &[Verdict]) -> Result<(), Fault> {
    if verdicts.is_empty() {
        return Ok(());
    }
    // PostgreSQL has no arrays of arrays of different lengths: the changed fields travel as JSON.
    let json = |value: Result<Value, serde_json::Error>| {
        value.ok().filter(|value| value.as_array().is_some_and(|all| !all.is_empty()))
    };
    diesel::sql_query(
        "INSERT INTO import_item (import_id, line, organisation_id, kind, external_id, digest, effect, record_id, version, changed, errors, blocked_by) \
         SELECT $1, v.line, $2, v.kind, v.external_id, v.digest, v.effect, v.record_id, v.version, \
           (SELECT array_agg(f) FROM jsonb_array_elements_text(v.changed) AS f), v.errors, v.blocked_by \
         FROM UNNEST($3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
           AS v (line, kind, external_id, digest, effect, record_id, version, changed, errors, blocked_by) \
         ON CONFLICT (import_id, line) DO UPDATE SET effect = excluded.effect, record_id = excluded.record_id, version = excluded.version, \
           changed = excluded.changed, errors = excluded.errors, blocked_by = excluded.blocked_by",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<SqlUuid, _>(organisation)
    .bind::<Array<BigInt>, _>(verdicts.iter().map(|v| v.line).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(verdicts.iter().map(|v| v.kind.map(Kind::name)).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(verdicts.iter().map(|v| v.external_id.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(verdicts.iter().map(|v| v.digest).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(verdicts.iter().map(|v| v.effect.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(verdicts.iter().map(|v| v.record.map(|(id, _)| id)).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(verdicts.iter().map(|v| v.record.map(|(_, version)| version)).collect::<Vec<_>>())
    .bind::<Array<Nullable<Jsonb>>, _>(verdicts.iter().map(|v| json(serde_json::to_value(&v.changed))).collect::<Vec<_>>())
    .bind::<Array<Nullable<Jsonb>>, _>(verdicts.iter().map(|v| json(serde_json::to_value(v.reasons.get(..MAX_REASONS).unwrap_or(&v.reasons)))).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(verdicts.iter().map(|v| v.blocked_by).collect::<Vec<_>>())
    .execute(conn)
    .map(drop)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = BigInt)]
    line: i64,
}

/// Which of these lines have a verdict already.
pub fn judged(conn: &mut Conn, import_id: Uuid, lines: &[i64]) -> Result<Vec<i64>, Fault> {
    let rows: Vec<Line> = diesel::sql_query("SELECT line FROM import_item WHERE import_id = $1 AND line = ANY ($2)")
        .bind::<SqlUuid, _>(import_id)
        .bind::<Array<BigInt>, _>(lines)
        .load(conn)?;
    Ok(rows.into_iter().map(|row| row.line).collect())
}

/// A line that was not carried out, and the line that is to blame.
#[derive(Debug, QueryableByName)]
pub struct Failed {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub external_id: String,
    #[diesel(sql_type = BigInt)]
    pub root: i64,
}

/// Of records that an organisation names: those that this import would have made, had it not failed to.
pub fn failed(
    conn: &mut Conn,
    import_id: Uuid,
    organisation: Uuid,
    names: &[(&str, &str)],
) -> Result<Vec<Failed>, Fault> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    diesel::sql_query(
        "SELECT i.kind, i.external_id, coalesce(i.blocked_by, i.line) AS root FROM import_item i \
         JOIN UNNEST($3, $4) AS n (kind, external_id) ON n.kind = i.kind AND n.external_id = i.external_id \
         WHERE i.import_id = $1 AND i.organisation_id = $2 AND i.effect IN ('refused', 'waiting')",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<SqlUuid, _>(organisation)
    .bind::<Array<Text>, _>(names.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(names.iter().map(|(_, name)| *name).collect::<Vec<_>>())
    .load(conn)
}

#[derive(QueryableByName)]
struct Gone {
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = SqlUuid)]
    record_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

/// Deletions that an earlier import of the organisation carried out already: line, record, version. Sending them again changes
/// nothing.
pub fn deleted_before(
    conn: &mut Conn,
    organisation: Uuid,
    deletions: &[&Item],
) -> Result<Vec<(i64, Uuid, i64)>, Fault> {
    if deletions.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Gone> = diesel::sql_query(
        "SELECT DISTINCT ON (n.line) n.line, i.record_id, i.version FROM import_item i \
         JOIN UNNEST($2, $3, $4, $5) AS n (line, kind, external_id, digest) \
           ON i.external_id = n.external_id AND i.kind = n.kind AND i.digest = n.digest \
         WHERE i.organisation_id = $1 AND i.effect = 'deleted' ORDER BY n.line, i.version DESC",
    )
    .bind::<SqlUuid, _>(organisation)
    .bind::<Array<BigInt>, _>(deletions.iter().map(|item| item.line).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(deletions.iter().map(|item| item.kind.name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(deletions.iter().map(|item| item.external_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(deletions.iter().map(|item| item.digest).collect::<Vec<_>>())
    .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.line, row.record_id, row.version)).collect())
}

/// What became of a line, as it is kept.
#[derive(Debug, QueryableByName)]
pub struct Outcome {
    #[diesel(sql_type = SqlUuid)]
    pub import_id: Uuid,
    #[diesel(sql_type = BigInt)]
    pub line: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub external_id: Option<String>,
    #[diesel(sql_type = Text)]
    pub effect: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub record_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub version: Option<i64>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub changed: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub errors: Option<Value>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub blocked_by: Option<i64>,
}

/// Which results are asked for.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub effects: &'a [&'a str],
    pub external_id: Option<&'a str>,
    pub after: i64,
    pub limit: i64,
}

/// What became of the lines of an import, in their order.
pub fn list(conn: &mut Conn, import_id: Uuid, wanted: &Wanted<'_>) -> Result<Vec<Outcome>, Fault> {
    diesel::sql_query(
        "SELECT import_id, line, kind, external_id, effect, record_id, version, changed, errors, blocked_by FROM import_item \
         WHERE import_id = $1 AND line > $2 AND (cardinality($3) = 0 OR effect = ANY ($3)) AND ($4 IS NULL OR external_id = $4) \
         ORDER BY line LIMIT $5",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<BigInt, _>(wanted.after)
    .bind::<Array<Text>, _>(wanted.effects)
    .bind::<Nullable<Text>, _>(wanted.external_id)
    .bind::<BigInt, _>(wanted.limit)
    .load(conn)
}

/// A reason that lines have in common.
#[derive(Debug, QueryableByName)]
pub struct Cause {
    #[diesel(sql_type = Nullable<Text>)]
    pub kind: Option<String>,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub rule: Option<String>,
    #[diesel(sql_type = Text)]
    pub pointer: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub reference: Option<Value>,
    #[diesel(sql_type = Text)]
    pub detail_en: String,
    #[diesel(sql_type = Text)]
    pub detail_it: String,
    #[diesel(sql_type = BigInt)]
    pub items: i64,
    #[diesel(sql_type = Jsonb)]
    pub examples: Value,
}

/// The reasons why lines of an import were not carried out, each with how many it is the reason for, directly or through other
/// lines; most blocking first.
pub fn causes(conn: &mut Conn, import_id: Uuid, limit: i64) -> Result<Vec<Cause>, Fault> {
    // Each line's own look-up of the line that blocks it: while PostgreSQL does not know of the import yet, it takes it for one line and
    // compares every line with every other.
    diesel::sql_query(
        "WITH reason AS ( \
             SELECT i.line, i.kind AS own_kind, i.external_id, coalesce(r.kind, i.kind) AS kind, e ->> 'code' AS code, e ->> 'rule' AS rule, \
               regexp_replace(e ->> 'pointer', '/[0-9]+', '/*', 'g') AS pointer, e -> 'reference' AS reference, \
               e ->> 'detail_en' AS detail_en, e ->> 'detail_it' AS detail_it \
             FROM import_item i LEFT JOIN LATERAL (SELECT k.kind, k.errors FROM import_item k \
                 WHERE k.import_id = i.import_id AND k.line = i.blocked_by OFFSET 0) AS r ON i.blocked_by IS NOT NULL \
             CROSS JOIN LATERAL jsonb_array_elements(coalesce(r.errors, i.errors)) AS e \
             WHERE i.import_id = $1 AND i.effect IN ('refused', 'waiting')), \
         numbered AS ( \
             SELECT *, row_number() OVER (PARTITION BY kind, code, rule, pointer, reference ORDER BY line) AS n FROM reason) \
         SELECT kind, code, rule, pointer, reference, min(detail_en) AS detail_en, min(detail_it) AS detail_it, count(DISTINCT line) AS items, \
           jsonb_agg(jsonb_build_object('line', line, 'type', own_kind, 'external_id', external_id) ORDER BY line) FILTER (WHERE n <= 3) AS examples \
         FROM numbered GROUP BY kind, code, rule, pointer, reference ORDER BY items DESC, min(line) LIMIT $2",
    )
    .bind::<SqlUuid, _>(import_id)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Other words for what became of lines: of those that waited, say.
pub fn set_effect(conn: &mut Conn, keys: &[(Uuid, i64)], effect: Effect) -> Result<(), Fault> {
    diesel::sql_query(
        "UPDATE import_item i SET effect = $3 FROM UNNEST($1, $2) AS k (import_id, line) \
         WHERE i.import_id = k.import_id AND i.line = k.line",
    )
    .bind::<Array<SqlUuid>, _>(keys.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(keys.iter().map(|(_, line)| *line).collect::<Vec<_>>())
    .bind::<Text, _>(effect.as_str())
    .execute(conn)
    .map(drop)
}
