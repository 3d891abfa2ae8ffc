use super::*;
use crate::calls::model::Budget;
use crate::error::{Code, Problem};
use crate::partnerships::lifecycle::{activate, conclude, decide, submit, withdraw};
use crate::partnerships::wire::{Decision, DecisionVerdict};
use crate::rules_catalogue::*;
use crate::text::Language;

fn rules_of(result: Result<Partnership, Problem>) -> Vec<&'static str> {
    result.unwrap_err().errors.iter().map(|error| error.rule.unwrap_or(error.code)).collect()
}

fn approval(granted_cents: i64) -> Decision {
    Decision { verdict: DecisionVerdict::Approved, granted_cents: Some(granted_cents), reason: None }
}

fn rejection(granted_cents: Option<i64>) -> Decision {
    Decision { verdict: DecisionVerdict::Rejected, granted_cents, reason: Some("Fuori termine".to_owned()) }
}

fn left(cents: i64) -> Option<Budget> {
    Some(Budget { allocation_cents: 500_000_000, granted_cents: 500_000_000 - cents })
}

#[test]
fn a_submission_that_breaks_three_rules_is_told_three() {
    let draft = partnership(PartnershipState::Draft);
    let submitted = submit(&draft, &call(), &network(), day(TODAY)).unwrap();
    assert_eq!((submitted.state, submitted.submitted_on), (PartnershipState::Submitted, Some(day(TODAY))));
    assert_eq!(
        rules_of(submit(&draft, &call(), &Network::default(), day(TODAY))),
        [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OPERATOR_IN_CHARGE, COMPOSITION_OTHER_SUBJECTS]
    );
    assert_eq!(rules_of(submit(&draft, &call(), &network(), day("2012-10-01"))), [CALL_OPEN]);
}

#[test]
fn a_grant_lies_within_request_maximum_and_allocation() {
    let submitted = partnership(PartnershipState::Submitted);
    let approved = decide(&submitted, &call(), left(20_000_000), &approval(20_000_000), day(TODAY)).unwrap();
    assert_eq!((approved.state, approved.granted_cents), (PartnershipState::Approved, Some(20_000_000)));
    assert_eq!(approved.takes_cents(), 20_000_000);

    let mut call = call();
    call.rules.max_grant_cents = Some(1);
    assert_eq!(
        rules_of(decide(&submitted, &call, left(0), &approval(20_000_001), day(TODAY))),
        [MONEY_ORDER, GRANT_MAXIMUM]
    );
    let refused = decide(&submitted, &super::call(), left(19_999_999), &approval(20_000_000), day(TODAY)).unwrap_err();
    assert_eq!(refused.code, Code::AllocationExceeded);
    let told = refused.detail.unwrap();
    assert!(told.get(Language::English).contains(" 199,999.99 EUR "), "{told}");
    assert!(told.get(Language::Italian).ends_with(" 199.999,99 EUR."), "{told}");
}

#[test]
fn an_approval_states_a_grant_and_a_rejection_does_not() {
    let submitted = partnership(PartnershipState::Submitted);
    let decided = |decision: &Decision| decide(&submitted, &call(), left(1), decision, day(TODAY));
    for rejected in [rejection(None), rejection(Some(0))] {
        let rejected = decided(&rejected).unwrap();
        assert_eq!((rejected.state, rejected.granted_cents), (PartnershipState::Rejected, None));
        assert_eq!(rejected.decision_reason.as_deref(), Some("Fuori termine"));
    }
    assert_eq!(rules_of(decided(&rejection(Some(1)))), ["not_allowed"]);
    assert_eq!(rules_of(decided(&Decision { granted_cents: None, ..approval(0) })), ["required"]);
}

#[test]
fn it_becomes_active_while_its_composition_holds_and_the_call_is_open() {
    let approved = partnership(PartnershipState::Approved);
    assert_eq!(activate(&approved, &call(), &network(), day(TODAY)).unwrap().state, PartnershipState::Active);
    let two = network().without(Uuid::from_u128(103));
    assert_eq!(
        rules_of(activate(&approved, &call(), &two, day(TODAY))),
        [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS]
    );
    assert_eq!(rules_of(activate(&approved, &call(), &network(), day("2014-01-01"))), [CALL_OPEN]);
}

#[test]
fn it_is_not_concluded_before_it_begins() {
    let active = partnership(PartnershipState::Active);
    assert_eq!(conclude(&active, day("2012-08-31")).unwrap_err().code, Code::WrongState);
    assert_eq!(conclude(&active, day("2012-09-01")).unwrap().state, PartnershipState::Concluded);
}

#[test]
fn a_withdrawal_gives_the_grant_back() {
    let active = Partnership { granted_cents: Some(7), ..partnership(PartnershipState::Active) };
    assert_eq!(active.takes_cents(), 7);
    let withdrawn = withdraw(&active, Some("Rinuncia"), day(TODAY)).unwrap();
    assert_eq!((withdrawn.takes_cents(), withdrawn.granted_cents), (0, Some(7)));
    assert_eq!(withdrawn.withdrawal_reason.as_deref(), Some("Rinuncia"));
}

#[test]
fn every_step_has_its_states() {
    use PartnershipState as S;
    type Step = fn(&Partnership) -> Result<Partnership, Problem>;
    let steps: [(&str, &[S], Step); 5] = [
        ("submit", &[S::Draft], |it| submit(it, &call(), &network(), day(TODAY))),
        ("decide", &[S::Submitted], |it| decide(it, &call(), left(1), &rejection(None), day(TODAY))),
        ("activate", &[S::Approved], |it| activate(it, &call(), &network(), day(TODAY))),
        ("conclude", &[S::Active], |it| conclude(it, day(TODAY))),
        ("withdraw", &[S::Draft, S::Submitted, S::Approved, S::Active], |it| withdraw(it, None, day(TODAY))),
    ];
    for (name, allowed, step) in steps {
        for state in S::ALL {
            match step(&partnership(*state)) {
                Ok(_) => assert!(allowed.contains(state), "{name} in {state}"),
                Err(problem) => {
                    assert!(!allowed.contains(state), "{name} in {state}");
                    assert_eq!(problem.code, Code::WrongState);
                    assert!(problem.detail.unwrap().to_string().contains(state.as_str()), "the state is named");
                }
            }
        }
    }
}
