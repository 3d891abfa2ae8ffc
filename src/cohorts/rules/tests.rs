//! Every rule with what it accepts and what it refuses.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::db::{Json, Meta};
use crate::identifiers::synthetic;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, RegisterEntry};
use crate::vocabularies::terms::MemberCategory;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn meta(n: u128) -> Meta {
    Meta::new(Uuid::from_u128(n), DateTime::UNIX_EPOCH, Uuid::nil(), None)
}

const TODAY: &str = "2012-07-10";

fn operator(kind: AccreditationKind, to: Option<&str>) -> Organisation {
    let entry = RegisterEntry {
        number: "A-1".to_owned(),
        kind,
        act: "act".to_owned(),
        valid_from: day("2010-01-01"),
        valid_to: to.map(day),
    };
    Organisation {
        meta: meta(1),
        tax_code: synthetic::organisation(1, 15),
        name: "Operatore".to_owned(),
        legal_form: None,
        ateco: None,
        municipality: None,
        province: None,
        accreditation: Some(Json(Accreditation { entries: vec![entry], units: Vec::new() })),
    }
}

fn member(category: MemberCategory, left_on: Option<&str>) -> Member {
    Member {
        meta: meta(2),
        partnership_id: Id::new(Uuid::from_u128(9)),
        organisation_id: Id::new(Uuid::from_u128(1)),
        category,
        joined_on: day("2012-07-01"),
        left_on: left_on.map(day),
        own_resources_cents: 0,
    }
}

fn cohort() -> Cohort {
    Cohort {
        meta: meta(3),
        partnership_id: Id::new(Uuid::from_u128(9)),
        operator_organisation_id: Id::new(Uuid::from_u128(1)),
        name: "Gruppo".to_owned(),
        crisis_company_id: None,
        ateco: Some("25.11".to_owned()),
        province: Some("MI".to_owned()),
        agreement_on: Some(day("2012-06-30")),
    }
}

fn call() -> Call {
    Call {
        meta: meta(4),
        code: "PT-2012".to_owned(),
        title: "Call".to_owned(),
        allocation_cents: 1,
        applications_from: day("2012-07-01"),
        applications_to: day("2012-12-31"),
        activities_from: day("2012-07-01"),
        activities_to: day("2013-12-31"),
        reporting_deadline: day("2014-06-30"),
        rules: Json(CallRules::default()),
    }
}

fn pairs(violations: impl IntoIterator<Item = Violation>) -> Vec<(String, &'static str)> {
    violations.into_iter().map(|found| (found.pointer, found.rule.unwrap_or(found.code))).collect()
}

fn broken(cohort: &Cohort, rules: &CallRules, members: &[Member]) -> Vec<(String, &'static str)> {
    let terms = Terms { rules, members, today: day(TODAY) };
    pairs(check(cohort, None, &operator(AccreditationKind::Definitive, None), terms))
}

fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn a_cohort_with_an_accredited_member_in_charge_holds() {
    assert_eq!(broken(&cohort(), &CallRules::default(), &[member(MemberCategory::AccreditedOperator, None)]), []);
    assert_eq!(
        broken(&cohort(), &CallRules::default(), &[member(MemberCategory::AccreditedOperator, Some(TODAY))]),
        [],
        "the last day is still one"
    );
}

#[test]
fn the_operator_is_a_member_of_the_right_category_today() {
    let rules = CallRules::default();
    assert_eq!(broken(&cohort(), &rules, &[]), one("/operator", "not_a_member"));
    let left = member(MemberCategory::AccreditedOperator, Some("2012-07-09"));
    assert_eq!(broken(&cohort(), &rules, &[left]), one("/operator", "not_a_member"));
    let company = member(MemberCategory::Company, None);
    assert_eq!(broken(&cohort(), &rules, std::slice::from_ref(&company)), one("/operator", "not_admitted"));
    let both = [company, member(MemberCategory::AccreditedOperator, None)];
    assert_eq!(broken(&cohort(), &rules, &both), []);
}

