//! What holds of every operation: its answers are as declared, with the headers that every answer carries; and whatever is
//! sent as a body gets a problem that names what is wrong with it, never a fault.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::test as actix;
use chrono::NaiveDate;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use ricolloca::error::Problem;
use ricolloca::http::deprecation::Deprecation;
use ricolloca::http::endpoint::{About, Api};
use ricolloca::http::permit::Public;
use ricolloca::http::respond::Document;
use serde_json::{Value, json};

use crate::openapi::operations;
use crate::support::World;
use crate::support::http::Answer;
use crate::support::postgres::Database;
use crate::support::service::Client;

/// The client of the role that may send this operation.
fn client_of<'a>(world: &'a World, operation: &Value) -> &'a Client {
    let scope = operation["security"][0]["oauth2"][0].as_str().unwrap_or_default();
    match scope {
        "organisations.write" | "calls.write" | "partnerships.decide" | "actions.account" | "participants.protect" => {
            &world.region
        }
        "outcomes.verify" => &world.dote,
        "audit.read" => &world.auditor,
        _ => &world.operator,
    }
}

fn path_of(template: &str) -> String {
    template
        .replace("{id}", "01890000-0000-7000-8000-000000000000")
        .replace("{external_id}", "nothing")
        .replace("{name}", "municipalities")
}

#[track_caller]
fn assert_declared(name: &str, operation: &Value, answer: &Answer) {
    let declared = &operation["responses"][answer.status.to_string()];
    assert!(declared.is_object(), "{name} answers {} which is not declared: {answer}", answer.status);
    for (header, _) in declared["headers"].as_object().into_iter().flatten() {
        let optional =
            ["Location", "ETag", "Retry-After", "Accept-Patch", "Idempotent-Replayed"].contains(&header.as_str());
        assert!(optional || answer.header(header).is_some(), "{name} {}: {header} is missing", answer.status);
    }
    if let Some(content) = declared["content"].as_object() {
        let media = answer.header("content-type").unwrap_or_default();
        assert!(content.contains_key(media), "{name} {}: {media} is not declared", answer.status);
    }
}

