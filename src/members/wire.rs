//! What clients send and get.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::batch::{Input, Ref};
use crate::organisations::refs::OrganisationRef;
use crate::vocabularies::codes::{Province, Sector};
use crate::vocabularies::terms::MemberCategory;
use crate::{code_enum, list_filter};

/// A member as the partnership's lead writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberInput {
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// The partnership; stays the same once it is written.
    pub partnership: Ref,
    /// The organisation (soggetto); stays the same once it is written.
    pub organisation: OrganisationRef,
    /// As what it takes part (categoria): one of those that the call admits. An operator has to be accredited.
    pub category: MemberCategory,
    /// First day of the membership.
    pub joined_on: NaiveDate,
    /// Last day of the membership; left out while there is none. An organisation leaves once no worker is in its charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on: Option<NaiveDate>,
    /// What it brings of its own (risorse proprie), in euro cents.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub own_resources_cents: i64,
}

impl Input for MemberInput {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

code_enum! {
    /// What a member is to its partnership (ruolo).
    pub enum MemberRole {
        /// Capofila: its client made the partnership.
        Lead = "lead",
        /// Partner.
        Partner = "partner",
    }
}

/// A member as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Member {
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
    /// The organisation.
    pub organisation_id: Uuid,
    /// The organisation's name.
    #[schema(max_length = 200)]
    pub organisation_name: String,
    /// The organisation's codice fiscale.
    #[schema(max_length = 16)]
    pub organisation_tax_code: String,
    /// Lead of the partnership or partner.
    pub role: MemberRole,
    /// As what it takes part.
    pub category: MemberCategory,
    /// First day of the membership.
    pub joined_on: NaiveDate,
    /// Last day of the membership.
    pub left_on: Option<NaiveDate>,
    /// What it brings of its own, in euro cents.
    #[schema(minimum = 0, maximum = 9_000_000_000_000_i64)]
    pub own_resources_cents: i64,
}

list_filter! {
    /// What a list of members can be narrowed to.
    pub struct MemberFilter {
        /// Only those of these partnerships, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub partnership: Option<Vec<Uuid>>,
        /// Only those of partnerships under these calls, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub call: Option<Vec<Uuid>>,
        /// Only memberships of these organisations, by their ids.
        #[schema(min_items = 1, max_items = 100)]
        pub organisation: Option<Vec<Uuid>>,
        /// Only those of these categories.
        #[schema(min_items = 1, max_items = 100)]
        pub category: Option<Vec<MemberCategory>>,
        /// Only memberships that hold on this day.
        pub member_on: Option<NaiveDate>,
        /// Joined on this day or later.
        pub joined_from: Option<NaiveDate>,
        /// Joined on this day or earlier.
        pub joined_to: Option<NaiveDate>,
        /// Left on this day or later.
        pub left_from: Option<NaiveDate>,
        /// Left on this day or earlier.
        pub left_to: Option<NaiveDate>,
        /// Only organisations with their seat in these provinces.
        #[schema(min_items = 1, max_items = 100)]
        pub province: Option<Vec<Province>>,
        /// Only organisations of these sectors (ATECO 2007), with all below them.
        #[schema(min_items = 1, max_items = 100)]
        pub sector: Option<Vec<Sector>>,
    }
}
