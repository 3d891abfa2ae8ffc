//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::ExitReason;
use crate::batch::{Input, Ref};
use crate::calls::model::DotePath;
use crate::list_filter;
use crate::vocabularies::codes::{Province, Sector};
use crate::vocabularies::terms::{EntryStatus, Sex};

/// A Dote ricollocazione: the worker's voucher for services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dote {
    /// Its number, as the Dote system has it; opaque, and never a tax code.
    #[schema(pattern = "^[A-Z0-9/-]{1,40}$", min_length = 1, max_length = 40)]
    pub number: String,
    /// What it is for (percorso): one of those that the call lists.
    pub path: DotePath,
    /// First day on which it is valid.
    pub valid_from: NaiveDate,
    /// Last day on which it is valid.
    pub valid_to: NaiveDate,
}

/// A participant as the operator in charge writes it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantInput {
    /// The client's own name for it; never a tax code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// The cohort, of which the caller's organisation is the operator in charge; stays the same once it is written.
    pub cohort: Ref,
    /// Codice fiscale: 16 characters with their check letter, or a provisional one of 11 digits. Kept sealed; shown to the
    /// operator in charge, the region and the Dote system.
    #[schema(pattern = "^([A-Z0-9]{16}|[0-9]{11})$", max_length = 16)]
    pub tax_code: String,
    /// Given name (nome). Kept sealed like the tax code.
    #[schema(min_length = 1, max_length = 100)]
    pub given_name: String,
    /// Family name (cognome). Kept sealed like the tax code.
    #[schema(min_length = 1, max_length = 100)]
    pub family_name: String,
    /// Sex as registered.
    pub sex: Sex,
    /// Year of birth; the full date is not kept.
    #[schema(minimum = 1900, maximum = 2100)]
    pub birth_year: i32,
    /// The worker's municipality in Lombardy (comune): ISTAT code, valid on the date of entry, which is that of the taking in
    /// charge or else the first day of the Dote.
    #[schema(pattern = "^[0-9]{6}$", max_length = 6)]
    pub municipality: String,
    /// Level of education (titolo di studio): a code of the vocabulary `education-levels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10)]
    pub education_level: Option<String>,
    /// Status at entry (condizione): of the vocabulary `entry-statuses`, valid on the first day of the Dote. The mobility
    /// lists ended with 2016.
    pub entry_status: EntryStatus,
    /// First day of unemployment (data di inizio disoccupazione), for the long-term unemployed; not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unemployed_since: Option<NaiveDate>,
    /// The Dote ricollocazione. At most one is active for a worker, in at most one partnership.
    pub dote: Dote,
    /// When the operator took the worker in charge (presa in carico): within the Dote's validity, not in the future, and on a
    /// day on which the operator is accredited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_charge_on: Option<NaiveDate>,
    /// When the worker left (uscita); with its reason, or neither. From that day on another operator may take charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on: Option<NaiveDate>,
    /// Why the worker left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_reason: Option<ExitReason>,
}

impl std::fmt::Debug for ParticipantInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParticipantInput(personal data)")
    }
}

impl Input for ParticipantInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// A participant as clients read it.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
pub struct Participant {
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
    /// The cohort.
    pub cohort_id: Uuid,
    /// The accredited operator in charge: the cohort's when the worker came in.
    pub operator_organisation_id: Uuid,
    /// What stands for the worker where the tax code is not shown: the same for all records of one worker.
    #[schema(max_length = 20)]
    pub pseudonym: String,
    /// Codice fiscale; null unless the reader is the operator in charge, the region or the Dote system.
    #[schema(max_length = 16)]
    pub tax_code: Option<String>,
    /// Given name; null like the tax code.
    #[schema(max_length = 100)]
    pub given_name: Option<String>,
    /// Family name; null like the tax code.
    #[schema(max_length = 100)]
    pub family_name: Option<String>,
    /// Sex.
    pub sex: Sex,
    /// Year of birth.
    #[schema(minimum = 1900, maximum = 2100)]
    pub birth_year: i32,
    /// Municipality: ISTAT code.
    #[schema(max_length = 6)]
    pub municipality: String,
    /// Level of education.
    #[schema(max_length = 10)]
    pub education_level: Option<String>,
    /// Status at entry.
    pub entry_status: EntryStatus,
    /// First day of unemployment.
    pub unemployed_since: Option<NaiveDate>,
    /// The Dote ricollocazione.
    pub dote: Dote,
    /// When the operator took the worker in charge.
    pub taken_charge_on: Option<NaiveDate>,
    /// When the worker left.
    pub left_on: Option<NaiveDate>,
    /// Why.
    pub exit_reason: Option<ExitReason>,
    /// Since when the worker's data is restricted (limitazione, art. 18 GDPR): it is kept, is changed by the region alone, and shows tax
    /// code and names to the region alone.
    pub restricted_at: Option<DateTime<Utc>>,
    /// Since when nobody knows any more who it was: the end of retention.
    pub pseudonymised_at: Option<DateTime<Utc>>,
    /// What is odd about the tax code; empty for readers who are not shown it.
    #[schema(min_items = 0, max_items = 10)]
    pub warnings: Vec<ParticipantWarning>,
}

