//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::batch::{Input, Ref};
use crate::vocabularies::codes::{ContractType, Province, Sector};
use crate::vocabularies::terms::{OutcomeKind, OutcomeState, WorkingTime};
use crate::{code_enum, list_filter};

/// An outcome as the operator in charge declares it. Which fields it takes depends on its kind.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// Whose outcome it is: a participant in the charge of the caller's organisation; stays the same once it is written.
    pub participant: Ref,
    /// What it is (tipo di esito).
    pub kind: OutcomeKind,
    /// Contract (tipologia contrattuale): a code of the vocabulary `contract-types`. Of employment and traineeships; a
    /// traineeship is `C.01.00`, and that is never employment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z][.][0-9]{2}[.][0-9]{2}$", max_length = 7)]
    pub contract_type: Option<String>,
    /// Working time (orario): required of employment, possible with a traineeship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_time: Option<WorkingTime>,
    /// The employer's codice fiscale: required of employment and traineeships. Kept sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^([0-9]{11}|[A-Z0-9]{16})$", max_length = 16)]
    pub employer_tax_code: Option<String>,
    /// First day; not before the first day of the Dote.
    pub starts_on: NaiveDate,
    /// Last day; left out where it is open-ended. A fixed-term contract has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<NaiveDate>,
    /// The employer's notice (codice della comunicazione obbligatoria): the evidence of employment and traineeships. Each is
    /// evidence of one outcome only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{16}$", max_length = 16)]
    pub cob: Option<String>,
    /// The notice that this one rectifies or extends (comunicazione precedente).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{16}$", max_length = 16)]
    pub previous_cob: Option<String>,
    /// Whether the notice was annulled: the outcome is then void.
    #[serde(default)]
    pub cob_annulled: bool,
    /// Collective agreement (CCNL): its CNEL code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z][A-Z0-9]{3}$", max_length = 4)]
    pub ccnl: Option<String>,
    /// Profession of ISTAT's classification, one to five levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[1-9]([.][0-9]){0,4}$", max_length = 9)]
    pub profession: Option<String>,
    /// When the VAT number was opened (apertura della partita IVA): the evidence of self-employment; not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_opened_on: Option<NaiveDate>,
}

impl std::fmt::Debug for OutcomeInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The employer may be a person.
        f.write_str("OutcomeInput(personal data)")
    }
}

impl Input for OutcomeInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// An outcome as clients read it.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
pub struct Outcome {
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
    /// Whose outcome it is.
    pub participant_id: Uuid,
    /// What it is.
    pub kind: OutcomeKind,
    /// Contract.
    #[schema(max_length = 7)]
    pub contract_type: Option<String>,
    /// Working time.
    pub working_time: Option<WorkingTime>,
    /// The employer's codice fiscale; null where there is none, and unless the reader is the operator in charge, the region or
    /// the Dote system.
    #[schema(max_length = 16)]
    pub employer_tax_code: Option<String>,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day; null where it is open-ended.
    pub ends_on: Option<NaiveDate>,
    /// The employer's notice.
    #[schema(max_length = 16)]
    pub cob: Option<String>,
    /// The notice that this one rectifies or extends.
    #[schema(max_length = 16)]
    pub previous_cob: Option<String>,
    /// Whether the notice was annulled.
    pub cob_annulled: bool,
    /// Collective agreement.
    #[schema(max_length = 4)]
    pub ccnl: Option<String>,
    /// Profession.
    #[schema(max_length = 9)]
    pub profession: Option<String>,
    /// When the VAT number was opened.
    pub vat_opened_on: Option<NaiveDate>,
    /// How far it is proven: declared, evidenced (there is a notice or a VAT number), verified or disputed by the Dote system,
    /// withdrawn by the operator.
    pub state: OutcomeState,
    /// Why it was disputed or withdrawn.
    #[schema(max_length = 500)]
    pub state_reason: Option<String>,
    /// When it came into its state.
    pub state_changed_on: NaiveDate,
    /// Whether it counts as a placement under the call, as things stand now: the worker's other contracts with the same
    /// employer and the call's rules have a part in it.
    pub placement: Placement,
}

