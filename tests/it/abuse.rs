//! What is tried on a service that is right otherwise: ways around its quotas, connections and places that are not given back, finding out
//! who is known, reading without a trace, history written anew.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use crate::client_keys::command;
use crate::imports::{delete, lines, send, write};
use crate::quotas::within_a_minute;
use crate::support::http::Answer;
use crate::support::service::{Client, Service};
use crate::support::world::{World, with, worker};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

/// Waits until something is so.
#[track_caller]
fn until(seconds: u64, otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(seconds), "{otherwise}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// It was refused, by the quota of this name.
#[track_caller]
fn refused_by(answer: Answer, quota: &str) {
    let answer = answer.expect(429);
    assert_eq!(answer.code(), "too_many_requests");
    let policy = answer.header("ratelimit-policy").unwrap_or_default();
    assert!(policy.starts_with(&format!("\"{quota}\";")), "{policy}: {answer}");
}

fn left(answer: &Answer) -> i64 {
    answer.header("x-ratelimit-remaining").unwrap().parse().unwrap()
}

/// The `n` of a query's one row.
fn number(conn: &mut PgConnection, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    diesel::sql_query(query).get_result::<Number>(conn).unwrap().n
}

fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.url.trim_start_matches("http://")).unwrap()
}

/// What the service says, which is nothing where it hangs up; `None` where it does neither in time.
fn told(stream: &mut TcpStream, within: Duration) -> Option<String> {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut some = [0; 4096];
    match stream.read(&mut some) {
        Ok(read) => Some(String::from_utf8_lossy(&some[..read]).into_owned()),
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => None,
        Err(_) => Some(String::new()),
    }
}

#[test]
fn a_path_with_escapes_costs_what_it_leads_to() {
    let service = Service::start_with_flags(&["--rate-client", "1000", "--rate-lookup", "2", "--rate-token", "3"]);
    within_a_minute();
    let client = service.client("operator-1");
    assert_eq!(left(&client.get("/v1/%65xports/partnerships").expect(200)), 900);
    let import = client.send("POST", "/v1/%69mports", &[NDJSON], lines(&[delete("cohort", "C-1")]));
    assert_eq!(left(&import.expect(200)), 850);
    let look_up = |path: &str| client.post(path, json!({"tax_code": worker(5)}));
    look_up("/v1/participants/%6cookup").expect(200);
    look_up("/v1/%70articipants/lookup").expect(200);
    refused_by(look_up("/v1/participants/lookup"), "lookup");
    refused_by(look_up("/v1/participants/%6C%6fokup"), "lookup");
    // The third and the last one of the address: the client has its token.
    let ask = |path: &str| service.anonymous().send("POST", path, &[FORM], "grant_type=none");
    ask("/oauth/%74oken").expect(400);
    ask("/%6fauth/token").expect(400);
    refused_by(ask("/oauth/token"), "token");
    refused_by(ask("/oauth/%74oken"), "token");
}

/// A connection with the head of a token request and the first byte of its body; the rest does not come.
fn begun(service: &Service) -> TcpStream {
    let mut stream = connect(service);
    let head =
        format!("POST /oauth/token HTTP/1.1\r\nhost: x\r\n{}: {}\r\ncontent-length: 1000\r\n\r\ng", FORM.0, FORM.1);
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Sends a byte a second until the service has enough of it: what it said, and when.
fn drip(stream: &mut TcpStream) -> (Option<String>, Duration) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(45) {
        if stream.write_all(b"x").is_err() {
            return (Some(String::new()), began.elapsed());
        }
        if let Some(said) = told(stream, Duration::from_secs(1)) {
            return (Some(said), began.elapsed());
        }
    }
    (None, began.elapsed())
}

