//! Actions in the database.

use chrono::NaiveDate;

use super::Actions;
use super::details::Details;
use super::model::{Action, ActionMode, Attendance, CostLine, Deliverable};
use crate::cohorts::Cohorts;
use crate::db::Json;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::stored;
use crate::vocabularies::terms::{ActionKind, ActionStatus, Financing};

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
