//! What is known of an outcome.

use chrono::NaiveDate;

use crate::db::Meta;
use crate::identifiers::{Ccnl, Cob, Profession};
use crate::ids::Id;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::vocabularies::terms::{OutcomeKind, OutcomeState, WorkingTime};

/// What became of a participant (esito).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Id, version, source.
    pub meta: Meta,
    /// The partnership.
    pub partnership_id: Id<Partnerships>,
    /// Whose outcome.
    pub participant_id: Id<Participants>,
    /// What it is.
    pub kind: OutcomeKind,
    /// Contract: a code of the vocabulary `contract-types`.
    pub contract_type: Option<String>,
    /// Working time.
    pub working_time: Option<WorkingTime>,
    /// The employer's tax code, sealed for the place `outcome.employer`: that of a private person is personal data.
    pub employer_sealed: Option<Vec<u8>>,
    /// Its blind index, which tells whether two contracts are with the same employer.
    pub employer_index: Option<Vec<u8>>,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day; absent for an open-ended one.
    pub ends_on: Option<NaiveDate>,
    /// The employer's notice (comunicazione obbligatoria).
    pub cob: Option<Cob>,
    /// The notice that this one rectifies or extends.
    pub previous_cob: Option<Cob>,
    /// Whether the notice was annulled: the outcome is then void.
    pub cob_annulled: bool,
    /// Collective agreement.
    pub ccnl: Option<Ccnl>,
    /// Profession.
    pub profession: Option<Profession>,
    /// For self-employment: when the VAT number was opened.
    pub vat_opened_on: Option<NaiveDate>,
    /// How far it is proven.
    pub state: OutcomeState,
    /// Why it was disputed or withdrawn.
    pub state_reason: Option<String>,
    /// When it came into its state.
    pub state_changed_on: NaiveDate,
}
