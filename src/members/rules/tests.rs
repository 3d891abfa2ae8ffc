//! The rules of members, each with cases that pass and cases that fail.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::db::{Json, Meta};
use crate::identifiers::synthetic;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, RegisterEntry};
use crate::partnerships::network::InCharge;
use crate::rules_catalogue::{COMPOSITION_MIN_SUBJECTS, COMPOSITION_OPERATOR_IN_CHARGE, COMPOSITION_OTHER_SUBJECTS};
use crate::vocabularies::terms::MemberCategory;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn terms(rules: &CallRules) -> Terms<'_> {
    Terms { rules, ends_on: day("2013-08-31"), today: day("2012-10-10") }
}

fn organisation(number: u128, accredited: Option<(AccreditationKind, &str, Option<&str>)>) -> Organisation {
    Organisation {
        meta: Meta::new(Uuid::from_u128(number), DateTime::UNIX_EPOCH, Uuid::nil(), None),
        tax_code: synthetic::organisation(u32::try_from(number).unwrap(), 15),
        name: format!("Organisation {number}"),
        legal_form: None,
        ateco: None,
        municipality: None,
        province: None,
        accreditation: accredited.map(|(kind, from, to)| {
            let entry = RegisterEntry {
                number: "A-1".to_owned(),
                kind,
                act: "D.d.u.o. 1/2010".to_owned(),
                valid_from: day(from),
                valid_to: to.map(day),
            };
            Json(Accreditation { entries: vec![entry], units: Vec::new() })
        }),
    }
}

fn member(number: u128, category: MemberCategory) -> Member {
    Member {
        meta: Meta::new(Uuid::from_u128(100 + number), DateTime::UNIX_EPOCH, Uuid::nil(), None),
        partnership_id: Id::new(Uuid::from_u128(600)),
        organisation_id: Id::new(Uuid::from_u128(number)),
        category,
        joined_on: day("2012-07-01"),
        left_on: None,
        own_resources_cents: 0,
    }
}

/// An operator in charge of one worker, and three others.
fn network() -> Network {
    let operator = organisation(1, Some((AccreditationKind::Definitive, "2010-01-01", None)));
    let others = (2..=4).map(|number| organisation(number, None));
    let companies = (2..=4).map(|number| membership(&member(number, MemberCategory::Company)));
    let lead = membership(&member(1, MemberCategory::AccreditedOperator));
    Network {
        members: std::iter::once(lead).chain(companies).collect(),
        organisations: std::iter::once(operator).chain(others).map(|found| (found.meta.id, found)).collect(),
        in_charge: [(Uuid::from_u128(1), InCharge { current: 1, with_valid_dote: 1 })].into(),
        cohorts: Vec::new(),
    }
}

fn checked(member: &Member, before: Option<&Member>, of: &Organisation, rules: &CallRules) -> Vec<(String, String)> {
    check(member, before, of, terms(rules))
        .into_iter()
        .map(|found| (found.pointer, found.rule.unwrap_or(found.code).to_owned()))
        .collect()
}

fn only(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

fn broken(before: &Network, after: &Network) -> Vec<&'static str> {
    let rules = CallRules::default();
    check_change(before, after, terms(&rules)).iter().filter_map(|found| found.rule).collect()
}

fn leaving(number: u128, on: &str) -> Member {
    Member { left_on: Some(day(on)), ..member(number, MemberCategory::Company) }
}

#[test]
fn dates_are_in_order_and_within_the_partnership() {
    let rules = CallRules::default();
    let of = organisation(2, None);
    assert_eq!(checked(&leaving(2, "2012-07-01"), None, &of, &rules), []);
    assert_eq!(checked(&leaving(2, "2012-06-30"), None, &of, &rules), only("/left_on", "ends_before_start"));
    let late = Member { joined_on: day("2013-09-01"), ..member(2, MemberCategory::Company) };
    assert_eq!(checked(&late, None, &of, &rules), only("/joined_on", "outside_partnership"));
}

#[test]
fn the_category_is_one_that_the_call_admits() {
    let rules = CallRules::default();
    let of = organisation(2, None);
    assert_eq!(checked(&member(2, MemberCategory::ThirdSector), None, &of, &rules), []);
    assert_eq!(checked(&member(2, MemberCategory::Advisor), None, &of, &rules), only("/category", "not_admitted"));
}

