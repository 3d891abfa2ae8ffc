//! What must hold of the table as a whole.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::*;
use crate::db::{Json, Meta};

fn call() -> Call {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    Call {
        meta: Meta::new(uuid::Uuid::nil(), chrono::DateTime::UNIX_EPOCH, uuid::Uuid::nil(), None),
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

#[test]
fn every_rule_stands_once_and_every_invariant_has_one() {
    let codes: HashSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(codes.len(), RULES.len());
    for invariant in 1..=14 {
        assert!(RULES.iter().any(|rule| rule.invariant == Some(invariant)), "{invariant}");
    }
}

#[test]
fn every_rule_has_two_examples_that_differ_and_object_parameters() {
    let call = call();
    for rule in RULES {
        let (passing, failing) = (rule.examples)(&call);
        assert_ne!(passing, failing, "{}", rule.code);
        assert!(passing.is_object() && failing.is_object() && (rule.parameters)(&call).is_object());
    }
}

#[test]
fn rules_of_later_editions_are_off_in_2012() {
    for rule in RULES {
        assert_eq!((rule.in_force)(&call().rules), rule.invariant.is_some(), "{}", rule.code);
    }
}