/// Something odd that is accepted all the same, since registers hold such cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ParticipantWarning {
    /// Stable code: `birth_year_mismatch` or `sex_mismatch`.
    #[schema(max_length = 40)]
    pub code: &'static str,
    /// The same in words, in English.
    #[schema(max_length = 200)]
    pub detail_en: &'static str,
    /// The same in Italian.
    #[schema(max_length = 200)]
    pub detail_it: &'static str,
}

/// What the region corrects of who a worker is, on the worker's request (rettifica, art. 16 GDPR); what is left out stays.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantRectification {
    /// Codice fiscale.
    #[schema(pattern = "^([A-Z0-9]{16}|[0-9]{11})$", max_length = 16)]
    pub tax_code: Option<String>,
    /// Given name (nome).
    #[schema(min_length = 1, max_length = 100)]
    pub given_name: Option<String>,
    /// Family name (cognome).
    #[schema(min_length = 1, max_length = 100)]
    pub family_name: Option<String>,
    /// Sex as registered.
    pub sex: Option<Sex>,
    /// Year of birth.
    #[schema(minimum = 1900, maximum = 2100)]
    pub birth_year: Option<i32>,
}

impl std::fmt::Debug for ParticipantRectification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParticipantRectification(personal data)")
    }
}

/// Whether a worker's data is to be restricted (limitazione, art. 18 GDPR), or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantRestriction {
    /// Whether it is.
    pub restricted: bool,
}

/// Whose records are looked for. In a body, since a tax code must not stand in a URL.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantLookup {
    /// Codice fiscale of the worker.
    #[schema(pattern = "^([A-Z0-9]{16}|[0-9]{11})$", max_length = 16)]
    pub tax_code: String,
}

list_filter! {
    /// What a list of participants can be narrowed to. There is no filter by tax code: see `POST /v1/participants/lookup`.
    pub struct ParticipantFilter {
        /// Only those of these partnerships, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub partnership: Option<Vec<Uuid>>,
        /// Only those of partnerships under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only those of these cohorts, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub cohort: Option<Vec<Uuid>>,
        /// Only those in the charge of these operators, by their organisations' ids.
        #[schema(min_items = 1, max_items = 100)]
        pub operator: Option<Vec<Uuid>>,
        /// Whether they are still there.
        pub active: Option<bool>,
        /// Only those with one of these statuses at entry.
        #[schema(min_items = 1, max_items = 100)]
        pub entry_status: Option<Vec<EntryStatus>>,
        /// Only those that left for one of these reasons.
        #[schema(min_items = 1, max_items = 100)]
        pub exit_reason: Option<Vec<ExitReason>>,
        /// Only those with a municipality in these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those of cohorts of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// Only those with a Dote of these paths.
        #[schema(min_items = 1, max_items = 100)]
        pub dote_path: Option<Vec<DotePath>>,
        /// Only those whose Dote is valid on this day.
        pub dote_on: Option<NaiveDate>,
        /// Taken in charge on this day or later.
        pub taken_charge_from: Option<NaiveDate>,
        /// Taken in charge on this day or earlier.
        pub taken_charge_to: Option<NaiveDate>,
        /// Left on this day or later.
        pub left_from: Option<NaiveDate>,
        /// Left on this day or earlier.
        pub left_to: Option<NaiveDate>,
    }
}
