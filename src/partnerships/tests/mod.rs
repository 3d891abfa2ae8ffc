//! The rules of partnerships, each with cases that pass and cases that fail.

mod composition;
mod lifecycle;
mod plan;

use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

use super::model::Partnership;
use super::network::{CohortFacts, InCharge, Membership, Network};
use crate::calls::model::{Call, CallRules};
use crate::db::{Json, Meta};
use crate::identifiers::synthetic;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, Organisation, RegisterEntry, Unit};
use crate::vocabularies::terms::{MemberCategory, PartnershipState};

pub const TODAY: &str = "2012-09-10";

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn meta(number: u128) -> Meta {
    Meta::new(Uuid::from_u128(number), DateTime::UNIX_EPOCH, Uuid::from_u128(1), None)
}

pub fn call() -> Call {
    Call {
        meta: meta(500),
        code: "PT-2012".to_owned(),
        title: "Partenariati territoriali".to_owned(),
        allocation_cents: 500_000_000,
        applications_from: day("2012-07-01"),
        applications_to: day("2012-09-30"),
        activities_from: day("2012-09-01"),
        activities_to: day("2013-12-31"),
        reporting_deadline: day("2014-03-31"),
        rules: Json(CallRules::default()),
    }
}

pub fn partnership(state: PartnershipState) -> Partnership {
    Partnership {
        meta: meta(600),
        call_id: Id::new(Uuid::from_u128(500)),
        lead_organisation_id: Id::new(Uuid::from_u128(1)),
        title: "Rete".to_owned(),
        ateco: None,
        provinces: Json(vec!["CO".to_owned()]),
        cup: None,
        starts_on: day("2012-09-01"),
        ends_on: day("2013-08-31"),
        budget_cents: 25_000_000,
        requested_cents: 20_000_000,
        granted_cents: None,
        state,
        submitted_on: None,
        decided_on: None,
        decision_reason: None,
        activated_on: None,
        concluded_on: None,
        withdrawn_on: None,
        withdrawal_reason: None,
    }
}

pub fn organisation(number: u128, accreditation: Option<Accreditation>) -> Organisation {
    Organisation {
        meta: meta(number),
        tax_code: synthetic::organisation(u32::try_from(number).unwrap(), 15),
        name: format!("Organisation {number}"),
        legal_form: None,
        ateco: None,
        municipality: None,
        province: None,
        accreditation: accreditation.map(Json),
    }
}

pub fn accreditation(kind: AccreditationKind, to: Option<&str>) -> Accreditation {
    Accreditation {
        entries: vec![RegisterEntry {
            number: "A-1".to_owned(),
            kind,
            act: "D.d.u.o. 1/2010".to_owned(),
            valid_from: day("2010-01-01"),
            valid_to: to.map(day),
        }],
        units: Vec::new(),
    }
}

pub fn membership(number: u128, category: MemberCategory) -> Membership {
    Membership {
        id: Uuid::from_u128(100 + number),
        organisation_id: Uuid::from_u128(number),
        category,
        joined_on: day("2012-07-01"),
        left_on: None,
    }
}

/// The smallest network that holds: an operator with one worker, a municipality, a union.
pub fn network() -> Network {
    let accredited = accreditation(AccreditationKind::Definitive, None);
    let organisations = [organisation(1, Some(accredited)), organisation(2, None), organisation(3, None)];
    Network {
        members: vec![
            membership(1, MemberCategory::AccreditedOperator),
            membership(2, MemberCategory::LocalAuthority),
            membership(3, MemberCategory::SocialPartner),
        ],
        organisations: organisations.into_iter().map(|found| (found.meta.id, found)).collect(),
        in_charge: [(Uuid::from_u128(1), InCharge { current: 1, with_valid_dote: 1 })].into(),
        cohorts: vec![CohortFacts { workers: 1, names_company: true }],
    }
}

pub fn operator_of(network: &mut Network) -> &mut Organisation {
    network.organisations.get_mut(&Uuid::from_u128(1)).unwrap()
}

pub fn unit() -> Unit {
    Unit { code: "UO-1".to_owned(), municipality: "015146".to_owned() }
}
