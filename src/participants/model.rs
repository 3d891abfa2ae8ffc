//! What is known of a participant. Tax code and names are sealed: [`Person`] exists only between opening and showing.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calls::model::DotePath;
use crate::code_enum;
use crate::cohorts::Cohorts;
use crate::db::Meta;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::terms::{EntryStatus, Sex};

/// One worker with a Dote in a cohort (lavoratore destinatario).
#[derive(Clone, Debug, PartialEq)]
pub struct Participant {
    /// Id, version, source.
    pub meta: Meta,
    /// The partnership.
    pub partnership_id: Id<Partnerships>,
    /// The cohort.
    pub cohort_id: Id<Cohorts>,
    /// The accredited operator in charge: the cohort's when the worker came in.
    pub operator_organisation_id: Id<Organisations>,
    /// Sealed [`Person`], as JSON, for the place `participant.person`.
    pub person_sealed: Vec<u8>,
    /// Blind index of the tax code.
    pub worker_index: Vec<u8>,
    /// What others are shown instead.
    pub pseudonym: String,
    /// Year of birth.
    pub birth_year: i32,
    /// Sex.
    pub sex: Sex,
    /// Residence: ISTAT code of a municipality.
    pub municipality: String,
    /// Education: a code of the vocabulary `education-levels`.
    pub education_level: Option<String>,
    /// Status at entry.
    pub entry_status: EntryStatus,
    /// First day of unemployment, for the ESF indicator of long-term unemployment.
    pub unemployed_since: Option<NaiveDate>,
    /// Number of the Dote.
    pub dote_number: String,
    /// What the Dote is for.
    pub dote_path: DotePath,
    /// First day on which the Dote is valid.
    pub dote_from: NaiveDate,
    /// Last day.
    pub dote_to: NaiveDate,
    /// When the operator took the worker in charge (presa in carico).
    pub taken_charge_on: Option<NaiveDate>,
    /// When the worker left; absent for who is still there.
    pub left_on: Option<NaiveDate>,
    /// Why.
    pub exit_reason: Option<ExitReason>,
}

impl Participant {
    /// Whether the Dote is valid on `day`.
    pub fn dote_holds_on(&self, day: NaiveDate) -> bool {
        (self.dote_from..=self.dote_to).contains(&day)
    }
}

/// Who the worker is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Codice fiscale.
    pub tax_code: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(sealed)")
    }
}

code_enum! {
    /// Why a worker left (motivo di uscita).
    pub enum ExitReason {
        /// Ricollocato: an outcome tells more.
        Placed = "placed",
        /// Percorso completato.
        Completed = "completed",
        /// Ritirato dal lavoratore.
        Abandoned = "abandoned",
        /// Passato ad altro operatore.
        Transferred = "transferred",
        /// Dote scaduta o revocata.
        DoteEnded = "dote_ended",
        /// Partenariato concluso, respinto o ritirato.
        PartnershipEnded = "partnership_ended",
    }
}
