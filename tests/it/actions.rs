//! Actions: from a proposal to the region's accounting, and the rules that hold however many write at once.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use ricolloca::ids::Ids;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{CATEGORIES, World, instant, with};

/// An active partnership of the operator, with the second operator as a member, a cohort, and workers in charge.
struct Ground {
    world: World,
    partnership: String,
    cohort: String,
    workers: Vec<String>,
}

impl Ground {
    fn new(workers: usize) -> Self {
        let mut world = World::new();
        let id = world.operator.post("/v1/partnerships", world.partnership_body("p")).expect(201).id();
        let mut members = vec![
            (world.operators[0].clone(), "accredited_operator"),
            (world.operators[1].clone(), "accredited_operator"),
        ];
        members.extend((0..3).map(|place| (world.others[place].clone(), CATEGORIES[place])));
        for (organisation, category) in members {
            world.operator.post("/v1/members", world.member_body(&id, &organisation, category)).expect(201);
        }
        let ids = Ids::random();
        let cohort = ids.next(instant("2012-07-10")).to_string();
        let operator = world.operators[0].clone();
        let mut conn = world.service.database.connect();
        // Written past their own slices: what actions depend on is these rows, whoever wrote them.
        let common = format!("1, now(), now(), NULL, '{operator}'");
        conn.batch_execute(&format!(
            "INSERT INTO cohort (id, version, created_at, updated_at, deleted_at, source_organisation_id, external_id, partnership_id, operator_organisation_id, name) \
             VALUES ('{cohort}', {common}, 'c', '{id}', '{operator}', 'Gruppo')"
        ))
        .unwrap();
        let workers = (0..workers)
            .map(|serial| {
                let worker = ids.next(instant("2012-07-10")).to_string();
                conn.batch_execute(&format!(
                    "INSERT INTO participant (id, version, created_at, updated_at, deleted_at, source_organisation_id, external_id, partnership_id, cohort_id, \
                        operator_organisation_id, person_sealed, worker_index, pseudonym, birth_year, sex, municipality, entry_status, dote_number, dote_path, \
                        dote_from, dote_to, taken_charge_on) \
                     VALUES ('{worker}', {common}, 'w-{serial}', '{id}', '{cohort}', '{operator}', '\\x00', '\\x{serial:04x}', 'p{serial}', 1970, 'male', '015146', 'cigs', \
                        'D-{serial}', 'job_placement', '2012-07-01', '2013-12-31', '2012-07-09')"
                ))
                .unwrap();
                worker
            })
            .collect();
        world.operator.act(&format!("/v1/partnerships/{id}/submission")).expect(200);
        let decision = json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "test"});
        world.region.post(&format!("/v1/partnerships/{id}/decision"), decision).expect(200);
        world.on("2012-09-03");
        world.operator.act(&format!("/v1/partnerships/{id}/activation")).expect(200);
        world.on("2012-10-31");
        Self { world, partnership: id, cohort, workers }
    }

    /// One hour of outplacement of the first worker.
    fn hour(&self, day: &str) -> Value {
        self.world.action_body(&self.partnership, &self.cohort, &self.workers[0], day)
    }

    /// How many rows of attendance an action keeps.
    fn kept(&self, action: &str) -> i64 {
        use diesel::dsl::{count_star, sql};
        use diesel::sql_types::Bool;
        let mut conn = self.world.service.database.connect();
        ricolloca::db::schema::attendance::table
            .filter(sql::<Bool>(&format!("action_id = '{action}'")))
            .select(count_star())
            .get_result(&mut conn)
            .unwrap()
    }
}

fn path(answer: &Answer) -> String {
    format!("/v1/actions/{}", answer.id())
}

