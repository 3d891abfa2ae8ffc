//! Actions in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Bytea, Date, Int4, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::Actions;
use super::details::Details;
use super::model::{Action, ActionMode, Attendance, Attended, CostLine, Deliverable, Worker};
use super::wire::ActionFilter;
use crate::cohorts::Cohorts;
use crate::db::schema::{action, attendance, member, participant, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Json};
use crate::http::page::Page;
use crate::ids::Id;
use crate::members::model::Member;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::codes::{Province, Sector};
use crate::vocabularies::terms::{ActionKind, ActionStatus, Financing};
use crate::{keyset, members, narrow, stored};

stored! {
    action => Action {
        partnership_id: Id<Partnerships>,
        cohort_id: Option<Id<Cohorts>>,
        performer_organisation_id: Id<Organisations>,
        kind: ActionKind,
        mode: ActionMode,
        status: ActionStatus,
        planned_on: NaiveDate,
        started_on: Option<NaiveDate>,
        ended_on: Option<NaiveDate>,
        municipality: Option<String>,
        minutes: i32,
        financing: Financing,
        attendance: Json<Vec<Attendance>>,
        deliverables: Json<Vec<Deliverable>>,
        cost_lines: Json<Vec<CostLine>>,
        details: Json<Details>,
        evidence: Option<String>,
        requested_cents: i64,
        approved_cents: Option<i64>,
        liquidated_cents: Option<i64>,
        rectifies_id: Option<Id<Actions>>,
    }
}

/// A page of the actions that an organisation sees; of all where `seen_by` is absent.
pub fn list(
    conn: &mut Conn,
    filter: &ActionFilter,
    page: &Page,
    seen_by: Option<Uuid>,
) -> Result<Vec<Action>, QueryError> {
    let mut query = action::table.filter(action::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = seen_by {
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(action::partnership_id.eq_any(seen));
    }
    if let Some(calls) = &filter.call {
        let under = partnership::table.filter(partnership::call_id.eq_any(calls.clone())).select(partnership::id);
        query = query.filter(action::partnership_id.eq_any(under));
    }
    if let Some(sectors) = &filter.sector {
        let of = partnership::table.filter(partnership::ateco.eq_any(Sector::with_all_below(sectors)));
        query = query.filter(action::partnership_id.eq_any(of.select(partnership::id)));
    }
    narrow!(query, action, filter);
    narrow!(query, action, {
        uuid partnership_id filter.partnership, uuid cohort_id filter.cohort,
        uuid performer_organisation_id filter.performer, text kind filter.kind, text mode filter.mode,
        text status filter.status, text financing filter.financing, text municipality filter.municipality,
        text municipality filter.province.as_deref().map(Province::municipalities),
        from planned_on filter.planned_from, to planned_on filter.planned_to,
        from started_on filter.started_from, to started_on filter.started_to,
        from ended_on filter.ended_from, to ended_on filter.ended_to,
    });
    if let Some(participants) = &filter.participant {
        // Not by the table `attendance`, which leaves out the actions that do not count. Whoever attends an action is of its
        // partnership, whose actions an index finds.
        let theirs = participant::table.filter(participant::id.eq_any(participants.clone()));
        query = query.filter(action::partnership_id.eq_any(theirs.select(participant::partnership_id))).filter(
            sql::<Bool>(
                "attendance @> ANY (SELECT jsonb_build_array(jsonb_build_object('participant_id', p)) FROM UNNEST(",
            )
            .bind::<Array<SqlUuid>, _>(participants.clone())
            .sql(") AS p)"),
        );
    }
    keyset!(query, page, action, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "planned_on" => planned_on: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

#[derive(QueryableByName)]
struct WorkerRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    partnership_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    cohort_id: Uuid,
    #[diesel(sql_type = Bytea)]
    worker_index: Vec<u8>,
    #[diesel(sql_type = Date)]
    dote_from: NaiveDate,
    #[diesel(sql_type = Date)]
    dote_to: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    taken_charge_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    left_on: Option<NaiveDate>,
}

/// The live participants of these ids, and whoever else is the same worker: locked, in the order of ids, until the
/// transaction ends, so that two writers cannot both find the worker's day free.
pub fn lock_workers(conn: &mut Conn, ids: &[Uuid], indexes: &[&[u8]]) -> Result<Vec<Worker>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<WorkerRow> = diesel::sql_query("SELECT * FROM lock_workers($1, $2)")
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Bytea>, _>(indexes)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| Worker {
            id: row.id,
            partnership_id: row.partnership_id,
            cohort_id: row.cohort_id,
            index: row.worker_index,
            dote_from: row.dote_from,
            dote_to: row.dote_to,
            taken_charge_on: row.taken_charge_on,
            left_on: row.left_on,
        })
        .collect())
}

/// Which of these participants are kept and no more.
pub fn closed(conn: &mut Conn, ids: &[Uuid]) -> Result<HashSet<Uuid>, Fault> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let closed = participant::restricted_at.is_not_null().or(participant::pseudonymised_at.is_not_null());
    participant::table
        .filter(participant::id.eq_any(ids))
        .filter(closed)
        .select(participant::id)
        .load(conn)
        .map(|ids| ids.into_iter().collect())
}

type AttendedRow = (Uuid, Vec<u8>, String, String, NaiveDate, NaiveDate, i32);