#[test]
fn who_is_in_charge_already_is_not_judged_again() {
    let rules = CallRules::default();
    let terms = Terms { rules: &rules, members: &[], today: day(TODAY) };
    let lapsed = operator(AccreditationKind::Definitive, Some("2012-01-01"));
    assert_eq!(check(&cohort(), Some(&cohort()), &lapsed, terms), []);
    let mut other = cohort();
    other.operator_organisation_id = Id::new(Uuid::from_u128(5));
    assert_eq!(
        pairs(check(&cohort(), Some(&other), &lapsed, terms)),
        [("/operator".to_owned(), "not_a_member"), ("/operator".to_owned(), OPERATOR_ACCREDITED_ON_DATE)]
    );
}

#[test]
fn accreditation_is_judged_on_its_day_and_may_have_to_be_definitive() {
    let mut rules = CallRules::default();
    let provisional = operator(AccreditationKind::Provisional, Some("2012-07-10"));
    let found = |day_: &str, rules: &CallRules| pairs(check_accreditation("/operator", &provisional, day(day_), rules));
    assert_eq!(found("2012-07-10", &rules), []);
    assert_eq!(found("2012-07-11", &rules), one("/operator", OPERATOR_ACCREDITED_ON_DATE));
    assert_eq!(found("2009-12-31", &rules), one("/operator", OPERATOR_ACCREDITED_ON_DATE));
    rules.definitive_accreditation_only = true;
    assert_eq!(found("2012-07-10", &rules), one("/operator", ACCREDITATION_DEFINITIVE));
}

#[test]
fn a_call_may_demand_the_company_the_workers_come_from() {
    let members = [member(MemberCategory::AccreditedOperator, None)];
    let rules = CallRules { one_crisis_company_per_cohort: true, ..CallRules::default() };
    assert_eq!(broken(&cohort(), &rules, &members), one("/crisis_company", COHORT_ONE_CRISIS_COMPANY));
    let named = Cohort { crisis_company_id: Some(Id::new(Uuid::from_u128(7))), ..cohort() };
    assert_eq!(broken(&named, &rules, &members), []);
}

#[test]
fn names_hold_no_tax_code_codes_are_known_and_agreements_lie_in_the_past() {
    let members = [member(MemberCategory::AccreditedOperator, None)];
    let wrong = Cohort {
        name: "Gruppo VRFLFA70A01F205B".to_owned(),
        ateco: Some("99.98".to_owned()),
        province: Some("RM".to_owned()),
        agreement_on: Some(day("2012-07-11")),
        ..cohort()
    };
    assert_eq!(
        broken(&wrong, &CallRules::default(), &members),
        [
            ("/name".to_owned(), "personal_data"),
            ("/ateco".to_owned(), "unknown_code"),
            ("/province".to_owned(), "unknown_code"),
            ("/agreement_on".to_owned(), "in_the_future"),
        ]
    );
}

#[test]
fn a_closed_call_takes_corrections_until_its_deadline() {
    let found = |is_new: bool, today: &str| pairs(check_window(&call(), is_new, day(today)));
    assert_eq!(found(true, "2013-12-31"), []);
    assert_eq!(found(true, "2014-01-01"), one("", CALL_OPEN));
    assert_eq!(found(false, "2014-01-01"), []);
    assert_eq!(found(false, "2014-06-30"), []);
    assert_eq!(found(false, "2014-07-01"), one("", CALL_CORRECTIONS));
}

#[test]
fn an_ended_partnership_takes_nothing() {
    assert!(refuse_ended(PartnershipState::Active, &text!("x" / "y")).is_ok());
    let refused = refuse_ended(PartnershipState::Concluded, &text!("x" / "y")).unwrap_err();
    assert_eq!(refused.code, Code::WrongState);
    assert!(refused.detail.unwrap().to_string().contains("concluded"));
}
