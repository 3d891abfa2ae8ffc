//! What counts and what does not.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::db::Meta;
use crate::ids::Id;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn contract(id: u128, contract_type: &str, from: &str, to: Option<&str>) -> Outcome {
    Outcome {
        meta: Meta::new(Uuid::from_u128(id), DateTime::UNIX_EPOCH, Uuid::nil(), None),
        partnership_id: Id::new(Uuid::nil()),
        participant_id: Id::new(Uuid::nil()),
        kind: OutcomeKind::Employment,
        contract_type: Some(contract_type.to_owned()),
        working_time: None,
        employer_sealed: None,
        employer_index: Some(vec![1]),
        starts_on: day(from),
        ends_on: to.map(day),
        cob: None,
        previous_cob: None,
        cob_annulled: false,
        ccnl: None,
        profession: None,
        vat_opened_on: None,
        state: OutcomeState::Evidenced,
        state_reason: None,
        state_changed_on: day(from),
    }
}

type Verdict = (bool, Option<i64>, Vec<&'static str>);

fn verdict_of(outcome: &Outcome, siblings: &[&Outcome], rules: &CallRules, dismissed_by: Option<&[u8]>) -> Verdict {
    let siblings: Vec<Outcome> = siblings.iter().map(|sibling| (*sibling).clone()).collect();
    let placement = judge(outcome, Circumstances { siblings: &siblings, rules, dismissed_by });
    assert!(!placement.reasons.is_empty());
    (placement.counts, placement.days, placement.reasons.into_iter().map(|reason| reason.code).collect())
}

fn verdict(outcome: &Outcome, siblings: &[&Outcome]) -> Verdict {
    verdict_of(outcome, siblings, &CallRules::default(), None)
}

#[test]
fn the_last_of_180_days_makes_a_placement() {
    let enough = contract(1, "A.02.00", "2012-07-01", Some("2012-12-27"));
    assert_eq!(verdict(&enough, &[]), (true, Some(180), vec!["duration"]));
    let short = contract(1, "A.02.00", "2012-07-01", Some("2012-12-26"));
    assert_eq!(verdict(&short, &[]), (false, Some(179), vec!["duration"]));
    let rules = CallRules { placement_min_days: 179, ..CallRules::default() };
    assert_eq!(verdict_of(&short, &[], &rules, None), (true, Some(179), vec!["duration"]));
    let one_day = contract(1, "A.02.00", "2012-07-01", Some("2012-07-01"));
    assert_eq!(verdict(&one_day, &[]).1, Some(1));
}

#[test]
fn types_of_contract_count_as_the_call_says_or_else_the_vocabulary() {
    let always = contract(1, "A.01.00", "2012-07-01", Some("2012-07-10"));
    assert_eq!(verdict(&always, &[]), (true, Some(10), vec!["contract_type"]));
    let never = contract(1, "A.05.02", "2012-07-01", None);
    assert_eq!(verdict(&never, &[]), (false, None, vec!["contract_type"]));
    let open = contract(1, "M.02.00", "2012-07-01", None);
    assert_eq!(verdict(&open, &[]), (true, None, vec!["open_ended"]));
    let mut rules = CallRules::default();
    rules.contract_types.insert("A.01.00".to_owned(), ContractTreatment::MinDuration);
    rules.contract_types.insert("A.05.02".to_owned(), ContractTreatment::Always);
    rules.contract_types.insert("M.02.00".to_owned(), ContractTreatment::Never);
    assert_eq!(verdict_of(&always, &[], &rules, None), (false, Some(10), vec!["duration"]));
    assert!(verdict_of(&never, &[], &rules, None).0);
    assert!(!verdict_of(&open, &[], &rules, None).0);
}

#[test]
fn extensions_chain_with_the_same_employer_and_no_gap() {
    let first = contract(1, "A.02.00", "2012-07-01", Some("2012-09-30"));
    let second = contract(2, "A.02.00", "2012-10-01", Some("2012-12-27"));
    let third = contract(3, "A.02.00", "2012-12-28", Some("2012-12-31"));
    // Whatever their order.
    assert_eq!(verdict(&first, &[&third, &second, &first]), (true, Some(184), vec!["duration"]));
    assert_eq!(verdict(&third, &[&first, &second, &third]), (true, Some(184), vec!["duration"]));
    let gap = Outcome { starts_on: day("2012-10-02"), ..second.clone() };
    assert_eq!(verdict(&first, &[&gap]), (false, Some(92), vec!["duration"]));
    let elsewhere = Outcome { employer_index: Some(vec![2]), ..second.clone() };
    assert_eq!(verdict(&first, &[&elsewhere]).1, Some(92));
    let forever = Outcome { ends_on: None, ..second };
    assert_eq!(verdict(&first, &[&forever]), (true, None, vec!["open_ended"]));
}

#[test]
fn what_is_void_is_no_link_of_a_chain() {
    let first = contract(1, "A.02.00", "2012-07-01", Some("2012-09-30"));
    let second = contract(2, "A.02.00", "2012-10-01", Some("2012-12-31"));
    for void in [
        Outcome { state: OutcomeState::Withdrawn, ..second.clone() },
        Outcome { state: OutcomeState::Disputed, ..second.clone() },
        Outcome { cob_annulled: true, ..second.clone() },
        Outcome { kind: OutcomeKind::Traineeship, ..second.clone() },
        Outcome { contract_type: Some("A.05.02".to_owned()), ..second },
    ] {
        assert_eq!(verdict(&first, &[&void]), (false, Some(92), vec!["duration"]), "{void:?}");
    }
}

#[test]
fn what_is_annulled_withdrawn_or_disputed_is_no_placement() {
    let good = contract(1, "A.01.00", "2012-07-01", None);
    assert!(verdict(&Outcome { state: OutcomeState::Verified, ..good.clone() }, &[]).0);
    let all = Outcome { state: OutcomeState::Disputed, cob_annulled: true, ..good.clone() };
    assert_eq!(verdict(&all, &[]), (false, None, vec!["disputed", "cob_annulled"]));
    let withdrawn = Outcome { state: OutcomeState::Withdrawn, ..good };
    assert_eq!(verdict(&withdrawn, &[]), (false, None, vec!["withdrawn"]));
}

#[test]
fn the_company_that_dismissed_the_worker_does_not_count() {
    let good = contract(1, "A.01.00", "2012-07-01", None);
    let rules = CallRules::default();
    assert_eq!(verdict_of(&good, &[], &rules, Some(&[1])), (false, None, vec![OUTCOME_NOT_DISMISSING_COMPANY]));
    assert!(verdict_of(&good, &[], &rules, Some(&[2])).0);
}

#[test]
fn a_traineeship_never_counts_and_self_employment_with_a_vat_number_does() {
    let mut trainee = contract(1, "C.01.00", "2012-07-01", Some("2013-06-30"));
    trainee.kind = OutcomeKind::Traineeship;
    let mut rules = CallRules::default();
    rules.contract_types.insert("C.01.00".to_owned(), ContractTreatment::Always);
    assert_eq!(verdict_of(&trainee, &[], &rules, None), (false, Some(365), vec!["traineeship"]));
    let own = Outcome {
        kind: OutcomeKind::SelfEmployment,
        contract_type: None,
        employer_index: None,
        ..contract(1, "", "2012-07-01", None)
    };
    assert_eq!(verdict(&own, &[]), (false, None, vec!["vat_not_opened"]));
    let opened = Outcome { vat_opened_on: Some(day("2012-07-01")), ..own.clone() };
    assert_eq!(verdict(&opened, &[]), (true, None, vec!["vat_opened"]));
    assert_eq!(verdict(&Outcome { kind: OutcomeKind::Searching, ..own }, &[]), (false, None, vec!["no_work"]));
}
