//! Organisations, and with them what every resource has.

use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use crate::support::Service;

fn organisation(serial: u32) -> Value {
    json!({
        "external_id": format!("org-{serial}"), "tax_code": synthetic::organisation(serial, 15).as_str(),
        "name": format!("Organisation {serial}"), "legal_form": "1.3.20", "ateco": "78.10.00", "municipality": "015146",
    })
}

#[test]
fn a_record_is_made_read_changed_and_deleted() {
    let service = Service::start();
    let region = service.client("region");
    let made = region.post("/v1/organisations", organisation(7)).expect(201);
    let path = format!("/v1/organisations/{}", made.id());
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made.json()["province"], "MI");

    let read = region.get(&path).expect(200);
    assert_eq!(read.body, made.body);
    region.send("GET", &path, &[("if-none-match", "\"1\"")], "").expect(304);

    let mut changed = organisation(7);
    changed["name"] = json!("Another name");
    region.put(&path, None, changed.clone()).expect(428);
    let replaced = region.put(&path, Some(1), changed.clone()).expect(200);
    assert_eq!(
        (replaced.json()["version"].as_i64(), replaced.json()["name"].as_str()),
        (Some(2), Some("Another name"))
    );
    assert_eq!(region.put(&path, Some(1), organisation(7)).expect(412).code(), "stale_version");

    let patched = region.patch(&path, 2, json!({"name": "A third name", "ateco": null})).expect(200).json();
    assert_eq!(
        (&patched["name"], &patched["ateco"], &patched["legal_form"]),
        (&json!("A third name"), &Value::Null, &json!("1.3.20"))
    );
    let wrong_type = region.send("PATCH", &path, &[("content-type", "application/json"), ("if-match", "\"3\"")], "{}");
    assert_eq!(wrong_type.header("accept-patch"), Some("application/merge-patch+json"));
    wrong_type.expect(415);

    region.delete(&path, 2).expect(412);
    region.delete(&path, 3).expect(204);
    assert_eq!(region.get(&path).expect(404).code(), "not_found");
    assert_eq!(region.delete(&path, 4).expect(404).code(), "not_found");
}

#[test]
fn a_write_that_changes_nothing_makes_no_version() {
    let service = Service::start();
    let region = service.client("region");
    let path = "/v1/organisations/by-external-id/org-9";
    region.put(path, None, organisation(9)).expect(201);
    let again = region.put(path, None, organisation(9)).expect(200);
    assert_eq!(again.json()["version"], 1);
    assert_eq!(region.changes().iter().filter(|change| change["record"]["external_id"] == "org-9").count(), 1);
}

