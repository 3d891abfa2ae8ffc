//! Every problem code of the table is produced, has a page, and looks as it always did.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use ricolloca::error::Code;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::postgres::Database;
use crate::support::service::Client;
use crate::support::{Service, World};

fn produce() -> Vec<(Code, Answer)> {
    let mut world = World::new();
    let json_body = [("content-type", "application/json")];
    let mut found = Vec::new();
    {
        let region = &world.region;
        found.push((Code::MalformedJson, region.send("POST", "/v1/calls", &json_body, "{")));
        found.push((Code::MalformedRequest, region.get("/v1/calls?limit=x")));
        found.push((Code::InvalidCursor, region.get("/v1/changes?cursor=x")));
        found.push((
            Code::CursorExpired,
            region
                .get("/v1/changes?cursor=eyJlIjoiMDE4OTAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAwIiwicCI6MCwicyI6MH0"),
        ));
        found.push((Code::InvalidTokenRequest, world.service.token(&[("grant_type", "password")])));
        found.push((
            Code::InvalidClient,
            world.service.token(&[("grant_type", "client_credentials"), ("client_id", "x"), ("client_secret", "y")]),
        ));
        found.push((Code::Unauthenticated, world.service.anonymous().get("/v1/calls")));
        found.push((Code::InsufficientScope, world.operator.post("/v1/calls", json!({}))));
        found.push((Code::NotFound, region.get("/v1/calls/01890000-0000-7000-8000-000000000000")));
        found.push((Code::MethodNotAllowed, region.send("PATCH", "/v1/calls", &[], "")));
        let packed = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
        found.push((Code::MalformedBody, world.operator.send("POST", "/v1/imports", &packed, "no archive")));
        let lines = [("content-type", "application/x-ndjson")];
        let other_plan = format!("/v1/imports?plan_hash={}", "0".repeat(64));
        let item = r#"{"type":"organisation","external_id":"x","delete":true}"#;
        found.push((Code::PlanChanged, world.operator.send("POST", &other_plan, &lines, item)));
        found.push((Code::BodyTooLarge, region.send("POST", "/v1/calls", &json_body, vec![b' '; 1_100_000])));
        found.push((Code::UnsupportedMediaType, region.send("POST", "/v1/calls", &[("content-type", "text/csv")], "")));
        found.push((Code::Invalid, region.post("/v1/calls", json!({}))));
        found.push((Code::UriTooLong, region.get(&format!("/v1/calls?code={}", "x".repeat(9000)))));
        let long = "x".repeat(40_000);
        found.push((Code::HeadersTooLarge, region.send("GET", "/v1/calls", &[("x-long", &long)], "")));
        let organisation = format!("/v1/organisations/{}", world.others[0]);
        found.push((Code::PreconditionRequired, region.send("DELETE", &organisation, &[], "")));
        found.push((Code::StaleVersion, region.delete(&organisation, 9)));
        let call = region.get(&format!("/v1/calls/{}", world.call)).json();
        let again = json!({"code": "PT-2012", "title": "x", "allocation_cents": 1, "applications_from": "2012-01-01", "applications_to": "2012-01-02",
            "activities_from": "2012-01-01", "activities_to": "2012-01-02", "reporting_deadline": "2012-01-03"});
        found.push((Code::AlreadyExists, region.post("/v1/calls", again.clone())));
        let keyed = |body: &Value| {
            region.send(
                "POST",
                "/v1/calls",
                &[("content-type", "application/json"), ("idempotency-key", "k")],
                body.to_string(),
            )
        };
        let mut other = again;
        other["code"] = json!("OTHER");
        keyed(&other).expect(201);
        other["code"] = json!("ANOTHER");
        found.push((Code::IdempotencyKeyReused, keyed(&other)));
        assert_eq!(call["code"], "PT-2012");
    }
    let draft = world.active("problems", 1);
    let partnership = format!("/v1/partnerships/{}", draft.id);
    found.push((Code::WrongState, world.operator.act(&format!("{partnership}/submission"))));
    found.push((Code::StillReferenced, world.region.delete(&format!("/v1/organisations/{}", world.others[0]), 1)));
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    let cohort = json!({"partnership": {"id": draft.id}, "name": "mine", "operator": {"id": world.operators[0]}});
    found.push((Code::NotYours, world.second.post("/v1/cohorts", cohort)));
    let mut taken = world.participant_body(&draft.cohort, 1);
    taken["external_id"] = json!("again");
    found.push((Code::WorkerTaken, world.operator.post("/v1/participants", taken)));
    world.on("2012-07-10");
    let call = json!({"external_id": "small", "code": "SMALL", "title": "x", "allocation_cents": 1, "applications_from": "2012-07-01",
        "applications_to": "2012-12-31", "activities_from": "2012-07-01", "activities_to": "2013-12-31", "reporting_deadline": "2014-06-30"});
    world.call = world.region.post("/v1/calls", call).expect(201).id();
    let poor = world.draft("poor", 2);
    world.operator.act(&format!("/v1/partnerships/{}/submission", poor.id)).expect(200);
    let decision = json!({"verdict": "approved", "granted_cents": 2, "reason": "x"});
    found.push((
        Code::AllocationExceeded,
        world.region.post(&format!("/v1/partnerships/{}/decision", poor.id), decision),
    ));
    let (unsigned, unexplained) = crate::message_security::without_a_signature_and_without_evidence(&world.service);
    found.push((Code::InvalidSignature, unsigned));
    found.push((Code::InvalidTrackingEvidence, unexplained));
    found.push((Code::IdempotencyInProgress, while_in_progress(&world)));
    found.push((Code::TooManyRequests, over_the_quota()));
    found.push((Code::Unavailable, while_the_database_is_out_of_reach(&world)));
    found.push((Code::Internal, with_a_broken_database(&world)));
    found
}

