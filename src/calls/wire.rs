//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::CallRules;
use crate::batch::Input;
use crate::http::filter::CallCode;
use crate::list_filter;
use crate::openapi::schemas::Facts;

/// A call as the region writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// Short code of the edition, unique among the calls, such as `PT-2012`.
    #[schema(pattern = "^[A-Z0-9][A-Z0-9._-]{0,39}$", max_length = 40)]
    pub code: String,
    /// Title (titolo dell'avviso).
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// What may be granted in all (dotazione), in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub allocation_cents: i64,
    /// First day on which partnerships may be submitted.
    pub applications_from: NaiveDate,
    /// Last day on which they may.
    pub applications_to: NaiveDate,
    /// First day on which actions may take place.
    pub activities_from: NaiveDate,
    /// Last day on which they may.
    pub activities_to: NaiveDate,
    /// Last day for corrections (termine di rendicontazione).
    pub reporting_deadline: NaiveDate,
    /// The parameters of its rules. Left out, those of the call of 2012.
    #[serde(default)]
    pub rules: CallRules,
}

impl Input for CallInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// A call as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Call {
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
    /// Short code of the edition.
    #[schema(max_length = 40)]
    pub code: String,
    /// Title.
    #[schema(max_length = 300)]
    pub title: String,
    /// What may be granted in all, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub allocation_cents: i64,
    /// First day on which partnerships may be submitted.
    pub applications_from: NaiveDate,
    /// Last day on which they may.
    pub applications_to: NaiveDate,
    /// First day on which actions may take place.
    pub activities_from: NaiveDate,
    /// Last day on which they may.
    pub activities_to: NaiveDate,
    /// Last day for corrections.
    pub reporting_deadline: NaiveDate,
    /// The parameters of its rules.
    pub rules: CallRules,
}

/// What was granted under a call, and what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallBudget {
    /// The call.
    pub call_id: Uuid,
    /// What may be granted in all (dotazione), in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub allocation_cents: i64,
    /// What was granted to partnerships that were not withdrawn, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub granted_cents: i64,
    /// What is left to grant, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub remaining_cents: i64,
}

/// A rule as it stands under a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CallRule {
    /// Stable code, as violations name it in `rule`.
    #[schema(max_length = 60)]
    pub code: &'static str,
    /// Number of the invariant it belongs to; null for rules of later editions.
    #[schema(minimum = 1, maximum = 99)]
    pub invariant: Option<u8>,
    /// English title.
    #[schema(max_length = 300)]
    pub title_en: &'static str,
    /// Italian title.
    #[schema(max_length = 300)]
    pub title_it: &'static str,
    /// Where the rule comes from.
    #[schema(max_length = 300)]
    pub citation: &'static str,
    /// First day on which it is judged under this call.
    pub valid_from: NaiveDate,
    /// Last day.
    pub valid_to: NaiveDate,
    /// Whether this call has it: rules of later editions are off unless the call turns them on.
    pub in_force: bool,
    /// What the call sets it to, by name.
    #[schema(value_type = Facts)]
    pub parameters: Value,
    /// Facts that it accepts.
    #[schema(value_type = Facts)]
    pub passing_example: Value,
    /// Facts that it refuses.
    #[schema(value_type = Facts)]
    pub failing_example: Value,
}

list_filter! {
    /// What a list of calls can be narrowed to.
    pub struct CallFilter {
        /// Short codes of the edition.
        #[schema(min_items = 1, max_items = 100)]
        pub code: Option<Vec<CallCode>>,
        /// Only calls that take applications on this day.
        pub applications_on: Option<NaiveDate>,
        /// Only calls under which actions may take place on this day.
        pub activities_on: Option<NaiveDate>,
        /// Corrections end on this day or later.
        pub reporting_deadline_from: Option<NaiveDate>,
        /// Corrections end on this day or earlier.
        pub reporting_deadline_to: Option<NaiveDate>,
    }
}
