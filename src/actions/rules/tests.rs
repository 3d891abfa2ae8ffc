//! Every rule with facts that it accepts and facts that it refuses.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use super::status::Need;
use super::*;
use crate::actions::Actions;
use crate::actions::wire::{ActionAccounting, ActionInput};
use crate::calls::model::CallRules;
use crate::db::{Json, Meta};
use crate::http::crud::Exposed as _;
use crate::identifiers::OrganisationTaxCode;
use crate::ids::Id;
use crate::organisations::model::{Accreditation, AccreditationKind, RegisterEntry};
use crate::rules_catalogue::*;
use crate::shape;
use crate::vocabularies::terms::{ActionKind, Financing, MemberCategory};

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
    let example: ActionInput = shape::parse(Actions::example()).unwrap();
    let mut world = world();
    world.workers.push(worker(11));
    assert_eq!(world.judge_input(&example), []);
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
fn an_operator_is_accredited_on_every_day() {
    let mut world = world();
    let longer = json!({"ended_on": "2012-10-31"});
    let set = |world: &mut World, entries: Vec<RegisterEntry>| {
        world.performer.accreditation = Some(Json(Accreditation { entries, units: Vec::new() }));
    };
    set(&mut world, vec![entry("2010-01-01", Some("2012-10-15")), entry("2012-10-16", None)]);
    world.accepts(longer.clone());
    set(&mut world, vec![entry("2010-01-01", Some("2012-10-15")), entry("2012-10-17", None)]);
    world.refuses(longer.clone(), &[("/ended_on", OPERATOR_ACCREDITED_ON_DATE)]);
    world.accepts(json!({}));
    set(&mut world, vec![entry("2012-10-03", None)]);
    world.refuses(longer.clone(), &[("/started_on", OPERATOR_ACCREDITED_ON_DATE)]);
    world.refuses(proposed(json!({})), &[("/planned_on", OPERATOR_ACCREDITED_ON_DATE)]);
    // What will not take place can always be called off.
    world.before = Some(kept(50, ActionStatus::Proposed));
    world.accepts(proposed(json!({"status": "cancelled_before_start"})));
    world.before = None;
    // Only those who take part as operators need it.
    world.members[0].category = MemberCategory::ThirdSector;
    world.accepts(longer.clone());
    world.members[0].category = MemberCategory::AccreditedOperator;
    set(&mut world, vec![entry("2010-01-01", None)]);
    world.accepts(longer.clone());
    world.call.rules.definitive_accreditation_only = true;
    world.refuses(longer, &[("/started_on", OPERATOR_ACCREDITED_ON_DATE)]);
}

#[test]
fn gaps_are_found() {
    let period = |from: &str, to: Option<&str>| (day(from), to.map(day));
    let (from, to) = (day("2012-10-01"), day("2012-10-31"));
    assert_eq!(dates::first_gap(&[], from, to), Some(from));
    assert_eq!(dates::first_gap(&[period("2012-10-01", Some("2012-10-31"))], from, to), None);
    assert_eq!(dates::first_gap(&[period("2012-09-01", None)], from, to), None);
    assert_eq!(dates::first_gap(&[period("2012-09-01", Some("2012-10-30"))], from, to), Some(to));
    let overlapping = [period("2012-10-05", Some("2012-11-30")), period("2012-09-01", Some("2012-10-10"))];
    assert_eq!(dates::first_gap(&overlapping, from, to), None);
    // A period that is turned round holds on no day and needs no search.
    assert_eq!(dates::first_gap(&[], to, from), None);
}

