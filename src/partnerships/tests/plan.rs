use super::*;
use crate::batch::Ref;
use crate::partnerships::rules::{Plan, check, check_activity, check_plan, check_submission, check_window};
use crate::partnerships::wire::PartnershipInput;
use crate::rules_catalogue::*;

fn plan() -> Plan {
    Plan::of(&partnership(PartnershipState::Draft))
}

fn broken(plan: &Plan, call: &Call) -> Vec<(&'static str, &'static str)> {
    check_plan(plan, call)
        .iter()
        .filter(|finding| finding.is_violated())
        .map(|finding| (finding.rule, finding.pointer))
        .collect()
}

fn input() -> PartnershipInput {
    PartnershipInput {
        external_id: None,
        call: Ref::id(Uuid::from_u128(500)),
        title: "Rete".to_owned(),
        ateco: Some("13".to_owned()),
        provinces: vec!["CO".to_owned(), "VA".to_owned()],
        cup: Some("E89J12000010007".to_owned()),
        starts_on: day("2012-09-01"),
        ends_on: day("2013-08-31"),
        budget_cents: 25_000_000,
        requested_cents: 20_000_000,
    }
}

#[test]
fn a_plan_within_the_call_holds() {
    assert_eq!(broken(&plan(), &call()), []);
}

#[test]
fn no_more_is_requested_than_it_costs() {
    assert_eq!(broken(&Plan { requested_cents: 25_000_000, ..plan() }, &call()), []);
    let dear = Plan { requested_cents: 25_000_001, ..plan() };
    assert_eq!(broken(&dear, &call()), [(MONEY_ORDER, "/requested_cents")]);
    let overpaid = Plan { granted_cents: Some(20_000_001), ..plan() };
    assert_eq!(broken(&overpaid, &call()), [(MONEY_ORDER, "/requested_cents")]);
}

#[test]
fn it_lives_within_the_calls_activities() {
    assert_eq!(broken(&Plan { ends_on: day("2013-12-31"), ..plan() }, &call()), []);
    assert_eq!(
        broken(&Plan { ends_on: day("2014-01-01"), ..plan() }, &call()),
        [(PARTNERSHIP_WITHIN_CALL, "/ends_on")]
    );
    assert_eq!(
        broken(&Plan { starts_on: day("2012-08-31"), ..plan() }, &call()),
        [(PARTNERSHIP_WITHIN_CALL, "/starts_on")]
    );
}

#[test]
fn it_lasts_no_longer_than_the_call_says() {
    let mut call = call();
    call.rules.max_life_months = Some(12);
    assert_eq!(broken(&plan(), &call), [], "1 September to 31 August is a year");
    let long = Plan { ends_on: day("2013-09-01"), ..plan() };
    assert_eq!(broken(&long, &call), [(PARTNERSHIP_MAX_LIFE, "/ends_on")]);
}

#[test]
fn a_grant_stays_within_the_maximum() {
    let mut call = call();
    call.rules.max_grant_cents = Some(20_000_000);
    assert_eq!(broken(&plan(), &call), []);
    call.rules.max_grant_cents = Some(19_999_999);
    assert_eq!(broken(&plan(), &call), [(GRANT_MAXIMUM, "/requested_cents")]);
}

#[test]
fn windows_are_closed_at_both_ends() {
    for (on, open) in [("2012-06-30", false), ("2012-07-01", true), ("2012-09-30", true), ("2012-10-01", false)] {
        assert_eq!(!check_window(&call(), day(on)).is_violated(), open, "{on}");
    }
    assert!(!check_activity(&call(), day("2013-12-31")).is_violated());
    assert!(check_activity(&call(), day("2014-01-01")).is_violated());
}

#[test]
fn an_input_is_judged_whole() {
    let today = day(TODAY);
    assert_eq!(check(&input(), Some(&call()), today), []);
    let bad = PartnershipInput {
        ateco: Some("13.99.99".to_owned()),
        provinces: vec!["CO".to_owned(), "XX".to_owned(), "CO".to_owned()],
        cup: Some("E89J1200001000".to_owned()),
        starts_on: day("2012-09-02"),
        ends_on: day("2012-09-01"),
        requested_cents: 25_000_001,
        ..input()
    };
    let found: Vec<(String, &str)> = check(&bad, Some(&call()), today)
        .into_iter()
        .map(|found| (found.pointer, found.rule.unwrap_or(found.code)))
        .collect();
    let found: Vec<(&str, &str)> = found.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
    assert_eq!(
        found,
        [
            ("/cup", "wrong_length"),
            ("/ateco", "unknown_code"),
            ("/provinces/1", "unknown_code"),
            ("/provinces/2", "repeated_item"),
            ("/ends_on", "ends_before_start"),
            ("/requested_cents", MONEY_ORDER),
        ]
    );
}

#[test]
fn what_was_submitted_is_judged_by_the_window_of_that_day() {
    let submitted = Partnership { submitted_on: Some(day("2012-09-30")), ..partnership(PartnershipState::Submitted) };
    let broken = |partnership: &Partnership| {
        check_submission(partnership, &call(), &network(), day("2012-10-15"))
            .iter()
            .any(|finding| finding.rule == CALL_OPEN && finding.is_violated())
    };
    assert!(!broken(&submitted));
    assert!(broken(&partnership(PartnershipState::Draft)));
}
