//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::batch::{Input, Ref};
use crate::list_filter;
use crate::organisations::refs::OrganisationRef;
use crate::vocabularies::codes::{Province, Sector};

/// A cohort as the partnership's lead or the operator in charge writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// The partnership; stays the same once it is written.
    pub partnership: Ref,
    /// The accredited operator in charge (operatore accreditato): a member in one of the call's categories of operators. Left
    /// out: the caller's own organisation for a new cohort, whoever it is already for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OrganisationRef>,
    /// Name (denominazione del gruppo); never a worker's tax code.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The company in crisis that the workers come from (impresa di provenienza). Some calls demand it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crisis_company: Option<OrganisationRef>,
    /// Sector: a code of the vocabulary `ateco-2007`, valid on the date of the agreement, or today where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Province: a code of the vocabulary `provinces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$", max_length = 2)]
    pub province: Option<String>,
    /// Date of the agreement with the company (data dell'accordo sindacale); not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_on: Option<NaiveDate>,
}

impl Input for CohortInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// A cohort as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Cohort {
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
    /// The accredited operator in charge.
    pub operator_organisation_id: Uuid,
    /// Name.
    #[schema(max_length = 200)]
    pub name: String,
    /// The company in crisis that the workers come from.
    pub crisis_company_id: Option<Uuid>,
    /// Sector (ATECO 2007).
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Province.
    #[schema(max_length = 2)]
    pub province: Option<String>,
    /// Date of the agreement with the company.
    pub agreement_on: Option<NaiveDate>,
}

list_filter! {
    /// What a list of cohorts can be narrowed to.
    pub struct CohortFilter {
        /// Only those of these partnerships, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub partnership: Option<Vec<Uuid>>,
        /// Only those of partnerships under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only those that these operators are in charge of, by their organisations' ids.
        #[schema(min_items = 1, max_items = 100)]
        pub operator: Option<Vec<Uuid>>,
        /// Only those whose workers come from these companies, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub crisis_company: Option<Vec<Uuid>>,
        /// Only those of these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only those of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
        /// With an agreement made on this day or later.
        pub agreement_from: Option<NaiveDate>,
        /// With an agreement made on this day or earlier.
        pub agreement_to: Option<NaiveDate>,
    }
}
