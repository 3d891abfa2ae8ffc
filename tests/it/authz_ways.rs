//! Every way in which a request can name a record of others: path, precondition, idempotency key, filter, reference in a body or in a
//! line of an import, cursor. Whoever may not see it, be it a stranger or a former member, is answered as if it did not exist.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::authz_matrix::{NOWHERE, matrix, plain, records};
use crate::openapi::operations;
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{World, with};

/// A world in which operator-2 was a member of the partnership of `records`, and is none any more.
fn world() -> (World, BTreeMap<&'static str, String>) {
    let mut world = World::new();
    let records = records(&mut world);
    let member = world.member_body(&records["partnerships"], &world.operators[1], "accredited_operator");
    let member = world.operator.post("/v1/members", member).expect(201).id();
    world.second.get(&format!("/v1/participants/{}", records["participants"])).expect(200);
    world.operator.delete(&format!("/v1/members/{member}"), 1).expect(204);
    (world, records)
}

fn outsiders(world: &World) -> [(&'static str, &Client); 2] {
    [("stranger", &world.stranger), ("former member", &world.second)]
}

/// An answer without what names the request and the record that was asked for.
fn bare(answer: &Answer, id: &str) -> (u16, String) {
    let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
    let text = if body.is_object() { plain(&body).to_string() } else { body.to_string() };
    (answer.status, text.replace(id, "ID"))
}

#[test]
fn a_path_with_any_precondition_or_key_tells_nothing() {
    let (world, records) = world();
    let ways: [&[(&str, &str)]; 6] = [
        &[("if-match", "*")],
        &[("if-match", "\"1\"")],
        &[("if-match", "\"77\"")],
        &[("if-none-match", "\"1\"")],
        &[("if-none-match", "*")],
        &[("if-match", "\"1\""), ("idempotency-key", "a-key-of-this-test")],
    ];
    let mut tried = 0;
    for operation in matrix().into_iter().filter(|operation| operation.path.contains("{id}")) {
        let kind = operation.path.split('/').nth(2).unwrap();
        if ["organisations", "calls"].contains(&kind) {
            continue;
        }
        for (who, client) in outsiders(&world) {
            for headers in ways {
                let send = |id: &str| bare(&operation.send_with(client, id, headers), id);
                let (foreign, absent) = (send(&records[kind]), send(NOWHERE));
                assert!(foreign.0 >= 400 && foreign.0 < 500, "{}, {who}, {headers:?}: {foreign:?}", operation.id);
                assert_eq!(foreign, absent, "{}, {who}, {headers:?}", operation.id);
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_filter_finds_nothing_of_others() {
    let (world, records) = world();
    let mut tried = 0;
    for (path, method, operation) in operations() {
        if method != "get" || path.contains('{') {
            continue;
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let uuid = parameter["schema"]["items"]["format"] == "uuid" || parameter["schema"]["format"] == "uuid";
            if parameter["in"] != "query" || !uuid || parameter["name"] == "after" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            for id in records.values().filter(|id| **id != records["calls"] && **id != records["organisations"]) {
                for (who, client) in outsiders(&world) {
                    let send = |id: &str| {
                        let answer = client.get(&format!("{path}?{name}={id}"));
                        // An export begins with the cursor, and an instant.
                        let lines = String::from_utf8(answer.body.clone()).unwrap();
                        let shown = lines.lines().filter(|line| !line.contains("\"_e")).collect::<Vec<_>>().join("\n");
                        (answer.status, shown.replace(id, "ID").replace(answer.header("x-correlation-id").unwrap(), ""))
                    };
                    assert_eq!(send(id), send(NOWHERE), "{path}?{name}, {who}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Bodies that refer to a partnership, a cohort, a participant, an action: what `of` says, by id.
fn bodies(world: &World, of: &dyn Fn(&str) -> String) -> Vec<(&'static str, Value)> {
    let (partnership, cohort, participant) = (of("partnerships"), of("cohorts"), of("participants"));
    let action = world.action_body(&partnership, &cohort, &participant, "2012-10-01");
    vec![
        ("member", world.member_body(&partnership, &world.operators[2], "accredited_operator")),
        ("cohort", json!({"partnership": {"id": partnership}, "name": "x"})),
        ("participant", world.participant_body(&cohort, 7)),
        ("action", with(&action, json!({"rectifies": {"id": of("actions")}}))),
        ("action", action),
        ("outcome", world.outcome_body(&participant, 2)),
    ]
}

#[test]
fn a_reference_to_what_others_have_is_one_to_nothing() {
    let (world, records) = world();
    let foreign = |kind: &str| records[kind].clone();
    let absent = |_: &str| NOWHERE.to_owned();
    let masked = |answer: Answer| {
        let mut text = bare(&answer, NOWHERE);
        records.values().for_each(|id| text.1 = text.1.replace(id, "ID"));
        text
    };
    for (who, client) in outsiders(&world) {
        for ((kind, foreign), (_, absent)) in bodies(&world, &foreign).into_iter().zip(bodies(&world, &absent)) {
            let path = format!("/v1/{kind}s");
            let (one, other) = (client.post(&path, foreign.clone()), client.post(&path, absent.clone()));
            assert_eq!(one.status, 422, "{kind}, {who}: {one}");
            assert_eq!(masked(one), masked(other), "{kind}, {who}");
            // A name of the caller's own does not help either.
            let path = format!("/v1/{kind}s/by-external-id/way");
            let (one, other) = (client.put(&path, None, foreign.clone()), client.put(&path, None, absent.clone()));
            assert_eq!(one.status, 422, "{kind}, {who}: {one}");
            assert_eq!(masked(one), masked(other), "{kind} by name, {who}");
            let import = |data: &Value| {
                let line = json!({"type": kind, "external_id": "way", "data": data}).to_string();
                let headers = [("content-type", "application/x-ndjson")];
                let report = client.send("POST", "/v1/imports?wait_days=0", &headers, line).expect(200).json();
                assert_eq!(report["items"]["refused"], 1, "{kind}, {who}: {report}");
                let results = client.get(&format!("/v1/imports/{}/results", report["id"].as_str().unwrap()));
                let mut causes = format!("{} {}", report["causes"], results.expect(200).json()["items"]);
                records.values().for_each(|id| causes = causes.replace(id, "ID"));
                causes.replace(NOWHERE, "ID")
            };
            assert_eq!(import(&foreign), import(&absent), "a line with a {kind}, {who}");
        }
    }
}

#[test]
fn a_cursor_of_somebody_else_opens_nothing() {
    let (world, records) = world();
    for kind in records.keys().filter(|kind| !["organisations", "calls", "imports"].contains(kind)) {
        let all = world.region.get(&format!("/v1/{kind}?limit=1")).expect(200).json();
        let Some(next) = all["next"].as_str().map(str::to_owned) else { continue };
        for (who, client) in outsiders(&world) {
            let shown = client.get(&format!("/v1/{kind}?limit=100&cursor={next}"));
            if shown.status == 200 {
                assert_eq!(shown.json()["items"], json!([]), "{kind}, {who}");
            } else {
                shown.expect(400);
            }
        }
    }
    // The feed from the beginning, and an export gone on with, by the cursors of one who sees everything.
    let begin = world.dote.get("/v1/changes?limit=1").expect(200).json()["next"].as_str().unwrap().to_owned();
    let rest = world.dote.get(&format!("/v1/changes?limit=1000&cursor={begin}")).expect(200).json();
    let theirs = |items: &Value| {
        items.as_array().unwrap().iter().any(|item| item["record"]["id"] == records["participants"].as_str())
    };
    assert!(theirs(&rest["items"]));
    let export = world.dote.get("/v1/exports/participants").expect(200);
    let first = String::from_utf8(export.body).unwrap().lines().next().unwrap().to_owned();
    let cursor = serde_json::from_str::<Value>(&first).unwrap()["_export"]["cursor"].as_str().unwrap().to_owned();
    for (who, client) in outsiders(&world) {
        let page = client.get(&format!("/v1/changes?limit=1000&cursor={begin}")).expect(200).json();
        assert!(!theirs(&page["items"]), "{who}");
        let lines = client.get(&format!("/v1/exports/participants?from={cursor}")).expect(200);
        assert!(!String::from_utf8(lines.body).unwrap().contains(&records["participants"]), "{who}");
    }
}

#[test]
fn a_key_of_somebody_else_replays_nothing() {
    let (world, records) = world();
    let body = json!({"partnership": {"id": records["partnerships"]}, "name": "replayed"}).to_string();
    let send = |client: &Client| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "the-same-key")];
        client.send("POST", "/v1/cohorts", &headers, body.clone())
    };
    let made = send(&world.operator).expect(201).id();
    assert_eq!(send(&world.operator).expect(201).id(), made, "its own key replays");
    for (who, client) in outsiders(&world) {
        let answer = send(client);
        assert!(answer.status == 422 && answer.has("/partnership", "unknown_reference"), "{who}: {answer}");
        assert!(!answer.to_string().contains(&made), "{who}");
    }
}
