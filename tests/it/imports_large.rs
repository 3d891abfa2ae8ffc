//! Large imports that mean harm, or meet it: what lies in different chunks has to do with each other all the same, senders race,
//! clients are revoked, connections are lost.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chrono::Duration as Days;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use crate::imports::{delete, follow, id, lines, results, send, write};
use crate::imports_abuse::{ASYNC, partnerships, report, upload};
use crate::support::http::Answer;
use crate::support::world::World;

fn count(world: &World, from: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = format!("SELECT count(*) AS n FROM {from}");
    diesel::sql_query(query).get_result::<Count>(&mut world.service.database.connect()).unwrap().n
}

fn execute(world: &World, statement: &str) {
    diesel::sql_query(statement).execute(&mut world.service.database.connect()).unwrap();
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} does not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Counters are what the results say, and every line has one.
#[track_caller]
fn check_counts(world: &World, report: &Value, all: usize) -> Vec<Value> {
    let told = results(&world.operator, report);
    assert_eq!(told.len(), all, "{report:#}");
    for effect in ["created", "changed", "unchanged", "deleted", "waiting", "refused", "superseded", "skipped"] {
        let found = told.iter().filter(|one| one["effect"] == effect).count();
        assert_eq!(report["items"][effect], found, "{effect}: {report:#}");
    }
    told
}

#[test]
fn names_that_stand_twice_are_found_across_chunks_and_stages() {
    let world = World::new();
    let mut items = partnerships(&world, 0..1600);
    let mut other = items[10].clone();
    other["data"]["title"] = json!("Another");
    items.extend([items[0].clone(), other, delete("partnership", "P-20"), items[0].clone()]);
    for (mode, state) in [("?mode=atomic", "rejected"), ("", "completed")] {
        let report = report(&world.operator, mode, &[], lines(&items));
        assert_eq!(report["state"], state, "{report:#}");
        let told = check_counts(&world, &report, items.len());
        for line in [11, 21, 1602, 1603] {
            assert_eq!(told[line - 1]["errors"][0]["code"], "ambiguous", "line {line}");
        }
        for line in [1601, 1604] {
            assert_eq!(told[line - 1]["errors"][0]["code"], "repeated", "line {line}");
        }
        assert_eq!(report["items"]["created"], if state == "completed" { 1598 } else { 0 });
    }
    assert_eq!(world.operator.all("/v1/partnerships").len(), 1598);
}

#[test]
fn one_name_on_every_line_is_one_record() {
    let world = World::new();
    let line = lines(&partnerships(&world, 0..1));
    let report = report(
        &world.operator,
        "",
        &[("content-encoding", "zstd")],
        zstd::encode_all(line.repeat(30_000).as_bytes(), 3).unwrap(),
    );
    assert_eq!((&report["items"]["created"], &report["items"]["unchanged"]), (&json!(1), &json!(29_999)), "{report:#}");
}

/// Actions of which some rectify others.
fn action(world: &World, draft: &crate::support::world::Draft, number: usize, rectifies: Option<usize>) -> Value {
    let day = match number {
        1099 => "2012-10-02",
        2000 => "2012-10-03",
        _ => "2012-10-01",
    };
    let mut body = world.action_body(&draft.id, &draft.cohort, &draft.participant, day);
    if let Some(rectifies) = rectifies {
        body["rectifies"] = json!({"external_id": format!("A-{rectifies}")});
    }
    write("action", &format!("A-{number}"), &body)
}

#[test]
fn a_circle_is_found_across_chunks() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.on("2012-11-05");
    // Each rectifies the one half the file further on; the last ones the first: circles of two, and some that rectify themselves.
    let items: Vec<Value> = (0..1200)
        .map(|number| {
            action(&world, &draft, number, Some(if number % 100 == 0 { number } else { (number + 600) % 1200 }))
        })
        .collect();
    let report = report(&world.operator, "", &[], lines(&items));
    let told = check_counts(&world, &report, 1200);
    assert_eq!(report["items"]["refused"], 1200, "{report:#}");
    assert!(told.iter().all(|one| one["errors"][0]["code"] == "circle"), "{}", told[1]);
    assert_eq!(count(&world, "import_waiting"), 0);
    assert_eq!(report["causes"].as_array().unwrap().len(), 1, "{report:#}");
}

