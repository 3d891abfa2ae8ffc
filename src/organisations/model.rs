//! What is known of an organisation.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::code_enum;
use crate::db::{Json, Meta};
use crate::identifiers::OrganisationTaxCode;

/// An organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Organisation {
    /// Id, version, source.
    pub meta: Meta,
    /// Its codice fiscale, which tells it from all others.
    pub tax_code: OrganisationTaxCode,
    /// Its name.
    pub name: String,
    /// Legal form, of the vocabulary `legal-forms`.
    pub legal_form: Option<String>,
    /// Economic activity, of the vocabulary `ateco-2007`.
    pub ateco: Option<String>,
    /// The seat: ISTAT code of a municipality in Lombardy; absent for a seat elsewhere.
    pub municipality: Option<String>,
    /// The seat's province, derived from the municipality.
    pub province: Option<String>,
    /// What the register of labour operators says of it; absent for what is no operator.
    pub accreditation: Option<Json<Accreditation>>,
}

/// Entries of the regional register of labour operators (l.r. 22/2006, art. 13).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accreditation {
    /// Its entries, past and present.
    pub entries: Vec<RegisterEntry>,
    /// Its organisational units (unità organizzative).
    pub units: Vec<Unit>,
}

/// One entry of the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterEntry {
    /// Number in the register. Its form is not public: an opaque string.
    pub number: String,
    /// Provisional or definitive.
    pub kind: AccreditationKind,
    /// The act that granted it.
    pub act: String,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; open where absent.
    pub valid_to: Option<NaiveDate>,
}

/// A site through which an operator works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Code in the register.
    pub code: String,
    /// Where: ISTAT code of a municipality in Lombardy.
    pub municipality: String,
}

code_enum! {
    /// How firm an accreditation is.
    pub enum AccreditationKind {
        /// For a trial period.
        Provisional = "provisional",
        /// Without a term.
        Definitive = "definitive",
    }
}

impl Accreditation {
    /// Whether the operator is accredited on `day`; only definitively, where the call demands it.
    pub fn holds_on(&self, day: NaiveDate, definitive_only: bool) -> bool {
        self.entries.iter().any(|entry| {
            entry.valid_from <= day
                && entry.valid_to.is_none_or(|to| day <= to)
                && (!definitive_only || entry.kind == AccreditationKind::Definitive)
        })
    }
}

impl Organisation {
    /// Whether it is an accredited labour operator on `day` (domain invariant 7).
    pub fn accredited_on(&self, day: NaiveDate, definitive_only: bool) -> bool {
        self.accreditation.as_ref().is_some_and(|accreditation| accreditation.holds_on(day, definitive_only))
    }

    /// Whether it has a site in Lombardy: its seat, or a unit.
    pub fn operates_in_lombardy(&self) -> bool {
        self.municipality.is_some()
            || self.accreditation.as_ref().is_some_and(|accreditation| !accreditation.units.is_empty())
    }
}
