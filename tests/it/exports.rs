//! Exports: one instant, whole or noticeably not, and the place from which the feed goes on.

use std::io::Read as _;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::sight::{Copy, truth};
use crate::support::service::{Client, Service};
use crate::support::world::{World, worker as worker_code};

fn lines(client: &Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    String::from_utf8(answer.body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_export_is_what_the_lists_show_and_the_feed_goes_on_from_it() {
    let service = Service::demo();
    for reader in ["demo-dote", "demo-operator-1"] {
        let client = service.demo_client(reader);
        for kind in ["organisations", "partnerships", "members", "cohorts", "participants", "outcomes"] {
            let found = lines(&client, &format!("/v1/exports/{kind}"));
            let (head, end) = (&found[0]["_export"], &found[found.len() - 1]["_end"]);
            assert_eq!((&head["resource"], &head["cursor"]), (&json!(kind), &end["cursor"]));
            let records = &found[1..found.len() - 1];
            assert_eq!(end["items"], records.len());
            assert!(records.windows(2).all(|pair| pair[0]["id"].as_str() < pair[1]["id"].as_str()), "by id, each once");
            let mut listed = client.all(&format!("/v1/{kind}?limit=200"));
            listed.sort_by_key(|record| record["id"].as_str().unwrap().to_owned());
            assert_eq!(records, listed, "{reader} {kind}");
            let page =
                client.get(&format!("/v1/changes?cursor={}", head["cursor"].as_str().unwrap())).expect(200).json();
            assert_eq!((&page["items"], &page["has_more"]), (&json!([]), &json!(false)));
        }
    }
    // The same filters as the lists.
    let dote = service.demo_client("demo-dote");
    let some = lines(&dote, "/v1/exports/outcomes?state=verified&kind=employment");
    let listed = dote.all("/v1/outcomes?limit=200&state=verified&kind=employment");
    assert_eq!(some.len() - 2, listed.len());
    assert!(!listed.is_empty());
    for (path, pointer) in [
        ("/v1/exports/outcomes?stat=verified", "stat"),
        ("/v1/exports/outcomes?limit=5", "limit"),
        ("/v1/exports/outcomes?after=x&from=y", "after"),
        ("/v1/exports/outcomes?after=01890000-0000-7000-8000-000000000000", "from"),
    ] {
        assert_eq!(dote.get(path).expect(400).json()["errors"][0]["pointer"], pointer, "{path}");
    }
    assert_eq!(dote.get("/v1/exports/outcomes?from=x").expect(400).code(), "invalid_cursor");
    dote.get("/v1/exports/secrets").expect(404);
    // Compressed, and as a table.
    let plain = dote.get("/v1/exports/outcomes").expect(200);
    for (encoding, unpack) in
        [("gzip", gunzip as fn(&[u8]) -> Vec<u8>), ("zstd", |bytes| zstd::decode_all(bytes).unwrap())]
    {
        let packed = dote.send("GET", "/v1/exports/outcomes", &[("accept-encoding", encoding)], "").expect(200);
        assert_eq!(packed.header("content-encoding"), Some(encoding));
        assert!(packed.body.len() < plain.body.len() / 3);
        let unpacked = String::from_utf8(unpack(&packed.body)).unwrap();
        assert_eq!(unpacked.lines().nth(7), String::from_utf8_lossy(&plain.body).lines().nth(7));
    }
    let table = dote.send("GET", "/v1/exports/participants", &[("accept", "text/csv")], "").expect(200);
    assert_eq!(table.header("content-type"), Some("text/csv"));
    let link = table.header("link").unwrap();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    dote.get(next).expect(200);
    let mut rows = csv::Reader::from_reader(table.body.as_slice());
    let headers = rows.headers().unwrap().clone();
    let found = lines(&dote, "/v1/exports/participants");
    for (row, record) in rows.records().map(Result::unwrap).zip(&found[1..]) {
        for (name, cell) in headers.iter().zip(&row) {
            match &record[name] {
                Value::Null => assert_eq!(cell, "", "{name}"),
                Value::String(text) => assert_eq!(cell, text, "{name}"),
                other => assert_eq!(serde_json::from_str::<Value>(cell).unwrap(), *other, "{name}"),
            }
        }
    }
    assert_eq!(headers.len(), found[1].as_object().unwrap().len());
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

#[test]
fn an_export_that_was_cut_off_goes_on_and_with_the_feed_comes_to_the_same() {
    let world = World::new();
    for number in 0..40 {
        world.operator.post("/v1/partnerships", world.partnership_body(&format!("P-{number}"))).expect(201);
    }
    let begun = lines(&world.operator, "/v1/exports/partnerships");
    let cursor = begun[0]["_export"]["cursor"].as_str().unwrap();
    // Of the first export only ten records came; what happens meanwhile comes with the feed.
    let mut copy = Copy { cursor: Some(cursor.to_owned()), ..Copy::default() };
    let keep = |copy: &mut Copy, records: &[Value]| {
        for record in records {
            let id = record["id"].as_str().unwrap().to_owned();
            copy.records.insert(("partnership".to_owned(), id), record.clone());
        }
    };
    keep(&mut copy, &begun[1..11]);
    let changed = |number: usize| begun[number]["id"].as_str().unwrap();
    for number in [2, 20] {
        let mut body = world.partnership_body(begun[number]["external_id"].as_str().unwrap());
        body["title"] = json!("Changed");
        world.operator.put(&format!("/v1/partnerships/{}", changed(number)), Some(1), body).expect(200);
    }
    for number in [3, 30] {
        world.operator.delete(&format!("/v1/partnerships/{}", changed(number)), 1).expect(204);
    }
    world.operator.post("/v1/partnerships", world.partnership_body("P-new")).expect(201);
    let on = lines(&world.operator, &format!("/v1/exports/partnerships?from={cursor}&after={}", changed(10)));
    assert_eq!(on[0]["_export"]["cursor"], cursor);
    keep(&mut copy, &on[1..on.len() - 1]);
    copy.pull(&world.operator, 7);
    let truth = truth(&world.operator);
    let of = |records: &std::collections::BTreeMap<(String, String), Value>| -> Vec<Value> {
        records.iter().filter(|((kind, _), _)| kind == "partnership").map(|(_, record)| record.clone()).collect()
    };
    assert_eq!(of(&copy.records), of(&truth));
    assert_eq!(of(&truth).len(), 39);
}

#[derive(QueryableByName)]
struct Activity {
    #[diesel(sql_type = BigInt)]
    open: i64,
}

#[derive(QueryableByName, Debug)]
struct Disclosure {
    #[diesel(sql_type = Text)]
    client_id: String,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = BigInt)]
    shown: i64,
}

#[test]
fn a_client_that_hangs_up_leaves_nothing_behind() {
    let service = Service::demo();
    let client = service.demo_client("demo-dote");
    let address = service.url.trim_start_matches("http://").to_owned();
    let token = client.token.clone().unwrap();
    for round in 0..12 {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let request = format!("GET /v1/exports/actions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut some = vec![0; 4096];
        if round % 2 == 0 {
            assert!(stream.read(&mut some).unwrap() > 0);
        }
        drop(stream);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut conn = service.database.connect();
    let mut open = || -> i64 {
        let query = "SELECT count(*) AS open FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
        diesel::sql_query(query).get_result::<Activity>(&mut conn).unwrap().open
    };
    for _ in 0..100 {
        if open() == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(open(), 0, "a transaction is left open");
    assert!(!truth(&client).is_empty(), "there are places again");
}

#[test]
fn an_export_that_fails_on_the_way_does_not_look_complete() {
    let service = Service::demo();
    let client = service.demo_client("demo-dote");
    let mut conn = service.database.connect();
    // More than all buffers on the way hold.
    diesel::sql_query(
        "INSERT INTO action SELECT r.* FROM (SELECT * FROM action WHERE rectifies_id IS NULL LIMIT 1) a, generate_series(1, 60000) n, \
            LATERAL jsonb_populate_record(NULL::action, to_jsonb(a) || jsonb_build_object('id', gen_random_uuid(), 'external_id', 'x-' || n)) r",
    )
    .execute(&mut conn)
    .unwrap();
    let address = service.url.trim_start_matches("http://").to_owned();
    let token = client.token.unwrap();
    for form in ["application/x-ndjson", "text/csv"] {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let request = format!(
            "GET /v1/exports/actions HTTP/1.1\r\nHost: x\r\nAccept: {form}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        // Past the head and the first records: it is on the way.
        stream.read_exact(&mut vec![0; 256 * 1024]).unwrap();
        let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND query LIKE '%\"action\"%'";
        let found = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            diesel::sql_query(ended).execute(&mut conn).unwrap() > 0
        });
        assert!(found, "no connection is exporting");
        let mut rest = Vec::new();
        // Closed, orderly or not; but the last chunk of an answer never comes.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{form}");
    }
}

#[test]
fn who_was_shown_workers_is_noted() {
    let service = Service::demo();
    let dote = service.demo_client("demo-dote");
    let participants = lines(&dote, "/v1/exports/participants").len() - 2;
    dote.get("/v1/changes?types=outcome&limit=10").expect(200);
    dote.get("/v1/changes?types=call").expect(200);
    let outcomes = dote.get("/v1/outcomes?limit=7").expect(200).json();
    dote.get("/v1/outcomes?limit=3&fields=kind&embed=participant").expect(200);
    let one = outcomes["items"][0]["id"].as_str().unwrap();
    dote.get(&format!("/v1/outcomes/{one}")).expect(200);
    dote.get(&format!("/v1/outcomes/{one}?embed=participant,partnership")).expect(200);
    dote.get(&format!("/v1/outcomes/{one}/revisions")).expect(200);
    dote.get(&format!("/v1/outcomes?id={one}&as_known_at=2012-01-01T00:00:00Z")).expect(200);
    dote.get(&format!("/v1/participants/{one}")).expect(404);
    dote.get("/v1/partnerships?limit=5").expect(200);
    dote.post("/v1/participants/lookup", json!({"tax_code": worker_code(9999)})).expect(200);
    let worker = dote.get("/v1/participants?limit=1").expect(200).json()["items"][0].clone();
    let code = worker["tax_code"].as_str().unwrap();
    let same = dote.post("/v1/participants/lookup", json!({"tax_code": code})).expect(200).json();
    let same = i64::try_from(same["items"].as_array().unwrap().len()).unwrap();
    let mut conn = service.database.connect();
    let notes: Vec<Disclosure> = diesel::sql_query(
        "SELECT client_id, operation, sum(cardinality(record_ids))::bigint AS shown FROM audit_event WHERE effects IS NULL GROUP BY 1, 2 ORDER BY operation",
    )
    .load(&mut conn)
    .unwrap();
    let notes: Vec<(&str, &str, i64)> =
        notes.iter().map(|note| (note.client_id.as_str(), note.operation.as_str(), note.shown)).collect();
    let participants = i64::try_from(participants).unwrap();
    let shown: Vec<(&str, i64)> = notes
        .iter()
        .map(|(client, operation, shown)| {
            assert_eq!(*client, "demo-dote");
            (*operation, *shown)
        })
        .collect();
    let expected = [
        ("export_participants", participants),
        ("find_participants", same),
        ("list_changes", 10),
        ("list_outcome_revisions", 1),
        // Of three outcomes, their workers too; these can be the same.
        ("list_outcomes", shown.iter().find(|(operation, _)| *operation == "list_outcomes").unwrap().1),
        ("list_participants", 1),
        ("show_outcome", 3),
    ];
    assert_eq!(shown, expected);
    assert!((11..=13).contains(&expected[4].1), "{}", expected[4].1);
    for statement in ["UPDATE audit_event SET client_id = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"] {
        assert!(diesel::sql_query(statement).execute(&mut conn).is_err(), "{statement}");
    }
}