#[test]
fn an_action_lies_within_partnership_membership_and_call() {
    let world = world();
    world.refuses(
        json!({"planned_on": "2012-08-31"}),
        &[("/planned_on", ACTION_WITHIN_PARTNERSHIP), ("/planned_on", ACTION_WITHIN_PARTNERSHIP)],
    );
    let mut joined_later = self::world();
    joined_later.members = vec![member("2012-10-02", Some("2012-10-02"))];
    joined_later.refuses(json!({}), &[("/planned_on", ACTION_WITHIN_PARTNERSHIP)]);
    joined_later.members = vec![member("2012-09-01", Some("2012-10-10")), member("2012-10-12", None)];
    joined_later.refuses(json!({"ended_on": "2012-10-20"}), &[("/ended_on", ACTION_WITHIN_PARTNERSHIP)]);
    joined_later.members = vec![member("2012-09-01", Some("2012-10-10")), member("2012-10-11", None)];
    joined_later.accepts(json!({"ended_on": "2012-10-20"}));
    joined_later.members.clear();
    joined_later.refuses(json!({}), &[("/performer", ACTION_WITHIN_PARTNERSHIP)]);
    let mut short_call = self::world();
    short_call.call.activities_from = day("2012-10-02");
    short_call.refuses(json!({}), &[("/planned_on", ACTION_WITHIN_CALL)]);
}

#[test]
fn hours_count_only_while_the_dote_is_valid_and_the_worker_in_charge() {
    let refused = [("/attendance/0/participant", ACTION_WITHIN_DOTE)];
    let mut world = world();
    world.workers[0].dote_to = day("2012-10-02");
    world.accepts(json!({}));
    world.workers[0].dote_to = day("2012-10-01");
    world.refuses(json!({}), &refused);
    world.workers[0] = worker(WORKER);
    world.workers[0].taken_charge_on = None;
    world.refuses(json!({}), &refused);
    world.workers[0] = worker(WORKER);
    world.workers[0].left_on = Some(day("2012-10-02"));
    world.accepts(json!({}));
    world.workers[0].left_on = Some(day("2012-10-01"));
    world.refuses(json!({}), &refused);
}

#[test]
fn workers_belong_to_partnership_and_cohort_and_stand_once() {
    let mut world = world();
    world.workers[0].cohort_id = Uuid::from_u128(77);
    world.refuses(json!({}), &[("/attendance/0/participant", "other_cohort")]);
    world.accepts(json!({"cohort": null}));
    world.workers[0].partnership_id = Uuid::from_u128(78);
    world.refuses(json!({}), &[("/attendance/0/participant", "other_partnership")]);
    let mut twice = self::world();
    twice.workers.push(worker(WORKER));
    let attendance = json!([{"participant": {"id": Uuid::from_u128(WORKER)}, "minutes": 1}, {"participant": {"external_id": "x"}, "minutes": 1}]);
    twice
        .refuses(json!({"attendance": attendance, "mode": "group"}), &[("/attendance/1/participant", "repeated_item")]);
    twice.workers[1] = worker(11);
    twice.accepts(json!({"attendance": attendance, "mode": "group"}));
    twice.refuses(json!({"attendance": attendance}), &[("/attendance", "too_many_items")]);
    let mut elsewhere = self::world();
    elsewhere.cohort = cohort(88);
    elsewhere.refuses(json!({}), &[("/cohort", "other_partnership")]);
}