#[test]
fn an_operator_is_accredited_when_it_joins_or_today() {
    use AccreditationKind::{Definitive, Provisional};
    let mut rules = CallRules::default();
    let operator = member(1, MemberCategory::AccreditedOperator);
    let refused = only("/organisation", OPERATOR_ACCREDITED_ON_DATE);
    for (entry, holds) in [
        (None, false),
        (Some((Definitive, "2010-01-01", None)), true),
        (Some((Definitive, "2010-01-01", Some("2012-07-01"))), true),
        (Some((Definitive, "2010-01-01", Some("2012-06-30"))), false),
        (Some((Provisional, "2012-10-10", None)), true),
        (Some((Provisional, "2012-10-11", None)), false),
    ] {
        let found = checked(&operator, None, &organisation(1, entry), &rules);
        assert_eq!(found, if holds { Vec::new() } else { refused.clone() }, "{entry:?}");
    }
    rules.definitive_accreditation_only = true;
    let provisional = organisation(1, Some((Provisional, "2010-01-01", None)));
    assert_eq!(checked(&operator, None, &provisional, &rules), only("/organisation", ACCREDITATION_DEFINITIVE));
    // What is there already can change in other ways, and leave.
    let gone = Member { left_on: Some(day("2012-10-10")), ..operator.clone() };
    assert_eq!(checked(&gone, Some(&operator), &organisation(1, None), &rules), []);
}

#[test]
fn a_member_that_is_not_needed_may_go() {
    let before = network();
    assert_eq!(broken(&before, &before.without(Uuid::from_u128(104))), [""; 0]);
    assert_eq!(broken(&before, &before.with(membership(&leaving(4, "2012-10-10")))), [""; 0]);
}

#[test]
fn a_member_that_is_needed_may_not_go_today_or_later() {
    let before = network().without(Uuid::from_u128(104));
    let refused = [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS];
    assert_eq!(broken(&before, &before.without(Uuid::from_u128(103))), refused);
    for on in ["2012-10-09", "2012-10-10", "2012-10-11", "2013-05-01"] {
        assert_eq!(broken(&before, &before.with(membership(&leaving(3, on)))), refused, "{on}");
    }
}

#[test]
fn two_departures_on_the_same_day_do_not_both_count_on_the_other() {
    let before = network().with(membership(&leaving(4, "2012-12-31")));
    assert_eq!(
        broken(&before, &before.with(membership(&leaving(3, "2012-12-31")))),
        [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS]
    );
}

#[test]
fn a_departure_of_today_knows_of_those_announced_for_later() {
    let before = network().with(membership(&leaving(4, "2012-12-31")));
    let refused = [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS];
    assert_eq!(broken(&before, &before.with(membership(&leaving(3, "2012-10-10")))), refused);
    assert_eq!(broken(&before, &before.without(Uuid::from_u128(103))), refused);
    // After the partnership's last day nothing has to hold.
    let before = network().with(membership(&leaving(4, "2013-08-31")));
    assert_eq!(broken(&before, &before.without(Uuid::from_u128(103))), [""; 0]);
}

#[test]
fn what_did_not_hold_before_is_not_held_against_a_change() {
    let mut before = network();
    before.in_charge.clear();
    assert_eq!(broken(&before, &before.without(Uuid::from_u128(104))), [""; 0]);
    // And the operator cannot change its category while it is needed.
    let before = network();
    let changed = before.with(membership(&member(1, MemberCategory::ThirdSector)));
    assert_eq!(broken(&before, &changed), [COMPOSITION_OPERATOR_IN_CHARGE]);
}

#[test]
fn an_organisation_leaves_once_it_is_in_charge_of_nobody() {
    let mut network = network();
    let operator = member(1, MemberCategory::AccreditedOperator);
    let gone = Member { left_on: Some(day("2012-12-31")), ..operator.clone() };
    assert_eq!(check_leaving(&gone, Some(&operator), &network).unwrap_err().code, Code::StillReferenced);
    // What was said before may be said again, and taken back.
    assert_eq!(check_leaving(&gone, Some(&gone), &network), Ok(()));
    assert_eq!(check_leaving(&operator, Some(&gone), &network), Ok(()));
    network.in_charge.clear();
    assert_eq!(check_leaving(&gone, Some(&operator), &network), Ok(()));
}