/// Another request with the same key holds its lock.
fn while_in_progress(world: &World) -> Answer {
    let mut other = world.service.database.connect();
    other.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(E'region\\nbusy', 4712))").unwrap();
    let headers = [("content-type", "application/json"), ("idempotency-key", "busy")];
    let body = json!({"code": "BUSY", "title": "x", "allocation_cents": 1, "applications_from": "2012-01-01", "applications_to": "2012-01-02",
        "activities_from": "2012-01-01", "activities_to": "2012-01-02", "reporting_deadline": "2012-01-03"})
    .to_string();
    let answer = world.region.send("POST", "/v1/calls", &headers, body.clone());
    assert_eq!(answer.header("retry-after"), Some("1"));
    other.batch_execute("ROLLBACK").unwrap();
    world.region.send("POST", "/v1/calls", &headers, body).expect(201);
    answer
}

/// The third request where two are allowed.
fn over_the_quota() -> Answer {
    let service = Service::start_with_flags(&["--rate-address", "2"]);
    crate::quotas::within_a_minute();
    let anyone = service.anonymous();
    let left = |answer: &Answer| answer.header("x-ratelimit-remaining").unwrap().to_owned();
    assert_eq!([left(&anyone.get("/v1/vocabularies")), left(&anyone.get("/v1/calls"))], ["1", "0"]);
    let refused = anyone.get("/v1/vocabularies");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(refused.header("ratelimit"), Some(format!("\"address\";r=0;t={seconds}").as_str()));
    anyone.get("/health/live").expect(200);
    service.client("operator-1").get("/v1/calls").expect(200);
    refused
}

/// Nobody is let into the database, and whoever is in is thrown out.
fn while_the_database_is_out_of_reach(world: &World) -> Answer {
    let elsewhere = Database::new();
    let mut outside = elsewhere.connect();
    let name = &world.service.database.name;
    let allow = |yes: bool| format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS {yes}");
    outside.batch_execute(&allow(false)).unwrap();
    outside
        .batch_execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        .unwrap();
    let answer = world.region.get("/v1/calls");
    assert_eq!(world.service.anonymous().get("/health/ready").status, 503);
    world.service.anonymous().get("/health/live").expect(200);
    outside.batch_execute(&allow(true)).unwrap();
    assert_eq!(answer.header("retry-after"), Some("1"));
    let ends = Instant::now() + Duration::from_secs(30);
    while world.region.get("/v1/calls").status != 200 {
        assert!(Instant::now() < ends, "the service does not find its database again");
        std::thread::sleep(Duration::from_millis(50));
    }
    answer
}

/// A table is gone: nothing a client could mend, and nothing of it is told.
fn with_a_broken_database(world: &World) -> Answer {
    let mut conn = world.service.database.connect();
    conn.batch_execute("ALTER TABLE outcome RENAME TO lost").unwrap();
    let answer = world.region.get("/v1/outcomes");
    conn.batch_execute("ALTER TABLE lost RENAME TO outcome").unwrap();
    let text = answer.to_string();
    assert!(!text.contains("outcome") && !text.contains("relation") && !text.contains("SELECT"), "{text}");
    answer
}

#[test]
fn every_code_is_produced_by_a_request_and_its_body_is_as_it_always_was() {
    let mut bodies: BTreeMap<&str, Value> = BTreeMap::new();
    for (code, answer) in produce() {
        assert_eq!((answer.status, answer.code().as_str()), (code.status(), code.as_str()), "{answer}");
        let mut body = answer.json();
        assert_eq!(body["instance"].as_str(), answer.header("x-correlation-id"));
        body["instance"] = json!("(the request's id)");
        bodies.insert(code.as_str(), body);
    }
    for code in Code::ALL {
        assert!(bodies.contains_key(code.as_str()), "{}: produce it here", code.as_str());
    }
    insta::assert_json_snapshot!("problems", bodies);
}

