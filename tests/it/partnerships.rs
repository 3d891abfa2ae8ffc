//! Partnerships: from draft to conclusion, under the rules.

use diesel::prelude::*;
use diesel::sql_types::{Date, Int8, Nullable, Text, Uuid as SqlUuid};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Scene;
use crate::support::scene::{member, partnership};

#[derive(Debug, PartialEq, QueryableByName)]
struct Worker {
    #[diesel(sql_type = Nullable<Date>)]
    left_on: Option<chrono::NaiveDate>,
    #[diesel(sql_type = Nullable<Text>)]
    exit_reason: Option<String>,
    #[diesel(sql_type = Int8)]
    version: i64,
}

fn worker(world: &Scene, id: Uuid) -> Worker {
    diesel::sql_query("SELECT left_on, exit_reason, version FROM participant WHERE id = $1")
        .bind::<SqlUuid, _>(id)
        .get_result(&mut world.service.database.connect())
        .unwrap()
}

fn granted(world: &Scene, call: &str) -> i64 {
    world.region.get(&format!("/v1/calls/{call}/budget")).expect(200).json()["granted_cents"].as_i64().unwrap()
}

fn violated(composition: &Value) -> Vec<&str> {
    let rules = composition["rules"].as_array().unwrap();
    rules.iter().filter(|rule| rule["verdict"] == "violated").map(|rule| rule["rule"].as_str().unwrap()).collect()
}

#[test]
fn the_lead_edits_a_draft_and_nobody_else() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let made = world.lead.post("/v1/partnerships", partnership(&call, "pt-1")).expect(201);
    assert_eq!((&made.json()["state"], &made.json()["lead_organisation_id"]), (&json!("draft"), &json!(world.lead_id)));
    let path = format!("/v1/partnerships/{}", made.id());
    world.other.get(&path).expect(404);
    world.region.post("/v1/partnerships", partnership(&call, "pt-2")).expect(403);
    world.add(&made.id(), &world.other_id, "accredited_operator");
    world.other.get(&path).expect(200);
    assert_eq!(world.other.patch(&path, 1, json!({"title": "x"})).expect(403).code(), "not_yours");
    assert_eq!(world.other.act(&format!("{path}/submission")).expect(403).code(), "not_yours");
    assert_eq!(world.other.delete(&path, 1).expect(403).code(), "not_yours");
    let changed = world.lead.patch(&path, 1, json!({"title": "Altra rete"})).expect(200);
    assert_eq!(changed.json()["title"], "Altra rete");
}

#[test]
fn a_draft_is_judged_against_its_call() {
    let world = Scene::new();
    let rules = world.region.get(&format!("/v1/calls/{}", world.call("PT-2012", json!({})))).json()["rules"].clone();
    let mut rules = rules;
    rules["max_life_months"] = json!(12);
    rules["max_grant_cents"] = json!(20_000_000);
    let call = world.call("AR-2014", json!({"rules": rules}));
    let mut bad = partnership(&call, "pt-1");
    bad["starts_on"] = json!("2012-08-31");
    bad["ends_on"] = json!("2013-09-01");
    bad["requested_cents"] = json!(25_000_001);
    bad["provinces"] = json!(["CO", "CO"]);
    let answer = world.lead.post("/v1/partnerships", bad).expect(422);
    for (pointer, rule) in [
        ("/starts_on", "partnership.within_call"),
        ("/ends_on", "partnership.max_life"),
        ("/requested_cents", "money.order"),
        ("/requested_cents", "grant.maximum"),
        ("/provinces/1", "repeated_item"),
    ] {
        assert!(answer.has(pointer, rule), "{pointer} {rule}: {answer}");
    }
    let nowhere = partnership("01890000-0000-7000-8000-000000000000", "pt-1");
    assert!(world.lead.post("/v1/partnerships", nowhere).expect(422).has("/call", "unknown_reference"));
    let draft = world.draft(&call, "pt-1");
    let other_call = world.call("AR-2017", json!({}));
    let moved = world.lead.put(&format!("/v1/partnerships/{draft}"), Some(1), partnership(&other_call, "pt-1"));
    assert!(moved.expect(422).has("/call", "immutable"));
}

