//! Imports that mean harm, one at a time: strange names, queries, media types and archives. Each has one defined answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::imports::{delete, follow, id, lines, results, send, write};
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{World, worker};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
pub const ASYNC: (&str, &str) = ("prefer", "respond-async");

#[track_caller]
pub fn upload(client: &Client, query: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    client.send("POST", &format!("/v1/imports{query}"), &[&[NDJSON], headers].concat(), body)
}

/// The report of an import that is answered at once or later.
#[track_caller]
pub fn report(client: &Client, query: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Value {
    let answer = upload(client, query, headers, body);
    if answer.status == 202 { follow(client, answer.header("location").unwrap()) } else { answer.expect(200).json() }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn partnerships(world: &World, names: std::ops::Range<usize>) -> Vec<Value> {
    names.map(|n| write("partnership", &format!("P-{n}"), &world.partnership_body(&format!("P-{n}")))).collect()
}

/// A token for one request by hand.
fn bearer(world: &World) -> String {
    format!("authorization: Bearer {}", world.operator.token.as_ref().unwrap())
}

#[test]
fn what_postgresql_cannot_keep_is_refused_where_it_stands_and_nowhere_else() {
    let world = World::new();
    let good = partnerships(&world, 0..2);
    let strange = [
        r#"{"type":"cohort","external_id":"C-1","data":{"partnership":{"external_id":"P-0"},"name":"x","a\u0000b":1}}"#,
        r#"{"type":"cohort","external_id":"C-2","data":{"partnership":{"external_id":"P\u00000"},"name":"x"}}"#,
        r#"{"type":"cohort","external_id":"C-3","data":{"partnership":{"external_id":"P-0","\u0000":1},"name":"x"}}"#,
        r#"{"type":"cohort","external_id":"C-4","data":{"partnership":{"external_id":"P-0"},"name":"x"},"\u0000":1}"#,
        r#"{"type":"cohort","external_id":"C-5","data":{"partnership":{"external_id":"P-0"},"name":"\ud800"}}"#,
        r#"{"type":"co\u0000hort","external_id":"C-6","data":{}}"#,
        r#"{"type":"cohort","external_id":"C\u0000-7","data":{}}"#,
        r#"{"type":"cohort","external_id":"C-8","data":{"partnership":{"external_id":"P-0"},"name":1e999}}"#,
        r#"{"type":"cohort","external_id":"C-9","data":{"partnership":{"external_id":"P-0"},"name":"x","crisis_company":{"tax_code":"\u0000"}}}"#,
        r#"{"type":"cohort","external_id":"C-10","data":null}"#,
        r#"{"type":"cohort","external_id":"C-11","data":[]}"#,
        r#"{"type":"cohort","external_id":"C-12","delete":null}"#,
    ];
    let text = format!("{}{}\n{}", lines(&good[..1]), strange.join("\n"), lines(&good[1..]));
    for headers in [&[][..], &[ASYNC]] {
        let report = report(&world.operator, "?wait_days=0", headers, text.clone());
        let told = results(&world.operator, &report);
        assert_eq!(report["items"]["refused"], strange.len(), "{told:#?}");
        for (index, one) in told.iter().enumerate() {
            let expected = index != 0 && index != told.len() - 1;
            assert_eq!(one["effect"] == "refused", expected, "{one}");
            let internal = one["errors"].as_array().into_iter().flatten().any(|error| error["code"] == "internal");
            assert!(!internal, "the item is at fault, not the service: {one}");
        }
    }
}

#[test]
fn one_line_does_not_make_a_result_without_end() {
    let world = World::new();
    let many = format!("[{}1]", "1,".repeat(400_000));
    let item = format!(r#"{{"type":"action","external_id":"A-1","data":{{"attendance":{many},"cost_lines":[]}}}}"#);
    let members: Vec<String> = (0..50_000).map(|number| format!("\"m{number}\":0")).collect();
    let other = format!(r#"{{"type":"action","external_id":"A-2","data":{{{}}}}}"#, members.join(","));
    let long = format!(r#"{{"type":"action","external_id":"A-3","data":{{"{}":0}}}}"#, "x".repeat(900_000));
    for line in [item, other, long] {
        let report = report(&world.operator, "", &[], line);
        assert_eq!(report["items"]["refused"], 1);
        let told = world.operator.get(&format!("/v1/imports/{}/results", id(&report))).expect(200);
        let errors = told.json()["items"][0]["errors"].as_array().unwrap().len();
        assert!(errors <= 100, "{errors} errors of one line");
        for error in told.json()["items"][0]["errors"].as_array().unwrap() {
            assert!(error["pointer"].as_str().unwrap().chars().count() <= 1000, "the pointer is longer than promised");
        }
    }
}

#[test]
fn queries_and_headers_that_cannot_be_are_refused() {
    let world = World::new();
    let body = lines(&partnerships(&world, 0..1));
    for query in [
        "?mode=both",
        "?mode=",
        "?dry_run=maybe",
        "?wait_days=-1",
        "?wait_days=31",
        "?wait_days=1.5",
        "?wait_days=99999999999999999999",
        "?plan_hash=abc",
        "?plan_hash=%00",
        "?nonsense=1",
        "?mode=atomic&mode=partial",
    ] {
        let answer = upload(&world.operator, query, &[], body.clone());
        assert!([400, 422].contains(&answer.status), "{query}: {answer}");
    }
    for (media, encoding, status) in [
        ("application/json", "", 415),
        ("application/ndjson", "", 415),
        ("text/plain", "", 415),
        ("application/x-ndjson", "gzip, gzip", 415),
        ("application/x-ndjson", "deflate", 415),
        ("application/x-ndjson; charset=utf-8", "Identity", 200),
        ("Application/X-NDJSON", "", 200),
    ] {
        let headers: Vec<(&str, &str)> = [("content-type", media), ("content-encoding", encoding)]
            .into_iter()
            .filter(|(_, v)| !v.is_empty())
            .collect();
        let answer = world.operator.send("POST", "/v1/imports", &headers, body.clone());
        assert_eq!(answer.status, status, "{media} {encoding}: {answer}");
    }
    assert_eq!(world.operator.send("POST", "/v1/imports", &[], body.clone()).status, 415);
    let long = "k".repeat(256);
    for key in ["", long.as_str()] {
        let answer = upload(&world.operator, "", &[("idempotency-key", key)], body.clone());
        assert!([400, 422].contains(&answer.status), "{key}: {answer}");
    }
    assert_eq!(upload(&world.operator, "", &[("idempotency-key", &long[1..])], body).status, 200);
}

#[test]
fn cursors_and_filters_that_cannot_be_are_refused() {
    let world = World::new();
    let import = send(&world.operator, "", &partnerships(&world, 0..3)).expect(200).json();
    let path = format!("/v1/imports/{}", id(&import));
    let none = "00000000-0000-0000-0000-000000000000";
    let cursors = [
        "nonsense".to_owned(),
        "%00".to_owned(),
        "-1".to_owned(),
        "99999999999999999999".to_owned(),
        format!("{}.{none}", i64::MAX),
        format!("{}.{none}", i64::MIN),
        format!("-8000000000000000000.{none}"),
        format!("8000000000000000000.{none}"),
        format!("{none}.{}", i64::MAX),
        format!("{none}.-1"),
        format!("1.{none}.1"),
        "1".repeat(101),
    ];
    for list in ["/v1/imports", &format!("{path}/results"), &format!("{path}/waiting"), "/v1/waiting-items"] {
        for cursor in &cursors {
            let answer = world.operator.get(&format!("{list}?cursor={cursor}"));
            assert!([200, 400, 422].contains(&answer.status), "{list} {cursor}: {answer}");
        }
        for limit in ["0", "-1", "1001", "x", "", "99999999999999999999"] {
            let answer = world.operator.get(&format!("{list}?limit={limit}"));
            assert!([400, 422].contains(&answer.status), "{list} {limit}: {answer}");
        }
        assert!([400, 422].contains(&world.operator.get(&format!("{list}?nonsense=1")).status), "{list}");
    }
    for filter in
        ["effect=nonsense", "effect=", "external_id=%00", "external_id=a%20b", &format!("external_id={}", worker(1))]
    {
        let answer = world.operator.get(&format!("{path}/results?{filter}"));
        // A name that no record can have is no mistake of form: nothing is found under it.
        let nothing = answer.status == 200 && answer.json()["items"] == json!([]);
        assert!(nothing || [400, 422].contains(&answer.status), "{filter}: {answer}");
        assert!(!answer.to_string().contains(&worker(1)));
    }
    for bad in ["nonsense", "%00", none] {
        for rest in ["", "/report", "/results", "/waiting"] {
            let answer = world.operator.get(&format!("/v1/imports/{bad}{rest}"));
            assert!([400, 404, 422].contains(&answer.status), "{bad}{rest}: {answer}");
        }
    }
    for rest in ["", "/report", "/results", "/waiting"] {
        assert_eq!(world.second.get(&format!("{path}{rest}")).status, 404, "{rest}");
        assert_eq!(world.service.anonymous().get(&format!("{path}{rest}")).status, 401, "{rest}");
    }
}

#[test]
fn an_archive_with_something_behind_it_is_no_archive() {
    let world = World::new();
    let text = lines(&partnerships(&world, 0..3));
    let (zipped, packed) = (gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 3).unwrap());
    let bodies = [
        ("gzip", [zipped.clone(), b"garbage".to_vec()].concat()),
        ("zstd", [packed.clone(), b"garbage".to_vec()].concat()),
        ("gzip", [zipped.clone(), zipped[..10].to_vec()].concat()),
        ("zstd", [packed.clone(), packed[..3].to_vec()].concat()),
        ("gzip", gzip(&zipped)),
        ("gzip", packed.clone()),
        ("zstd", zipped.clone()),
        ("gzip", Vec::new()),
        ("zstd", Vec::new()),
        ("gzip", vec![0x1f]),
        ("zstd", vec![0x28, 0xb5, 0x2f]),
    ];
    for (index, (encoding, body)) in bodies.into_iter().enumerate() {
        let answer = upload(&world.operator, "", &[("content-encoding", encoding)], body);
        // An archive within an archive holds lines that cannot be read.
        let carried_out = answer.status == 200 && answer.json()["items"]["created"] != 0;
        assert!(!carried_out, "{index} {encoding}: {answer}");
        assert!([200, 400, 413].contains(&answer.status), "{index} {encoding}: {answer}");
    }
    assert!(world.operator.all("/v1/partnerships").is_empty());
}

#[test]
fn the_last_line_counts_whether_it_ends_or_not() {
    let world = World::new();
    let line = r#"{"type":"cohort","external_id":"C-1","delete":true}"#;
    let all = vec![line; 50_001].join("\n");
    for body in [format!("{all}\n"), all] {
        assert_eq!(upload(&world.operator, "?mode=atomic", &[], body).expect(413).code(), "body_too_large");
    }
}

#[test]
fn a_line_without_end_is_refused_while_it_is_sent() {
    let world = World::new();
    let address = world.service.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /v1/imports HTTP/1.1\r\nhost: x\r\n{}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
        bearer(&world)
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 65536, "x".repeat(65536));
    // 64 MiB, unless the service hangs up before.
    let sent = (0..1024).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 413") || sent < 1024, "{sent} chunks were taken: {answer}");
    assert!(world.operator.all("/v1/imports").is_empty());
}

#[test]
fn tax_codes_are_not_repeated_wherever_they_stand() {
    let world = World::new();
    let code = worker(8);
    let lower = code.to_lowercase();
    let cohort = |partnership: Value| json!({"partnership": partnership, "name": "x"});
    let mut items = Vec::new();
    for code in [code.as_str(), lower.as_str()] {
        let spaced = format!("{}-{}-{}", &code[..6], &code[6..11], &code[11..]);
        for name in [code.to_owned(), format!("W-{code}"), format!("{code}.1"), spaced] {
            items.push(write("cohort", &name, &cohort(json!({"external_id": "absent"}))));
            items.push(delete("participant", &name));
            items.push(write("cohort", "C-1", &cohort(json!({"external_id": name}))));
            items.push(write("cohort", "C-2", &cohort(json!({"id": name}))));
            items.push(write(
                "cohort",
                "C-3",
                &json!({"partnership": {"external_id": "absent"}, "name": "x", "crisis_company": {"tax_code": name}}),
            ));
            items.push(write(
                "cohort",
                "C-4",
                &json!({"partnership": {"external_id": "absent", name.clone(): 1}, "name": "x"}),
            ));
            items.push(json!({"type": "cohort", "external_id": "C-5", "data": {}, name.clone(): 1}));
            items.push(json!({"type": "cohort", "external_id": "C-6", "delete": name}));
            items.push(json!({"type": name, "external_id": "C-7", "data": {}}));
            items.push(json!({"type": "action", "external_id": "A-1", "data": {"rectifies": {"external_id": name}, "details": {"kind": name, name.clone(): name}}}));
        }
    }
    let text: String = lines(&items);
    for headers in [&[][..], &[ASYNC]] {
        for query in ["", "?wait_days=0", "?mode=atomic", "?dry_run=true"] {
            let report = report(&world.operator, query, headers, text.clone());
            let told = json!([report, results(&world.operator, &report), world.operator.all("/v1/waiting-items")])
                .to_string()
                .to_uppercase()
                .replace(['-', '.', '_'], "");
            let at = told.find(&code).unwrap_or_default();
            assert_eq!(at, 0, "…{}…", &told[at.saturating_sub(300)..(at + 100).min(told.len())]);
        }
    }
}