/// Takes as long as the service is patient with who goes on sending: 20 seconds, and a few more.
#[test]
fn slow_bodies_are_cut_off_and_their_places_come_back() {
    let service = Service::start_with_flags(&["--connections", "4"]);
    let ended = |said: Option<String>, who: &str| {
        let said = said.unwrap_or_else(|| panic!("{who} is not cut off"));
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{who}: {said}");
    };
    // Two threads of four places each.
    let mut dripping = begun(&service);
    let mut silent: Vec<TcpStream> = (0..7).map(|_| begun(&service)).collect();
    let mut newcomer = connect(&service);
    newcomer.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::scope(|scope| {
        let dripped = scope.spawn(|| drip(&mut dripping));
        assert_eq!(told(&mut newcomer, Duration::from_secs(2)), None, "there is no place for it");
        for stream in &mut silent {
            ended(told(stream, Duration::from_secs(40)), "who is silent");
        }
        // None of the others has hung up.
        let said = told(&mut newcomer, Duration::from_secs(40)).unwrap_or_default();
        assert!(said.starts_with("HTTP/1.1 200"), "the places do not come back: {said}");
        let (said, after) = dripped.join().unwrap();
        ended(said, "who sends a byte a second");
        assert!(after > Duration::from_secs(15), "who goes on sending has longer: {after:?}");
    });
}

#[test]
fn only_a_proxy_of_ours_is_believed_when_it_says_where_a_request_comes_from() {
    let flags = ["--rate-address", "3", "--rate-token", "3"];
    let behind = Service::start_with_flags(&[&flags[..], &["--trusted-proxies", "127.0.0.0/8"]].concat());
    let open = Service::start_with_flags(&flags);
    within_a_minute();
    let get = |service: &Service, from: &str| {
        service.anonymous().send("GET", "/health/ready", &[("x-forwarded-for", from)], "")
    };
    let ask = |service: &Service, from: &str| {
        service.anonymous().send("POST", "/oauth/token", &[FORM, ("x-forwarded-for", from)], "grant_type=none")
    };
    for _ in 0..3 {
        get(&behind, "198.51.100.1").expect(200);
        ask(&behind, "198.51.100.1").expect(400);
    }
    // What stands before the last address was said by whoever that is.
    for from in ["198.51.100.1", "203.0.113.5, 198.51.100.1"] {
        refused_by(get(&behind, from), "address");
        refused_by(ask(&behind, from), "token");
    }
    get(&behind, "198.51.100.2").expect(200);
    ask(&behind, "198.51.100.2").expect(400);
    for last in 1..=3 {
        get(&open, &format!("198.51.100.{last}")).expect(200);
        ask(&open, &format!("198.51.100.{last}")).expect(400);
    }
    refused_by(get(&open, "198.51.100.4"), "address");
    refused_by(ask(&open, "198.51.100.4"), "token");
}

#[test]
fn who_guesses_behind_a_proxy_locks_out_nobody_else() {
    let service = Service::start_with_flags(&["--trusted-proxies", "127.0.0.1"]);
    let guess = |from: &str, secret: &str| {
        let body = format!("grant_type=client_credentials&client_id=operator-1&client_secret={secret}");
        service.anonymous().send("POST", "/oauth/token", &[FORM, ("x-forwarded-for", from)], body).status
    };
    for _ in 0..10 {
        assert_eq!(guess("198.51.100.1", "wrong"), 401);
    }
    assert_eq!(guess("203.0.113.5, 198.51.100.1", "wrong"), 429, "it is the same one, whatever it says");
    assert_eq!(guess("198.51.100.2", "secret"), 200, "the client itself is elsewhere");
}

/// All at once they have been let in before the first of them has failed: who waits for a turn is looked at again.
#[test]
fn who_guesses_many_secrets_at_once_has_to_wait_as_well() {
    let service = Service::start();
    let barrier = Barrier::new(40);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..40)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let form = [("grant_type", "client_credentials"), ("client_id", "operator-1")];
                    service.token(&[&form[..], &[("client_secret", "wrong")]].concat()).status
                })
            })
            .collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!(of(401) + of(429), 40, "{statuses:?}");
    // Ten are free; those that had their turn at the same moment come on top.
    assert!((10..20).contains(&of(401)), "{statuses:?}");
}