/// What these workers attend between two days, by their indexes.
pub fn attended(
    conn: &mut Conn,
    workers: &[&[u8]],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashMap<Vec<u8>, Vec<Attended>>, Fault> {
    let mut found: HashMap<Vec<u8>, Vec<Attended>> = HashMap::new();
    if workers.is_empty() {
        return Ok(found);
    }
    let rows: Vec<AttendedRow> = attendance::table
        .filter(attendance::worker_index.eq_any(workers))
        .filter(attendance::from_on.le(to))
        .filter(attendance::to_on.ge(from))
        .select((
            attendance::action_id,
            attendance::worker_index,
            attendance::kind,
            attendance::financing,
            attendance::from_on,
            attendance::to_on,
            attendance::minutes,
        ))
        .load(conn)?;
    for (action_id, worker_index, kind, financing, from_on, to_on, minutes) in rows {
        let unreadable = |error: crate::codes::UnknownCode| Fault::DeserializationError(error.into());
        let kind = ActionKind::parse(&kind).map_err(unreadable)?;
        let financing = Financing::parse(&financing).map_err(unreadable)?;
        found.entry(worker_index.clone()).or_default().push(Attended {
            action_id,
            worker_index,
            kind,
            financing,
            from_on,
            to_on,
            minutes,
        });
    }
    Ok(found)
}

/// The places of any of these organisations in any of these partnerships.
pub fn memberships(conn: &mut Conn, partnerships: &[Uuid], organisations: &[Uuid]) -> Result<Vec<Member>, Fault> {
    if partnerships.is_empty() {
        return Ok(Vec::new());
    }
    members::store::records(
        member::table
            .filter(member::partnership_id.eq_any(partnerships))
            .filter(member::organisation_id.eq_any(organisations))
            .filter(member::deleted_at.is_null())
            .select(members::store::Row::as_select())
            .load(conn)?,
    )
}

/// Which of these actions are rectified, and by which.
pub fn rectifications(conn: &mut Conn, rectified: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, Fault> {
    if rectified.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(Option<Uuid>, Uuid)> = action::table
        .filter(action::rectifies_id.eq_any(rectified))
        .filter(action::deleted_at.is_null())
        .select((action::rectifies_id, action::id))
        .load(conn)?;
    Ok(found.into_iter().filter_map(|(rectified, by)| Some((rectified?, by))).collect())
}

/// Who attends a new action, which counts.
#[derive(Debug)]
pub struct Attends<'a> {
    /// The action.
    pub action: &'a Action,
    /// The participant.
    pub participant: Uuid,
    /// The worker's blind index.
    pub worker_index: &'a [u8],
    /// For how long.
    pub minutes: i32,
}

/// Writes the attendance of new actions, as [`rewrite_attendance`] would.
pub fn insert_attendance(conn: &mut Conn, attends: &[Attends<'_>]) -> Result<(), Fault> {
    if attends.is_empty() {
        return Ok(());
    }
    let insert = InsertAttendance {
        actions: attends.iter().map(|one| one.action.meta.id).collect(),
        participants: attends.iter().map(|one| one.participant).collect(),
        workers: attends.iter().map(|one| one.worker_index).collect(),
        kinds: attends.iter().map(|one| one.action.kind.as_str()).collect(),
        financing: attends.iter().map(|one| one.action.financing.as_str()).collect(),
        from: attends.iter().map(|one| one.action.period().0).collect(),
        to: attends.iter().map(|one| one.action.period().1).collect(),
        minutes: attends.iter().map(|one| one.minutes).collect(),
    };
    insert.execute(conn).map(drop)
}

/// A statement of its own, since those of `sql_query` are parsed and planned each time.
struct InsertAttendance<'a> {
    actions: Vec<Uuid>,
    participants: Vec<Uuid>,
    workers: Vec<&'a [u8]>,
    kinds: Vec<&'a str>,
    financing: Vec<&'a str>,
    from: Vec<NaiveDate>,
    to: Vec<NaiveDate>,
    minutes: Vec<i32>,
}

impl QueryId for InsertAttendance<'_> {
    type QueryId = InsertAttendance<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for InsertAttendance<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO attendance (action_id, participant_id, worker_index, kind, financing, from_on, to_on, minutes) \
             SELECT * FROM UNNEST(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.actions)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.participants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bytea>, _>(&self.workers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.kinds)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.financing)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Date>, _>(&self.from)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Date>, _>(&self.to)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Int4>, _>(&self.minutes)?;
        out.push_sql(")");
        Ok(())
    }
}

impl RunQueryDsl<Conn> for InsertAttendance<'_> {}

/// Writes the attendance of these actions anew, from what they say now. An action that does not count, or that a
/// rectification has taken the place of, keeps none. The period is that of `ActionInput::period`.
/// `known` are those of them that may have some already.
pub fn rewrite_attendance(conn: &mut Conn, actions: &[Uuid], known: &[Uuid], dead: &[&str]) -> Result<(), Fault> {
    if actions.is_empty() {
        return Ok(());
    }
    if !known.is_empty() {
        diesel::delete(attendance::table.filter(attendance::action_id.eq_any(known))).execute(conn)?;
    }
    diesel::sql_query(
        "INSERT INTO attendance (action_id, participant_id, worker_index, kind, financing, from_on, to_on, minutes) \
         SELECT a.id, p.id, p.worker_index, a.kind, a.financing, coalesce(a.started_on, a.planned_on), \
                coalesce(a.ended_on, a.started_on, a.planned_on), (x ->> 'minutes')::int4 \
           FROM action a CROSS JOIN LATERAL jsonb_array_elements(a.attendance) AS x \
           JOIN participant p ON p.id = (x ->> 'participant_id')::uuid \
          WHERE a.id = ANY ($1) AND a.deleted_at IS NULL AND a.status <> ALL ($2) \
            AND NOT EXISTS (SELECT FROM action r WHERE r.rectifies_id = a.id AND r.deleted_at IS NULL)",
    )
    .bind::<Array<SqlUuid>, _>(actions)
    .bind::<Array<Text>, _>(dead)
    .execute(conn)?;
    Ok(())
}