/// What a file says does not depend on where its lines are cut into chunks: a rectification may stand far before what it rectifies.
#[test]
fn what_refers_to_its_own_kind_may_stand_in_another_chunk() {
    for query in ["?wait_days=0", "?mode=atomic"] {
        let mut world = World::new();
        let draft = world.active("p", 1);
        world.on("2012-11-05");
        let mut far: Vec<Value> = (1..1100).map(|number| action(&world, &draft, number, None)).collect();
        far.insert(0, action(&world, &draft, 2000, Some(1099)));
        // The same two lines by themselves tell what is right.
        let mut other = World::new();
        let other_draft = other.active("p", 1);
        other.on("2012-11-05");
        let near = [action(&other, &other_draft, 2000, Some(1099)), action(&other, &other_draft, 1099, None)];
        let expected = send(&other.operator, "?wait_days=0", &near).expect(200).json();
        let expected = &results(&other.operator, &expected)[0];
        let report = report(&world.operator, query, &[], lines(&far));
        let told = check_counts(&world, &report, far.len());
        assert_ne!(expected["errors"][0]["code"], "unknown_reference", "the test tries nothing: {expected}");
        let codes = |one: &Value| -> Vec<Value> {
            one["errors"].as_array().into_iter().flatten().map(|error| error["code"].clone()).collect()
        };
        assert_eq!(codes(&told[0]), codes(expected), "{query}: {}", told[0]);
        if expected["effect"] == "created" {
            assert_eq!(told[0]["effect"], "created", "{query}");
        }
    }
}

#[test]
fn senders_that_race_make_each_record_once() {
    let world = World::new();
    for (names, from) in [(0..40, 0), (100..1300, 40)] {
        let body = lines(&partnerships(&world, names.clone()));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| upload(&world.operator, "", &[], body.as_str()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut created = 0;
        for answer in answers {
            let report = if answer.status == 202 {
                follow(&world.operator, answer.header("location").unwrap())
            } else {
                answer.expect(200).json()
            };
            let items = &report["items"];
            created += items["created"].as_u64().unwrap();
            assert_eq!(
                items["created"].as_u64().unwrap() + items["unchanged"].as_u64().unwrap(),
                names.len() as u64,
                "{report:#}"
            );
        }
        assert_eq!(created, names.len() as u64);
        assert_eq!(world.operator.all("/v1/partnerships").len(), from + names.len());
    }
    let made = world.operator.changes().iter().filter(|change| change["type"] == "partnership").count();
    assert_eq!(made, 1240, "each is in the feed once");
}

#[test]
fn what_waits_under_one_name_waits_once_whoever_sends_it() {
    let world = World::new();
    let cohort = |number: usize| {
        write("cohort", &format!("C-{number}"), &json!({"partnership": {"external_id": "absent"}, "name": "x"}))
    };
    let items: Vec<Value> = (0..50).map(cohort).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| send(&world.operator, "", &items))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in &answers {
        assert!([200, 503].contains(&answer.status), "{answer}");
        assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{answer}");
    }
    let waiting = world.operator.all("/v1/waiting-items");
    assert_eq!(waiting.len(), 50);
    let imports = world.operator.all("/v1/imports");
    let sum = |effect: &str| imports.iter().map(|import| import["items"][effect].as_u64().unwrap()).sum::<u64>();
    let carried_out = answers.iter().filter(|answer| answer.status == 200).count() as u64;
    assert_eq!((sum("waiting"), sum("superseded")), (50, 50 * (carried_out - 1)));
}

#[test]
fn a_client_that_is_revoked_stops_what_it_sent() {
    let world = World::new();
    let waits = write("cohort", "C-1", &json!({"partnership": {"external_id": "late"}, "name": "x"}));
    let first = send(&world.operator, "", &[waits]).expect(200).json();
    let mut conn = world.service.database.connect();
    // Nothing is carried out until the client is revoked.
    diesel::sql_query("BEGIN").execute(&mut conn).unwrap();
    diesel::sql_query("LOCK TABLE import_item IN EXCLUSIVE MODE").execute(&mut conn).unwrap();
    let answer = upload(&world.operator, "", &[], lines(&partnerships(&world, 0..3000))).expect(202);
    let atomic = upload(&world.operator, "?mode=atomic", &[], lines(&partnerships(&world, 5000..6100))).expect(202);
    execute(&world, "UPDATE client SET revoked_at = now() WHERE id = 'operator-1'");
    diesel::sql_query("COMMIT").execute(&mut conn).unwrap();
    for answer in [answer, atomic] {
        let import = answer.id();
        let of = |what: &str| count(&world, &format!("import WHERE id = '{import}' AND {what}"));
        until("the end of an import", || of("finished_at IS NOT NULL") == 1);
        // What was being carried out at that moment may have been in time.
        assert_eq!(of("state = 'cancelled' AND reason = 'client_revoked'"), 1, "{import}");
        let made = count(&world, &format!("import_item WHERE import_id = '{import}' AND effect = 'created'"));
        assert_eq!(of(&format!("created = {made}")), 1, "{made}");
        assert!(made <= 1500, "{made}");
    }
    // What waited for a record of the organisation is refused once that comes.
    execute(&world, "UPDATE import_waiting SET until = '2000-01-01'");
    until("the refusal of what waited", || {
        count(&world, &format!("import WHERE id = '{}' AND refused = 1", id(&first))) == 1
    });
    assert_eq!(count(&world, "import_waiting"), 0);
}