#[test]
fn the_same_service_is_financed_once() {
    let mut world = world();
    let mut attend = |other: Attended, changes: Value| {
        world.attended = HashMap::from([(other.worker_index.clone(), vec![other])]);
        world.judge(changes)
    };
    let (outplacement, training) = (ActionKind::Outplacement, ActionKind::Training);
    let other = |kind, financing, from, to| attended(60, kind, financing, from, to, 10);
    let refused = [("/attendance/0".to_owned(), WORKER_DOUBLE_FINANCING)];
    let grant = Financing::Grant;
    assert_eq!(attend(other(outplacement, grant, "2012-10-02", "2012-10-02"), json!({})), refused);
    assert_eq!(attend(other(outplacement, grant, "2012-09-20", "2012-10-02"), json!({})), refused);
    assert_eq!(attend(other(outplacement, grant, "2012-09-20", "2012-10-01"), json!({})), []);
    assert_eq!(attend(other(outplacement, grant, "2012-10-03", "2012-10-03"), json!({})), []);
    assert_eq!(attend(other(training, grant, "2012-10-02", "2012-10-02"), json!({})), []);
    assert_eq!(attend(other(outplacement, Financing::OwnResources, "2012-10-02", "2012-10-02"), json!({})), []);
    let own = json!({"financing": "own_resources"});
    assert_eq!(attend(other(outplacement, grant, "2012-10-02", "2012-10-02"), own), []);
    // An action does not stand in its own way, nor one that was called off in another's.
    world.before = Some(kept(60, ActionStatus::Started));
    world.accepts(json!({}));
    world.before = Some(kept(61, ActionStatus::Started));
    world.refuses(json!({}), &[("/attendance/0", WORKER_DOUBLE_FINANCING)]);
    world.accepts(json!({"status": "abandoned"}));
}

#[test]
fn a_day_has_only_so_many_minutes() {
    let mut world = world();
    let mut with_others = |others: Vec<Attended>, changes: Value| {
        world.attended = HashMap::from([(WORKER.to_be_bytes().to_vec(), others)]);
        world.judge(changes)
    };
    let other = |id, from, to, minutes| attended(id, ActionKind::Training, Financing::OwnResources, from, to, minutes);
    let that_day = |id, minutes| other(id, "2012-10-02", "2012-10-02", minutes);
    let refused = [("/attendance/0".to_owned(), WORKER_DAILY_MINUTES)];
    assert_eq!(with_others(vec![that_day(60, 300), that_day(61, 60)], json!({})), []);
    assert_eq!(with_others(vec![that_day(60, 300), that_day(61, 61)], json!({})), refused);
    assert_eq!(with_others(vec![other(60, "2012-10-03", "2012-10-03", 600)], json!({})), []);
    // Of longer actions it is not known on which day the minutes were spent.
    assert_eq!(with_others(vec![other(60, "2012-10-01", "2012-10-02", 900)], json!({})), []);
    assert_eq!(with_others(vec![that_day(60, 600)], json!({"ended_on": "2012-10-03"})), []);
    let long =
        json!({"minutes": 601, "attendance": [{"participant": {"id": Uuid::from_u128(WORKER)}, "minutes": 601}]});
    assert_eq!(with_others(Vec::new(), long), refused);
}

#[test]
fn money_adds_up() {
    let line = |quantity: i64, unit: i64, amount: i64| json!({"basis": "real_cost", "quantity": quantity, "unit_cost_cents": unit, "amount_cents": amount});
    world().accepts(json!({"cost_lines": []}));
    world().refuses(
        json!({"cost_lines": [line(2, 100, 200), line(2, 100, 201)]}),
        &[("/cost_lines/1/amount_cents", MONEY_AMOUNT)],
    );
    world().refuses(json!({"cost_lines": [line(2, 5_000_001, 10_000_002)]}), &[("/cost_lines", MONEY_ORDER)]);
    // What the schema keeps out must not overflow either.
    let mut input = with(json!({}));
    let lines = &mut input.cost_lines;
    lines[0].quantity = i64::MAX;
    lines[0].unit_cost_cents = i64::MAX;
    lines[0].amount_cents = i64::MAX;
    lines.push(lines[0].clone());
    assert_eq!(money::requested(lines), None);
    assert!(world().judge_input(&input).contains(&("/cost_lines".to_owned(), MONEY_AMOUNT)));
    input.cost_lines.truncate(1);
    input.cost_lines[0] = serde_json::from_value(line(1, -5, -5)).unwrap();
    assert_eq!(world().judge_input(&input), [("/cost_lines/0/amount_cents".to_owned(), MONEY_AMOUNT)]);
}

