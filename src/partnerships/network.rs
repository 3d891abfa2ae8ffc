//! Who and what makes up a partnership: the facts that its composition is judged on.

use std::collections::HashMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::composition::{Composition, Subject};
use crate::organisations::model::Organisation;
use crate::vocabularies::terms::MemberCategory;

/// A membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The member record.
    pub id: Uuid,
    /// The organisation.
    pub organisation_id: Uuid,
    /// As what it takes part.
    pub category: MemberCategory,
    /// First day.
    pub joined_on: NaiveDate,
    /// Last day.
    pub left_on: Option<NaiveDate>,
}

impl Membership {
    /// Whether it holds on `day`.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        self.joined_on <= day && self.left_on.is_none_or(|left| day <= left)
    }
}

/// The workers in whose charge an organisation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InCharge {
    /// Workers who have not left, taken in charge already or not.
    pub current: u32,
    /// Of these, who is taken in charge and has a Dote that is valid today.
    pub with_valid_dote: u32,
}

/// A cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CohortFacts {
    /// Workers who have not left.
    pub workers: u32,
    /// Whether it names the company the workers come from.
    pub names_company: bool,
}

/// The facts of one partnership.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// All memberships, past and future ones too.
    pub members: Vec<Membership>,
    /// The organisations of the memberships.
    pub organisations: HashMap<Uuid, Organisation>,
    /// Who is in charge of whom.
    pub in_charge: HashMap<Uuid, InCharge>,
    /// The cohorts.
    pub cohorts: Vec<CohortFacts>,
}

impl Network {
    /// The composition on `day`, with what is known today of accreditation and workers.
    pub fn composition(&self, day: NaiveDate) -> Composition<'_> {
        let subjects = self
            .members
            .iter()
            .filter(|member| member.holds_on(day))
            .filter_map(|member| {
                let organisation = self.organisations.get(&member.organisation_id)?;
                Some(Subject {
                    tax_code: organisation.tax_code.as_str(),
                    name: &organisation.name,
                    category: member.category,
                    accreditation: organisation.accreditation.as_deref(),
                    operates_in_lombardy: organisation.operates_in_lombardy(),
                    in_charge: self.workers_of(member.organisation_id).with_valid_dote,
                })
            })
            .collect();
        Composition { subjects, cohorts: &self.cohorts }
    }

    /// The workers in an organisation's charge.
    pub fn workers_of(&self, organisation: Uuid) -> InCharge {
        self.in_charge.get(&organisation).copied().unwrap_or_default()
    }

    /// The same with a membership added, or changed where it is there already.
    #[must_use]
    pub fn with(&self, membership: Membership) -> Self {
        let mut network = self.without(membership.id);
        network.members.push(membership);
        network
    }

    /// The same without a membership.
    #[must_use]
    pub fn without(&self, id: Uuid) -> Self {
        let mut network = self.clone();
        network.members.retain(|member| member.id != id);
        network
    }
}
