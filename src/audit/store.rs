//! The log in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::log::{Hash, Node};
use super::{Changed, Request};
use crate::db::schema::{audit_checkpoint, audit_node, outcome, participant};
use crate::db::{Conn, Fault};
use crate::identity::Caller;
use crate::kind::Kind;

/// On whose behalf a caller acts, as it is kept.
fn tracking(caller: &Caller) -> Option<Value> {
    caller.tracking.as_ref().and_then(|tracking| serde_json::to_value(tracking).ok())
}

/// Writes one entry.
pub fn insert(
    conn: &mut Conn,
    caller: &Caller,
    request: &Request,
    kinds: &[&str],
    ids: &[Uuid],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO audit_event (at, client_id, organisation_id, purpose, tracking, operation, request_id, kinds, record_ids) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Timestamptz, _>(at)
    .bind::<Text, _>(&caller.client_id)
    .bind::<SqlUuid, _>(caller.organisation)
    .bind::<Nullable<Text>, _>(caller.purpose())
    .bind::<Nullable<Jsonb>, _>(tracking(caller))
    .bind::<Text, _>(request.operation.as_ref())
    .bind::<Text, _>(&request.request_id)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(conn)
    .map(drop)
}

/// Writes an entry for each of several records.
pub fn insert_each(
    conn: &mut Conn,
    shown: &[&(&Caller, &Request, Kind, Uuid)],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let texts = |of: fn(&(&Caller, &Request, Kind, Uuid)) -> String| -> Vec<String> {
        shown.iter().map(|entry| of(entry)).collect()
    };
    let ids = |of: fn(&(&Caller, &Request, Kind, Uuid)) -> Uuid| -> Vec<Uuid> {
        shown.iter().map(|entry| of(entry)).collect()
    };
    diesel::sql_query(
        "INSERT INTO audit_event (at, client_id, organisation_id, purpose, tracking, operation, request_id, kinds, record_ids) \
         SELECT $1, client, organisation, purpose, tracking, operation, request, ARRAY[kind], ARRAY[record] \
         FROM UNNEST($2, $3, $4, $5, $6, $7, $8, $9) AS shown (client, organisation, purpose, tracking, operation, request, kind, record)",
    )
    .bind::<Timestamptz, _>(at)
    .bind::<Array<Text>, _>(texts(|(caller, ..)| caller.client_id.clone()))
    .bind::<Array<SqlUuid>, _>(ids(|(caller, ..)| caller.organisation))
    .bind::<Array<Nullable<Text>>, _>(shown.iter().map(|(caller, ..)| caller.purpose()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Jsonb>>, _>(shown.iter().map(|(caller, ..)| tracking(caller)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(texts(|(_, request, ..)| request.operation.to_string()))
    .bind::<Array<Text>, _>(texts(|(_, request, ..)| request.request_id.clone()))
    .bind::<Array<Text>, _>(texts(|(.., kind, _)| kind.name().to_owned()))
    .bind::<Array<SqlUuid>, _>(ids(|(.., id)| *id))
    .execute(conn)
    .map(drop)
}

/// Writes one entry for changes of one request.
pub fn insert_changes(conn: &mut Conn, changes: &[Changed<'_>], at: DateTime<Utc>) -> Result<(), Fault> {
    let Some(first) = changes.first() else { return Ok(()) };
    diesel::sql_query(
        "INSERT INTO audit_event (at, client_id, organisation_id, purpose, tracking, operation, request_id, kinds, record_ids, effects, versions) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Timestamptz, _>(at)
    .bind::<Text, _>(&first.caller.client_id)
    .bind::<SqlUuid, _>(first.caller.organisation)
    .bind::<Nullable<Text>, _>(first.caller.purpose())
    .bind::<Nullable<Jsonb>, _>(tracking(first.caller))
    .bind::<Text, _>(first.request.operation.as_ref())
    .bind::<Text, _>(&first.request.request_id)
    .bind::<Array<Text>, _>(changes.iter().map(|change| change.kind.name()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(changes.iter().map(|change| change.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(changes.iter().map(|change| change.effect.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(changes.iter().map(|change| change.version).collect::<Vec<_>>())
    .execute(conn)
    .map(drop)
}

/// An entry as it is kept.
#[derive(Clone, Debug, QueryableByName)]
pub struct Event {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub client_id: String,
    #[diesel(sql_type = SqlUuid)]
    pub organisation_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub purpose: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub tracking: Option<Value>,
    #[diesel(sql_type = Text)]
    pub operation: String,
    #[diesel(sql_type = Text)]
    pub request_id: String,
    #[diesel(sql_type = Array<Text>)]
    pub kinds: Vec<String>,
    #[diesel(sql_type = Array<SqlUuid>)]
    pub record_ids: Vec<Uuid>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub effects: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    pub versions: Option<Vec<i64>>,
    /// Its place in the log, once it is sealed.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub position: Option<i64>,
}

const COLUMNS: &str = "e.id, e.at, e.client_id, e.organisation_id, e.purpose, e.tracking, e.operation, e.request_id, e.kinds, e.record_ids, \
    e.effects, e.versions, l.position";

/// Carries out what shall be whole or not at all.
pub fn together<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    conn.transaction(work)
}

/// Reads what was there at one instant.
pub fn at_one_instant<T>(conn: &mut Conn, read: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    conn.build_transaction().repeatable_read().read_only().run(read)
}

/// Whether this transaction may append to the log: one at a time.
pub fn take_turn(conn: &mut Conn) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Turn {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        mine: bool,
    }
    let turn: Turn = diesel::sql_query("SELECT pg_try_advisory_xact_lock(4716) AS mine").get_result(conn)?;
    Ok(turn.mine)
}

/// Takes entries that wait to be sealed, in their order.
pub fn take_pending(conn: &mut Conn, limit: i64) -> Result<Vec<Event>, Fault> {
    diesel::sql_query(format!(
        "WITH taken AS (DELETE FROM audit_pending WHERE event_id = ANY \
            (ARRAY(SELECT event_id FROM audit_pending ORDER BY event_id LIMIT $1)) RETURNING event_id) \
         SELECT {COLUMNS} FROM taken JOIN audit_event e ON e.id = taken.event_id \
           LEFT JOIN audit_leaf l ON l.event_id = e.id WHERE l.position IS NULL ORDER BY e.id"
    ))
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// The last checkpoint.
pub fn last_checkpoint(conn: &mut Conn) -> Result<Option<(i64, String)>, Fault> {
    audit_checkpoint::table
        .order(audit_checkpoint::size.desc())
        .select((audit_checkpoint::size, audit_checkpoint::statement))
        .first(conn)
        .optional()
}

/// The first checkpoint of at least so many leaves.
pub fn checkpoint_of(conn: &mut Conn, size: i64) -> Result<Option<(i64, String)>, Fault> {
    audit_checkpoint::table
        .filter(audit_checkpoint::size.ge(size))
        .order(audit_checkpoint::size)
        .select((audit_checkpoint::size, audit_checkpoint::statement))
        .first(conn)
        .optional()
}

/// Checkpoints of fewer leaves than `before`, newest first.
pub fn checkpoints(conn: &mut Conn, before: i64, limit: i64) -> Result<Vec<(i64, String)>, Fault> {
    audit_checkpoint::table
        .filter(audit_checkpoint::size.lt(before))
        .order(audit_checkpoint::size.desc())
        .limit(limit)
        .select((audit_checkpoint::size, audit_checkpoint::statement))
        .load(conn)
}

/// All checkpoints, oldest first.
pub fn all_checkpoints(conn: &mut Conn) -> Result<Vec<(i64, String)>, Fault> {
    audit_checkpoint::table
        .order(audit_checkpoint::size)
        .select((audit_checkpoint::size, audit_checkpoint::statement))
        .load(conn)
}

/// Appends leaves from `position` on, the nodes that are complete with them, and a checkpoint.
pub fn append(
    conn: &mut Conn,
    position: i64,
    events: &[i64],
    nodes: &[Node],
    checkpoint: (i64, &str),
) -> Result<(), Fault> {
    diesel::sql_query(
        "INSERT INTO audit_leaf SELECT $1 + n - 1, event FROM UNNEST($2) WITH ORDINALITY AS e (event, n)",
    )
    .bind::<BigInt, _>(position)
    .bind::<Array<BigInt>, _>(events)
    .execute(conn)?;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    diesel::sql_query("INSERT INTO audit_node SELECT * FROM UNNEST($1, $2, $3)")
        .bind::<Array<Integer>, _>(
            nodes.iter().map(|node| i32::try_from(node.level).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
        )
        .bind::<Array<BigInt>, _>(nodes.iter().map(|node| number(node.position)).collect::<Vec<_>>())
        .bind::<Array<Bytea>, _>(nodes.iter().map(|node| node.hash.as_slice()).collect::<Vec<_>>())
        .execute(conn)?;
    diesel::insert_into(audit_checkpoint::table)
        .values((audit_checkpoint::size.eq(checkpoint.0), audit_checkpoint::statement.eq(checkpoint.1)))
        .execute(conn)
        .map(drop)
}

/// The hash of a complete subtree.
pub fn node(conn: &mut Conn, level: u32, position: u64) -> Result<Hash, Fault> {
    let hash: Vec<u8> = audit_node::table
        .filter(audit_node::level.eq(i32::try_from(level).unwrap_or(i32::MAX)))
        .filter(audit_node::position.eq(i64::try_from(position).unwrap_or(i64::MAX)))
        .select(audit_node::hash)
        .first(conn)?;
    hash.try_into().map_err(|_| Fault::DeserializationError("a node of the log is no hash".into()))
}

/// The complete subtrees that end between two sizes of the log.
pub fn nodes(conn: &mut Conn, from: i64, to: i64) -> Result<HashMap<(u32, u64), Hash>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        level: i32,
        #[diesel(sql_type = BigInt)]
        position: i64,
        #[diesel(sql_type = Bytea)]
        hash: Vec<u8>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT n.* FROM generate_series(0, 62) AS l JOIN audit_node n \
           ON n.level = l AND n.position >= ($1 >> l) AND n.position < ($2 >> l)",
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .load(conn)?;
    let node = |Row { level, position, hash }: Row| {
        Some(((u32::try_from(level).ok()?, u64::try_from(position).ok()?), hash.try_into().ok()?))
    };
    Ok(rows.into_iter().filter_map(node).collect())
}

/// A leaf with its entry, where it is still there.
#[derive(QueryableByName)]
pub struct Leaf {
    #[diesel(sql_type = BigInt)]
    pub place: i64,
    #[diesel(embed)]
    pub event: Option<Event>,
}

/// Leaves in their order, from `position` on.
pub fn leaves(conn: &mut Conn, position: i64, limit: i64) -> Result<Vec<Leaf>, Fault> {
    diesel::sql_query(format!(
        "SELECT l.position AS place, {COLUMNS} FROM audit_leaf l LEFT JOIN audit_event e ON e.id = l.event_id \
          WHERE l.position >= $1 ORDER BY l.position LIMIT $2"
    ))
    .bind::<BigInt, _>(position)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Entries that are neither sealed nor wait for it.
pub fn unsealed(conn: &mut Conn) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let count: Count = diesel::sql_query(
        "SELECT count(*) AS n FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id) \
            AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.event_id = e.id)",
    )
    .get_result(conn)?;
    Ok(count.n)
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    pub client: Option<&'a str>,
    pub organisation: Option<Uuid>,
    pub operation: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub record: Option<Uuid>,
    pub pseudonym: Option<&'a str>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub id: Option<i64>,
    pub before: i64,
    pub limit: i64,
}

/// Entries, newest first. Whose they are is asked by the records of the worker.
pub fn list(conn: &mut Conn, wanted: &Wanted<'_>) -> Result<Vec<Event>, Fault> {
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM audit_event e LEFT JOIN audit_leaf l ON l.event_id = e.id \
          WHERE e.id < $1 AND ($3 IS NULL OR e.client_id = $3) AND ($4 IS NULL OR e.organisation_id = $4) \
            AND ($5 IS NULL OR e.operation = $5) AND ($6 IS NULL OR e.request_id = $6) AND ($7 IS NULL OR $7 = ANY (e.record_ids)) \
            AND ($8 IS NULL OR e.record_ids && ARRAY(SELECT p.id FROM participant p WHERE p.pseudonym = $8 \
                UNION SELECT o.id FROM outcome o JOIN participant p ON p.id = o.participant_id WHERE p.pseudonym = $8 \
                UNION SELECT a.id FROM participant p JOIN action a ON a.partnership_id = p.partnership_id \
                    AND a.attendance @> jsonb_build_array(jsonb_build_object('participant_id', p.id)) WHERE p.pseudonym = $8)) \
            AND ($9 IS NULL OR e.at >= $9) AND ($10 IS NULL OR e.at < $10) AND ($11 IS NULL OR e.id = $11) \
          ORDER BY e.id DESC LIMIT $2"
    ))
    .bind::<BigInt, _>(wanted.before)
    .bind::<BigInt, _>(wanted.limit)
    .bind::<Nullable<Text>, _>(wanted.client)
    .bind::<Nullable<SqlUuid>, _>(wanted.organisation)
    .bind::<Nullable<Text>, _>(wanted.operation)
    .bind::<Nullable<Text>, _>(wanted.request_id)
    .bind::<Nullable<SqlUuid>, _>(wanted.record)
    .bind::<Nullable<Text>, _>(wanted.pseudonym)
    .bind::<Nullable<Timestamptz>, _>(wanted.from)
    .bind::<Nullable<Timestamptz>, _>(wanted.to)
    .bind::<Nullable<BigInt>, _>(wanted.id)
    .load(conn)
}

/// Whose records these are, by their pseudonyms.
pub fn pseudonyms(conn: &mut Conn, records: &[Uuid]) -> Result<HashMap<Uuid, String>, Fault> {
    let mut found: HashMap<Uuid, String> = participant::table
        .filter(participant::id.eq_any(records))
        .select((participant::id, participant::pseudonym))
        .load(conn)?
        .into_iter()
        .collect();
    found.extend(
        outcome::table
            .inner_join(participant::table.on(participant::id.eq(outcome::participant_id)))
            .filter(outcome::id.eq_any(records))
            .select((outcome::id, participant::pseudonym))
            .load::<(Uuid, String)>(conn)?,
    );
    Ok(found)
}
