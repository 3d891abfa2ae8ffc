//! Every rule with what it accepts and what it refuses.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::batch::Ref;
use crate::db::Meta;
use crate::ids::Id;
use crate::vocabularies::terms::WorkingTime;

const TODAY: &str = "2012-12-01";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn bare(kind: OutcomeKind) -> OutcomeInput {
    OutcomeInput {
        external_id: None,
        participant: Ref::id(Uuid::nil()),
        kind,
        contract_type: None,
        working_time: None,
        employer_tax_code: None,
        starts_on: day("2012-10-01"),
        ends_on: None,
        cob: None,
        previous_cob: None,
        cob_annulled: false,
        ccnl: None,
        profession: None,
        vat_opened_on: None,
    }
}

fn employment() -> OutcomeInput {
    OutcomeInput {
        contract_type: Some("A.02.00".to_owned()),
        working_time: Some(WorkingTime::Full),
        employer_tax_code: Some("99999928882".to_owned()),
        ends_on: Some(day("2013-09-30")),
        cob: Some("1201512345678901".to_owned()),
        previous_cob: Some("1201512345678900".to_owned()),
        ccnl: Some("C011".to_owned()),
        profession: Some("6.2.1".to_owned()),
        ..bare(OutcomeKind::Employment)
    }
}

fn broken(input: &OutcomeInput) -> Vec<(String, &'static str)> {
    let (_, violations) = check(input, day("2012-07-01"), day(TODAY));
    violations.into_iter().map(|found| (found.pointer, found.rule.unwrap_or(found.code))).collect()
}

fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn each_kind_has_a_form_that_holds() {
    assert_eq!(broken(&employment()), []);
    let open = OutcomeInput { contract_type: Some("A.01.00".to_owned()), ends_on: None, ..employment() };
    assert_eq!(broken(&open), []);
    let trainee = OutcomeInput {
        kind: OutcomeKind::Traineeship,
        contract_type: Some(TRAINEESHIP.to_owned()),
        working_time: None,
        ..employment()
    };
    assert_eq!(broken(&trainee), []);
    let own = OutcomeInput { vat_opened_on: Some(day(TODAY)), ..bare(OutcomeKind::SelfEmployment) };
    assert_eq!(broken(&own), []);
    assert_eq!(broken(&bare(OutcomeKind::SelfEmployment)), []);
    for kind in [OutcomeKind::EducationOrTraining, OutcomeKind::Searching, OutcomeKind::Inactive, OutcomeKind::Other] {
        assert_eq!(broken(&bare(kind)), [], "{kind}");
    }
}

#[test]
fn employment_needs_its_contract_and_takes_no_traineeship() {
    let required = |pointer: &str| (pointer.to_owned(), "required");
    assert_eq!(
        broken(&bare(OutcomeKind::Employment)),
        [required("/contract_type"), required("/employer_tax_code"), required("/working_time")]
    );
    assert_eq!(broken(&bare(OutcomeKind::Traineeship)), [required("/contract_type"), required("/employer_tax_code")]);
    let trainee = OutcomeInput { contract_type: Some(TRAINEESHIP.to_owned()), ..employment() };
    assert_eq!(broken(&trainee), one("/contract_type", "not_allowed"));
    let worker = OutcomeInput { kind: OutcomeKind::Traineeship, ..employment() };
    assert_eq!(broken(&worker), one("/contract_type", "not_allowed"));
    let vat = OutcomeInput { vat_opened_on: Some(day(TODAY)), ..employment() };
    assert_eq!(broken(&vat), one("/vat_opened_on", "not_allowed"));
}

#[test]
fn other_kinds_take_nothing_of_a_contract() {
    let full = OutcomeInput { kind: OutcomeKind::Searching, cob_annulled: true, ..employment() };
    let pointers: Vec<String> = broken(&full)
        .into_iter()
        .map(|(pointer, code)| {
            assert_eq!(code, "not_allowed");
            pointer
        })
        .collect();
    assert_eq!(
        pointers,
        [
            "/contract_type",
            "/employer_tax_code",
            "/working_time",
            "/cob",
            "/previous_cob",
            "/cob_annulled",
            "/ccnl",
            "/profession"
        ]
    );
    let own = OutcomeInput { cob: Some("1201512345678901".to_owned()), ..bare(OutcomeKind::SelfEmployment) };
    assert_eq!(broken(&own), one("/cob", "not_allowed"));
}

