//! What is known of a call, and the numbers and lists that its rules work with.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::code_enum;
use crate::db::{Json, Meta};
use crate::vocabularies::terms::{ActionKind, MemberCategory};

/// One edition of the funding (avviso).
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Id, version, source.
    pub meta: Meta,
    /// Short code of the edition, such as `PT-2012`.
    pub code: String,
    /// Title.
    pub title: String,
    /// What may be granted in all, in euro cents.
    pub allocation_cents: i64,
    /// First day on which partnerships may be submitted.
    pub applications_from: NaiveDate,
    /// Last day on which they may.
    pub applications_to: NaiveDate,
    /// First day on which actions may take place.
    pub activities_from: NaiveDate,
    /// Last day on which they may. After it the call is closed: no new activity, only corrections.
    pub activities_to: NaiveDate,
    /// Last day for corrections.
    pub reporting_deadline: NaiveDate,
    /// The parameters of its rules.
    pub rules: Json<CallRules>,
}

impl Call {
    /// Whether partnerships may be submitted on `day`.
    pub fn takes_applications_on(&self, day: NaiveDate) -> bool {
        (self.applications_from..=self.applications_to).contains(&day)
    }

    /// Whether new activity may be recorded on `day` (invariant 14).
    pub fn is_open_on(&self, day: NaiveDate) -> bool {
        day <= self.activities_to
    }

    /// Whether what is recorded may be corrected on `day` (invariant 14).
    pub fn takes_corrections_on(&self, day: NaiveDate) -> bool {
        day <= self.reporting_deadline
    }
}

/// What was granted under a call, beside what may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What may be granted in all, in euro cents.
    pub allocation_cents: i64,
    /// What was granted, in euro cents.
    pub granted_cents: i64,
}

impl Budget {
    /// What is left to grant, in euro cents.
    pub const fn remaining_cents(self) -> i64 {
        self.allocation_cents.saturating_sub(self.granted_cents)
    }
}

/// The parameters of a call's rules. What a later call may change stands here and nowhere in the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRules {
    /// Distinct subjects that a partnership has at least (invariant 1).
    #[schema(minimum = 1, maximum = 100)]
    pub min_subjects: u32,
    /// Categories of which at least one member is an accredited operator that has taken a worker in charge (invariant 2).
    #[schema(min_items = 1, max_items = 16)]
    pub operator_categories: Vec<MemberCategory>,
    /// Other members of the categories below that a partnership has at least (invariant 3).
    #[schema(minimum = 0, maximum = 100)]
    pub min_other_subjects: u32,
    /// Categories that count as the others (invariant 3).
    #[schema(min_items = 0, max_items = 16)]
    pub other_categories: Vec<MemberCategory>,
    /// Paths of the Dote that the workers hold (invariant 5).
    #[schema(min_items = 1, max_items = 10)]
    pub dote_paths: Vec<DotePath>,
    /// Kinds of action that may be recorded.
    #[schema(min_items = 1, max_items = 10)]
    pub action_kinds: Vec<ActionKind>,
    /// Kinds that are paid from the members' own resources, never from the grant (invariant 6).
    #[schema(min_items = 0, max_items = 10)]
    pub own_resources_kinds: Vec<ActionKind>,
    /// Minutes a worker can attend on one day (invariant 9).
    #[schema(minimum = 1, maximum = 1440)]
    pub max_daily_minutes: i32,
    /// Days a contract lasts at least to count as a placement, both ends included.
    #[schema(minimum = 1, maximum = 3650)]
    pub placement_min_days: i64,
    /// How contract types count where the call departs from the vocabulary `contract-types`: by code.
    #[serde(default)]
    pub contract_types: BTreeMap<String, ContractTreatment>,
    /// Only definitive accreditation counts.
    #[serde(default)]
    pub definitive_accreditation_only: bool,
    /// Every operator has a site in Lombardy.
    #[serde(default)]
    pub operating_site_in_lombardy: bool,
    /// All workers of a cohort come from one company.
    #[serde(default)]
    pub one_crisis_company_per_cohort: bool,
    /// Workers that a cohort has at least when the partnership is submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub min_cohort_size: Option<u32>,
    /// Grant of one partnership at most, in euro cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub max_grant_cents: Option<i64>,
    /// Months a partnership lasts at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 240)]
    pub max_life_months: Option<u32>,
    /// Months after the reporting deadline for which who the workers were is kept (conservazione). Then `ricolloca retention run` makes
    /// their records nobody's. While it is not stated, they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 600)]
    pub retention_months: Option<u32>,
}

code_enum! {
    /// What a Dote ricollocazione is for (percorso).
    pub enum DotePath {
        /// Percorso di inserimento lavorativo.
        JobPlacement = "job_placement",
        /// Percorso di riqualificazione.
        Requalification = "requalification",
        /// Percorso di autoimprenditorialità.
        SelfEmployment = "self_employment",
    }
}

code_enum! {
    /// Whether a contract type counts as a placement.
    pub enum ContractTreatment {
        /// Whatever its duration.
        Always = "always",
        /// From the call's minimum duration on.
        MinDuration = "min_duration",
        /// Not at all.
        Never = "never",
    }
}

impl Default for CallRules {
    /// The rules of 2012, as the press release states them.
    fn default() -> Self {
        use MemberCategory as M;
        Self {
            min_subjects: 3,
            operator_categories: vec![M::AccreditedOperator],
            min_other_subjects: 2,
            other_categories: vec![
                M::LocalAuthority,
                M::SocialPartner,
                M::IndustrialDistrict,
                M::MetaDistrict,
                M::ChamberOfCommerce,
                M::GrantMakingFoundation,
                M::ThirdSector,
                M::Company,
                M::Other,
            ],
            dote_paths: vec![DotePath::JobPlacement],
            action_kinds: ActionKind::ALL.to_vec(),
            own_resources_kinds: vec![
                ActionKind::Training,
                ActionKind::IncomeSupport,
                ActionKind::WorkLifeBalance,
                ActionKind::SocioAssistance,
            ],
            max_daily_minutes: 600,
            placement_min_days: 180,
            contract_types: BTreeMap::new(),
            definitive_accreditation_only: false,
            operating_site_in_lombardy: false,
            one_crisis_company_per_cohort: false,
            min_cohort_size: None,
            max_grant_cents: None,
            max_life_months: None,
            retention_months: None,
        }
    }
}
