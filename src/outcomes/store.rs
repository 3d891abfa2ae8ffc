//! Outcomes in the database.

use chrono::NaiveDate;

use super::model::Outcome;
use crate::identifiers::{Ccnl, Cob, Profession};
use crate::ids::Id;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::stored;
use crate::vocabularies::terms::{OutcomeKind, OutcomeState, WorkingTime};

stored! {
    outcome => Outcome {
        partnership_id: Id<Partnerships>,
        participant_id: Id<Participants>,
        kind: OutcomeKind,
        contract_type: Option<String>,
        working_time: Option<WorkingTime>,
        employer_sealed: Option<Vec<u8>>,
        employer_index: Option<Vec<u8>>,
        starts_on: NaiveDate,
        ends_on: Option<NaiveDate>,
        cob: Option<Cob>,
        previous_cob: Option<Cob>,
        cob_annulled: bool,
        ccnl: Option<Ccnl>,
        profession: Option<Profession>,
        vat_opened_on: Option<NaiveDate>,
        state: OutcomeState,
        state_reason: Option<String>,
        state_changed_on: NaiveDate,
    }
}