#[test]
fn an_action_goes_from_proposal_to_accounting() {
    let ground = Ground::new(1);
    let (operator, region) = (&ground.world.operator, &ground.world.region);
    let mut body = with(&ground.hour("2012-11-10"), json!({"external_id": "a-1", "status": "proposed"}));
    for name in ["started_on", "ended_on"] {
        body.as_object_mut().unwrap().remove(name);
    }
    let made = operator.post("/v1/actions", body).expect(201);
    assert_eq!((&made.json()["kind"], &made.json()["requested_cents"]), (&json!("outplacement"), &json!(3800)));
    let path = path(&made);
    let early = operator.patch(&path, 1, json!({"status": "started", "started_on": "2012-11-10"})).expect(422);
    assert!(early.has("/started_on", "in_the_future"), "{early}");
    let refused = operator.patch(&path, 1, json!({"status": "cancelled_after_start"})).expect(409);
    assert_eq!(refused.code(), "wrong_state");
    assert!(refused.to_string().contains("`proposed`"), "{refused}");
    operator
        .patch(&path, 1, json!({"planned_on": "2012-10-30", "status": "started", "started_on": "2012-10-30"}))
        .expect(200);
    region.post(&format!("{path}/accounting"), json!({"approved_cents": 1, "liquidated_cents": 0})).expect(409);
    operator.patch(&path, 2, json!({"status": "completed", "ended_on": "2012-10-30"})).expect(200);

    let accounting = format!("{path}/accounting");
    let sums = |approved: i64, liquidated: i64| json!({"approved_cents": approved, "liquidated_cents": liquidated});
    operator.post(&accounting, sums(3800, 0)).expect(403);
    assert!(region.post(&accounting, sums(3801, 0)).expect(422).has("/approved_cents", "money.order"));
    let accounted = region.post(&accounting, sums(3000, 1000)).expect(200).json();
    assert_eq!((&accounted["status"], &accounted["approved_cents"]), (&json!("accounted"), &json!(3000)));
    assert_eq!(region.post(&accounting, sums(3000, 3000)).expect(200).json()["liquidated_cents"], 3000);
    assert!(region.post(&accounting, sums(3000, 2000)).expect(422).has("/liquidated_cents", "record.accounted"));

    // What was accounted stays, but to send it again is no fault.
    let same = with(&ground.hour("2012-10-30"), json!({"external_id": "a-1"}));
    let by_name = "/v1/actions/by-external-id/a-1";
    assert_eq!(operator.put(by_name, None, same.clone()).expect(200).json()["version"], 5);
    let other = operator.put(by_name, None, with(&same, json!({"minutes": 61}))).expect(409);
    assert!(other.code() == "wrong_state" && other.has("", "record.accounted"), "{other}");
    operator.delete(&path, 5).expect(409);
}

#[test]
fn a_rectification_takes_the_place_of_what_it_corrects() {
    let ground = Ground::new(1);
    let (operator, region) = (&ground.world.operator, &ground.world.region);
    let first = operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201).id();
    let rectifying = |minutes: i32| {
        let attendance = json!([{"participant": {"external_id": "w-0"}, "minutes": minutes}]);
        with(
            &ground.hour("2012-10-01"),
            json!({"rectifies": {"id": first}, "minutes": minutes, "attendance": attendance}),
        )
    };
    assert!(operator.post("/v1/actions", rectifying(30)).expect(422).has("/rectifies", "record.accounted"));
    let accounting = json!({"approved_cents": 3800, "liquidated_cents": 0});
    region.post(&format!("/v1/actions/{first}/accounting"), accounting.clone()).expect(200);
    let second = operator.post("/v1/actions", rectifying(30)).expect(201);
    assert_eq!(second.json()["rectifies_id"], json!(first));
    assert_eq!((ground.kept(&first), ground.kept(&second.id())), (0, 1));
    assert!(operator.post("/v1/actions", rectifying(20)).expect(422).has("/rectifies", "record.accounted"));
    assert_eq!(region.post(&format!("/v1/actions/{first}/accounting"), accounting).expect(409).code(), "wrong_state");
    operator.delete(&path(&second), 1).expect(409);
    // It may come to say that nothing took place at all: the worker's day is free again.
    let nothing = json!({"status": "deleted", "started_on": null, "ended_on": null});
    operator.patch(&path(&second), 1, nothing).expect(200);
    assert_eq!(ground.kept(&second.id()), 0);
    operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201);
}