/// The same refusals in the other language: every word that people read is another one.
#[test]
fn whatever_is_refused_is_refused_in_italian_as_well() {
    let world = World::new();
    let draft = world.draft("italian", 1);
    let partnership = format!("/v1/partnerships/{}", draft.id);
    let ask = |client: &Client, language: &str, method: &str, path: &str, body: &str| {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        client.send(method, path, &[("content-type", media), ("if-match", "*"), ("accept-language", language)], body)
    };
    let refusals = [
        (
            &world.region,
            "POST",
            "/v1/calls",
            r#"{"code": 1, "titel": "x", "allocation_cents": -1, "applications_from": "2012-02-30"}"#,
        ),
        (&world.region, "POST", "/v1/calls", "{"),
        (&world.operator, "POST", "/v1/calls", "{}"),
        (
            &world.operator,
            "GET",
            "/v1/partnerships?limit=0&sort=x&lmit=1&state=activ&starts_from=2013-01-01&starts_to=2012-01-01",
            "",
        ),
        (&world.operator, "GET", "/v1/changes?cursor=x", ""),
        (&world.operator, "GET", "/v1/partnerships/1", ""),
        (&world.operator, "POST", partnership.as_str(), ""),
        (
            &world.operator,
            "POST",
            "/v1/partnerships",
            r#"{"call": {"external_id": "nothing"}, "title": "x", "provinces": ["MI"], "starts_on": "2012-09-01", "ends_on": "2012-08-01", "budget_cents": 1, "requested_cents": 2, "ateco": "99.99.99"}"#,
        ),
        (&world.operator, "PATCH", partnership.as_str(), r#"{"external_id": "other", "requested_cents": 99999999999}"#),
        (
            &world.second,
            "POST",
            "/v1/members",
            r#"{"partnership": {"id": "01890000-0000-7000-8000-000000000000"}, "organisation": {"tax_code": "1"}, "category": "company", "joined_on": "2012-07-10"}"#,
        ),
        (&world.region, "POST", &format!("{partnership}/decision"), r#"{"verdict": "approved"}"#),
        (&world.operator, "POST", &format!("{partnership}/conclusion"), ""),
    ];
    let mut told = 0;
    for (client, method, path, body) in refusals {
        let [english, italian] = ["en", "it"].map(|language| ask(client, language, method, path, body));
        assert!(english.status >= 400 && english.status < 500, "{method} {path}: {english}");
        assert_eq!((english.status, english.code()), (italian.status, italian.code()));
        assert_eq!((english.header("content-language"), italian.header("content-language")), (Some("en"), Some("it")));
        assert_eq!(italian.header("vary"), Some("Accept-Language"));
        assert_eq!(english.violations(), italian.violations(), "codes are the same in every language");
        let (english, italian) = (english.json(), italian.json());
        assert_ne!(english["title"], italian["title"]);
        let details = |problem: &Value| -> Vec<Value> {
            let errors = problem["errors"].as_array().into_iter().flatten().map(|error| error["detail"].clone());
            problem.get("detail").cloned().into_iter().chain(errors).collect()
        };
        for (english, italian) in details(&english).iter().zip(details(&italian)) {
            assert_ne!(*english, italian);
            told += 1;
        }
    }
    assert!(told >= 20, "{told}");
}

#[test]
fn every_code_has_a_page_and_two_titles() {
    let world = World::new();
    for code in Code::ALL {
        let page = world.service.anonymous().get(&format!("/problems/{}", code.as_str())).expect(200);
        let page = String::from_utf8(page.body).unwrap();
        assert!(page.contains(code.as_str()) && page.contains(&code.status().to_string()), "{page}");
        assert!(!code.titolo().is_empty() && code.titolo() != code.title() && !code.explanation().trim().is_empty());
    }
    world.service.anonymous().get("/problems/nonsense").expect(404);
}

#[test]
fn titles_are_in_the_language_that_is_asked_for() {
    let world = World::new();
    for (accepted, title) in [
        ("it", Code::Invalid.titolo()),
        ("it-IT,it;q=0.9,en;q=0.8", Code::Invalid.titolo()),
        ("en;q=0.5, it;q=0.7", Code::Invalid.titolo()),
        ("en", Code::Invalid.title()),
        ("de", Code::Invalid.title()),
        ("item", Code::Invalid.title()),
    ] {
        let headers = [("content-type", "application/json"), ("accept-language", accepted)];
        assert_eq!(
            world.region.send("POST", "/v1/calls", &headers, "{}").expect(422).json()["title"],
            title,
            "{accepted}"
        );
    }
}

#[test]
fn a_correlation_id_is_taken_over_when_it_is_fit_for_a_log() {
    let world = World::new();
    let ask = |id: &str| {
        world
            .region
            .send("GET", "/v1/calls", &[("x-correlation-id", id)], "")
            .header("x-correlation-id")
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("order-17"), "order-17");
    assert_ne!(ask("VRFLFA70A01F205B"), "VRFLFA70A01F205B");
    assert_ne!(ask("with blanks and ; more"), "with blanks and ; more");
}