#[test]
fn connections_that_are_lost_lose_no_item() {
    let world = World::new();
    let items = partnerships(&world, 0..2500);
    for key in ["k-1", "k-2"] {
        let answer = loop {
            let answer = upload(&world.operator, "", &[("idempotency-key", key)], lines(&items));
            if answer.status == 202 {
                break answer;
            }
            assert!([409, 503].contains(&answer.status), "{answer}");
        };
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(400));
            execute(
                &world,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
        }
        let path = answer.header("location").unwrap();
        until("the end of the import", || world.operator.get(path).status == 303);
        let report = follow(&world.operator, path);
        check_counts(&world, &report, 2500);
        assert_eq!(report["items"][if key == "k-1" { "created" } else { "unchanged" }], 2500, "{report:#}");
    }
    assert_eq!(world.operator.all("/v1/partnerships").len(), 2500);
}

#[test]
fn a_dry_run_is_forgotten_in_its_time() {
    let mut world = World::new();
    let waits = [write("cohort", "C-1", &json!({"partnership": {"external_id": "absent"}, "name": "x"}))];
    let plan = send(&world.operator, "?dry_run=true", &waits).expect(200).json();
    assert_eq!(plan["items"]["waiting"], 1, "{plan:#}");
    assert!(world.operator.all("/v1/waiting-items").is_empty(), "of a dry run nothing waits");
    world.on("2012-09-01");
    // It is tidied up once a minute, and at the start.
    until_minutes("a dry run is forgotten", || count(&world, "import") == 0);
    assert_eq!(count(&world, "import_item"), 0);
}

fn until_minutes(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(90), "{what}: it is not");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn what_waits_does_not_bring_back_what_was_deleted_since() {
    let world = World::new();
    // With the lead that a cohort's partnership needs.
    let partnership = |number: usize| {
        let mut items = partnerships(&world, number..number + 1);
        let mut lead = world.member_body("", &world.operators[0], "accredited_operator");
        lead["partnership"] = json!({"external_id": format!("P-{number}")});
        items.push(write("member", &format!("M-{number}"), &lead));
        let report = send(&world.operator, "", &items).expect(200).json();
        assert_eq!(report["items"]["created"], 2, "{report:#}");
    };
    partnership(1);
    let cohort = |parent: &str| json!({"partnership": {"external_id": parent}, "name": "x", "crisis_company": {"id": world.others[4]}, "province": "MI"});
    world.operator.put("/v1/cohorts/by-external-id/C-1", None, cohort("P-1")).expect(201);
    send(&world.operator, "", &[write("cohort", "C-1", &cohort("P-2"))]).expect(200);
    world.service.clock.set(world.service.clock.now() + Days::seconds(5));
    let found = world.operator.all("/v1/cohorts");
    let (record, version) = (found[0]["id"].as_str().unwrap(), found[0]["version"].as_i64().unwrap());
    world.operator.delete(&format!("/v1/cohorts/{record}"), version).expect(204);
    partnership(2);
    until("the end of waiting", || {
        world.service.clock.set(world.service.clock.now() + Days::seconds(1));
        world.operator.all("/v1/waiting-items").is_empty()
    });
    assert!(world.operator.all("/v1/cohorts").is_empty(), "it was deleted after this was sent");
}

#[test]
fn senders_that_hang_up_leave_no_verdicts_behind() {
    let world = World::new();
    let address = world.service.url.trim_start_matches("http://").to_owned();
    for round in 0..10_u64 {
        let mut stream = TcpStream::connect(&address).unwrap();
        let text = "nonsense\n".repeat(4000 + usize::try_from(round).unwrap() * 777);
        let head = format!(
            "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\nprefer: respond-async\r\ncontent-length: {}\r\n\r\n{text}",
            world.operator.token.as_ref().unwrap(),
            text.len() * 2
        );
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(round * 15));
        drop(stream);
    }
    until("the end of all", || {
        count(&world, "import") + count(&world, "import_name") + count(&world, "import_chunk") == 0
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(count(&world, "import_item"), 0, "verdicts of imports that are not there");
    let report = report(&world.operator, "", &[ASYNC], lines(&partnerships(&world, 0..2)));
    assert_eq!(report["items"]["created"], 2);
}
