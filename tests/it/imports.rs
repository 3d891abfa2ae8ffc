//! Imports over HTTP: many changes in one request.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::World;

/// Lines of an import.
pub fn lines(items: &[Value]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

pub fn write(kind: &str, name: &str, data: &Value) -> Value {
    json!({"type": kind, "external_id": name, "data": data})
}

pub fn delete(kind: &str, name: &str) -> Value {
    json!({"type": kind, "external_id": name, "delete": true})
}

#[track_caller]
pub fn send(client: &Client, query: &str, items: &[Value]) -> Answer {
    client.send("POST", &format!("/v1/imports{query}"), &[("content-type", "application/x-ndjson")], lines(items))
}

/// Waits for an import to end and answers its report.
#[track_caller]
pub fn follow(client: &Client, path: &str) -> Value {
    let began = Instant::now();
    loop {
        let answer = client.get(path);
        if answer.status == 303 {
            let report = answer.header("location").unwrap().to_owned();
            return client.get(&report).expect(200).json();
        }
        assert_eq!(answer.expect(200).json()["state"], "running");
        assert!(began.elapsed() < Duration::from_secs(120), "the import does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn id(report: &Value) -> &str {
    report["id"].as_str().unwrap()
}

#[track_caller]
pub fn results(client: &Client, report: &Value) -> Vec<Value> {
    client.all(&format!("/v1/imports/{}/results?limit=1000", id(report)))
}

pub fn effects(results: &[Value]) -> Vec<(i64, &str)> {
    results.iter().map(|result| (result["line"].as_i64().unwrap(), result["effect"].as_str().unwrap())).collect()
}

/// A whole partnership, children first: every line refers to others by external id.
fn tree(world: &World, suffix: &str, serial: usize) -> Vec<Value> {
    let name = |what: &str| format!("{what}{suffix}");
    let mut partnership = world.partnership_body(&name("P"));
    partnership.as_object_mut().unwrap().remove("external_id");
    let member = |organisation: &str, category: &str| json!({"partnership": {"external_id": name("P")}, "organisation": {"id": organisation}, "category": category, "joined_on": "2012-07-01", "own_resources_cents": 1});
    let mut participant = world.participant_body("", serial);
    participant["cohort"] = json!({"external_id": name("C")});
    participant.as_object_mut().unwrap().remove("external_id");
    vec![
        write("participant", &name("W"), &participant),
        write(
            "cohort",
            &name("C"),
            &json!({"partnership": {"external_id": name("P")}, "name": "Gruppo", "crisis_company": {"id": world.others[4]}, "province": "MI"}),
        ),
        write("member", &name("M1"), &member(&world.operators[0], "accredited_operator")),
        write("member", &name("M2"), &member(&world.others[0], "company")),
        write("partnership", &name("P"), &partnership),
    ]
}

#[test]
fn what_comes_in_any_order_is_carried_out_in_that_of_its_references() {
    let world = World::new();
    let items = tree(&world, "-1", 1);
    let report = send(&world.operator, "", &items).expect(200).json();
    assert_eq!(report["state"], "completed", "{report:#}");
    assert_eq!(report["items"]["created"], 5, "{report:#}");
    assert_eq!(report["items"]["read"], 5);
    let created = results(&world.operator, &report);
    assert_eq!(effects(&created), (1..=5).map(|line| (line, "created")).collect::<Vec<_>>());
    let worker = created[0]["id"].as_str().unwrap();
    assert_eq!(world.operator.get(&format!("/v1/participants/{worker}")).expect(200).json()["external_id"], "W-1");

    // The same again changes nothing.
    let report = send(&world.operator, "", &items).expect(200).json();
    assert_eq!((&report["items"]["unchanged"], &report["items"]["created"]), (&json!(5), &json!(0)), "{report:#}");
    assert_eq!(world.operator.changes().iter().filter(|change| change["id"] == worker).count(), 1);

    // Something else says which fields.
    let mut changed = items;
    changed[1]["data"]["name"] = json!("Altro gruppo");
    let report = send(&world.operator, "", &changed).expect(200).json();
    assert_eq!((&report["items"]["changed"], &report["items"]["unchanged"]), (&json!(1), &json!(4)));
    let result = &world.operator.all(&format!("/v1/imports/{}/results?effect=changed", id(&report)))[0];
    assert_eq!((&result["line"], &result["changed"], &result["version"]), (&json!(2), &json!(["name"]), &json!(2)));

    // Deletions, parents first in the file: carried out all the same, and once.
    let deletions = [
        delete("partnership", "P-1"),
        delete("cohort", "C-1"),
        delete("participant", "W-1"),
        delete("member", "M1-1"),
        delete("member", "M2-1"),
    ];
    let report = send(&world.operator, "", &deletions).expect(200).json();
    assert_eq!(report["items"]["deleted"], 5, "{report:#}");
    world.operator.get(&format!("/v1/participants/{worker}")).expect(404);
    let report = send(&world.operator, "", &deletions).expect(200).json();
    assert_eq!((&report["items"]["unchanged"], &report["items"]["refused"]), (&json!(5), &json!(0)), "{report:#}");
}

#[test]
fn a_large_import_is_followed_to_its_report() {
    let world = World::new();
    let items: Vec<Value> = (1..=300).flat_map(|number| tree(&world, &format!("-{number}"), number)).rev().collect();
    let answer = send(&world.operator, "", &items).expect(202);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(answer.json()["items"]["read"], 1500);
    let report = follow(&world.operator, &path);
    assert_eq!((&report["state"], &report["items"]["created"]), (&json!("completed"), &json!(1500)), "{report:#}");
    assert_eq!(results(&world.operator, &report).len(), 1500);
    assert!(report["rate"].as_f64().unwrap() > 0.0);
    // Nothing that could be a tax code is left in the staging tables.
    let report = follow(&world.operator, send(&world.operator, "", &items).expect(202).header("location").unwrap());
    assert_eq!(report["items"]["unchanged"], 1500, "{report:#}");
    assert_eq!(world.operator.all("/v1/imports").len(), 2);
    assert!(world.second.all("/v1/imports").is_empty());
    world.second.get(&path).expect(404);
}

#[test]
fn atomic_is_all_or_nothing() {
    let world = World::new();
    for respond in [&[][..], &[("prefer", "respond-async")]] {
        let mut items = tree(&world, "-1", 1);
        items[0]["data"]["tax_code"] = json!("nonsense");
        let headers = [&[("content-type", "application/x-ndjson")][..], respond].concat();
        let answer = world.operator.send("POST", "/v1/imports?mode=atomic", &headers, lines(&items));
        let report = if respond.is_empty() {
            answer.expect(200).json()
        } else {
            follow(&world.operator, answer.expect(202).header("location").unwrap())
        };
        assert_eq!((&report["state"], &report["reason"]), (&json!("rejected"), &json!("refused_items")), "{report:#}");
        assert_eq!((&report["items"]["refused"], &report["items"]["skipped"]), (&json!(1), &json!(4)));
        assert!(world.operator.all("/v1/partnerships").is_empty());
        assert_eq!(report["causes"][0]["mended_by"], "vendor", "{report:#}");
    }
    let report = send(&world.operator, "?mode=atomic", &tree(&world, "-1", 1)).expect(200).json();
    assert_eq!((&report["state"], &report["items"]["created"]), (&json!("completed"), &json!(5)), "{report:#}");
}

#[test]
fn a_plan_can_be_demanded() {
    let world = World::new();
    let items = tree(&world, "-1", 1);
    let plan = send(&world.operator, "?dry_run=true", &items).expect(200).json();
    assert_eq!((&plan["items"]["created"], &plan["dry_run"]), (&json!(5), &json!(true)), "{plan:#}");
    assert!(world.operator.all("/v1/partnerships").is_empty(), "a dry run carries out nothing");
    assert!(results(&world.operator, &plan).iter().all(|result| result.get("id").is_none()));
    let hash = plan["plan_hash"].as_str().unwrap().to_owned();
    let again = send(&world.operator, "?dry_run=true", &items).expect(200).json();
    assert_eq!(again["plan_hash"], json!(hash), "the same plan as long as nothing has changed");

    // Another client of the organisation is quicker.
    let partnership =
        world.operator.put("/v1/partnerships/by-external-id/P-1", None, items[4]["data"].clone()).expect(201).id();
    let refused = send(&world.operator, &format!("?plan_hash={hash}"), &items).expect(409);
    assert_eq!(refused.json()["code"], "plan_changed");
    assert!(world.operator.all("/v1/cohorts").is_empty());
    let headers = [("content-type", "application/x-ndjson"), ("prefer", "respond-async")];
    let path = format!("/v1/imports?plan_hash={hash}");
    let report = follow(
        &world.operator,
        world.operator.send("POST", &path, &headers, lines(&items)).expect(202).header("location").unwrap(),
    );
    assert_eq!((&report["state"], &report["reason"]), (&json!("rejected"), &json!("plan_changed")), "{report:#}");

    let mut items = items;
    items[4]["data"]["title"] = json!("Another title");
    let plan = send(&world.operator, "?dry_run=true", &items).expect(200).json();
    assert_eq!((&plan["items"]["created"], &plan["items"]["changed"]), (&json!(4), &json!(1)), "{plan:#}");
    let changed = &world.operator.all(&format!("/v1/imports/{}/results?effect=changed", id(&plan)))[0];
    assert_eq!(changed["changed"], json!(["title"]));
    let hash = plan["plan_hash"].as_str().unwrap();
    let report = send(&world.operator, &format!("?plan_hash={hash}"), &items).expect(200).json();
    assert_eq!((&report["state"], &report["items"]["created"]), (&json!("completed"), &json!(4)), "{report:#}");
    assert_eq!(
        world.operator.get(&format!("/v1/partnerships/{partnership}")).expect(200).json()["title"],
        "Another title"
    );
}

#[test]
fn what_lacks_its_parent_waits_for_it_and_the_report_names_the_root() {
    let world = World::new();
    let all = tree(&world, "-1", 1);
    let (children, partnership) = all.split_at(4);
    let report = send(&world.operator, "", children).expect(200).json();
    assert_eq!((&report["items"]["waiting"], &report["items"]["refused"]), (&json!(4), &json!(0)), "{report:#}");
    let causes = report["causes"].as_array().unwrap();
    let blocked: i64 = causes.iter().map(|cause| cause["items"].as_i64().unwrap()).sum();
    assert_eq!(blocked, 4, "{report:#}");
    for cause in causes {
        assert_eq!(cause["reference"], json!({"type": "partnership", "external_id": "P-1"}), "{report:#}");
        assert_eq!((&cause["code"], &cause["mended_by"]), (&json!("unknown_reference"), &json!("operator")));
    }
    // The worker lacks the cohort, which lacks the partnership: the cohort's line is named.
    let worker = &results(&world.operator, &report)[0];
    assert_eq!((&worker["effect"], &worker["blocked_by_line"]), (&json!("waiting"), &json!(2)), "{worker}");
    let waiting = world.operator.all(&format!("/v1/imports/{}/waiting", id(&report)));
    assert_eq!(waiting.len(), 4);
    assert_eq!(waiting, world.operator.all("/v1/waiting-items"));
    assert_eq!(
        (&waiting[0]["reference"]["external_id"], &waiting[0]["until"]),
        (&json!("C-1"), &json!("2012-07-17T10:00:00Z"))
    );
    assert!(world.second.all("/v1/waiting-items").is_empty());

    // The parent comes, as a single request.
    world.operator.put("/v1/partnerships/by-external-id/P-1", None, partnership[0]["data"].clone()).expect(201);
    let began = Instant::now();
    while !world.operator.all("/v1/waiting-items").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "they wait for ever");
        std::thread::sleep(Duration::from_millis(100));
        world.service.clock.set(world.service.clock.now() + chrono::Duration::seconds(1));
    }
    let report = world.operator.get(&format!("/v1/imports/{}/report", id(&report))).expect(200).json();
    assert_eq!((&report["items"]["created"], &report["items"]["waiting"]), (&json!(4), &json!(0)), "{report:#}");
    assert_eq!(report["causes"], json!([]));
    assert_eq!(world.operator.all("/v1/participants").len(), 1);
}

#[test]
fn what_waited_in_vain_is_refused_and_what_came_later_takes_its_place() {
    let mut world = World::new();
    let all = tree(&world, "-1", 1);
    let first = send(&world.operator, "?wait_days=3", &all[1..2]).expect(200).json();
    assert_eq!(first["items"]["waiting"], 1);
    let second = send(&world.operator, "?wait_days=2", &all[1..2]).expect(200).json();
    fn report(world: &World, import: &Value) -> Value {
        world.operator.get(&format!("/v1/imports/{}/report", id(import))).expect(200).json()
    }
    assert_eq!(
        (&report(&world, &first)["items"]["waiting"], &report(&world, &first)["items"]["superseded"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(report(&world, &second)["items"]["waiting"], 1);
    world.on("2012-07-13");
    let began = Instant::now();
    while report(&world, &second)["items"]["refused"] == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it waits for ever");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(report(&world, &second)["items"]["waiting"], 0);
    let refused = send(&world.operator, "?wait_days=0", &all[1..2]).expect(200).json();
    assert_eq!((&refused["items"]["refused"], &refused["items"]["waiting"]), (&json!(1), &json!(0)));
}

#[test]
fn an_unknown_organisation_is_named_once_with_all_that_it_blocks() {
    let world = World::new();
    let mut items: Vec<Value> = Vec::new();
    for number in 1..=30 {
        let mut tree = tree(&world, &format!("-{number}"), number);
        tree[1]["data"]["crisis_company"] = json!({"tax_code": "01234567897"});
        items.extend(tree);
    }
    let report = send(&world.operator, "", &items).expect(200).json();
    let cause = &report["causes"][0];
    assert_eq!(cause["reference"], json!({"type": "organisation", "tax_code": "01234567897"}), "{report:#}");
    // 30 cohorts, and the workers in them.
    assert_eq!((&cause["items"], &cause["mended_by"]), (&json!(60), &json!("region")), "{report:#}");
    assert_eq!(report["causes"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(cause["examples"].as_array().unwrap().len(), 3);
}
