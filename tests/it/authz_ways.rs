//! Every way in which a request can name a record of others: path, precondition, idempotency key, filter, reference in a body or in a
//! line of an import, cursor. Whoever may not see it, be it a stranger or a former member, is answered as if it did not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::authz_matrix::{NOWHERE, matrix, plain, records};
use crate::openapi::operations;
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{Draft, World, with};

/// A world in which operator-2 was a member of the partnership of `records`, and is none any more.
fn world() -> (World, BTreeMap<&'static str, String>) {
    left(World::new())
}

/// The same, of a world in which there is something already.
fn left(mut world: World) -> (World, BTreeMap<&'static str, String>) {
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

/// A body without a name of its own.
fn nameless(mut body: Value) -> Value {
    body.as_object_mut().unwrap().remove("external_id");
    body
}

/// Bodies that refer to a partnership, a cohort, a participant, an action: what `of` says, by id.
fn bodies(world: &World, of: &dyn Fn(&str) -> String) -> Vec<(&'static str, Value)> {
    let (partnership, cohort, participant) = (of("partnerships"), of("cohorts"), of("participants"));
    let action = world.action_body(&partnership, &cohort, &participant, "2012-10-01");
    vec![
        ("member", world.member_body(&partnership, &world.operators[2], "accredited_operator")),
        ("cohort", json!({"partnership": {"id": partnership}, "name": "x"})),
        ("participant", nameless(world.participant_body(&cohort, 7))),
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

/// A body of each kind that holds in an active partnership, none of which has a name.
fn whole(world: &World, [partnership, cohort, participant]: [&str; 3], serial: usize) -> Vec<(&'static str, Value)> {
    vec![
        ("partnership", nameless(world.partnership_body("whole"))),
        ("member", world.member_body(partnership, &world.others[3], "grant_making_foundation")),
        ("cohort", json!({"partnership": {"id": partnership}, "name": "x"})),
        ("participant", nameless(world.participant_body(cohort, serial))),
        ("action", world.action_body(partnership, cohort, participant, "2012-10-02")),
        ("outcome", world.outcome_body(participant, u64::try_from(serial).unwrap())),
    ]
}

/// A name that the operator gives, and one that nobody does.
const USED: &str = "way-used";
const FREE: &str = "way-free";

fn by_external_id(kind: &str, name: &str) -> String {
    format!("/v1/{kind}s/by-external-id/{name}")
}

/// Makes a record of each kind in the partnership of `records` that the operator calls by the name.
fn name_one_of_each(world: &World, records: &BTreeMap<&'static str, String>) -> Vec<Value> {
    let place = [&records["partnerships"], &records["cohorts"], &records["participants"]].map(String::as_str);
    whole(world, place, 3)
        .into_iter()
        .map(|(kind, body)| {
            let id = world.operator.put(&by_external_id(kind, USED), None, body).expect(201).id();
            world.operator.get(&format!("/v1/{kind}s/{id}")).expect(200).json()
        })
        .collect()
}

/// An active partnership of the stranger.
fn partnership_of_the_stranger(world: &mut World) -> Draft {
    world.on("2012-07-10");
    let swap = |world: &mut World| {
        std::mem::swap(&mut world.operator, &mut world.stranger);
        world.operators.swap(0, 2);
    };
    swap(world);
    let draft = world.draft("matrix", 2);
    swap(world);
    world.stranger.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
    let decision = json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "test"});
    world.region.post(&format!("/v1/partnerships/{}/decision", draft.id), decision).expect(200);
    world.on("2012-09-03");
    world.stranger.act(&format!("/v1/partnerships/{}/activation", draft.id)).expect(200);
    draft
}

#[test]
fn a_name_that_others_gave_is_free_for_ones_own_record() {
    let mut world = World::new();
    let own = partnership_of_the_stranger(&mut world);
    let (world, records) = left(world);
    let theirs = name_one_of_each(&world, &records);
    let valid = whole(&world, [&own.id, &own.cohort, &own.participant].map(String::as_str), 4);
    for (who, client) in outsiders(&world) {
        for (kind, body) in bodies(&world, &|_| NOWHERE.to_owned()) {
            let put = |name: &str| bare(&client.put(&by_external_id(kind, name), None, body.clone()), name);
            let (used, free) = (put(USED), put(FREE));
            assert_eq!(used.0, 422, "{kind}, {who}: {used:?}");
            assert_eq!(used, free, "{kind}, {who}");
        }
        // Nor has it a version, theirs or another one.
        for (kind, body) in &valid {
            for version in [1, 2] {
                let put =
                    |name: &str| bare(&client.put(&by_external_id(kind, name), Some(version), body.clone()), name);
                let (used, free) = (put(USED), put(FREE));
                assert_eq!(used.0, 412, "{kind}, {who}, version {version}: {used:?}");
                assert_eq!(used, free, "{kind}, {who}, version {version}");
            }
        }
    }
    for ((kind, body), theirs) in valid.into_iter().zip(&theirs) {
        let path = by_external_id(kind, USED);
        let made = world.stranger.put(&path, None, body.clone()).expect(201).id();
        assert_ne!(json!(made), theirs["id"], "{kind}");
        assert_eq!(world.stranger.put(&path, None, body).expect(200).id(), made, "{kind}: its own from now on");
        let path = format!("/v1/{kind}s/{}", theirs["id"].as_str().unwrap());
        assert_eq!(world.operator.get(&path).expect(200).json(), *theirs, "{kind}: theirs is what it was");
    }
    let body = nameless(world.partnership_body("x"));
    let made = world.second.put(&by_external_id("partnership", USED), None, body).expect(201).id();
    assert_ne!(json!(made), theirs[0]["id"]);
}

#[test]
fn a_reference_by_a_name_that_others_gave_is_one_to_nothing() {
    let (world, records) = world();
    name_one_of_each(&world, &records);
    let mut tried: Vec<(&str, Value, &str)> =
        bodies(&world, &|_| NOWHERE.to_owned()).into_iter().map(|(kind, body)| (kind, body, USED)).collect();
    // The names that the region gave are the region's, although everybody reads what it calls so.
    let partnership = with(&nameless(world.partnership_body("x")), json!({"call": {"id": NOWHERE}}));
    tried.push(("partnership", partnership, "PT-2012"));
    tried.push(("member", world.member_body(NOWHERE, NOWHERE, "company"), "other-0"));
    for (kind, body, used) in tried {
        let text = body.to_string();
        let reference = json!({"id": NOWHERE}).to_string();
        assert!(text.contains(&reference), "{kind}");
        let named = |name: &str| -> Value {
            serde_json::from_str(&text.replace(&reference, &json!({"external_id": name}).to_string())).unwrap()
        };
        for (who, client) in outsiders(&world) {
            let post = |name: &str| bare(&client.post(&format!("/v1/{kind}s"), named(name)), name);
            let (theirs, nobodys) = (post(used), post(FREE));
            assert_eq!(theirs.0, 422, "{kind}, {who}: {theirs:?}");
            assert_eq!(theirs, nobodys, "{kind}, {who}");
            let path = by_external_id(kind, "way");
            let put = |name: &str| bare(&client.put(&path, None, named(name)), name);
            let (theirs, nobodys) = (put(used), put(FREE));
            assert_eq!(theirs.0, 422, "{kind} by name, {who}: {theirs:?}");
            assert_eq!(theirs, nobodys, "{kind} by name, {who}");
        }
    }
}

/// Lists with cursors that open nothing to anybody, and why. An operation that is neither here nor tried fails the test.
const LISTS_OF_ALL: [(&str, &str); 5] = [
    ("/v1/audit-checkpoints", "no operator has the scope"),
    ("/v1/audit-events", "no operator has the scope"),
    ("/v1/calls", "everybody reads all of them"),
    ("/v1/organisations", "everybody reads all of them"),
    ("/v1/vocabularies/{name}/entries", "public reference data"),
];

#[test]
fn a_cursor_of_somebody_else_opens_nothing() {
    let world = World::new();
    // Two records of every kind, so that a page of one ends in a cursor.
    world.draft("second", 2);
    let (world, records) = left(world);
    let (partnership, participant) = (&records["partnerships"], &records["participants"]);
    let action = world.action_body(partnership, &records["cohorts"], participant, "2012-10-02");
    world.operator.post("/v1/actions", action).expect(201);
    world.operator.post("/v1/outcomes", world.outcome_body(participant, 2)).expect(201);
    let line = |name: &str| {
        let data = json!({"partnership": {"external_id": "to-come"}, "name": "x"});
        json!({"type": "cohort", "external_id": name, "data": data})
    };
    let lines = format!("{}\n{}\n", line("one"), line("other"));
    let headers = [("content-type", "application/x-ndjson")];
    let import = world.operator.send("POST", "/v1/imports", &headers, lines).expect(200).json();
    assert_eq!(import["items"]["waiting"], 2, "{import}");
    let import = import["id"].as_str().unwrap();

    let mut lists: Vec<(String, &Client, u16)> = records
        .keys()
        .filter(|kind| !["organisations", "calls", "imports"].contains(kind))
        .map(|kind| (format!("/v1/{kind}"), &world.region, 200))
        .collect();
    // Imports are their organisation's own: the region has no cursor of them.
    lists.extend([
        ("/v1/imports".to_owned(), &world.operator, 200),
        ("/v1/waiting-items".to_owned(), &world.operator, 200),
        (format!("/v1/imports/{import}/results"), &world.operator, 404),
        (format!("/v1/imports/{import}/waiting"), &world.operator, 404),
    ]);
    let mut tried: BTreeSet<String> = LISTS_OF_ALL.iter().map(|(path, _)| (*path).to_owned()).collect();
    for (path, owner, status) in lists {
        let page = owner.get(&format!("{path}?limit=1")).expect(200).json();
        let next = page["_links"]["next"].as_str().unwrap_or_else(|| panic!("{path}: a page of one has no next"));
        assert!(next.contains("cursor="), "{next}");
        let rest = next.replacen("limit=1", "limit=100", 1);
        assert_ne!(owner.get(&rest).expect(200).json()["items"], json!([]), "{path}: its own cursor opens it");
        for (who, client) in outsiders(&world) {
            let shown = client.get(&rest).expect(status).json();
            assert!(status != 200 || shown["items"] == json!([]), "{path}, {who}: {shown}");
        }
        tried.insert(path.replace(import, "{id}"));
    }
    // Of revisions there are fifty on a page; their cursor is a version, which anybody can make up.
    let revisions = format!("/v1/outcomes/{}/revisions?cursor=0", records["outcomes"]);
    assert_ne!(world.region.get(&revisions).expect(200).json()["items"], json!([]));
    for (_, client) in outsiders(&world) {
        client.get(&revisions).expect(404);
    }
    tried.extend(["/v1/outcomes/{id}/revisions".to_owned(), "/v1/changes".to_owned()]);
    let with_cursors: BTreeSet<String> = operations()
        .into_iter()
        .filter(|(_, _, operation)| {
            operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "cursor")
        })
        .map(|(path, ..)| path)
        .collect();
    assert_eq!(tried, with_cursors, "try the cursors of every list, or say why not");
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

/// The feed from a cursor to its end, and the cursor of that.
#[track_caller]
fn feed(client: &Client, mut cursor: String) -> (Vec<Value>, String) {
    let mut items = Vec::new();
    loop {
        let page = client.get(&format!("/v1/changes?limit=1000&cursor={cursor}")).expect(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        cursor = page["next"].as_str().unwrap().to_owned();
        if page["has_more"] == false {
            return (items, cursor);
        }
    }
}

#[test]
fn what_a_member_kept_opens_nothing_once_it_has_left() {
    let mut world = World::new();
    let records = records(&mut world);
    let partnership = &records["partnerships"];
    // Two records of every kind, so that a page of one ends in a cursor.
    name_one_of_each(&world, &records);
    // Newer than that of the others, which comes on the page after it.
    world.second.post("/v1/partnerships", world.partnership_body("own")).expect(201);
    let next = |page: &Value| page["next"].as_str().unwrap().to_owned();
    let begin = next(&world.second.get("/v1/changes?limit=1").expect(200).json());
    let (_, before) = feed(&world.second, begin);
    let member = world.member_body(partnership, &world.operators[1], "accredited_operator");
    let member = world.operator.post("/v1/members", member).expect(201).id();

    // What it has while it is a member: places in the feed before, within and after all that it gained, pages of every list, and
    // the answer to a request of its own.
    let is_grant = |item: &Value| item["operation"] == "grant";
    let page = world.second.get(&format!("/v1/changes?limit=3&cursor={before}")).expect(200).json();
    let within = next(&page);
    let (rest, after) = feed(&world.second, within.clone());
    assert!(page["items"].as_array().unwrap().iter().any(is_grant) && rest.iter().any(is_grant), "{page} {rest:?}");
    let pages = ["partnerships", "members", "cohorts", "participants", "actions", "outcomes"].map(|kind| {
        let page = world.second.get(&format!("/v1/{kind}?limit=1&sort=-created_at")).expect(200).json();
        let rest = page["_links"]["next"].as_str().unwrap_or_else(|| panic!("{kind}: a page of one has no next"));
        let rest = rest.replacen("limit=1", "limit=100", 1);
        assert!(world.second.get(&rest).expect(200).to_string().contains(partnership), "{kind}");
        rest
    });
    let write = |key: &str| {
        let body = json!({"partnership": {"id": partnership}, "name": "kept"}).to_string();
        world.second.send(
            "POST",
            "/v1/cohorts",
            &[("content-type", "application/json"), ("idempotency-key", key)],
            body,
        )
    };
    let written = write("a-key-that-was-kept").expect(201);

    let gone = json!({"left_on": "2012-10-31"});
    world.operator.patch(&format!("/v1/members/{member}"), 1, gone).expect(200);
    for rest in &pages {
        assert_eq!(world.second.get(rest).expect(200).json()["items"], json!([]), "{rest}");
    }
    for cursor in [&before, &within, &after] {
        let (told, _) = feed(&world.second, cursor.clone());
        assert_eq!(told.len(), 1, "{told:?}");
        let change = &told[0];
        assert_eq!(
            (&change["type"], &change["id"], &change["operation"], &change["record"]),
            (&json!("partnership"), &json!(partnership), &json!("revoke"), &Value::Null)
        );
        // Nor does the place of another reader open it to who never was a member.
        assert_eq!(feed(&world.stranger, cursor.clone()).0, Vec::<Value>::new());
    }
    // A retry is told what its own request came to, as it was told then; nothing else is done in the partnership.
    let again = write("a-key-that-was-kept").expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &written.body));
    assert!(write("another-key").expect(422).has("/partnership", "unknown_reference"));
}