#[test]
fn dates_come_in_order_and_not_from_the_future() {
    world().refuses(json!({"planned_on": "2012-10-03"}), &[("/started_on", "starts_before_planned")]);
    world().refuses(json!({"ended_on": "2012-10-01"}), &[("/ended_on", "ends_before_start")]);
    world().accepts(json!({"ended_on": "2012-12-01"}));
    world().refuses(json!({"ended_on": "2012-12-02"}), &[("/ended_on", "in_the_future")]);
    let report = |on: &str| json!([{"kind": "report", "sha256": "a".repeat(64), "dated_on": on}]);
    world().accepts(json!({"deliverables": report("2012-12-01")}));
    world().refuses(json!({"deliverables": report("2012-12-02")}), &[("/deliverables/0/dated_on", "in_the_future")]);
}

#[test]
fn dates_fit_the_status() {
    world().refuses(json!({"status": "proposed"}), &[("/started_on", "not_allowed"), ("/ended_on", "not_allowed")]);
    world().accepts(json!({"status": "started", "ended_on": null}));
    world().refuses(json!({"status": "started"}), &[("/ended_on", "not_allowed")]);
    world().refuses(json!({"ended_on": null}), &[("/ended_on", "required")]);
    world().refuses(json!({"status": "abandoned"}), &[("/status", "not_allowed")]);
    world().refuses(json!({"status": "accounted"}), &[("/status", "not_allowed")]);
}

#[test]
fn statuses_follow_each_other_as_the_event_codes_do() {
    use ActionStatus as S;
    let step = |from, to| status::check_step(from, to, false).is_ok();
    for (from, to) in [
        (S::Proposed, S::Started),
        (S::Proposed, S::Completed),
        (S::Proposed, S::Refused),
        (S::Proposed, S::Lapsed),
        (S::Started, S::Suspended),
        (S::Started, S::Completed),
        (S::Suspended, S::Started),
        (S::Suspended, S::Abandoned),
    ] {
        assert!(step(from, to), "{from} -> {to}");
    }
    for (from, to) in [
        (S::Started, S::Proposed),
        (S::Started, S::Deleted),
        (S::Proposed, S::CancelledAfterStart),
        (S::Proposed, S::Suspended),
        (S::Suspended, S::Completed),
        (S::Completed, S::Started),
        (S::Completed, S::Accounted),
    ] {
        let problem = status::check_step(from, to, false).unwrap_err();
        assert_eq!(problem.code, Code::WrongState);
        assert!(problem.detail.unwrap().contains(from.as_str()), "{from} -> {to}");
    }
    for from in S::ALL {
        assert!(step(*from, *from), "{from} stays");
        let row = status::of(*from);
        for to in row.next {
            // A first day that is known is not lost again, and what no longer counts stays so.
            let next = status::of(*to);
            assert!(row.started_on != Need::Required || next.started_on == Need::Required, "{from} -> {to}");
            assert!(row.live && *to != S::Accounted, "{from} -> {to}");
        }
    }
    assert_eq!(
        status::dead_codes(),
        ["rejected", "refused", "abandoned", "cancelled_before_start", "cancelled_after_start", "deleted", "lapsed"]
    );
}

#[test]
fn only_an_accounted_action_is_rectified_and_once() {
    let rectifying = json!({"rectifies": {"id": Uuid::from_u128(70)}});
    let refused = [("/rectifies", RECORD_ACCOUNTED)];
    let mut world = world();
    world.rectified = Some(kept(70, ActionStatus::Accounted));
    world.accepts(rectifying.clone());
    // It takes the other's place in the worker's day.
    let other = attended(70, ActionKind::Outplacement, Financing::Grant, "2012-10-02", "2012-10-02", 500);
    world.attended = HashMap::from([(other.worker_index.clone(), vec![other])]);
    world.accepts(rectifying.clone());
    world.attended.clear();
    world.rectified_already = true;
    world.refuses(rectifying.clone(), &refused);
    world.rectified_already = false;
    world.rectified = Some(kept(70, ActionStatus::Completed));
    world.refuses(rectifying.clone(), &refused);
    let mut other = kept(70, ActionStatus::Accounted);
    other.performer_organisation_id = Id::new(Uuid::from_u128(5));
    world.rectified = Some(other);
    world.refuses(rectifying.clone(), &refused);
    world.rectified = Some(kept(70, ActionStatus::Accounted));
    world.before = Some(kept(71, ActionStatus::Completed));
    world.refuses(rectifying, &[("/rectifies", "immutable")]);
    assert!(status::check_step(ActionStatus::Completed, ActionStatus::Deleted, true).is_ok());
    assert!(status::check_step(ActionStatus::Completed, ActionStatus::Started, true).is_err());
}