#[test]
fn to_be_told_of_a_worker_of_others_leaves_a_trace_and_is_a_look_up() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let id = world.second.post("/v1/partnerships", world.partnership_body("r")).expect(201).id();
    let lead = world.member_body(&id, &world.operators[1], "accredited_operator");
    world.second.post("/v1/members", lead).expect(201);
    let cohort_body = |name: &str| json!({"partnership": {"id": id}, "name": name});
    let cohort = world.second.post("/v1/cohorts", cohort_body("Gruppo")).expect(201).id();
    let own = world.second.post("/v1/participants", world.participant_body(&cohort, 2)).expect(201).id();
    let own = format!("/v1/participants/{own}");
    // The worker of the first operator.
    let dote =
        json!({"number": "DR-OTHER", "path": "job_placement", "valid_from": "2012-07-01", "valid_to": "2013-12-31"});
    let mut taken = with(&world.participant_body(&cohort, 1), json!({"dote": dote}));
    taken.as_object_mut().unwrap().remove("external_id");
    let line = |name: &str| write("participant", name, &taken);

    let limited = world.service.another(&["--rate-lookup", "6"]);
    let (client, other) = (limited.client("operator-2"), limited.client("operator-1"));
    within_a_minute();
    for _ in 0..3 {
        assert_eq!(client.post("/v1/participants", taken.clone()).expect(409).code(), "worker_taken");
    }
    // Both take back what they have tried.
    let tried = send(&client, "?dry_run=true", &[line("X-1"), line("X-2")]).expect(200).json();
    let whole = send(&client, "?mode=atomic", &[line("X-3")]).expect(200).json();
    assert_eq!((&tried["items"]["refused"], &whole["items"]["refused"]), (&json!(2), &json!(1)), "{tried:#} {whole:#}");
    // This one is told nothing.
    until(8, "it is not charged", || client.post("/v1/participants", json!({})).status == 429);
    for refused in [
        client.post("/v1/participants", taken.clone()),
        client.send("POST", "/v1/%70articipants", &[("content-type", "application/json")], taken.to_string()),
        client.put("/v1/participants/by-external-id/X-4", None, taken.clone()),
        client.patch(&own, 1, json!({"education_level": "LSE"})),
        send(&client, "", &[line("X-5")]),
        client.post("/v1/participants/lookup", json!({"tax_code": worker(1)})),
    ] {
        refused_by(refused, "lookup");
    }
    // Nothing else is held up, and nobody else.
    client.get(&own).expect(200);
    client.post("/v1/cohorts", cohort_body("another")).expect(201);
    other.post("/v1/participants", world.participant_body(&draft.cohort, 3)).expect(201);

    let events = |query: &str| world.auditor.all(&format!("/v1/audit-events?limit=200&client=operator-2&{query}"));
    let mut alone = events("operation=create_participant");
    alone.retain(|event| event["action"] == "read");
    assert_eq!(alone.len(), 3, "{alone:#?}");
    for import in [&tried, &whole] {
        let noted = events(&format!("request={}", import["id"].as_str().unwrap()));
        assert_eq!(noted.len(), 1, "{noted:#?}");
        assert_eq!((&noted[0]["operation"], &noted[0]["action"]), (&json!("send_import"), &json!("read")));
        alone.extend(noted);
    }
    assert!(alone.iter().all(|event| event["records"] == json!([])), "whom it was told of is not repeated: {alone:#?}");
}

