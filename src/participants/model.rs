//! What is known of a participant. Tax code and names are sealed: [`Person`] exists only between opening and showing.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// Sealed [`Person`], as JSON, for the place `participant.person`; gone where nobody knows any more who it was.
    pub person_sealed: Option<Vec<u8>>,
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
    /// Since when the region alone processes it (limitazione, art. 18 GDPR).
    pub restricted_at: Option<DateTime<Utc>>,
    /// Since when nobody knows any more who it was.
    pub pseudonymised_at: Option<DateTime<Utc>>,
}

impl Participant {
    /// Whether the Dote is valid on `day`.
    pub fn dote_holds_on(&self, day: NaiveDate) -> bool {
        (self.dote_from..=self.dote_to).contains(&day)
    }

    /// Whether the worker is in the operator's charge on `day`, with a Dote that is valid (invariant 2).
    pub fn in_charge_on(&self, day: NaiveDate) -> bool {
        self.left_on.is_none() && self.taken_charge_on.is_some_and(|taken| taken <= day) && self.dote_holds_on(day)
    }

    /// Whether it is kept and no more: restricted, or of nobody any more.
    pub const fn is_closed(&self) -> bool {
        self.restricted_at.is_some() || self.pseudonymised_at.is_some()
    }

    /// How long the worker is there.
    pub fn stay(&self) -> Stay {
        Stay {
            id: self.meta.id,
            worker_index: self.worker_index.clone(),
            dote_number: self.dote_number.clone(),
            taken_charge_on: self.taken_charge_on,
            left_on: self.left_on,
        }
    }
}

/// A worker's time in one partnership, under one Dote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The participant.
    pub id: Uuid,
    /// Blind index of the worker's tax code.
    pub worker_index: Vec<u8>,
    /// Number of the Dote.
    pub dote_number: String,
    /// First day.
    pub taken_charge_on: Option<NaiveDate>,
    /// The day on which the worker is free for others again.
    pub left_on: Option<NaiveDate>,
}

impl Stay {
    /// The days from the taking in charge until before the leaving. Who waits to be taken in charge holds the place from
    /// today on; who left without having been has held none.
    fn days(&self, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        match (self.taken_charge_on, self.left_on) {
            (Some(from), left) => Some((from, left.unwrap_or(NaiveDate::MAX))),
            (None, None) => Some((today, NaiveDate::MAX)),
            (None, Some(_)) => None,
        }
    }

    /// Whether the two have a day in common.
    pub fn overlaps(&self, other: &Self, today: NaiveDate) -> bool {
        match (self.days(today), other.days(today)) {
            (Some((from, until)), Some((other_from, other_until))) => from < other_until && other_from < until,
            _ => false,
        }
    }
}

/// The days on which something is recorded of a participant that rests on the Dote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// First day of attendance.
    pub attended_from: Option<NaiveDate>,
    /// Last day of attendance.
    pub attended_to: Option<NaiveDate>,
    /// First day of the earliest outcome.
    pub outcome_from: Option<NaiveDate>,
}

/// Who the worker is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
