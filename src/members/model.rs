//! What is known of a member.

use chrono::NaiveDate;

use crate::db::Meta;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::vocabularies::terms::MemberCategory;

/// An organisation's place in a partnership (soggetto della rete).
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Id, version, source.
    pub meta: Meta,
    /// The partnership.
    pub partnership_id: Id<Partnerships>,
    /// The organisation.
    pub organisation_id: Id<Organisations>,
    /// As what it takes part.
    pub category: MemberCategory,
    /// First day.
    pub joined_on: NaiveDate,
    /// Last day; absent while it is a member.
    pub left_on: Option<NaiveDate>,
    /// What it brings of its own, in euro cents.
    pub own_resources_cents: i64,
}

impl Member {
    /// Whether it is a member on `day`.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        self.joined_on <= day && self.left_on.is_none_or(|left| day <= left)
    }
}