#[test]
fn every_answer_is_declared_and_carries_its_headers() {
    let world = World::new();
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    for (template, method, operation) in operations() {
        let name = format!("{method} {template}");
        let (verb, path) = (method.to_uppercase(), path_of(&template));
        let client = client_of(&world, &operation);
        let media = operation["requestBody"]["content"].as_object().and_then(|content| content.keys().next()).cloned();
        let media = media.as_deref().unwrap_or("application/json");
        let answers = [
            client.send(&verb, &path, &[("content-type", media), ("if-match", "*")], "{}"),
            client.send(&verb, &path, &[("content-type", media)], "[]"),
            client.send(&verb, &path, &[("content-type", "text/plain"), ("if-match", "\"1\"")], "x"),
            client.send(&verb, &format!("{path}?nonsense=1"), &[("content-type", media)], "{"),
            world.service.anonymous().send(&verb, &path, &[("content-type", media)], "{}"),
        ];
        for answer in &answers {
            assert!(answer.status < 500, "{name}: {answer}");
            assert_declared(&name, &operation, answer);
            // The ModI guidelines have these; no other header of ours bears a prefix that is deprecated (RFC 6648).
            let unknown = answer.headers.keys().map(|name| name.as_str()).find(|name| {
                name.starts_with("x-")
                    && ![
                        "x-correlation-id",
                        "x-ratelimit-limit",
                        "x-ratelimit-remaining",
                        "x-ratelimit-reset",
                        "x-content-type-options",
                    ]
                    .contains(name)
            });
            assert_eq!(unknown, None, "{name} {}", answer.status);
            *seen.entry(answer.status).or_default() += 1;
        }
    }
    for status in [200, 400, 401, 404, 415, 422, 428] {
        assert!(seen.contains_key(&status), "{status} was never seen: {seen:?}");
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn stored(world: &World) -> i64 {
    let tables = [
        "organisation",
        "call",
        "partnership",
        "member",
        "cohort",
        "participant",
        "action",
        "outcome",
        "attendance",
        "idempotency",
    ];
    let counts: Vec<String> = tables.iter().map(|table| format!("(SELECT count(*) FROM {table})")).collect();
    let mut conn = world.service.database.connect();
    diesel::sql_query(format!("SELECT {} AS n", counts.join(" + "))).get_result::<Count>(&mut conn).unwrap().n
}

/// Bodies that nobody can mean, and the code that each is refused with.
fn bad_bodies() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let deep_member = [b"{\"title\":".to_vec(), nested(100_000), b"}".to_vec()].concat();
    vec![
        ("nothing", Vec::new(), 400, "malformed_json"),
        ("half an object", b"{\"a\": ".to_vec(), 400, "malformed_json"),
        ("two values", b"{} {}".to_vec(), 400, "malformed_json"),
        ("a comment", b"{} // x".to_vec(), 400, "malformed_json"),
        ("not a number", b"{\"a\": NaN}".to_vec(), 400, "malformed_json"),
        ("invalid UTF-8", b"{\"title\": \"\xff\xfe\"}".to_vec(), 400, "malformed_json"),
        ("half a surrogate pair", br#"{"title": "\ud800"}"#.to_vec(), 400, "malformed_json"),
        ("a bare NUL", b"{\"title\": \"\0\"}".to_vec(), 400, "malformed_json"),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect(), 400, "malformed_json"),
        ("a deep nest", nested(100_000), 400, "malformed_json"),
        ("a deep member", deep_member, 400, "malformed_json"),
        ("a number", b"1".to_vec(), 422, "invalid"),
        ("null", b"null".to_vec(), 422, "invalid"),
        ("a list", b"[{}]".to_vec(), 422, "invalid"),
        ("an unknown field", br#"{"surprise": 1}"#.to_vec(), 422, "invalid"),
        ("an escaped NUL", br#"{"surprise": "\u0000"}"#.to_vec(), 422, "invalid"),
        ("a huge number", br#"{"surprise": 1e400}"#.to_vec(), 400, "malformed_json"),
        ("too much", vec![b' '; 1024 * 1024 + 1], 413, "body_too_large"),
    ]
}

#[test]
fn whatever_is_sent_as_a_body_is_refused_in_words_and_stores_nothing() {
    let world = World::new();
    let draft = world.draft("bad", 1);
    let before = stored(&world);
    let mut tried = 0;
    for (template, method, operation) in operations() {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        let media = content.keys().next().unwrap().clone();
        // Forms and lines have other forms of badness: see `assertions` and `imports`.
        if media != "application/json" && media != "application/merge-patch+json" {
            continue;
        }
        let client = client_of(&world, &operation);
        // A record that is there, where the operation is about one: the body is read before the record is looked for.
        let path = if template.starts_with("/v1/partnerships/{id}") {
            template.replace("{id}", &draft.id)
        } else {
            path_of(&template)
        };
        for (what, body, status, code) in bad_bodies() {
            let headers = [("content-type", media.as_str()), ("if-match", "*")];
            let answer = client.send(&method.to_uppercase(), &path, &headers, body);
            let name = format!("{method} {template}: {what}");
            // A merge-patch is judged with the record that it is applied to, which may not be there.
            let absent = method == "patch" && status == 422 && answer.status == 404;
            // A body that has no required member takes null's place of an empty one nowhere.
            assert!(absent || (answer.status, answer.code().as_str()) == (status, code), "{name}: {answer}");
            if status == 422 && !absent {
                assert!(!answer.violations().is_empty(), "{name}: {answer}");
            }
            tried += 1;
        }
        for wrong in [
            "",
            "text/plain",
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/json-seq",
            "application/jsonx",
        ] {
            let answer =
                client.send(&method.to_uppercase(), &path, &[("content-type", wrong), ("if-match", "*")], "{}");
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (415, "unsupported_media_type"),
                "{method} {template}: {wrong}"
            );
            let patch = (method == "patch").then_some("application/merge-patch+json");
            assert_eq!(answer.header("accept-patch"), patch, "{method} {template}");
        }
    }
    assert!(tried > 500, "{tried}");
    assert_eq!(stored(&world), before);
}

#[test]
fn a_path_that_is_no_id_is_told_and_a_strange_one_is_not_found() {
    let world = World::new();
    for id in [
        "1",
        "null",
        "01890000-0000-7000-8000-00000000000g",
        "{01890000-0000-7000-8000-000000000000}",
        "01890000000070008000000000000000",
        "%00",
        "..%2f..%2fetc",
        "'%20OR%201=1",
    ] {
        let answer = world.operator.get(&format!("/v1/partnerships/{id}"));
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_request"), "{id}: {answer}");
        assert!(answer.has("id", "wrong_format"));
    }
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/partnerships",
        "/v1/partnerships/",
        "//v1/partnerships",
        "/v1/partnerships/01890000-0000-7000-8000-000000000000/nothing",
    ] {
        assert_eq!(world.operator.get(path).expect(404).code(), "not_found", "{path}");
    }
    for name in ["%20", "a%2Fb", "-x", "%00", "VRFLFA70A01F205B", &"x".repeat(101)] {
        let answer = world.region.put(&format!("/v1/organisations/by-external-id/{name}"), None, json!({}));
        assert!([400, 404].contains(&answer.status), "{name}: {answer}");
    }
}

/// Pages and versions are asked for in headers and parameters: each has one form.
#[test]
fn headers_and_parameters_of_a_wrong_form_are_told_by_name() {
    let world = World::new();
    let organisation = format!("/v1/organisations/{}", world.others[0]);
    for tag in ["1", "W/\"1\"", "\"x\"", "\"1\", \"2\"", "\"99999999999999999999\"", "\"-1x\"", "\""] {
        let answer = world.region.send("DELETE", &organisation, &[("if-match", tag)], "");
        assert_eq!((answer.status, answer.has("if-match", "wrong_format")), (400, true), "{tag}: {answer}");
    }
    for tag in ["x", "\"1", "*, *", &format!("\"{}\"", "1".repeat(200))] {
        let answer = world.region.send("GET", &organisation, &[("if-none-match", tag)], "");
        assert_eq!((answer.status, answer.has("if-none-match", "wrong_format")), (400, true), "{tag}: {answer}");
    }
    for tag in ["\"2\"", "W/\"2\"", "\"1\", \"2\"", "*"] {
        let read = world.region.send("GET", &organisation, &[("if-none-match", tag)], "");
        let version = read.header("etag").unwrap().to_owned();
        let known = tag == "*" || tag.contains(&version);
        assert_eq!(read.status, if known { 304 } else { 200 }, "{tag} of {version}");
        assert_eq!(read.body.is_empty(), known);
    }
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1.5",
        "limit=",
        "limit=1&limit=2",
        "sort=nothing",
        "cursor=%00",
        "lmit=1",
        "updated_since=yesterday",
        "updated_since=2012-13-01T00:00:00Z",
    ] {
        let answer = world.operator.get(&format!("/v1/partnerships?{query}"));
        assert!(answer.status == 400 && answer.code() != "not_found", "{query}: {answer}");
    }
    let misspelt = world.operator.get("/v1/partnerships?lmit=1").json();
    assert!(misspelt["errors"][0]["detail"].as_str().unwrap().contains("did you mean `limit`"), "{misspelt}");
}

async fn old(_: Public) -> Result<Document<ricolloca::calls::wire::CallBudget>, Problem> {
    Err(Problem::new(ricolloca::error::Code::NotFound))
}

#[test]
fn a_deprecated_operation_says_so_in_the_document_and_in_every_answer() {
    let mut api = Api::default();
    let about =
        About { id: "show_old".to_owned(), tag: "calls", summary: "Old".to_owned(), description: "Old.".to_owned() };
    let date = |year| NaiveDate::from_ymd_opt(year, 1, 15).unwrap();
    api.operation(Method::GET, "/old", about, old).deprecated(Deprecation {
        since: date(2027),
        sunset: date(2028),
        page: "/docs/new",
    });
    let (paths, _) = api.document();
    let document = &paths["/old"]["get"];
    assert_eq!(document["deprecated"], true);
    for header in ["Deprecation", "Sunset", "Link"] {
        assert!(document["responses"]["200"]["headers"][header]["schema"].is_object(), "{document}");
    }
    actix_web::rt::System::new().block_on(async {
        let app = actix::init_service(actix_web::App::new().configure(|config| api.configure(config))).await;
        let answer = actix::call_service(&app, actix::TestRequest::get().uri("/old").to_request()).await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("deprecation").as_deref(), Some("@1799971200"));
        assert_eq!(header("sunset").as_deref(), Some("Sat, 15 Jan 2028 00:00:00 GMT"));
        assert_eq!(header("link").as_deref(), Some("</docs/new>; rel=\"deprecation\"; type=\"text/html\""));
    });
}

#[test]
fn the_status_is_told_as_the_guidelines_ask_for_and_in_bad_times_too() {
    let world = World::new();
    let anyone = world.service.anonymous();
    for path in ["/status", "/interop/probing", "/health/ready", "/health/live"] {
        let answer = anyone.get(path).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let said = answer.json();
        assert_eq!(said["status"], 200, "{said}");
        assert!(said["title"].is_string() && said["detail"].is_string(), "{said}");
    }
    // Nobody is let into the database, and whoever is in is thrown out.
    let elsewhere = Database::new();
    let name = &world.service.database.name;
    let away = format!(
        "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    for statement in away.split("; ") {
        elsewhere.connect().batch_execute(statement).unwrap();
    }
    let end = Instant::now() + Duration::from_secs(20);
    let told = |path: &str| loop {
        let answer = anyone.get(path);
        if answer.status == 503 || Instant::now() > end {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    for path in ["/status", "/interop/probing", "/health/ready"] {
        let answer = told(path).expect(503);
        assert_eq!(answer.code(), "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    anyone.get("/health/live").expect(200);
    elsewhere.connect().batch_execute(&format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true")).unwrap();
}