#[test]
fn a_submission_that_breaks_three_rules_is_told_three_and_the_composition_says_the_same() {
    let mut world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let draft = world.draft(&call, "pt-1");
    let three = ["composition.min_subjects", "composition.accredited_operator_in_charge", "composition.other_subjects"];
    let answer = world.step(&draft, "submission").expect(422);
    let told: Vec<(String, String)> = answer.violations();
    assert_eq!(told, three.map(|rule| (String::new(), rule.to_owned())));
    let path = format!("/v1/partnerships/{draft}/composition");
    let composition = world.lead.get(&path).expect(200).json();
    assert_eq!(violated(&composition), three);
    assert_eq!((&composition["complete"], &composition["judged_on"]), (&json!(false), &json!("2012-09-10")));
    let rule = composition["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == three[0]).unwrap();
    assert_eq!(rule["missing"], json!({"needed": 3, "present": 0, "what": "distinct subjects"}));
    assert!(rule["title_it"].as_str().unwrap().starts_with("Il partenariato"));

    world.add(&draft, &world.lead_id, "accredited_operator");
    world.add(&draft, &world.organisation(), "local_authority");
    world.add(&draft, &world.organisation(), "third_sector");
    assert_eq!(violated(&world.lead.get(&path).json()), ["composition.accredited_operator_in_charge"]);
    world.worker(&draft, &world.lead_id, "2012-09-11");
    assert_eq!(violated(&world.lead.get(&path).json()), ["composition.accredited_operator_in_charge"]);
    world.go_to("2012-10-01");
    assert_eq!(violated(&world.lead.get(&path).json()), ["call.open"]);
    assert!(world.step(&draft, "submission").expect(422).has("", "call.open"));
    world.go_to("2012-09-30");
    let submitted = world.step(&draft, "submission").expect(200).json();
    assert_eq!((&submitted["state"], &submitted["submitted_on"]), (&json!("submitted"), &json!("2012-09-30")));
    world.go_to("2012-10-15");
    assert_eq!(world.region.get(&path).expect(200).json()["complete"], true);
    world.other.get(&path).expect(404);
}

#[test]
fn a_partnership_lives_from_draft_to_conclusion() {
    let mut world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (id, _) = world.complete_draft(&call, "pt-1");
    let first = world.worker(&id, &world.lead_id, "2012-09-05");
    let path = format!("/v1/partnerships/{id}");
    assert!(world.step(&id, "activation").expect(409).to_string().contains("`draft`"));
    world.step(&id, "submission").expect(200);
    assert_eq!(world.lead.patch(&path, 2, json!({"title": "x"})).expect(409).code(), "wrong_state");
    // A pusher that repeats what is stored is answered alike in every state.
    let again = world.lead.put("/v1/partnerships/by-external-id/pt-1", None, partnership(&call, "pt-1")).expect(200);
    assert_eq!(again.json()["version"], 2);
    assert_eq!(world.lead.delete(&path, 2).expect(409).code(), "wrong_state");
    world.lead.post(&format!("{path}/decision"), json!({"verdict": "rejected"})).expect(403);
    let over = world.decide(&id, 20_000_001).expect(422);
    assert!(over.has("/granted_cents", "money.order"), "{over}");
    let approved = world.decide(&id, 18_000_000).expect(200).json();
    assert_eq!((&approved["state"], &approved["granted_cents"]), (&json!("approved"), &json!(18_000_000)));
    assert_eq!(world.decide(&id, 1).expect(409).code(), "wrong_state");
    world.step(&id, "activation").expect(200);
    world.go_to("2013-08-31");
    let version = world.lead.get(&path).json()["version"].as_i64().unwrap();
    let headers = [("content-type", "application/json"), ("if-match", "\"2\"")];
    world.lead.send("POST", &format!("{path}/conclusion"), &headers, "{}").expect(412);
    let concluded = world.step(&id, "conclusion").expect(200).json();
    assert_eq!((&concluded["state"], &concluded["version"]), (&json!("concluded"), &json!(version + 1)));
    let gone = Worker {
        left_on: Some("2013-08-31".parse().unwrap()),
        exit_reason: Some("partnership_ended".to_owned()),
        version: 2,
    };
    assert_eq!(worker(&world, first), gone);
    assert_eq!(granted(&world, &call), 18_000_000);
    assert_eq!(world.step(&id, "withdrawal").expect(409).code(), "wrong_state");
}

#[test]
fn a_step_repeated_with_its_key_has_one_effect() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (id, _) = world.complete_draft(&call, "pt-1");
    let path = format!("/v1/partnerships/{id}/submission");
    let send = || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "s-1")];
        world.lead.send("POST", &path, &headers, "{}")
    };
    let first = send().expect(200);
    let again = send().expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    // A POST without any body will do.
    assert_eq!(world.lead.send("POST", &path, &[], "").expect(409).code(), "wrong_state");
}