#[test]
fn every_violation_is_told_at_once_and_no_value_is_repeated() {
    let service = Service::start();
    let region = service.client("region");
    let answer = region
        .post("/v1/organisations", json!({"tax_code": "99999910154", "name": "x", "ateco": "78.10.01", "municipality": "015999", "legal_form": "1.3.99"}))
        .expect(422);
    for (pointer, code) in [
        ("/tax_code", "wrong_check_character"),
        ("/ateco", "unknown_code"),
        ("/municipality", "unknown_code"),
        ("/legal_form", "unknown_code"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
    assert!(!String::from_utf8_lossy(&answer.body).contains("99999910154"));

    let answer = region.post("/v1/organisations", json!({"tax_cod": "99999910153", "name": 3})).expect(422);
    assert!(
        answer.has("/tax_cod", "unknown_field")
            && answer.has("/tax_code", "required")
            && answer.has("/name", "wrong_type")
    );
    assert!(answer.to_string().contains("did you mean `tax_code`"), "{answer}");
}

#[test]
fn a_code_is_judged_on_its_date() {
    let service = Service::start();
    let mut gone = organisation(11);
    gone["municipality"] = json!("012009"); // Bardello, merged on 2023-01-01
    let answer = service.client("region").post("/v1/organisations", gone).expect(422);
    assert!(answer.has("/municipality", "not_valid_on_date"), "{answer}");
}

#[test]
fn a_tax_code_is_unique_and_free_again_after_deletion() {
    let service = Service::start();
    let region = service.client("region");
    let first = region.post("/v1/organisations", organisation(21)).expect(201);
    let mut second = organisation(21);
    second["external_id"] = json!("org-other");
    let refused = region.post("/v1/organisations", second.clone()).expect(409);
    assert_eq!(refused.code(), "already_exists");
    assert!(refused.has("/tax_code", "already_in_use"), "{refused}");
    region.delete(&format!("/v1/organisations/{}", first.id()), 1).expect(204);
    region.post("/v1/organisations", second).expect(201);
}

#[test]
fn a_replay_is_answered_byte_for_byte_and_another_body_is_refused() {
    let service = Service::start();
    let region = service.client("region");
    let send = |key: &str, body: &Value| {
        region.send(
            "POST",
            "/v1/organisations",
            &[("content-type", "application/json"), ("idempotency-key", key)],
            body.to_string(),
        )
    };
    let first = send("k-1", &organisation(31)).expect(201);
    let again = send("k-1", &organisation(31)).expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(send("k-1", &organisation(32)).expect(422).code(), "idempotency_key_reused");
    // A refused request has no effect and leaves the key free.
    send("k-2", &json!({"name": "x"})).expect(422);
    send("k-2", &organisation(33)).expect(201);
}

#[test]
fn the_same_key_at_the_same_time_has_one_effect() {
    let service = Service::start();
    let region = service.client("region");
    let body = organisation(41).to_string();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let headers = [("content-type", "application/json"), ("idempotency-key", "same")];
                    region.send("POST", "/v1/organisations", &headers, body.clone()).status
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(statuses.contains(&201) && statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let made = region.all("/v1/organisations?external_id=org-41");
    assert_eq!(made.len(), 1);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let service = Service::start();
    let region = service.client("region");
    for serial in 50..63 {
        region.post("/v1/organisations", organisation(serial)).expect(201);
    }
    for sort in ["created_at", "-created_at", "name", "-name", "updated_at"] {
        let all = region.all(&format!("/v1/organisations?sort={sort}&limit=5&province=MI"));
        let mut ids: Vec<&str> = all.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 13, "{sort}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 13, "{sort}");
        let keys: Vec<&str> = all.iter().map(|item| item[sort.trim_start_matches('-')].as_str().unwrap()).collect();
        assert!(if sort.starts_with('-') { keys.is_sorted_by(|a, b| a >= b) } else { keys.is_sorted() }, "{sort}");
    }
}

#[test]
fn lists_refuse_what_they_do_not_know() {
    let service = Service::start();
    let region = service.client("region");
    for (query, name, code) in [
        ("limit=0", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=x", "limit", "out_of_range"),
        ("sort=tax_code", "sort", "unknown_code"),
        ("provinc=MI", "provinc", "unknown_parameter"),
        ("limi=3", "limi", "unknown_parameter"),
        ("operator=perhaps", "operator", "wrong_type"),
        ("province=MI&province=VA", "province", "repeated_parameter"),
        ("updated_since=yesterday", "updated_since", "wrong_format"),
        ("tax_code=VRFLFA70A01F205B", "tax_code", "wrong_format"),
    ] {
        let answer = region.get(&format!("/v1/organisations?{query}")).expect(400);
        assert!(answer.has(name, code), "{query}: {answer}");
        assert!(!answer.to_string().contains("VRFLFA70A01F205B"));
    }
    assert!(region.get("/v1/organisations?limi=3").to_string().contains("did you mean `limit`"));
    assert_eq!(region.get("/v1/organisations?cursor=nonsense").expect(400).code(), "invalid_cursor");
    let next =
        region.get("/v1/organisations?limit=2").expect(200).json()["_links"]["next"].as_str().unwrap().to_owned();
    assert_eq!(region.get(&format!("{next}&province=MI")).expect(400).code(), "invalid_cursor");
}

#[test]
fn what_is_not_json_or_not_utf8_or_too_large_is_told_apart() {
    let service = Service::start();
    let region = service.client("region");
    let send = |media: &str, body: Vec<u8>| region.send("POST", "/v1/organisations", &[("content-type", media)], body);
    assert_eq!(send("application/json", b"{\"name\": ".to_vec()).expect(400).code(), "malformed_json");
    assert_eq!(send("application/json", b"{\"name\": \"\xff\"}".to_vec()).expect(400).code(), "malformed_json");
    assert_eq!(send("application/json", vec![b'['; 100_000]).expect(400).code(), "malformed_json");
    assert_eq!(send("text/plain", b"{}".to_vec()).expect(415).code(), "unsupported_media_type");
    assert_eq!(send("application/json", vec![b' '; 2 * 1024 * 1024]).expect(413).code(), "body_too_large");
    let nul = send("application/json", json!({"tax_code": "99999910153", "name": "a\u{0}b"}).to_string().into_bytes());
    assert!(nul.expect(422).has("/name", "control_character"));
    assert_eq!(send("application/json", b"[]".to_vec()).expect(422).code(), "invalid");
    assert_eq!(region.get("/v1/organisations/not-an-id").expect(400).code(), "malformed_request");
    assert_eq!(
        region.send("POST", "/v1/organisations/x", &[], "").expect(405).header("allow"),
        Some("GET, PUT, PATCH, DELETE")
    );
    assert_eq!(region.get("/v1/nothing").expect(404).code(), "not_found");
}

#[test]
fn a_tax_code_is_refused_where_it_would_reach_a_url_or_a_log() {
    let service = Service::start();
    let region = service.client("region");
    region.put("/v1/organisations/by-external-id/VRFLFA70A01F205B", None, organisation(71)).expect(400);
    let mut body = organisation(71);
    body["external_id"] = json!("VRFLFA70A01F205B");
    let answer = region.post("/v1/organisations", body).expect(422);
    assert!(answer.has("/external_id", "personal_data"), "{answer}");
}

#[test]
fn only_the_region_accredits() {
    let service = Service::start();
    let region = service.client("region");
    let path = format!(
        "/v1/organisations/{}/accreditation",
        region.post("/v1/organisations", organisation(81)).expect(201).id()
    );
    let entry = |from: &str, to: Value| json!({"number": "A-1", "kind": "definitive", "act": "D.d.u.o. 1/2010", "valid_from": from, "valid_to": to});
    let good =
        json!({"entries": [entry("2010-01-01", json!("2012-12-31")), entry("2013-01-01", Value::Null)], "units": []});
    service.client("operator-1").put(&path, None, good.clone()).expect(403);
    let accredited = region.put(&path, None, good).expect(200).json();
    assert_eq!(accredited["accreditation"]["entries"][1]["valid_from"], "2013-01-01");
    let overlapping =
        json!({"entries": [entry("2010-01-01", json!("2012-12-31")), entry("2012-12-31", json!("2013-12-31"))]});
    assert!(region.put(&path, None, overlapping).expect(422).has("/entries/1/valid_from", "overlaps"));
    let abroad = json!({"entries": [], "units": [{"code": "UO-1", "municipality": "058091"}]});
    assert!(region.put(&path, None, abroad).expect(422).has("/units/0/municipality", "unknown_code"));
}