#[test]
fn a_fixed_term_contract_ends_and_not_before_it_starts() {
    assert_eq!(broken(&OutcomeInput { ends_on: None, ..employment() }), one("/ends_on", "required"));
    let reversed = OutcomeInput { ends_on: Some(day("2012-09-30")), ..employment() };
    assert_eq!(broken(&reversed), one("/ends_on", "ends_before_start"));
    let agency = OutcomeInput { contract_type: Some("M.02.00".to_owned()), ends_on: None, ..employment() };
    assert_eq!(broken(&agency), []);
}

#[test]
fn every_fixed_term_type_is_of_the_vocabulary_and_may_count() {
    for code in FIXED_TERM {
        let rule = crate::vocabularies::counts_as_placement(code);
        assert_eq!(rule, Some(crate::vocabularies::PlacementRule::MinDuration), "{code}");
    }
}

#[test]
fn an_outcome_starts_after_the_dote_does() {
    let on = |from: &str| broken(&OutcomeInput { starts_on: day(from), ..employment() });
    assert_eq!(on("2012-07-01"), []);
    assert_eq!(on("2012-06-30"), one("/starts_on", OUTCOME_AFTER_DOTE));
}

#[test]
fn notices_differ_and_codes_are_codes() {
    let same = OutcomeInput { previous_cob: employment().cob, ..employment() };
    assert_eq!(broken(&same), one("/previous_cob", "repeated_item"));
    let none = OutcomeInput { cob: None, ..employment() };
    assert_eq!(broken(&none), one("/cob", "required"));
    let wrong = OutcomeInput {
        employer_tax_code: Some("99999928883".to_owned()),
        contract_type: Some("Z.99.99".to_owned()),
        ..employment()
    };
    assert_eq!(
        broken(&wrong),
        [("/employer_tax_code".to_owned(), "wrong_check_character"), ("/contract_type".to_owned(), "unknown_code")]
    );
    let own = OutcomeInput { vat_opened_on: Some(day("2012-12-02")), ..bare(OutcomeKind::SelfEmployment) };
    assert_eq!(broken(&own), one("/vat_opened_on", "in_the_future"));
}

fn outcome(state: OutcomeState) -> Outcome {
    Outcome {
        meta: Meta::new(Uuid::from_u128(1), DateTime::UNIX_EPOCH, Uuid::nil(), None),
        partnership_id: Id::new(Uuid::from_u128(2)),
        participant_id: Id::new(Uuid::from_u128(3)),
        kind: OutcomeKind::Employment,
        contract_type: Some("A.01.00".to_owned()),
        working_time: Some(WorkingTime::Full),
        employer_sealed: Some(vec![1]),
        employer_index: Some(vec![2]),
        starts_on: day("2012-10-01"),
        ends_on: None,
        cob: Some(crate::identifiers::synthetic::cob(1)),
        previous_cob: None,
        cob_annulled: false,
        ccnl: None,
        profession: None,
        vat_opened_on: None,
        state,
        state_reason: (state == OutcomeState::Disputed).then(|| "why".to_owned()),
        state_changed_on: day("2012-11-01"),
    }
}

use OutcomeState as S;

#[test]
fn evidence_makes_an_outcome_evidenced() {
    let state = |outcome: Outcome| written(None, outcome, day(TODAY)).unwrap().state;
    assert_eq!(state(outcome(S::Declared)), S::Evidenced);
    assert_eq!(state(Outcome { cob: None, ..outcome(S::Declared) }), S::Declared);
    let own = Outcome { kind: OutcomeKind::SelfEmployment, cob: None, ..outcome(S::Declared) };
    assert_eq!(state(own.clone()), S::Declared);
    assert_eq!(state(Outcome { vat_opened_on: Some(day(TODAY)), ..own }), S::Evidenced);
}