#[test]
fn a_rejection_or_withdrawal_lets_the_workers_go_and_gives_the_grant_back() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (rejected, _) = world.complete_draft(&call, "pt-1");
    let late = world.worker(&rejected, &world.lead_id, "2012-12-01");
    world.step(&rejected, "submission").expect(200);
    let decision = json!({"verdict": "rejected", "reason": "Non ammissibile"});
    let answer = world.region.post(&format!("/v1/partnerships/{rejected}/decision"), decision).expect(200).json();
    assert_eq!((&answer["state"], &answer["decision_reason"]), (&json!("rejected"), &json!("Non ammissibile")));
    assert_eq!(worker(&world, late).left_on, Some("2012-12-01".parse().unwrap()), "nobody leaves before coming");

    let (withdrawn, _) = world.approved(&call, "pt-2", 15_000_000);
    world.step(&withdrawn, "activation").expect(200);
    let waiting = world.worker(&withdrawn, &world.lead_id, "2012-09-10");
    assert_eq!(granted(&world, &call), 15_000_000);
    let path = format!("/v1/partnerships/{withdrawn}/withdrawal");
    let answer = world.lead.post(&path, json!({"reason": "Rinuncia"})).expect(200).json();
    assert_eq!((&answer["state"], &answer["withdrawal_reason"]), (&json!("withdrawn"), &json!("Rinuncia")));
    assert_eq!(granted(&world, &call), 0);
    assert_eq!(worker(&world, waiting).exit_reason.as_deref(), Some("partnership_ended"));
}

#[test]
fn decisions_at_once_never_exceed_the_allocation() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({"allocation_cents": 50_000_000}));
    let submitted: Vec<String> = (0..8)
        .map(|number| {
            let (id, _) = world.complete_draft(&call, &format!("pt-{number}"));
            world.step(&id, "submission").expect(200);
            id
        })
        .collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = submitted.iter().map(|id| scope.spawn(|| world.decide(id, 12_000_000))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let (approved, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((approved.len(), refused.len()), (4, 4));
    for answer in refused {
        assert_eq!((answer.status, answer.code().as_str()), (409, "allocation_exceeded"));
    }
    assert_eq!(granted(&world, &call), 48_000_000);
    let left =
        submitted.iter().find(|id| world.lead.get(&format!("/v1/partnerships/{id}")).json()["state"] == "submitted");
    let refused = world.decide(left.unwrap(), 2_000_001).expect(409);
    assert!(
        refused.has("/granted_cents", "call.allocation") && refused.to_string().contains("EUR 20000.00"),
        "{refused}"
    );
    world.decide(left.unwrap(), 2_000_000).expect(200);
}

#[test]
fn a_draft_is_deleted_with_its_members_but_not_with_its_workers() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let draft = world.draft(&call, "pt-1");
    let first = world.add(&draft, &world.lead_id, "accredited_operator");
    world.lead.delete(&format!("/v1/partnerships/{draft}"), 1).expect(204);
    world.lead.get(&format!("/v1/members/{first}")).expect(404);
    let gone = world.region.changes();
    assert!(gone.iter().any(|change| change["id"] == json!(first) && change["operation"] == "delete"));
    let (full, _) = world.complete_draft(&call, "pt-1");
    assert_eq!(world.lead.delete(&format!("/v1/partnerships/{full}"), 1).expect(409).code(), "still_referenced");
}

#[test]
fn lists_are_narrowed_and_show_only_what_is_in_sight() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (full, _) = world.complete_draft(&call, "pt-1");
    world.step(&full, "submission").expect(200);
    let mut second = partnership(&call, "pt-2");
    second["provinces"] = json!(["BG"]);
    let second = world.lead.post("/v1/partnerships", second).expect(201).id();
    world.other.post("/v1/partnerships", partnership(&call, "pt-1")).expect(201);
    world.lead.post("/v1/members", member(&second, &world.other_id, "accredited_operator")).expect(201);
    let count = |query: &str| world.lead.all(&format!("/v1/partnerships?{query}")).len();
    assert_eq!((count(""), count("state=draft"), count("province=BG"), count("province=VA")), (2, 1, 1, 1));
    assert_eq!(count(&format!("organisation={}", world.other_id)), 1);
    assert_eq!(count(&format!("lead_organisation={}", world.other_id)), 0);
    assert_eq!((count(&format!("call={call}")), count("external_id=pt-2")), (2, 1));
    assert_eq!(world.other.all("/v1/partnerships").len(), 2);
    assert_eq!(world.region.all("/v1/partnerships?limit=1").len(), 3);
}
