//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::details::Details;
use super::model::{ActionMode, CostLine, Deliverable};
use crate::batch::{Input, Ref};
use crate::list_filter;
use crate::organisations::refs::OrganisationRef;
use crate::vocabularies::codes::{Municipality, Province, Sector};
use crate::vocabularies::terms::{ActionKind, ActionStatus, Financing};

/// An action as the member that performs it writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// The partnership (partenariato) it is part of; stays the same once it is written.
    pub partnership: Ref,
    /// The cohort (gruppo di lavoratori) it is for; left out for what is done for the territory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<Ref>,
    /// The member that performs it (soggetto attuatore): the caller's own organisation, as when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performer: Option<OrganisationRef>,
    /// For one worker, a group or the system.
    pub mode: ActionMode,
    /// Where it stands (stato), after the national event codes. A new action is proposed, started or completed; only the
    /// region makes it accounted.
    #[serde(default = "proposed")]
    pub status: ActionStatus,
    /// The day on which it was or is to begin (data prevista).
    pub planned_on: NaiveDate,
    /// The day on which it began (data di avvio); not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<NaiveDate>,
    /// Its last day (data di conclusione); not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<NaiveDate>,
    /// Where: ISTAT code of a municipality in Lombardy, valid on the planned day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{6}$", max_length = 6)]
    pub municipality: Option<String>,
    /// How long it took or is to take in all (durata), in minutes.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes: i32,
    /// What it is paid from (fonte di finanziamento). Complementary initiatives are never paid from the grant.
    pub financing: Financing,
    /// Who attended (presenze), each worker once; at most one where the mode is individual.
    #[serde(default)]
    #[schema(min_items = 0, max_items = 500)]
    pub attendance: Vec<AttendanceInput>,
    /// What came out of it (prodotti).
    #[serde(default)]
    #[schema(min_items = 0, max_items = 50)]
    pub deliverables: Vec<Deliverable>,
    /// What it costs (voci di costo); their sum is what is requested.
    #[serde(default)]
    #[schema(min_items = 0, max_items = 50)]
    pub cost_lines: Vec<CostLine>,
    /// What its kind carries beside; `kind` in it says what the action is.
    pub details: Details,
    /// Where the evidence is kept (riferimento alla documentazione): an opaque reference; never a tax code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub evidence: Option<String>,
    /// The accounted action that this one corrects (rettifica) and takes the place of; stays the same once it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rectifies: Option<Ref>,
}

const fn proposed() -> ActionStatus {
    ActionStatus::Proposed
}

impl Input for ActionInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

impl ActionInput {
    /// The days it is known to cover: from its first, or the planned one, to its last.
    pub fn period(&self) -> (NaiveDate, NaiveDate) {
        let from = self.started_on.unwrap_or(self.planned_on);
        (from, self.ended_on.unwrap_or(from))
    }
}

/// A worker's part in an action, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttendanceInput {
    /// The participant (destinatario), of the same partnership and of the cohort where one is given.
    pub participant: Ref,
    /// Minutes attended; no more than the action took.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes: i32,
}

/// An action as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Action {
    /// The service's id.
    pub id: Uuid,
    /// Grows by one with every change.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
    /// First written.
    pub created_at: DateTime<Utc>,
    /// Last written.
    pub updated_at: DateTime<Utc>,
    /// Its source's own name for it.
    #[schema(max_length = 100)]
    pub external_id: Option<String>,
    /// The partnership.
    pub partnership_id: Uuid,
    /// The cohort; null for what is done for the territory.
    pub cohort_id: Option<Uuid>,
    /// The member that performs it.
    pub performer_organisation_id: Uuid,
    /// What it is; repeated from the details.
    pub kind: ActionKind,
    /// For one worker, a group or the system.
    pub mode: ActionMode,
    /// Where it stands.
    pub status: ActionStatus,
    /// The day on which it was or is to begin.
    pub planned_on: NaiveDate,
    /// The day on which it began.
    pub started_on: Option<NaiveDate>,
    /// Its last day.
    pub ended_on: Option<NaiveDate>,
    /// Where: ISTAT code of the municipality.
    #[schema(max_length = 6)]
    pub municipality: Option<String>,
    /// How long it took or is to take in all, in minutes.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes: i32,
    /// What it is paid from.
    pub financing: Financing,
    /// Who attended.
    #[schema(min_items = 0, max_items = 500)]
    pub attendance: Vec<Attendance>,
    /// What came out of it.
    #[schema(min_items = 0, max_items = 50)]
    pub deliverables: Vec<Deliverable>,
    /// What it costs.
    #[schema(min_items = 0, max_items = 50)]
    pub cost_lines: Vec<CostLine>,
    /// What its kind carries beside.
    pub details: Details,
    /// Where the evidence is kept.
    #[schema(max_length = 200)]
    pub evidence: Option<String>,
    /// Sum of the cost lines (importo richiesto), in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub requested_cents: i64,
    /// What was approved of it (importo riconosciuto), in euro cents; null until it is accounted.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub approved_cents: Option<i64>,
    /// What was paid of it (importo liquidato), in euro cents; null until it is accounted.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub liquidated_cents: Option<i64>,
    /// The accounted action that this one corrects.
    pub rectifies_id: Option<Uuid>,
}

/// A worker's part in an action, as it is read: no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ActionAttendance)]
pub struct Attendance {
    /// The participant.
    pub participant_id: Uuid,
    /// Minutes attended.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes: i32,
}

/// What the region approves and pays of a completed action (rendicontazione).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionAccounting {
    /// What is approved (importo riconosciuto), in euro cents: at most what was requested. Stays the same afterwards.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub approved_cents: i64,
    /// What was paid so far (importo liquidato), in euro cents: at most what is approved. Never falls.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub liquidated_cents: i64,
}

list_filter! {
    /// What a list of actions can be narrowed to.
    pub struct ActionFilter {
        /// Only those of these partnerships, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub partnership: Option<Vec<Uuid>>,
        /// Only those of partnerships under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only those for these cohorts, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub cohort: Option<Vec<Uuid>>,
        /// Only those that one of these participants attended, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub participant: Option<Vec<Uuid>>,
        /// Only those that these organisations perform, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub performer: Option<Vec<Uuid>>,
        /// Only those of these kinds.
        #[schema(min_items = 1, max_items = 100)]
        pub kind: Option<Vec<ActionKind>>,
        /// Only those in these modes.
        #[schema(min_items = 1, max_items = 100)]
        pub mode: Option<Vec<ActionMode>>,
        /// Only those in these statuses.
        #[schema(min_items = 1, max_items = 100)]
        pub status: Option<Vec<ActionStatus>>,
        /// Only those paid from these sources.
        #[schema(min_items = 1, max_items = 100)]
        pub financing: Option<Vec<Financing>>,
        /// Only those that take place in these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those that take place in these municipalities.
        #[schema(min_items = 1, max_items = 100)]
        pub municipality: Option<Vec<Municipality>>,
        /// Only those of partnerships of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// Planned on this day or later.
        pub planned_from: Option<NaiveDate>,
        /// Planned on this day or earlier.
        pub planned_to: Option<NaiveDate>,
        /// Begun on this day or later.
        pub started_from: Option<NaiveDate>,
        /// Begun on this day or earlier.
        pub started_to: Option<NaiveDate>,
        /// Ended on this day or later.
        pub ended_from: Option<NaiveDate>,
        /// Ended on this day or earlier.
        pub ended_to: Option<NaiveDate>,
    }
}