#[test]
fn a_worker_is_financed_once_and_has_one_day() {
    let ground = Ground::new(2);
    let operator = &ground.world.operator;
    let first = operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201);
    let again = operator.post("/v1/actions", ground.hour("2012-10-01")).expect(422);
    assert!(again.has("/attendance/0", "worker.double_financing"), "{again}");
    let longer = with(&ground.hour("2012-10-01"), json!({"planned_on": "2012-09-20", "started_on": "2012-09-20"}));
    assert!(operator.post("/v1/actions", longer).expect(422).has("/attendance/0", "worker.double_financing"));
    let training = |minutes: i32, worker: usize| {
        with(
            &ground.hour("2012-10-01"),
            json!({"financing": "own_resources", "minutes": minutes, "details": {"kind": "training", "certificate": false},
                   "attendance": [{"participant": {"id": ground.workers[worker]}, "minutes": minutes}]}),
        )
    };
    let refused = operator.post("/v1/actions", training(541, 0)).expect(422);
    assert_eq!(refused.violations(), [("/attendance/0".to_owned(), "worker.daily_minutes".to_owned())]);
    operator.post("/v1/actions", training(541, 1)).expect(201);
    operator.post("/v1/actions", training(540, 0)).expect(201);
    // What is deleted makes room.
    operator.delete(&path(&first), 1).expect(204);
    assert_eq!(ground.kept(&first.id()), 0);
    operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201);
}

/// Sends bodies at the same time; answers how many were accepted.
fn at_once(client: &Client, bodies: Vec<Value>) -> usize {
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> =
            bodies.into_iter().map(|body| scope.spawn(move || client.post("/v1/actions", body).status)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [201, 422].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 201).count()
}

#[test]
fn the_rules_on_workers_hold_however_many_write_at_once() {
    let ground = Ground::new(3);
    let operator = &ground.world.operator;
    assert_eq!(at_once(operator, (0..12).map(|_| ground.hour("2012-10-01")).collect()), 1);
    // Groups whose workers stand in different orders must not block each other for good.
    let training = |turn: usize| {
        let mut workers = ground.workers.clone();
        workers.rotate_left(turn % 3);
        let attendance: Vec<Value> =
            workers.iter().map(|worker| json!({"participant": {"id": worker}, "minutes": 60})).collect();
        with(
            &ground.hour("2012-10-02"),
            json!({"mode": "group", "financing": "own_resources", "attendance": attendance,
                   "details": {"kind": "training", "certificate": false}}),
        )
    };
    assert_eq!(at_once(operator, (0..16).map(training).collect()), 10);
}

#[test]
fn each_member_writes_its_own_and_strangers_see_nothing() {
    let ground = Ground::new(1);
    let World { operator, second, stranger, operators, .. } = &ground.world;
    let made = operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201);
    let changed = with(&ground.hour("2012-10-01"), json!({"minutes": 70}));
    let refused = second.put(&path(&made), Some(1), changed.clone()).expect(403);
    assert!(refused.code() == "not_yours" && refused.has("/performer", "record.own"), "{refused}");
    assert_eq!(second.delete(&path(&made), 1).expect(403).code(), "not_yours");
    let in_its_name = with(&ground.hour("2012-10-02"), json!({"performer": {"id": operators[0]}}));
    assert_eq!(second.post("/v1/actions", in_its_name).expect(403).code(), "not_yours");
    second.post("/v1/actions", ground.hour("2012-10-02")).expect(201);
    assert_eq!(second.all("/v1/actions").len(), 2);
    assert_eq!(second.all(&format!("/v1/actions?performer={}", operators[1])).len(), 1);

    stranger.get(&path(&made)).expect(404);
    stranger.put(&path(&made), Some(1), changed).expect(404);
    assert!(stranger.all("/v1/actions").is_empty());
    let unseen = stranger.post("/v1/actions", ground.hour("2012-10-03")).expect(422);
    for pointer in ["/partnership", "/cohort", "/attendance/0/participant"] {
        assert!(unseen.has(pointer, "unknown_reference"), "{unseen}");
    }
}

