//! Every rule with facts that it accepts and facts that it refuses.

#![expect(clippy::needless_pass_by_value, reason = "facts are written where they are used")]

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::actions::wire::{ActionAccounting, ActionInput};
use crate::calls::model::CallRules;
use crate::db::{Json, Meta};
use crate::identifiers::OrganisationTaxCode;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, RegisterEntry};
use crate::rules_catalogue::*;
use crate::shape;
use crate::vocabularies::terms::{ActionKind, Financing, MemberCategory};

mod dates;
mod records;
mod workers;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn meta(id: u128) -> Meta {
    Meta::new(Uuid::from_u128(id), chrono::DateTime::UNIX_EPOCH, Uuid::from_u128(9), None)
}

const PARTNERSHIP: u128 = 1;
const CALL: u128 = 2;
const COHORT: u128 = 3;
const OPERATOR: u128 = 4;
const WORKER: u128 = 10;

/// The facts of a world in which the inputs below are right.
struct World {
    today: NaiveDate,
    partnership: Partnership,
    call: Call,
    performer: Organisation,
    members: Vec<Member>,
    cohort: Cohort,
    workers: Vec<Worker>,
    attended: HashMap<Vec<u8>, Vec<Attended>>,
    closed: HashSet<Uuid>,
    before: Option<Action>,
    rectified: Option<Action>,
    rectified_already: bool,
}

fn world() -> World {
    World {
        today: day("2012-12-01"),
        partnership: Partnership {
            meta: meta(PARTNERSHIP),
            call_id: Id::new(Uuid::from_u128(CALL)),
            lead_organisation_id: Id::new(Uuid::from_u128(OPERATOR)),
            title: "Rete".to_owned(),
            ateco: None,
            provinces: Json(vec!["MI".to_owned()]),
            cup: None,
            starts_on: day("2012-09-01"),
            ends_on: day("2013-08-31"),
            budget_cents: 10_000_000,
            requested_cents: 5_000_000,
            granted_cents: Some(5_000_000),
            state: PartnershipState::Active,
            submitted_on: None,
            decided_on: None,
            decision_reason: None,
            activated_on: None,
            concluded_on: None,
            withdrawn_on: None,
            withdrawal_reason: None,
        },
        call: Call {
            meta: meta(CALL),
            code: "PT-2012".to_owned(),
            title: "Avviso".to_owned(),
            allocation_cents: 500_000_000,
            applications_from: day("2012-07-01"),
            applications_to: day("2012-09-30"),
            activities_from: day("2012-08-15"),
            activities_to: day("2013-12-31"),
            reporting_deadline: day("2014-03-31"),
            rules: Json(CallRules::default()),
        },
        performer: Organisation {
            meta: meta(OPERATOR),
            tax_code: OrganisationTaxCode::parse("99999910153").unwrap(),
            name: "Operatore".to_owned(),
            legal_form: None,
            ateco: None,
            municipality: None,
            province: None,
            accreditation: Some(Json(Accreditation { entries: vec![entry("2010-01-01", None)], units: Vec::new() })),
        },
        members: vec![member("2012-09-01", None)],
        cohort: cohort(PARTNERSHIP),
        workers: vec![worker(WORKER)],
        attended: HashMap::new(),
        closed: HashSet::new(),
        before: None,
        rectified: None,
        rectified_already: false,
    }
}

fn entry(from: &str, to: Option<&str>) -> RegisterEntry {
    RegisterEntry {
        number: "A-1".to_owned(),
        kind: AccreditationKind::Provisional,
        act: "D.d.u.o. 1".to_owned(),
        valid_from: day(from),
        valid_to: to.map(day),
    }
}

fn member(from: &str, to: Option<&str>) -> Member {
    Member {
        meta: meta(20),
        partnership_id: Id::new(Uuid::from_u128(PARTNERSHIP)),
        organisation_id: Id::new(Uuid::from_u128(OPERATOR)),
        category: MemberCategory::AccreditedOperator,
        joined_on: day(from),
        left_on: to.map(day),
        own_resources_cents: 0,
    }
}

fn cohort(partnership: u128) -> Cohort {
    Cohort {
        meta: meta(COHORT),
        partnership_id: Id::new(Uuid::from_u128(partnership)),
        operator_organisation_id: Id::new(Uuid::from_u128(OPERATOR)),
        name: "Gruppo".to_owned(),
        crisis_company_id: None,
        ateco: None,
        province: None,
        agreement_on: None,
    }
}

fn worker(id: u128) -> Worker {
    Worker {
        id: Uuid::from_u128(id),
        partnership_id: Uuid::from_u128(PARTNERSHIP),
        cohort_id: Uuid::from_u128(COHORT),
        index: id.to_be_bytes().to_vec(),
        dote_from: day("2012-09-01"),
        dote_to: day("2013-02-28"),
        taken_charge_on: Some(day("2012-09-10")),
        left_on: None,
    }
}

