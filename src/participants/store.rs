//! Participants in the database.

use chrono::NaiveDate;

use super::model::{ExitReason, Participant};
use crate::calls::model::DotePath;
use crate::cohorts::Cohorts;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::stored;
use crate::vocabularies::terms::{EntryStatus, Sex};

stored! {
    participant => Participant {
        partnership_id: Id<Partnerships>,
        cohort_id: Id<Cohorts>,
        operator_organisation_id: Id<Organisations>,
        person_sealed: Vec<u8>,
        worker_index: Vec<u8>,
        pseudonym: String,
        birth_year: i32,
        sex: Sex,
        municipality: String,
        education_level: Option<String>,
        entry_status: EntryStatus,
        unemployed_since: Option<NaiveDate>,
        dote_number: String,
        dote_path: DotePath,
        dote_from: NaiveDate,
        dote_to: NaiveDate,
        taken_charge_on: Option<NaiveDate>,
        left_on: Option<NaiveDate>,
        exit_reason: Option<ExitReason>,
    }
}