/// Whether an outcome counts as a placement (ricollocazione).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Placement {
    /// Whether it counts.
    pub counts: bool,
    /// Days from the first to the last, both included, over contracts that follow each other without a gap; null where there
    /// is no end.
    #[schema(minimum = 1, maximum = 4_000_000)]
    pub days: Option<i64>,
    /// Why so: all that stands against it, or what it counts by.
    #[schema(min_items = 1, max_items = 20)]
    pub reasons: Vec<PlacementReason>,
}

/// A reason for or against a placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlacementReason {
    /// Stable code.
    #[schema(max_length = 60)]
    pub code: &'static str,
    /// The same in words, in English.
    #[schema(max_length = 300)]
    pub detail_en: String,
    /// The same in Italian.
    #[schema(max_length = 300)]
    pub detail_it: String,
}

/// Which revisions are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionsQuery {
    /// Where the page begins: as it stands in `_links.next` of the page before.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub cursor: Option<i64>,
}

/// An outcome as it was.
#[derive(Serialize, ToSchema)]
pub struct OutcomeRevision {
    /// The version that was recorded.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
    /// When.
    pub recorded_at: DateTime<Utc>,
    /// The outcome as it was known at that instant, with its placement as it was judged then.
    pub record: Outcome,
}

code_enum! {
    /// What the Dote system says of an outcome (esito della verifica).
    pub enum VerificationVerdict {
        /// Verificato.
        Verified = "verified",
        /// Contestato.
        Disputed = "disputed",
    }
}

/// The Dote system's verdict on an outcome, after comparing it with the employers' notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Verified or disputed.
    pub verdict: VerificationVerdict,
    /// Why (motivazione); required of a dispute. No personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// The operator's withdrawal of an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeWithdrawal {
    /// Why (motivazione). No personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

list_filter! {
    /// What a list of outcomes can be narrowed to.
    pub struct OutcomeFilter {
        /// As they were known at this instant: each as it was last written by then, and its placement judged by the outcomes, the
        /// call's rules and the crisis company that were known then. Not in the future.
        pub as_known_at: Option<DateTime<Utc>>,
        /// Only those in force on this day, their placements judged by what had begun by then.
        pub as_of: Option<NaiveDate>,
        /// Only those of these partnerships, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub partnership: Option<Vec<Uuid>>,
        /// Only those of partnerships under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only those of workers of these cohorts, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub cohort: Option<Vec<Uuid>>,
        /// Only those of these participants, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub participant: Option<Vec<Uuid>>,
        /// Only those of workers in the charge of these operators, by their organisations' ids.
        #[schema(min_items = 1, max_items = 100)]
        pub operator: Option<Vec<Uuid>>,
        /// Only those of these kinds.
        #[schema(min_items = 1, max_items = 100)]
        pub kind: Option<Vec<OutcomeKind>>,
        /// Only those in these states.
        #[schema(min_items = 1, max_items = 100)]
        pub state: Option<Vec<OutcomeState>>,
        /// Only those with one of these types of contract.
        #[schema(min_items = 1, max_items = 100)]
        pub contract_type: Option<Vec<ContractType>>,
        /// Only those with one of these working times.
        #[schema(min_items = 1, max_items = 100)]
        pub working_time: Option<Vec<WorkingTime>>,
        /// Only those of workers with a municipality in these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those of partnerships of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// Starting on this day or later.
        pub starts_from: Option<NaiveDate>,
        /// Starting on this day or earlier.
        pub starts_to: Option<NaiveDate>,
        /// Ending on this day or later.
        pub ends_from: Option<NaiveDate>,
        /// Ending on this day or earlier.
        pub ends_to: Option<NaiveDate>,
        /// Come into their state on this day or later.
        pub state_changed_from: Option<NaiveDate>,
        /// Come into their state on this day or earlier.
        pub state_changed_to: Option<NaiveDate>,
    }
}