fn attended(action: u128, kind: ActionKind, financing: Financing, from: &str, to: &str, minutes: i32) -> Attended {
    Attended {
        action_id: Uuid::from_u128(action),
        worker_index: WORKER.to_be_bytes().to_vec(),
        kind,
        financing,
        from_on: day(from),
        to_on: day(to),
        minutes,
    }
}

/// A completed day of outplacement paid from the grant.
fn input() -> Value {
    json!({
        "partnership": {"id": Uuid::from_u128(PARTNERSHIP)}, "cohort": {"id": Uuid::from_u128(COHORT)}, "mode": "individual",
        "status": "completed", "planned_on": "2012-10-01", "started_on": "2012-10-02", "ended_on": "2012-10-02", "minutes": 240,
        "financing": "grant", "attendance": [{"participant": {"id": Uuid::from_u128(WORKER)}, "minutes": 240}],
        "cost_lines": [{"basis": "standard_unit_cost", "quantity": 4, "unit_cost_cents": 3500, "amount_cents": 14000}],
        "details": {"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": 3, "interviews": 0},
    })
}

fn with(changes: Value) -> ActionInput {
    let mut input = input();
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
        if value.is_null() {
            input.as_object_mut().unwrap().remove(name);
        }
    }
    shape::parse(input).unwrap()
}

impl World {
    fn judge(&self, changes: Value) -> Vec<(String, &'static str)> {
        self.judge_input(&with(changes))
    }

    fn judge_input(&self, input: &ActionInput) -> Vec<(String, &'static str)> {
        let given = Given {
            today: self.today,
            partnership: Some(&self.partnership),
            call: Some(&self.call),
            performer: Some(&self.performer),
            memberships: self.members.iter().collect(),
            cohort: Some(&self.cohort).filter(|_| input.cohort.is_some()),
            workers: (0..input.attendance.len()).map(|index| self.workers.get(index)).collect(),
            attended: &self.attended,
            closed: &self.closed,
            before: self.before.as_ref(),
            rectified: self.rectified.as_ref(),
            rectified_already: self.rectified_already,
        };
        let violations = check(input, &given);
        violations.into_iter().map(|violation| (violation.pointer, violation.rule.unwrap_or(violation.code))).collect()
    }

    #[track_caller]
    fn accepts(&self, changes: Value) {
        assert_eq!(self.judge(changes), []);
    }

    #[track_caller]
    fn refuses(&self, changes: Value, expected: &[(&str, &str)]) {
        let found = self.judge(changes);
        let found: Vec<(&str, &str)> = found.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
        assert_eq!(found, expected);
    }
}

/// An action as it is kept.
fn kept(id: u128, status: ActionStatus) -> Action {
    let input = with(json!({}));
    Action {
        meta: meta(id),
        partnership_id: Id::new(Uuid::from_u128(PARTNERSHIP)),
        cohort_id: None,
        performer_organisation_id: Id::new(Uuid::from_u128(OPERATOR)),
        kind: input.details.kind(),
        mode: input.mode,
        status,
        planned_on: input.planned_on,
        started_on: input.started_on,
        ended_on: input.ended_on,
        municipality: None,
        minutes: input.minutes,
        financing: input.financing,
        attendance: Json(Vec::new()),
        deliverables: Json(Vec::new()),
        cost_lines: Json(input.cost_lines.clone()),
        details: Json(input.details),
        evidence: None,
        requested_cents: 14_000,
        approved_cents: None,
        liquidated_cents: None,
        rectifies_id: None,
    }
}

const PROPOSED: &str = r#"{"status": "proposed", "started_on": null, "ended_on": null}"#;

fn proposed(changes: Value) -> Value {
    let mut all: Value = serde_json::from_str(PROPOSED).unwrap();
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}

#[test]
fn what_is_right_is_accepted() {
    world().accepts(json!({}));
    world().accepts(proposed(json!({"planned_on": "2013-01-15"})));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut world = world();
    world.performer.accreditation = None;
    world.workers[0].dote_to = day("2012-09-30");
    world.refuses(
        json!({"planned_on": "2012-08-01", "evidence": "VRFLFA70A01F205B", "minutes": 200, "financing": "grant",
               "cost_lines": [{"basis": "real_cost", "quantity": 1, "unit_cost_cents": 1, "amount_cents": 2}],
               "details": {"kind": "socio_assistance", "provider_tax_code": "99999910154", "referral": true}}),
        &[
            ("/cost_lines/0/amount_cents", MONEY_AMOUNT),
            ("/details/provider_tax_code", "wrong_check_character"),
            ("/attendance/0/minutes", "out_of_range"),
            ("/attendance/0/participant", ACTION_WITHIN_DOTE),
            ("/evidence", "personal_data"),
            ("/planned_on", ACTION_WITHIN_PARTNERSHIP),
            ("/planned_on", ACTION_WITHIN_PARTNERSHIP),
            ("/planned_on", ACTION_WITHIN_CALL),
            ("/financing", ACTION_COMPLEMENTARY_OWN_RESOURCES),
            ("/started_on", OPERATOR_ACCREDITED_ON_DATE),
        ],
    );
}