#[test]
fn what_was_accounted_stays() {
    assert!(check_not_accounted(&kept(1, ActionStatus::Completed)).is_ok());
    let problem = check_not_accounted(&kept(1, ActionStatus::Accounted)).unwrap_err();
    assert_eq!((problem.code, problem.errors[0].rule), (Code::WrongState, Some(RECORD_ACCOUNTED)));
}

#[test]
fn a_member_writes_only_its_own() {
    let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(check_own(own, own).is_ok());
    let problem = check_own(other, own).unwrap_err();
    assert_eq!((problem.code, problem.errors[0].rule), (Code::NotYours, Some(RECORD_OWN)));
}

#[test]
fn partnership_and_call_are_open_or_take_corrections() {
    use PartnershipState as S;
    use Undertaking::{Activity, Correction};
    for state in S::ALL {
        assert_eq!(check_state(*state, Activity).is_ok(), *state == S::Active, "{state}");
        assert_eq!(check_state(*state, Correction).is_ok(), [S::Active, S::Concluded].contains(state), "{state}");
    }
    let mut world = world();
    world.today = day("2013-12-31");
    world.accepts(json!({}));
    world.today = day("2014-01-01");
    world.refuses(json!({}), &[("/partnership", CALL_OPEN)]);
    world.before = Some(kept(50, ActionStatus::Completed));
    world.accepts(json!({}));
    world.today = day("2014-03-31");
    world.accepts(json!({}));
    world.today = day("2014-04-01");
    world.refuses(json!({}), &[("", CALL_CORRECTIONS)]);
}

#[test]
fn accounting_keeps_the_order_of_the_sums() {
    let account = |action: &Action, approved_cents, liquidated_cents| {
        let found = money::check_accounting(action, &ActionAccounting { approved_cents, liquidated_cents });
        found.into_iter().map(|violation| (violation.pointer, violation.rule.unwrap())).collect::<Vec<_>>()
    };
    let completed = kept(1, ActionStatus::Completed);
    assert_eq!(account(&completed, 14_000, 14_000), []);
    assert_eq!(account(&completed, 0, 0), []);
    assert_eq!(account(&completed, 14_001, 0), [("/approved_cents".to_owned(), MONEY_ORDER)]);
    assert_eq!(account(&completed, 100, 101), [("/liquidated_cents".to_owned(), MONEY_ORDER)]);
    let mut accounted = kept(1, ActionStatus::Accounted);
    (accounted.approved_cents, accounted.liquidated_cents) = (Some(10_000), Some(5_000));
    assert_eq!(account(&accounted, 10_000, 10_000), []);
    assert_eq!(account(&accounted, 10_000, 4_999), [("/liquidated_cents".to_owned(), RECORD_ACCOUNTED)]);
    assert_eq!(account(&accounted, 9_000, 5_000), [("/approved_cents".to_owned(), RECORD_ACCOUNTED)]);
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

#[test]
fn places_are_judged_on_the_planned_day() {
    world().accepts(json!({"municipality": "015146"}));
    world().refuses(json!({"municipality": "058091"}), &[("/municipality", "unknown_code")]);
}