#[test]
fn who_is_shown_again_what_is_there_already_leaves_a_trace() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.on("2012-11-05");
    for (kind, body) in [
        ("participant", world.participant_body(&draft.cohort, 2)),
        ("action", world.action_body(&draft.id, &draft.cohort, &draft.participant, "2012-10-01")),
        ("outcome", world.outcome_body(&draft.participant, 1)),
    ] {
        let path = format!("/v1/{kind}s");
        let create = |request: &str| {
            let request = format!("{request}-{kind}");
            let headers = [
                ("content-type", "application/json"),
                ("idempotency-key", kind),
                ("x-correlation-id", request.as_str()),
            ];
            world.operator.send("POST", &path, &headers, body.to_string()).expect(201)
        };
        let (made, again) = (create("made"), create("again"));
        assert_eq!((again.header("idempotent-replayed"), again.id()), (Some("true"), made.id()));
        let one = format!("{path}/{}", made.id());
        let change = |request: &str, method: &str, media: &str, body: &Value| {
            let request = format!("{request}-{kind}");
            let headers = [("content-type", media), ("if-match", "\"1\""), ("x-correlation-id", request.as_str())];
            let answer = world.operator.send(method, &one, &headers, body.to_string()).expect(200);
            assert_eq!(answer.json()["version"], 1, "{answer}");
        };
        change("same", "PUT", "application/json", &body);
        change("patched", "PATCH", "application/merge-patch+json", &json!({}));
        for (request, action) in [("made", "write"), ("again", "read"), ("same", "read"), ("patched", "read")] {
            let events = world.auditor.all(&format!("/v1/audit-events?request={request}-{kind}"));
            assert_eq!(events.len(), 1, "{request} {kind}: {events:#?}");
            let (event, record) = (&events[0], &events[0]["records"][0]);
            assert_eq!((&event["action"], &event["client_id"]), (&json!(action), &json!("operator-1")), "{request}");
            assert_eq!((&record["type"], &record["id"]), (&json!(kind), &json!(made.id())), "{request}");
        }
    }
}

fn sealed(conn: &mut PgConnection) {
    until(30, "entries are not sealed", || number(conn, "SELECT count(*) AS n FROM audit_pending") == 0);
}