#[test]
fn what_is_repeated_changes_nothing_in_any_state() {
    for state in OutcomeState::ALL {
        let again = Outcome { state: S::Declared, state_reason: None, ..outcome(*state) };
        assert_eq!(written(Some(&outcome(*state)), again, day(TODAY)).unwrap(), outcome(*state), "{state}");
    }
}

#[test]
fn a_verified_outcome_is_not_changed_and_a_disputed_one_goes_up_again() {
    let later = Outcome { starts_on: day("2012-10-02"), ..outcome(S::Declared) };
    for state in [S::Verified, S::Withdrawn] {
        let refused = written(Some(&outcome(state)), later.clone(), day(TODAY)).unwrap_err();
        assert_eq!(refused.code, Code::WrongState, "{state}");
    }
    let again = written(Some(&outcome(S::Disputed)), later.clone(), day(TODAY)).unwrap();
    assert_eq!((again.state, again.state_reason, again.state_changed_on), (S::Evidenced, None, day(TODAY)));
    let same = written(Some(&outcome(S::Evidenced)), later, day(TODAY)).unwrap();
    assert_eq!((same.state, same.state_changed_on), (S::Evidenced, day("2012-11-01")));
}

fn verdict(verdict: VerificationVerdict, reason: Option<&str>) -> Verification {
    Verification { verdict, reason: reason.map(str::to_owned) }
}

#[test]
fn only_what_is_evidenced_is_decided_on() {
    let verify = verdict(VerificationVerdict::Verified, None);
    let dispute = verdict(VerificationVerdict::Disputed, Some("no such notice"));
    for state in [S::Evidenced, S::Verified, S::Disputed] {
        let yes = verified(&outcome(state), &verify, day(TODAY)).unwrap();
        assert_eq!((yes.state, yes.state_reason), (S::Verified, None));
        let no = verified(&outcome(state), &dispute, day(TODAY)).unwrap();
        assert_eq!((no.state, no.state_reason.as_deref()), (S::Disputed, Some("no such notice")));
    }
    for state in [S::Declared, S::Withdrawn] {
        assert_eq!(verified(&outcome(state), &verify, day(TODAY)).unwrap_err().code, Code::WrongState, "{state}");
    }
    assert_eq!(verified(&outcome(S::Verified), &verify, day(TODAY)).unwrap(), outcome(S::Verified));
}

#[test]
fn a_dispute_says_why_and_names_nobody() {
    let pointer = |verification: Verification| {
        let refused = verified(&outcome(S::Evidenced), &verification, day(TODAY)).unwrap_err();
        refused.errors.into_iter().map(|found| found.code).collect::<Vec<_>>()
    };
    assert_eq!(pointer(verdict(VerificationVerdict::Disputed, None)), ["required"]);
    let named = verdict(VerificationVerdict::Verified, Some("VRFLFA70A01F205B"));
    assert_eq!(pointer(named), ["personal_data"]);
}

#[test]
fn everything_is_withdrawn_once_and_only_the_undecided_is_deleted() {
    for state in [S::Declared, S::Evidenced, S::Verified, S::Disputed] {
        let gone = withdrawn(&outcome(state), Some("a slip"), day(TODAY)).unwrap();
        assert_eq!((gone.state, gone.state_changed_on), (S::Withdrawn, day(TODAY)));
        assert_eq!(deletable(&outcome(state)).is_ok(), matches!(state, S::Declared | S::Evidenced), "{state}");
    }
    assert_eq!(withdrawn(&outcome(S::Withdrawn), None, day(TODAY)).unwrap_err().code, Code::WrongState);
    assert!(withdrawn(&outcome(S::Declared), Some("VRFLFA70A01F205B"), day(TODAY)).is_err());
    assert!(deletable(&outcome(S::Withdrawn)).is_err());
}
