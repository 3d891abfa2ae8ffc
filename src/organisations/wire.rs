//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::AccreditationKind;
use crate::batch::Input;
use crate::http::filter::LegalEntityCode;
use crate::list_filter;
use crate::vocabularies::codes::{LegalForm, Municipality, Province, Sector};

/// An organisation as a client writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// Codice fiscale: 11 digits with their check digit; 16 characters for a sole trader.
    #[schema(pattern = "^([0-9]{11}|[A-Z0-9]{16})$", max_length = 16)]
    pub tax_code: String,
    /// Name (denominazione).
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Legal form (forma giuridica): a code of the vocabulary `legal-forms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10)]
    pub legal_form: Option<String>,
    /// Economic activity: a code of the vocabulary `ateco-2007`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Seat: ISTAT code of a municipality in Lombardy, valid today. Left out for a seat elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{6}$", max_length = 6)]
    pub municipality: Option<String>,
}

impl Input for OrganisationInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// An organisation as a client reads it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Organisation {
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
    /// Codice fiscale.
    #[schema(max_length = 16)]
    pub tax_code: String,
    /// Name.
    #[schema(max_length = 200)]
    pub name: String,
    /// Legal form.
    #[schema(max_length = 10)]
    pub legal_form: Option<String>,
    /// Economic activity (ATECO 2007).
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Seat: ISTAT code of the municipality.
    #[schema(max_length = 6)]
    pub municipality: Option<String>,
    /// Province of the seat.
    #[schema(max_length = 2)]
    pub province: Option<String>,
    /// Entries and units in the register of labour operators; null for what is no operator.
    pub accreditation: Option<Accreditation>,
}

/// What the register of labour operators says of an organisation (accreditamento, l.r. 22/2006 art. 13).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Accreditation {
    /// Entries, past and present. An empty list ends the accreditation.
    #[schema(min_items = 0, max_items = 20)]
    pub entries: Vec<RegisterEntry>,
    /// Organisational units (unità organizzative).
    #[serde(default)]
    #[schema(min_items = 0, max_items = 200)]
    pub units: Vec<Unit>,
}

/// One entry of the register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterEntry {
    /// Number in the register.
    #[schema(min_length = 1, max_length = 40)]
    pub number: String,
    /// Provisional or definitive.
    pub kind: AccreditationKind,
    /// The act that granted it.
    #[schema(min_length = 1, max_length = 200)]
    pub act: String,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; open where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
}

/// An organisational unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Code in the register.
    #[schema(min_length = 1, max_length = 40)]
    pub code: String,
    /// ISTAT code of its municipality in Lombardy.
    #[schema(pattern = "^[0-9]{6}$", max_length = 6)]
    pub municipality: String,
}

list_filter! {
    /// What a list of organisations can be narrowed to.
    pub struct OrganisationFilter {
        /// Codici fiscali: 11 digits each. A sole trader's code is personal and must not stand in a URL.
        #[schema(min_items = 1, max_items = 100)]
        pub tax_code: Option<Vec<LegalEntityCode>>,
        /// Only those with their seat in these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those with their seat in these municipalities.
        #[schema(min_items = 1, max_items = 100)]
        pub municipality: Option<Vec<Municipality>>,
        /// Only those of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// Only those of these legal forms.
        #[schema(min_items = 1, max_items = 100)]
        pub legal_form: Option<Vec<LegalForm>>,
        /// Whether it has an entry in the register of labour operators.
        pub operator: Option<bool>,
        /// Only those with an entry in the register of labour operators that holds on this day.
        pub accredited_on: Option<NaiveDate>,
    }
}