#[test]
fn the_log_tells_who_read_a_workers_actions_and_who_read_the_log() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.on("2012-11-05");
    let pseudonym = |answer: Answer| answer.json()["pseudonym"].as_str().unwrap().to_owned();
    let attended = pseudonym(world.operator.get(&format!("/v1/participants/{}", draft.participant)).expect(200));
    let absent = world.operator.post("/v1/participants", world.participant_body(&draft.cohort, 2)).expect(201);
    let absent = pseudonym(absent);
    let action = world.action_body(&draft.id, &draft.cohort, &draft.participant, "2012-10-01");
    let action = world.operator.post("/v1/actions", action).expect(201).id();
    world.dote.get(&format!("/v1/actions/{action}")).expect(200);
    world.dote.get("/v1/actions?limit=5").expect(200);
    world.dote.get("/v1/exports/actions").expect(200);
    world.dote.get("/v1/changes?types=action&limit=100").expect(200);
    let read = |pseudonym: &str| world.auditor.all(&format!("/v1/audit-events?client=dote&pseudonym={pseudonym}"));
    let found = read(&attended);
    let operations: Vec<&str> = found.iter().map(|event| event["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["list_changes", "export_actions", "list_actions", "show_action"]);
    for event in &found {
        assert_eq!((&event["action"], &event["records"][0]["id"]), (&json!("read"), &json!(action)), "{event:#}");
    }
    assert_eq!(read(&absent), [] as [Value; 0], "who was not there is not meant");

    sealed(&mut world.service.database.connect());
    let proofs = || world.auditor.all("/v1/audit-events?client=auditor&operation=show_audit_proof").len();
    assert_eq!(proofs(), 0);
    world.auditor.get(&format!("/v1/audit-proofs?event={}", found[0]["id"])).expect(200);
    assert_eq!(proofs(), 1, "a proof shows an entry");
}

#[test]
fn uploads_of_one_organisation_leave_places_to_the_others() {
    let service = Service::start();
    let (first, second) = (service.client("operator-1"), service.client("operator-2"));
    let open = || {
        let mut stream = connect(&service);
        let head = format!(
            "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{}: {}\r\ncontent-length: 100000\r\n\r\n{{",
            first.token.as_ref().unwrap(),
            NDJSON.0,
            NDJSON.1
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let line = [delete("cohort", "C-1")];
    let mut uploads: Vec<TcpStream> = (0..12).map(|_| open()).collect();
    let began = Instant::now();
    let busy = loop {
        let answer = send(&first, "", &line);
        if answer.status == 503 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{answer}");
        // While this request had a place, any number of those above may have been refused.
        uploads.push(open());
    };
    assert_eq!(busy.code(), "unavailable");
    for _ in 0..3 {
        send(&second, "", &line).expect(200);
    }
    drop(uploads);
    until(60, "the places are not given back", || send(&first, "", &line).status == 200);
}

#[test]
fn exports_of_one_organisation_leave_a_place_to_the_others() {
    let service = Service::start();
    let (first, second) = (service.client("operator-1"), service.client("operator-2"));
    // Exports of partnerships begin, and wait to read the first of them: for ten seconds at most.
    let mut holder = service.database.connect();
    holder.batch_execute("BEGIN; LOCK TABLE partnership IN ACCESS EXCLUSIVE MODE").unwrap();
    let exports: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(&service);
            let token = first.token.as_ref().unwrap();
            let head =
                format!("GET /v1/exports/partnerships HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let said = told(&mut stream, Duration::from_secs(8)).unwrap_or_default();
            assert!(said.starts_with("HTTP/1.1 200"), "{said}");
            stream
        })
        .collect();
    let others = "/v1/exports/calls";
    assert_eq!(first.get(others).expect(503).code(), "unavailable");
    let comparison = json!({"type": "call", "depth": 0, "buckets": []});
    assert_eq!(first.post("/v1/reconciliations", comparison.clone()).expect(503).code(), "unavailable");
    assert!(second.get(others).expect(200).to_string().contains("\"_end\""), "it is whole");
    holder.batch_execute("ROLLBACK").unwrap();
    until(30, "the places are not given back", || first.get(others).status == 200);
    first.post("/v1/reconciliations", comparison).expect(200);
    drop(exports);
}

/// The cursor of the end of the feed.
fn end(client: &Client) -> String {
    let page = client.get("/v1/changes?limit=1000").expect(200).json();
    assert_eq!(page["has_more"], false);
    page["next"].as_str().unwrap().to_owned()
}

/// How long a reader is kept waiting that is willing to wait for so many seconds, while there is no news.
fn kept_waiting(client: &Client, cursor: &str, seconds: u64) -> Duration {
    let began = Instant::now();
    let page = client.get(&format!("/v1/changes?cursor={cursor}&wait={seconds}")).expect(200).json();
    assert_eq!(page["items"], json!([]));
    began.elapsed()
}

/// Takes as long as the readers wait.
#[test]
fn readers_of_one_organisation_do_not_all_wait_for_news() {
    let service = Service::start();
    let (first, second) = (service.client("operator-1"), service.client("operator-2"));
    let (cursor, other) = (end(&first), end(&second));
    std::thread::scope(|scope| {
        let many: Vec<_> = (0..20).map(|_| scope.spawn(|| kept_waiting(&first, &cursor, 12))).collect();
        let other = scope.spawn(|| kept_waiting(&second, &other, 3));
        assert!(other.join().unwrap() >= Duration::from_secs(3), "another organisation has places of its own");
        let waited: Vec<Duration> = many.into_iter().map(|one| one.join().unwrap()).collect();
        let patient = waited.iter().filter(|waited| **waited >= Duration::from_secs(12)).count();
        assert_eq!(patient, 16, "the rest are answered at once: {waited:?}");
    });
}

#[test]
fn whether_the_service_lives_is_all_that_can_be_asked_without_a_quota() {
    let service = Service::start_with_flags(&["--rate-address", "3"]);
    within_a_minute();
    let ask = |path: &str| service.anonymous().get(path);
    let counted = ["/health/ready", "/status", "/interop/probing"];
    for path in counted {
        ask(path).expect(200);
    }
    for path in counted.into_iter().chain(["/health/%72eady", "/health/nothing"]) {
        refused_by(ask(path), "address");
    }
    for path in ["/health/live", "/health/%6Cive", "/health/live"] {
        ask(path).expect(200);
    }
}

/// PostgreSQL counts transactions, and a connection tells of its own once a second, when it has read a table: it takes some seconds to see
/// them, on the one connection that has other work as well.
#[test]
fn whoever_asks_for_readiness_asks_the_database_seldom() {
    const WHILE: Duration = Duration::from_secs(4);
    let service = Service::start_with_flags(&["--rate-address", "1000000", "--query-threads", "1"]);
    let client = service.anonymous();
    let mut conn = service.database.connect();
    let mut transactions =
        || number(&mut conn, "SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()");
    let before = transactions();
    std::thread::sleep(WHILE);
    let anyway = transactions() - before;
    let (before, began, mut asked) = (transactions(), Instant::now(), 0);
    while began.elapsed() < WHILE {
        client.get("/health/ready").expect(200);
        asked += 1;
    }
    let meanwhile = transactions() - before;
    assert!(meanwhile - anyway < asked / 3, "{asked} requests, {meanwhile} transactions; {anyway} without any");
}

/// The owner of the tables, who can put triggers aside and keep the sealer waiting, does something to the log.
fn tamper(conn: &mut PgConnection, statements: &str) {
    let held = "BEGIN; SELECT pg_advisory_xact_lock(4716); SET LOCAL session_replication_role = replica";
    conn.batch_execute(&format!("{held}; {statements}; COMMIT")).unwrap();
}

/// While there is something to seal, nothing is sealed. For some seconds: the sealer looks once a second.
#[track_caller]
fn nothing_is_sealed(auditor: &Client, conn: &mut PgConnection, why: &str) {
    let signed = |conn: &mut PgConnection| number(conn, "SELECT max(size) AS n FROM audit_checkpoint");
    let (size, began) = (signed(conn), Instant::now());
    while began.elapsed() < Duration::from_secs(5) {
        // Which is noted.
        auditor.get("/v1/audit-events?limit=1").expect(200);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(signed(conn), size, "a new checkpoint blesses {why}");
    }
    assert!(number(conn, "SELECT count(*) AS n FROM audit_pending") > 0);
}

#[test]
fn history_that_was_rewritten_is_not_signed() {
    let service = Service::start();
    let auditor = service.client("auditor");
    let mut conn = service.database.connect();
    for _ in 0..2 {
        for _ in 0..3 {
            auditor.get("/v1/audit-events?limit=1").expect(200);
        }
        sealed(&mut conn);
    }
    let newest = auditor.get("/v1/audit-checkpoints?limit=1").expect(200).json()["items"][0].clone();
    let folder = tempfile::tempdir().unwrap();
    let (secret, kept) = (folder.path().join("secret"), folder.path().join("checkpoint"));
    std::fs::write(&secret, "2a".repeat(32)).unwrap();
    std::fs::write(&kept, newest["statement"].as_str().unwrap()).unwrap();
    let verify = || {
        let arguments = ["--secret-file", secret.to_str().unwrap(), "--checkpoint", kept.to_str().unwrap()];
        let output = command(&service, folder.path(), &[&["audit", "verify"], &arguments[..]].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let proven = || {
        let (code, said) = verify();
        assert_eq!(code, Some(0), "{said}");
    };
    proven();

    // The log as it was one checkpoint ago: all of it was signed. What came since is to be sealed again, as something else.
    let before = number(&mut conn, "SELECT size AS n FROM audit_checkpoint ORDER BY size DESC OFFSET 1 LIMIT 1");
    let tables = ["audit_leaf", "audit_node", "audit_checkpoint"];
    let save = tables.map(|table| format!("CREATE TEMPORARY TABLE saved_{table} AS TABLE {table}")).join("; ");
    let rewrite = format!(
        "UPDATE audit_event SET client_id = 'somebody' WHERE id = (SELECT max(event_id) FROM audit_leaf); \
         INSERT INTO audit_pending SELECT event_id FROM audit_leaf WHERE position >= {before}; \
         DELETE FROM audit_node WHERE ((position + 1) << level) > {before}; \
         DELETE FROM audit_leaf WHERE position >= {before}; DELETE FROM audit_checkpoint WHERE size > {before}"
    );
    tamper(&mut conn, &format!("{save}; {rewrite}"));
    nothing_is_sealed(&auditor, &mut conn, "an entry that was sealed as another");
    let (code, said) = verify();
    assert!(code == Some(1) && said.contains("checkpoint"), "{said}");

    // Once all is as it was, it goes on: nothing else has kept it from being sealed.
    let restore =
        tables.map(|table| format!("DELETE FROM {table}; INSERT INTO {table} TABLE saved_{table}")).join("; ");
    let undo = "UPDATE audit_event SET client_id = 'auditor' WHERE client_id = 'somebody'; \
                DELETE FROM audit_pending WHERE event_id IN (SELECT event_id FROM audit_leaf)";
    tamper(&mut conn, &format!("{restore}; {undo}"));
    sealed(&mut conn);
    proven();

    // What a new root would be made of, is not what was signed.
    let bend = "CREATE TEMPORARY TABLE straight AS TABLE audit_node; \
                UPDATE audit_node SET hash = sha256(hash) WHERE level = (SELECT max(level) FROM audit_node)";
    tamper(&mut conn, bend);
    nothing_is_sealed(&auditor, &mut conn, "a subtree that was replaced");
    tamper(&mut conn, "DELETE FROM audit_node; INSERT INTO audit_node TABLE straight");
    sealed(&mut conn);
    proven();
}

#[test]
fn a_reader_that_is_revoked_while_it_waits_is_not_told_the_news() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let (client, region) = (service.client("operator-1"), service.client("region"));
    let cursor = end(&client);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.get(&format!("/v1/changes?cursor={cursor}&wait=30")));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!waiting.is_finished(), "there is no news yet");
        assert!(command(&service, folder.path(), &["revoke-client", "operator-1"]).status.success());
        until(10, "the client is still served", || client.get("/v1/calls").status == 401);
        let news = json!({"external_id": "news", "name": "News", "municipality": "015146",
            "tax_code": synthetic::organisation(1_100_000, 15).as_str()});
        region.post("/v1/organisations", news).expect(201);
        let told = Instant::now();
        assert_eq!(waiting.join().unwrap().expect(401).code(), "unauthenticated");
        assert!(told.elapsed() < Duration::from_secs(15), "it ends with the news, not with its patience");
    });
}

#[test]
fn an_import_costs_what_it_carries() {
    let service = Service::start();
    let client = service.client("operator-1");
    within_a_minute();
    let nowhere = "/v1/partnerships/01890000-0000-7000-8000-000000000000";
    let items: Vec<Value> = (0..200).map(|number| delete("cohort", &format!("C-{number}"))).collect();
    let cost = |query: &str, headers: &[(&str, &str)]| {
        let before = left(&client.get(nowhere));
        let path = format!("/v1/imports{query}");
        client.send("POST", &path, &[&[NDJSON], headers].concat(), lines(&items)).expect(200);
        // The look at what is left costs one.
        before - left(&client.get(nowhere)) - 1
    };
    assert_eq!(cost("", &[]), 60, "50, and one for every 20 lines");
    assert_eq!(cost("?dry_run=true", &[]), 60, "trying it is work as well");
    assert_eq!(cost("", &[("idempotency-key", "k")]), 60);
    assert_eq!(cost("", &[("idempotency-key", "k")]), 50, "one that was carried out already is not");
}
