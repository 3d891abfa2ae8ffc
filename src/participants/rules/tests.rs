//! Every rule with what it accepts and what it refuses.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::batch::Ref;
use crate::calls::model::DotePath;
use crate::db::{Json, Meta};
use crate::identifiers::synthetic;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, RegisterEntry};
use crate::participants::model::ExitReason;
use crate::partnerships::network::{InCharge, Membership};
use crate::rules_catalogue::{COMPOSITION_OPERATOR_IN_CHARGE, OPERATOR_ACCREDITED_ON_DATE};
use crate::vocabularies::terms::{EntryStatus, MemberCategory};

const TODAY: &str = "2012-07-10";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn meta(n: u128) -> Meta {
    Meta::new(Uuid::from_u128(n), DateTime::UNIX_EPOCH, Uuid::nil(), None)
}

fn operator(from: &str) -> Organisation {
    let entry = RegisterEntry {
        number: "A-1".to_owned(),
        kind: AccreditationKind::Definitive,
        act: "act".to_owned(),
        valid_from: day(from),
        valid_to: None,
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

fn input() -> ParticipantInput {
    ParticipantInput {
        external_id: None,
        cohort: Ref::id(Uuid::from_u128(3)),
        tax_code: "VRFLFA70A01F205B".to_owned(),
        given_name: "Alfa".to_owned(),
        family_name: "Verifica".to_owned(),
        sex: Sex::Male,
        birth_year: 1970,
        municipality: "015146".to_owned(),
        education_level: Some("USG".to_owned()),
        entry_status: EntryStatus::Cigs,
        unemployed_since: Some(day("2012-03-01")),
        dote: Dote {
            number: "DR-1".to_owned(),
            path: DotePath::JobPlacement,
            valid_from: day("2012-07-01"),
            valid_to: day("2013-06-30"),
        },
        taken_charge_on: Some(day("2012-07-09")),
        left_on: None,
        exit_reason: None,
    }
}

fn participant() -> Participant {
    Participant {
        meta: meta(4),
        partnership_id: Id::new(Uuid::from_u128(9)),
        cohort_id: Id::new(Uuid::from_u128(3)),
        operator_organisation_id: Id::new(Uuid::from_u128(1)),
        person_sealed: None,
        restricted_at: None,
        pseudonymised_at: None,
        worker_index: vec![1],
        pseudonym: "W-1".to_owned(),
        birth_year: 1970,
        sex: Sex::Male,
        municipality: "015146".to_owned(),
        education_level: None,
        entry_status: EntryStatus::Cigs,
        unemployed_since: None,
        dote_number: "DR-1".to_owned(),
        dote_path: DotePath::JobPlacement,
        dote_from: day("2012-07-01"),
        dote_to: day("2013-06-30"),
        taken_charge_on: Some(day("2012-07-09")),
        left_on: None,
        exit_reason: None,
    }
}

fn broken_with(input: &ParticipantInput, rules: &CallRules, recorded: Recorded) -> Vec<(String, &'static str)> {
    let terms = Terms { rules, operator: &operator("2012-07-09"), recorded, today: day(TODAY) };
    let found = check(input, None, terms);
    found.into_iter().map(|found| (found.pointer, found.rule.unwrap_or(found.code))).collect()
}

fn broken(input: &ParticipantInput) -> Vec<(String, &'static str)> {
    broken_with(input, &CallRules::default(), Recorded::default())
}

fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn a_worker_with_a_dote_in_charge_of_an_accredited_operator_holds() {
    assert_eq!(broken(&input()), []);
    assert_eq!(broken(&ParticipantInput { taken_charge_on: None, ..input() }), []);
    let left =
        ParticipantInput { left_on: Some(day("2012-07-09")), exit_reason: Some(ExitReason::Abandoned), ..input() };
    assert_eq!(broken(&left), []);
}

#[test]
fn the_dote_is_on_a_path_of_the_call() {
    let mut other = input();
    other.dote.path = DotePath::Requalification;
    assert_eq!(broken(&other), one("/dote/path", PARTICIPANT_DOTE_PATH));
    let rules = CallRules { dote_paths: vec![DotePath::Requalification], ..CallRules::default() };
    assert_eq!(broken_with(&other, &rules, Recorded::default()), []);
}

#[test]
fn the_operator_is_accredited_on_the_day_it_takes_charge_and_judged_once() {
    let early = ParticipantInput { taken_charge_on: Some(day("2012-07-08")), ..input() };
    assert_eq!(broken(&early), one("/taken_charge_on", OPERATOR_ACCREDITED_ON_DATE));
    let before = Participant { taken_charge_on: Some(day("2012-07-08")), ..participant() };
    let (rules, operator) = (CallRules::default(), operator("2012-07-09"));
    let terms = Terms { rules: &rules, operator: &operator, recorded: Recorded::default(), today: day(TODAY) };
    assert_eq!(check(&early, Some(&before), terms), []);
}

#[test]
fn the_taking_in_charge_lies_within_the_dote_and_not_in_the_future() {
    let future = ParticipantInput { taken_charge_on: Some(day("2012-07-11")), ..input() };
    assert_eq!(broken(&future), one("/taken_charge_on", "in_the_future"));
    let mut outside = input();
    outside.dote.valid_from = day("2012-07-10");
    assert_eq!(broken(&outside), one("/taken_charge_on", "outside_dote"));
    outside.dote.valid_to = day("2012-07-09");
    assert_eq!(
        broken(&outside),
        [("/dote/valid_to".to_owned(), "ends_before_start"), ("/taken_charge_on".to_owned(), "outside_dote")]
    );
}

#[test]
fn who_leaves_does_so_on_a_day_and_for_a_reason() {
    let leave =
        |left: Option<&str>, exit_reason| broken(&ParticipantInput { left_on: left.map(day), exit_reason, ..input() });
    assert_eq!(leave(Some("2012-07-10"), None), one("/exit_reason", "required"));
    assert_eq!(leave(None, Some(ExitReason::Placed)), one("/left_on", "required"));
    assert_eq!(leave(Some("2012-07-11"), Some(ExitReason::Placed)), one("/left_on", "in_the_future"));
    assert_eq!(leave(Some("2012-07-08"), Some(ExitReason::Placed)), one("/left_on", "ends_before_start"));
}

#[test]
fn codes_are_judged_on_their_dates() {
    let mut late = input();
    late.entry_status = EntryStatus::Mobility223;
    assert_eq!(broken(&late), []);
    late.dote.valid_from = day("2017-01-01");
    late.dote.valid_to = day("2017-12-31");
    late.taken_charge_on = None;
    assert_eq!(broken(&late), one("/entry_status", "not_valid_on_date"));
    let abroad = ParticipantInput { municipality: "058091".to_owned(), ..input() };
    assert_eq!(broken(&abroad), one("/municipality", "unknown_code"));
    let strange = ParticipantInput { education_level: Some("XYZ".to_owned()), birth_year: 2013, ..input() };
    assert_eq!(
        broken(&strange),
        [("/birth_year".to_owned(), "in_the_future"), ("/education_level".to_owned(), "unknown_code")]
    );
}

#[test]
fn a_dote_number_is_no_tax_code() {
    let mut wrong = input();
    wrong.dote.number = "VRFLFA70A01F205B".to_owned();
    assert_eq!(broken(&wrong), one("/dote/number", "contains_tax_code"));
}

#[test]
fn a_dote_goes_on_covering_what_rests_on_it() {
    let recorded = Recorded {
        attended_from: Some(day("2012-07-01")),
        attended_to: Some(day("2013-06-30")),
        outcome_from: Some(day("2012-07-01")),
    };
    assert_eq!(broken_with(&input(), &CallRules::default(), recorded), []);
    let mut shorter = input();
    shorter.dote.valid_from = day("2012-07-02");
    shorter.dote.valid_to = day("2013-06-29");
    assert_eq!(
        broken_with(&shorter, &CallRules::default(), recorded),
        [
            ("/dote/valid_from".to_owned(), ACTION_WITHIN_DOTE),
            ("/dote/valid_to".to_owned(), ACTION_WITHIN_DOTE),
            ("/dote/valid_from".to_owned(), OUTCOME_AFTER_DOTE),
        ]
    );
}

fn stay(id: u128, worker: u8, dote: &str, taken: Option<&str>, left: Option<&str>) -> Stay {
    Stay {
        id: Uuid::from_u128(id),
        worker_index: vec![worker],
        dote_number: dote.to_owned(),
        taken_charge_on: taken.map(day),
        left_on: left.map(day),
    }
}

fn taken(stay: &Stay, other: &Stay) -> Vec<String> {
    match check_taken(stay, std::iter::once(other), day(TODAY)) {
        Ok(()) => Vec::new(),
        Err(problem) => {
            assert_eq!(problem.code, Code::WorkerTaken);
            assert!(problem.errors.iter().all(|found| found.rule == Some(WORKER_ONE_ACTIVE_DOTE)));
            problem.errors.into_iter().map(|found| found.pointer).collect()
        }
    }
}

#[test]
fn a_worker_and_a_dote_are_in_one_place_at_a_time() {
    let here = stay(1, 1, "A", Some("2012-07-09"), None);
    assert_eq!(taken(&here, &here), [""; 0], "itself");
    assert_eq!(taken(&here, &stay(2, 2, "B", Some("2012-07-09"), None)), [""; 0], "somebody else");
    assert_eq!(taken(&here, &stay(2, 1, "B", Some("2012-01-01"), None)), ["/tax_code"]);
    assert_eq!(taken(&here, &stay(2, 2, "A", Some("2012-01-01"), None)), ["/dote/number"]);
    assert_eq!(taken(&here, &stay(2, 1, "A", None, None)), ["/tax_code", "/dote/number"], "waiting elsewhere");
}

#[test]
fn a_worker_who_has_left_is_free_from_that_day_on() {
    let here = stay(1, 1, "A", Some("2012-07-09"), None);
    assert_eq!(taken(&here, &stay(2, 1, "A", Some("2012-01-01"), Some("2012-07-09"))), [""; 0]);
    assert_eq!(taken(&here, &stay(2, 1, "B", Some("2012-01-01"), Some("2012-07-10"))), ["/tax_code"]);
    assert_eq!(taken(&here, &stay(2, 1, "A", None, Some("2012-07-10"))), [""; 0], "left without having been in charge");
    let waiting = stay(1, 1, "A", None, None);
    assert_eq!(taken(&waiting, &stay(2, 1, "A", Some("2012-01-01"), Some(TODAY))), [""; 0]);
    let past = stay(1, 1, "A", Some("2011-01-01"), Some("2011-06-30"));
    assert_eq!(taken(&past, &stay(2, 1, "A", Some("2012-01-01"), None)), [""; 0]);
    assert_eq!(taken(&past, &stay(2, 1, "B", Some("2011-06-01"), Some("2011-12-31"))), ["/tax_code"]);
}

fn partnership(state: PartnershipState) -> Partnership {
    Partnership {
        meta: meta(9),
        call_id: Id::new(Uuid::from_u128(8)),
        lead_organisation_id: Id::new(Uuid::from_u128(1)),
        title: "P".to_owned(),
        ateco: None,
        provinces: Json(vec!["MI".to_owned()]),
        cup: None,
        starts_on: day("2012-07-01"),
        ends_on: day("2013-06-30"),
        budget_cents: 0,
        requested_cents: 0,
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

fn departure(state: PartnershipState, workers: u32, after: Option<&Participant>) -> Vec<Option<&'static str>> {
    let call = Call {
        meta: meta(8),
        code: "PT-2012".to_owned(),
        title: "Call".to_owned(),
        allocation_cents: 1,
        applications_from: day("2012-07-01"),
        applications_to: day("2012-12-31"),
        activities_from: day("2012-07-01"),
        activities_to: day("2013-12-31"),
        reporting_deadline: day("2014-06-30"),
        rules: Json(CallRules::default()),
    };
    let mut network = Network::default();
    network.members.push(Membership {
        id: Uuid::from_u128(2),
        organisation_id: Uuid::from_u128(1),
        category: MemberCategory::AccreditedOperator,
        joined_on: day("2012-07-01"),
        left_on: None,
    });
    network.organisations.insert(Uuid::from_u128(1), operator("2010-01-01"));
    network.in_charge.insert(Uuid::from_u128(1), InCharge { current: workers, with_valid_dote: workers });
    check_departure(&participant(), after, (&partnership(state), &call), &network, day(TODAY))
        .into_iter()
        .map(|found| found.rule)
        .collect()
}

#[test]
fn from_its_submission_a_partnership_keeps_a_worker_in_charge() {
    use PartnershipState as S;
    let left = Participant { left_on: Some(day(TODAY)), exit_reason: Some(ExitReason::Placed), ..participant() };
    for state in [S::Submitted, S::Approved, S::Active] {
        assert_eq!(departure(state, 1, None), [Some(COMPOSITION_OPERATOR_IN_CHARGE)], "{state}");
        assert_eq!(departure(state, 1, Some(&left)), [Some(COMPOSITION_OPERATOR_IN_CHARGE)], "{state}");
        assert_eq!(departure(state, 2, Some(&left)), [], "{state}");
        assert_eq!(departure(state, 1, Some(&participant())), [], "{state}");
    }
    assert_eq!(departure(S::Draft, 1, None), []);
}

#[test]
fn a_tax_code_that_does_not_fit_is_a_warning() {
    let codes = |year, sex| -> Vec<&str> {
        warnings("VRFLFA70A01F205B", year, sex).into_iter().map(|warning| warning.code).collect()
    };
    assert_eq!(codes(1970, Sex::Male), [""; 0]);
    assert_eq!(codes(1971, Sex::Female), ["birth_year_mismatch", "sex_mismatch"]);
}
