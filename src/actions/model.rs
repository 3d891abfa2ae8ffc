//! What is known of an action: the common facts, and the details that each kind carries.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Actions;
use super::details::Details;
use crate::code_enum;
use crate::cohorts::Cohorts;
use crate::db::{Json, Meta};
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::terms::{ActionKind, ActionStatus, Financing};

/// Something done for a cohort or for the territory (azione).
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Id, version, source.
    pub meta: Meta,
    /// The partnership.
    pub partnership_id: Id<Partnerships>,
    /// The cohort it is for; absent for what is done for the territory.
    pub cohort_id: Option<Id<Cohorts>>,
    /// The member that performs it.
    pub performer_organisation_id: Id<Organisations>,
    /// What it is.
    pub kind: ActionKind,
    /// For one worker, a group or the system.
    pub mode: ActionMode,
    /// Where it stands.
    pub status: ActionStatus,
    /// When it was or is to take place.
    pub planned_on: NaiveDate,
    /// When it began.
    pub started_on: Option<NaiveDate>,
    /// When it ended.
    pub ended_on: Option<NaiveDate>,
    /// Where: ISTAT code of a municipality.
    pub municipality: Option<String>,
    /// How long it took, in minutes.
    pub minutes: i32,
    /// What it is paid from.
    pub financing: Financing,
    /// Who attended, and how long.
    pub attendance: Json<Vec<Attendance>>,
    /// What came out of it.
    pub deliverables: Json<Vec<Deliverable>>,
    /// What it costs.
    pub cost_lines: Json<Vec<CostLine>>,
    /// What its kind carries beside.
    pub details: Json<Details>,
    /// Where the evidence is kept: an opaque reference.
    pub evidence: Option<String>,
    /// Sum of the cost lines.
    pub requested_cents: i64,
    /// What was approved of it when it was accounted for.
    pub approved_cents: Option<i64>,
    /// What was paid.
    pub liquidated_cents: Option<i64>,
    /// The accounted action that this one corrects.
    pub rectifies_id: Option<Id<Actions>>,
}

impl Action {
    /// The days it is known to cover: from its first, or the planned one, to its last.
    pub fn period(&self) -> (NaiveDate, NaiveDate) {
        let from = self.started_on.unwrap_or(self.planned_on);
        (from, self.ended_on.unwrap_or(from))
    }
}

/// A worker's part in an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    /// The participant.
    pub participant_id: Uuid,
    /// Minutes attended.
    pub minutes: i32,
}

/// What the rules on attendance know of a participant: nothing of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The participant's id.
    pub id: Uuid,
    /// Its partnership.
    pub partnership_id: Uuid,
    /// Its cohort.
    pub cohort_id: Uuid,
    /// Blind index of the tax code: the same worker under every participant.
    pub index: Vec<u8>,
    /// First day on which the Dote is valid.
    pub dote_from: NaiveDate,
    /// Last day.
    pub dote_to: NaiveDate,
    /// When the worker was taken in charge.
    pub taken_charge_on: Option<NaiveDate>,
    /// When the worker left.
    pub left_on: Option<NaiveDate>,
}

/// A worker's part in a live action, as the table `attendance` keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attended {
    /// The action.
    pub action_id: Uuid,
    /// The worker.
    pub worker_index: Vec<u8>,
    /// What the action is.
    pub kind: ActionKind,
    /// What it is paid from.
    pub financing: Financing,
    /// Its first day, or the planned one.
    pub from_on: NaiveDate,
    /// Its last day, as far as it is known.
    pub to_on: NaiveDate,
    /// Minutes attended.
    pub minutes: i32,
}

/// Something that came out of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliverable {
    /// What it is.
    pub kind: DeliverableKind,
    /// SHA-256 of the file, in lower-case hexadecimal; the file itself stays with the operator.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub sha256: String,
    /// Its date.
    pub dated_on: NaiveDate,
}

code_enum! {
    /// What a deliverable is.
    pub enum DeliverableKind {
        /// Relazione.
        Report = "report",
        /// Registro presenze.
        AttendanceRegister = "attendance_register",
        /// Curriculum.
        Cv = "cv",
        /// Piano.
        Plan = "plan",
        /// Attestato.
        Certificate = "certificate",
        /// Verbale.
        Minutes = "minutes",
        /// Altro.
        Other = "other",
    }
}

/// A line of the cost: quantity times unit cost is the amount (invariant 12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostLine {
    /// How the cost is stated.
    pub basis: CostBasis,
    /// Hours, pieces or whatever the unit is.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub quantity: i64,
    /// Cost of one, in euro cents.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub unit_cost_cents: i64,
    /// The product, in euro cents.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub amount_cents: i64,
}

code_enum! {
    /// How a cost is stated (opzione di costo).
    pub enum CostBasis {
        /// Costo standard unitario.
        StandardUnitCost = "standard_unit_cost",
        /// Costo reale.
        RealCost = "real_cost",
        /// Somma forfettaria.
        LumpSum = "lump_sum",
    }
}

code_enum! {
    /// For whom an action is.
    pub enum ActionMode {
        /// Individuale.
        Individual = "individual",
        /// Di gruppo.
        Group = "group",
        /// Di sistema.
        System = "system",
    }
}
