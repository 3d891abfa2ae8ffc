//! What is known of a partnership.

use chrono::NaiveDate;

use crate::calls::Calls;
use crate::db::{Json, Meta};
use crate::identifiers::Cup;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::vocabularies::terms::PartnershipState;

/// A network under one call (partenariato territoriale).
#[derive(Clone, Debug, PartialEq)]
pub struct Partnership {
    /// Id, version, source.
    pub meta: Meta,
    /// The call it applies to.
    pub call_id: Id<Calls>,
    /// The organisation that leads it: the one whose client made it.
    pub lead_organisation_id: Id<Organisations>,
    /// Title.
    pub title: String,
    /// Sector: ATECO 2007.
    pub ateco: Option<String>,
    /// Provinces it works in; at least one.
    pub provinces: Json<Vec<String>>,
    /// Project code (CUP).
    pub cup: Option<Cup>,
    /// First day of its life.
    pub starts_on: NaiveDate,
    /// Last day of its life.
    pub ends_on: NaiveDate,
    /// What it costs, in euro cents.
    pub budget_cents: i64,
    /// What it asks of the grant.
    pub requested_cents: i64,
    /// What it was granted.
    pub granted_cents: Option<i64>,
    /// Where it stands.
    pub state: PartnershipState,
    /// When it was submitted.
    pub submitted_on: Option<NaiveDate>,
    /// When it was decided on.
    pub decided_on: Option<NaiveDate>,
    /// Why so.
    pub decision_reason: Option<String>,
    /// When it became active.
    pub activated_on: Option<NaiveDate>,
    /// When it was concluded.
    pub concluded_on: Option<NaiveDate>,
    /// When it was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Why so.
    pub withdrawal_reason: Option<String>,
}

impl Partnership {
    /// Whether a day lies within its life.
    pub fn lives_on(&self, day: NaiveDate) -> bool {
        (self.starts_on..=self.ends_on).contains(&day)
    }

    /// What it takes of the call's allocation now: a withdrawal gives the grant back.
    pub const fn takes_cents(&self) -> i64 {
        use PartnershipState as S;
        match (self.state, self.granted_cents) {
            (S::Approved | S::Active | S::Concluded, Some(cents)) => cents,
            _ => 0,
        }
    }
}
