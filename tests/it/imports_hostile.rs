//! Imports that are not as they should be: each has one defined answer, and nothing is half done.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use crate::imports::{delete, effects, follow, id, lines, results, send, write};
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{World, worker};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const ASYNC: (&str, &str) = ("prefer", "respond-async");

#[track_caller]
fn upload(client: &Client, query: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    client.send("POST", &format!("/v1/imports{query}"), &[&[NDJSON], headers].concat(), body)
}

/// The report of an import that is answered at once or later.
#[track_caller]
fn report(client: &Client, query: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Value {
    let answer = upload(client, query, headers, body);
    if answer.status == 202 { follow(client, answer.header("location").unwrap()) } else { answer.expect(200).json() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn partnerships(world: &World, names: std::ops::Range<usize>) -> Vec<Value> {
    names.map(|n| write("partnership", &format!("P-{n}"), &world.partnership_body(&format!("P-{n}")))).collect()
}

fn count(world: &World, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = format!("SELECT count(*) AS n FROM {table}");
    diesel::sql_query(query).get_result::<Count>(&mut world.service.database.connect()).unwrap().n
}

#[test]
fn a_line_that_cannot_be_read_is_refused_with_its_number_and_the_others_are_carried_out() {
    let world = World::new();
    let good = partnerships(&world, 0..3);
    let bad = [
        "{\"type\":\"partnership\"",
        "nonsense",
        "{\"type\":\"nothing\",\"external_id\":\"X\",\"data\":{}}",
        "{\"type\":\"cohort\",\"external_id\":\"a b\",\"data\":{}}",
        "{\"type\":\"cohort\",\"external_id\":\"X\"}",
        "{\"type\":\"cohort\",\"external_id\":\"X\",\"dat\":{}}",
        "{\"type\":\"cohort\",\"external_id\":\"X\",\"data\":{\"name\":\"a\\u0000b\"}}",
        &format!("{{\"type\":\"cohort\",\"external_id\":\"Y\",\"data\":{}{}}}", "[".repeat(500), "]".repeat(500)),
        "\u{fffd}",
    ];
    let mut text = String::new();
    for (index, line) in bad.iter().enumerate() {
        text += &format!("{line}\n\n");
        if let Some(good) = good.get(index) {
            text += &format!("{good}\n");
        }
    }
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xff\xfe{}\n");
    for headers in [&[][..], &[ASYNC]] {
        let report = report(&world.operator, "", headers, bytes.clone());
        let told = results(&world.operator, &report);
        let refused: Vec<i64> =
            told.iter().filter(|one| one["effect"] == "refused").map(|one| one["line"].as_i64().unwrap()).collect();
        assert_eq!(refused, [1, 4, 7, 10, 12, 14, 16, 18, 20, 22], "{told:#?}");
        assert!(told.iter().filter(|one| one["effect"] == "refused").all(|one| one["errors"][0]["code"].is_string()));
        let carried_out =
            told.iter().filter(|one| ["created", "unchanged"].contains(&one["effect"].as_str().unwrap())).count();
        assert_eq!(carried_out, 3, "{report:#}");
        assert_eq!(report["items"]["read"], 13);
    }
    let atomic = report(&world.second, "?mode=atomic", &[ASYNC], bytes);
    assert_eq!(atomic["state"], "rejected");
    assert!(world.second.all("/v1/partnerships").is_empty());
}

#[test]
fn a_body_that_does_not_end_as_it_should_is_refused_as_a_whole() {
    let world = World::new();
    let text = lines(&partnerships(&world, 0..1200));
    let (zipped, packed) = (gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 3).unwrap());
    let bomb = vec![b'\n'; 16 * 1024 * 1024];
    for (encoding, body, status, code) in [
        ("gzip", zipped[..zipped.len() - 4].to_vec(), 400, "malformed_body"),
        ("zstd", packed[..packed.len() - 4].to_vec(), 400, "malformed_body"),
        ("gzip", text.clone().into_bytes(), 400, "malformed_body"),
        ("zstd", text.clone().into_bytes(), 400, "malformed_body"),
        ("gzip", gzip(&bomb), 413, "body_too_large"),
        ("zstd", zstd::encode_all(bomb.as_slice(), 3).unwrap(), 413, "body_too_large"),
        ("identity", [text.clone().into_bytes(), vec![b'x'; 1024 * 1024 + 2]].concat(), 413, "body_too_large"),
        ("identity", b"\n\n".to_vec(), 400, "malformed_body"),
        ("br", text.into_bytes(), 415, "unsupported_media_type"),
    ] {
        let answer = upload(&world.operator, "", &[("content-encoding", encoding)], body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{encoding}: {answer}");
    }
    let many = lines(&partnerships(&world, 0..1)).repeat(50_002);
    assert_eq!(upload(&world.operator, "?mode=atomic", &[], many).expect(413).code(), "body_too_large");
    assert!(world.operator.all("/v1/partnerships").is_empty(), "nothing of a refused body is carried out");
    assert!(world.operator.all("/v1/imports").is_empty());
    let began = Instant::now();
    while count(&world, "import") + count(&world, "import_chunk") + count(&world, "import_name") > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "something of it is left behind");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_sender_that_hangs_up_leaves_nothing_behind() {
    let world = World::new();
    let text = lines(&partnerships(&world, 0..3000));
    let address = world.service.url.trim_start_matches("http://").to_owned();
    for chunked in [true, false] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let length = if chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", text.len() * 2)
        };
        let head = format!(
            "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\n{length}\r\n\r\n",
            world.operator.token.as_ref().unwrap()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let body = if chunked { format!("{:x}\r\n{text}\r\n", text.len()) } else { text.clone() };
        stream.write_all(body.as_bytes()).unwrap();
        let began = Instant::now();
        while count(&world, "import_chunk") < 4 {
            assert!(began.elapsed() < Duration::from_secs(30), "nothing of it arrives");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(stream);
        while count(&world, "import") + count(&world, "import_chunk") + count(&world, "import_name") > 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "something is left behind");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(world.operator.all("/v1/partnerships").is_empty());
}

#[test]
fn a_name_that_stands_twice_is_taken_once_or_not_at_all() {
    let world = World::new();
    let mut items = partnerships(&world, 0..4);
    let mut other = items[1].clone();
    other["data"]["title"] = json!("Another");
    items.extend([items[0].clone(), other, delete("partnership", "P-2"), items[0].clone()]);
    for headers in [&[][..], &[ASYNC]] {
        let report = report(&world.operator, "", headers, lines(&items));
        let told = results(&world.operator, &report);
        let first = if headers.is_empty() { "created" } else { "unchanged" };
        assert_eq!(
            effects(&told),
            [
                (1, first),
                (2, "refused"),
                (3, "refused"),
                (4, first),
                (5, "unchanged"),
                (6, "refused"),
                (7, "refused"),
                (8, "unchanged")
            ]
        );
        assert_eq!((&told[1]["errors"][0]["code"], &told[1]["errors"][0]["lines"]), (&json!("ambiguous"), &json!([6])));
        assert_eq!(
            (&told[4]["errors"][0]["code"], &told[4]["errors"][0]["lines"]),
            (&json!("repeated"), &json!([1, 8]))
        );
    }
}

#[test]
fn a_circle_is_refused_and_does_not_wait_for_itself() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.on("2012-11-05");
    let action = |name: &str, rectifies: &str, day: &str| {
        let mut body = world.action_body(&draft.id, &draft.cohort, &draft.participant, day);
        body["rectifies"] = json!({"external_id": rectifies});
        write("action", name, &body)
    };
    let items = [
        action("A", "B", "2012-10-01"),
        action("B", "A", "2012-10-02"),
        action("C", "C", "2012-10-03"),
        action("D", "A", "2012-10-04"),
    ];
    for headers in [&[][..], &[ASYNC]] {
        let report = report(&world.operator, "", headers, lines(&items));
        let told = results(&world.operator, &report);
        assert_eq!(effects(&told), [(1, "refused"), (2, "refused"), (3, "refused"), (4, "waiting")], "{told:#?}");
        assert_eq!(told[0]["errors"][0]["code"], "circle");
        assert_eq!((&report["items"]["refused"], &report["items"]["waiting"]), (&json!(3), &json!(1)));
    }
    assert!(world.operator.all("/v1/actions").is_empty());
}

#[test]
fn nobody_reaches_into_what_belongs_to_others() {
    let world = World::new();
    let draft = world.draft("theirs", 1);
    // The same name in another organisation is another record; an id of theirs is as good as none.
    let own = partnerships(&world, 1..2);
    send(&world.operator, "", &own).expect(200);
    let cohort = |partnership: Value| write("cohort", "C-1", &json!({"partnership": partnership, "name": "x"}));
    for reference in [json!({"id": draft.id}), json!({"external_id": "P-1"})] {
        let report = send(&world.stranger, "?wait_days=0", &[cohort(reference)]).expect(200).json();
        assert_eq!(
            (&report["items"]["refused"], &report["causes"][0]["code"]),
            (&json!(1), &json!("unknown_reference")),
            "{report:#}"
        );
    }
    let report = send(&world.stranger, "", &[delete("partnership", "P-1")]).expect(200).json();
    assert_eq!(report["causes"][0]["code"], "not_found");
    assert_eq!(world.operator.all("/v1/partnerships").len(), 2);
    // A token that may not write a kind may not import it either.
    let poor = world.service.client_with("operator-1", "imports.write imports.read cohorts.write");
    let report = send(&poor, "", &[own[0].clone(), cohort(json!({"id": draft.id}))]).expect(200).json();
    assert_eq!(results(&poor, &report)[0]["errors"][0]["code"], "insufficient_scope");
    for client in [&world.dote, &world.auditor, &world.service.client_with("operator-1", "cohorts.write")] {
        send(client, "", &own).expect(403);
    }
    assert_eq!(send(&world.service.anonymous(), "", &own).status, 401);
}

#[test]
fn tax_codes_are_not_repeated() {
    let world = World::new();
    let code = worker(7);
    let mut participant = world.participant_body("", 7);
    participant["cohort"] = json!({"external_id": code});
    participant["dote"]["number"] = json!(code);
    let items = [
        write("participant", &code, &participant),
        write("participant", "W-1", &participant),
        write(
            "cohort",
            "C-1",
            &json!({"partnership": {"external_id": "P-1"}, "name": "x", "crisis_company": {"tax_code": code}, code.clone(): 1}),
        ),
        write(
            "cohort",
            "C-2",
            &json!({"partnership": {"external_id": "absent"}, "name": "x", "crisis_company": {"tax_code": code}}),
        ),
        write(&code, "X", &json!({})),
    ];
    for headers in [&[][..], &[ASYNC]] {
        let report = report(&world.operator, "", headers, lines(&items));
        let told =
            json!([report, results(&world.operator, &report), world.operator.all("/v1/waiting-items")]).to_string();
        assert!(!told.contains(&code), "{told}");
        assert_eq!(report["items"]["created"], 0);
    }
    // Nor are they kept in clear.
    for table in ["import_item", "import_waiting", "import_chunk", "import"] {
        assert_eq!(count(&world, &format!("{table} t WHERE t::text LIKE '%{code}%'")), 0, "{table}");
    }
}

#[test]
fn a_key_makes_one_import_however_often_and_from_wherever_it_comes() {
    let world = World::new();
    let (small, large) = (lines(&partnerships(&world, 0..5)), lines(&partnerships(&world, 0..1500)));
    for (key, body) in [("k-small", &small), ("k-large", &large)] {
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|_| scope.spawn(|| upload(&world.operator, "", &[("idempotency-key", key)], body.as_str())))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut ids: Vec<String> = Vec::new();
        for answer in answers {
            match answer.status {
                200 | 202 => ids.push(answer.id()),
                409 => assert_eq!(answer.code(), "idempotency_in_progress"),
                _ => panic!("{answer}"),
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{key}");
        let again = upload(&world.operator, "", &[("idempotency-key", key)], body.as_str());
        assert_eq!((again.header("idempotent-replayed"), again.id()), (Some("true"), ids[0].clone()));
        let other = upload(&world.operator, "", &[("idempotency-key", key)], lines(&partnerships(&world, 0..6)));
        assert_eq!(other.expect(422).code(), "idempotency_key_reused");
        let other = upload(&world.operator, "?dry_run=true", &[("idempotency-key", key)], body.as_str());
        assert_eq!(other.expect(422).code(), "idempotency_key_reused");
    }
    assert_eq!(world.operator.all("/v1/imports").len(), 2);
}

#[test]
fn thousands_of_refusals_are_one_cause() {
    let world = World::new();
    let items: Vec<Value> = (0..5000)
        .map(|number| write("cohort", &format!("C-{number}"), &json!({"partnership": {"id": 7}, "name": "x"})))
        .collect();
    let report = report(&world.operator, "", &[], lines(&items));
    assert_eq!(report["items"]["refused"], 5000);
    let causes = report["causes"].as_array().unwrap();
    assert!(causes.len() <= 3, "{causes:#?}");
    assert_eq!((&causes[0]["items"], &causes[0]["mended_by"]), (&json!(5000), &json!("vendor")));
    for bad in ["nonsense", "-1.5", "1", ""] {
        let path = format!("/v1/imports/{}/waiting?cursor={bad}", id(&report));
        assert_eq!(world.operator.get(&path).expect(400).code(), "invalid_cursor", "{bad}");
    }
    let page = world.operator.get(&format!("/v1/imports/{}/results?limit=1000", id(&report))).expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1000);
    assert_eq!(results(&world.operator, &report).len(), 5000);
}

#[test]
fn what_is_cancelled_stops_and_what_was_done_stays() {
    let world = World::new();
    let items = partnerships(&world, 0..4000);
    let answer = upload(&world.operator, "", &[], lines(&items)).expect(202);
    let path = answer.header("location").unwrap();
    let cancelled = world.operator.act(&format!("{path}/cancellation")).expect(200).json();
    assert!(["cancelled", "completed"].contains(&cancelled["state"].as_str().unwrap()));
    world.second.act(&format!("{path}/cancellation")).expect(404);
    std::thread::sleep(Duration::from_secs(1));
    let report = follow(&world.operator, path);
    let stored = i64::try_from(world.operator.all("/v1/partnerships").len()).unwrap();
    assert_eq!(report["items"]["created"], stored);
    assert_eq!(results(&world.operator, &report).len(), usize::try_from(stored).unwrap());
    // The rest can be sent again.
    let report = follow(
        &world.operator,
        upload(&world.operator, "", &[], lines(&items)).expect(202).header("location").unwrap(),
    );
    assert_eq!(report["items"]["created"].as_i64().unwrap() + report["items"]["unchanged"].as_i64().unwrap(), 4000);
}

#[test]
fn more_uploads_than_there_are_places_are_told_to_come_later() {
    let world = World::new();
    let address = world.service.url.trim_start_matches("http://").to_owned();
    let open = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100000\r\n\r\n{{",
            world.operator.token.as_ref().unwrap()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut open_ones: Vec<TcpStream> = (0..24).map(|_| open()).collect();
    let began = Instant::now();
    let items = partnerships(&world, 0..1);
    let busy = loop {
        let answer = send(&world.operator, "", &items);
        if answer.status == 503 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(25), "{answer}");
        // While this request had a place, any number of those above may have been refused.
        open_ones.push(open());
    };
    assert_eq!((busy.code().as_str(), busy.header("retry-after")), ("unavailable", Some("1")));
    world.operator.get("/v1/partnerships").expect(200);
    for mut stream in open_ones {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = stream.read(&mut [0; 1]);
    }
    while send(&world.operator, "", &items).status == 503 {
        assert!(began.elapsed() < Duration::from_secs(60), "the places are not given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_import_that_the_service_fails_at_ends_and_keeps_nobody_waiting() {
    let world = World::new();
    let mut conn = world.service.database.connect();
    // Nothing is written of it until a chunk that nobody has in hand is damaged.
    diesel::sql_query("BEGIN").execute(&mut conn).unwrap();
    diesel::sql_query("LOCK TABLE import_item IN EXCLUSIVE MODE").execute(&mut conn).unwrap();
    let answer = upload(&world.operator, "", &[], lines(&partnerships(&world, 0..2500))).expect(202);
    diesel::sql_query("UPDATE import_chunk SET sealed = 'nonsense' WHERE number = 4").execute(&mut conn).unwrap();
    diesel::sql_query("COMMIT").execute(&mut conn).unwrap();
    let report = follow(&world.operator, answer.header("location").unwrap());
    assert_eq!((&report["state"], &report["reason"]), (&json!("rejected"), &json!("service_failed")), "{report:#}");
    assert_eq!(report["items"]["created"], 2000, "what was carried out stays, and is told");
    let report = report_of(&world.operator, 2400..3600, &world);
    assert_eq!((&report["state"], &report["items"]["created"]), (&json!("completed"), &json!(1200)), "{report:#}");
}

fn report_of(client: &Client, names: std::ops::Range<usize>, world: &World) -> Value {
    report(client, "", &[], lines(&partnerships(world, names)))
}