#[test]
fn form_is_told_with_pointers_into_the_details() {
    let mut wrong = input();
    wrong["details"] = json!({"kind": "training", "certificate": true, "eqf_levl": 3});
    let found = shape::parse::<ActionInput>(wrong).unwrap_err();
    assert!(found.iter().any(|violation| violation.pointer == "/details/eqf_levl"), "{found:?}");
    let mut wrong = input();
    wrong["details"] = json!({"kind": "trainin", "certificate": true});
    assert!(shape::parse::<ActionInput>(wrong).unwrap_err().iter().any(|v| v.pointer.starts_with("/details")));
}

#[test]
fn complementary_initiatives_are_not_paid_from_the_grant() {
    let details = json!({"kind": "training", "certificate": false});
    world().accepts(json!({"financing": "own_resources", "details": details}));
    world().refuses(json!({"details": details}), &[("/financing", ACTION_COMPLEMENTARY_OWN_RESOURCES)]);
    let mut later = world();
    later.call.rules.own_resources_kinds.clear();
    later.accepts(json!({"details": details}));
    later.call.rules.action_kinds = vec![ActionKind::Outplacement];
    later.refuses(json!({"details": details}), &[("/details/kind", "not_allowed")]);
}

#[test]
fn codes_in_the_details_are_checked() {
    let judge = |details: Value| {
        let input = with(json!({"financing": "own_resources", "details": details}));
        world().judge_input(&input)
    };
    let found = judge(
        json!({"kind": "skills_shortage_analysis", "ateco": "99.99", "professions": ["3.4.5.1", "0.1", "3.4.5.1"],
        "provinces": ["MI", "RM"], "gaps": [{"profession": "0.2", "missing": 3}]}),
    );
    let expected = [
        ("/details/ateco", "unknown_code"),
        ("/details/professions/1", "wrong_format"),
        ("/details/professions/2", "repeated_item"),
        ("/details/provinces/1", "unknown_code"),
        ("/details/gaps/0/profession", "wrong_format"),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    for (details, pointer, code) in [
        (
            json!({"kind": "worker_aggregation", "crisis_company_tax_code": "99999910154", "procedure": "insolvency", "meetings": 1}),
            "/details/crisis_company_tax_code",
            "wrong_check_character",
        ),
        (
            json!({"kind": "worker_aggregation", "crisis_company_tax_code": "99999910153", "procedure": "insolvency", "meetings": 1, "agreement_on": "2012-12-02"}),
            "/details/agreement_on",
            "in_the_future",
        ),
        (
            json!({"kind": "needs_analysis", "provinces": ["MI"], "employers_surveyed": 3, "vacancies": [{"profession": "0", "count": 1}]}),
            "/details/vacancies/0/profession",
            "wrong_format",
        ),
        (
            json!({"kind": "target_company_identification", "company_tax_code": "99999910153", "ateco": "25.11.00", "site_municipality": "058091",
                   "vacancies": 1, "contact_outcome": "willing"}),
            "/details/site_municipality",
            "unknown_code",
        ),
        (
            json!({"kind": "training", "certificate": true, "isced_field": "1100"}),
            "/details/isced_field",
            "unknown_code",
        ),
        (
            json!({"kind": "income_support", "from_on": "2012-10-02", "to_on": "2012-10-01", "amount_cents": 5, "payer_tax_code": "99999910153"}),
            "/details/to_on",
            "ends_before_start",
        ),
        (
            json!({"kind": "income_support", "from_on": "2012-10-01", "to_on": "2012-10-01", "amount_cents": 5, "payer_tax_code": "00000000000"}),
            "/details/payer_tax_code",
            "all_zeros",
        ),
    ] {
        assert_eq!(judge(details), [(pointer.to_owned(), code)]);
    }
    for details in [
        json!({"kind": "worker_marketing", "scope": "sector", "channel": "web", "audience": 100, "anonymous_profiles": 5}),
        json!({"kind": "work_life_balance", "service": "childcare", "vouchers": 2}),
        json!({"kind": "socio_assistance", "provider_tax_code": "99999910153", "referral": true}),
    ] {
        assert_eq!(judge(details), []);
    }
}