#[test]
fn every_violation_comes_at_once() {
    let ground = Ground::new(1);
    let mut wrong = with(
        &ground.hour("2012-10-01"),
        json!({"planned_on": "2012-08-01", "cohort": {"external_id": "no-such"}, "municipality": "999999", "minutes": 10}),
    );
    wrong["cost_lines"][0]["amount_cents"] = json!(1);
    wrong["details"] = json!({"kind": "income_support", "from_on": "2012-10-02", "to_on": "2012-10-01", "amount_cents": 1, "payer_tax_code": "99999910154"});
    let answer = ground.world.operator.post("/v1/actions", wrong).expect(422);
    for (pointer, code) in [
        ("/cohort", "unknown_reference"),
        ("/planned_on", "action.within_partnership"),
        ("/municipality", "unknown_code"),
        ("/attendance/0/minutes", "out_of_range"),
        ("/cost_lines/0/amount_cents", "money.amount"),
        ("/details/to_on", "ends_before_start"),
        ("/details/payer_tax_code", "wrong_check_character"),
        ("/financing", "action.complementary_own_resources"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
    assert!(!answer.to_string().contains("99999910154"));
    let mut misspelt = ground.hour("2012-10-01");
    misspelt["details"]["sesions"] = json!(3);
    let answer = ground.world.operator.post("/v1/actions", misspelt).expect(422);
    assert!(answer.has("/details/sesions", "unknown_field"), "{answer}");
    assert!(answer.to_string().contains("did you mean `sessions`"), "{answer}");
}

#[test]
fn a_closed_call_and_a_concluded_partnership_take_corrections_until_the_deadline() {
    let mut ground = Ground::new(1);
    let made = ground.world.operator.post("/v1/actions", ground.hour("2012-10-01")).expect(201);
    let draft = ground.world.operator.post("/v1/partnerships", ground.world.partnership_body("draft")).expect(201).id();
    let member = ground.world.member_body(&draft, &ground.world.operators[0], "accredited_operator");
    ground.world.operator.post("/v1/members", member).expect(201);
    let early = with(&ground.hour("2012-10-02"), json!({"partnership": {"id": draft}}));
    let refused = ground.world.operator.post("/v1/actions", early).expect(409);
    assert!(refused.code() == "wrong_state" && refused.to_string().contains("`draft`"), "{refused}");

    ground.world.on("2013-10-10");
    ground.world.operator.act(&format!("/v1/partnerships/{}/conclusion", ground.partnership)).expect(200);
    assert_eq!(ground.world.operator.post("/v1/actions", ground.hour("2012-10-02")).expect(409).code(), "wrong_state");
    ground.world.operator.patch(&path(&made), 1, json!({"minutes": 90})).expect(200);
    ground.world.on("2014-06-30").operator.patch(&path(&made), 2, json!({"minutes": 80})).expect(200);
    let late = ground.world.on("2014-07-01").operator.patch(&path(&made), 3, json!({"minutes": 90})).expect(422);
    assert!(late.has("", "call.corrections"), "{late}");
    assert!(ground.world.operator.delete(&path(&made), 3).expect(422).has("", "call.corrections"));
}

#[test]
fn lists_are_narrowed_and_ordered() {
    let ground = Ground::new(1);
    let operator = &ground.world.operator;
    for day in 1..8 {
        let body = with(&ground.hour(&format!("2012-10-0{day}")), json!({"external_id": format!("a-{day}")}));
        operator.put(&format!("/v1/actions/by-external-id/a-{day}"), None, body).expect(201);
    }
    for (query, expected) in [
        ("", 7),
        ("planned_from=2012-10-03&planned_to=2012-10-05", 3),
        ("kind=outplacement&financing=grant&status=completed", 7),
        ("kind=training", 0),
        ("status=proposed", 0),
        ("financing=own_resources", 0),
        ("external_id=a-3", 1),
        ("updated_since=2030-01-01T00:00:00Z", 0),
        (&format!("partnership={}", ground.partnership), 7),
        (&format!("cohort={}&limit=2", ground.cohort), 7),
        (&format!("cohort={}", ground.partnership), 0),
    ] {
        assert_eq!(operator.all(&format!("/v1/actions?{query}")).len(), expected, "{query}");
    }
    let all = operator.all("/v1/actions?sort=-planned_on&limit=2");
    let days: Vec<&str> = all.iter().map(|action| action["planned_on"].as_str().unwrap()).collect();
    assert_eq!(days.len(), 7);
    assert!(days.is_sorted_by(|a, b| a > b), "{days:?}");
}
