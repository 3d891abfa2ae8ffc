//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::composition::RuleVerdict;
use crate::batch::{Input, Ref};
use crate::vocabularies::codes::{Province, ProvinceCode, Sector};
use crate::vocabularies::terms::PartnershipState;
use crate::{code_enum, list_filter};

/// A partnership as its lead writes it, while it is a draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// The call (avviso) it applies to; stays the same once it is written.
    pub call: Ref,
    /// Title (titolo del progetto).
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// Sector: a code of the vocabulary `ateco-2007`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Provinces it works in, each once.
    #[schema(value_type = Vec<ProvinceCode>, min_items = 1, max_items = 12)]
    pub provinces: Vec<String>,
    /// Project code (codice unico di progetto).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z][0-9]{2}[A-Z][0-9]{11}$", max_length = 15)]
    pub cup: Option<String>,
    /// First day of its life, within the call's activities.
    pub starts_on: NaiveDate,
    /// Last day of its life, within the call's activities.
    pub ends_on: NaiveDate,
    /// What it costs in all (costo totale), in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub budget_cents: i64,
    /// What it asks of the grant (contributo richiesto), in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub requested_cents: i64,
}

impl Input for PartnershipInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// A partnership as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Partnership {
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
    /// The call it applies to.
    pub call_id: Uuid,
    /// The organisation that leads it (capofila).
    pub lead_organisation_id: Uuid,
    /// Title.
    #[schema(max_length = 300)]
    pub title: String,
    /// Sector (ATECO 2007).
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Provinces it works in.
    #[schema(value_type = Vec<ProvinceCode>, min_items = 1, max_items = 12)]
    pub provinces: Vec<String>,
    /// Project code (CUP).
    #[schema(max_length = 15)]
    pub cup: Option<String>,
    /// First day of its life.
    pub starts_on: NaiveDate,
    /// Last day of its life.
    pub ends_on: NaiveDate,
    /// What it costs in all, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub budget_cents: i64,
    /// What it asks of the grant, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub requested_cents: i64,
    /// What it was granted (contributo concesso), in euro cents; a withdrawal gives it back to the call.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub granted_cents: Option<i64>,
    /// Where it stands.
    pub state: PartnershipState,
    /// When it was submitted.
    pub submitted_on: Option<NaiveDate>,
    /// When it was decided on.
    pub decided_on: Option<NaiveDate>,
    /// Why so.
    #[schema(max_length = 500)]
    pub decision_reason: Option<String>,
    /// When it became active.
    pub activated_on: Option<NaiveDate>,
    /// When it was concluded.
    pub concluded_on: Option<NaiveDate>,
    /// When it was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Why so.
    #[schema(max_length = 500)]
    pub withdrawal_reason: Option<String>,
}

code_enum! {
    /// What the region decides on a partnership (esito dell'istruttoria).
    pub enum DecisionVerdict {
        /// Approvato.
        Approved = "approved",
        /// Respinto.
        Rejected = "rejected",
    }
}

/// The region's decision on a partnership that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Approved or rejected.
    pub verdict: DecisionVerdict,
    /// What is granted (contributo concesso), in euro cents: with an approval only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub granted_cents: Option<i64>,
    /// Why so (motivazione); no personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// The lead's withdrawal of a partnership.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Why (motivazione); no personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// How a partnership stands to the rules of its submission, today.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Composition {
    /// The partnership.
    pub partnership_id: Uuid,
    /// Where it stands.
    pub state: PartnershipState,
    /// The day it is judged on: today in Italy.
    pub judged_on: NaiveDate,
    /// Whether no rule is violated.
    pub complete: bool,
    /// What each rule says.
    #[schema(min_items = 1, max_items = 50)]
    pub rules: Vec<CompositionRule>,
}

/// What one rule says of a partnership.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CompositionRule {
    /// Stable code, as violations name it in `rule`.
    #[schema(max_length = 60)]
    pub rule: &'static str,
    /// What it says.
    pub verdict: RuleVerdict,
    /// English title.
    #[schema(max_length = 300)]
    pub title_en: &'static str,
    /// Italian title.
    #[schema(max_length = 300)]
    pub title_it: &'static str,
    /// Where the rule comes from.
    #[schema(max_length = 300)]
    pub citation: &'static str,
    /// Why the verdict is so, in English.
    #[schema(max_length = 10000)]
    pub detail_en: String,
    /// The same in Italian.
    #[schema(max_length = 10000)]
    pub detail_it: String,
    /// What is missing; null where the rule is not violated.
    pub missing: Option<MissingPart>,
}

/// What a violated rule wants, and what there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingPart {
    /// So much is needed; allowed, where it is less than what is present.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub needed: i64,
    /// So much there is.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub present: i64,
    /// Of what, in English.
    #[schema(max_length = 200)]
    pub what_en: String,
    /// The same in Italian.
    #[schema(max_length = 200)]
    pub what_it: String,
}

list_filter! {
    /// What a list of partnerships can be narrowed to.
    pub struct PartnershipFilter {
        /// Only those under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only those in these states.
        #[schema(min_items = 1, max_items = 100)]
        pub state: Option<Vec<PartnershipState>>,
        /// Only those that these organisations lead, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub lead_organisation: Option<Vec<Uuid>>,
        /// Only those that one of these organisations leads or is a member of today, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub organisation: Option<Vec<Uuid>>,
        /// Only those that work in one of these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// Only those whose period holds this day.
        pub running_on: Option<NaiveDate>,
        /// Beginning on this day or later.
        pub starts_from: Option<NaiveDate>,
        /// Beginning on this day or earlier.
        pub starts_to: Option<NaiveDate>,
        /// Ending on this day or later.
        pub ends_from: Option<NaiveDate>,
        /// Ending on this day or earlier.
        pub ends_to: Option<NaiveDate>,
        /// Submitted on this day or later.
        pub submitted_from: Option<NaiveDate>,
        /// Submitted on this day or earlier.
        pub submitted_to: Option<NaiveDate>,
        /// Decided on on this day or later.
        pub decided_from: Option<NaiveDate>,
        /// Decided on on this day or earlier.
        pub decided_to: Option<NaiveDate>,
    }
}
