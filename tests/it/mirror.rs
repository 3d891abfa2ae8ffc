//! Copies that are kept by the feed alone equal the service. Writers of every kind, single and bulk, atomic ones that are rolled back,
//! held transactions, deletions, operators that join and leave, names that change; two processes of the service and the pullers are
//! killed at random. In the end each copy is, byte for byte, what its reader sees. A reader with the naive cursor, run beside them as a
//! mutant, loses changes.
//!
//! `CHANGES=1000000 IMPORT=5000 RICOLLOCA_BIN=target/release/ricolloca cargo test --test it mirror` takes its time, and tells in
//! `/tmp/ricolloca-mirror.txt` what it did.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ricolloca::clock::Clock;
use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use crate::imports::{lines, write};
use crate::imports_kill::{attempt, start, token_of, until};
use crate::pull::{command, held};
use crate::support::postgres::Database;
use crate::support::service::context;

/// Copies: of all, of an operator that leads, and of one that joins and leaves.
const READERS: [&str; 3] = ["demo-dote", "demo-operator-1", "demo-operator-2"];

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Numbered {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    change: String,
}

/// The two processes, and the requests of writers to whichever is there.
struct Field {
    database: Database,
    folder: tempfile::TempDir,
    addresses: [String; 2],
    over: AtomicBool,
    refused: AtomicI64,
}

impl Field {
    fn url(&self, which: usize) -> String {
        format!("http://{}", self.addresses[which % 2])
    }

    fn start(&self, which: usize) -> Child {
        start(&self.database, self.folder.path(), &self.addresses[which])
    }

    /// Sends until there is an answer; a retry is harmless by its method or key.
    fn send(
        &self,
        bearer: &mut (String, &'static str),
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let mut which = 0;
        loop {
            which += 1;
            let headers =
                [&[("authorization", bearer.0.as_str()), ("content-type", "application/json")], more].concat();
            match attempt(method, &format!("{}{path}", self.url(which)), &headers, body.as_bytes()) {
                Some((401, _)) => bearer.0 = self.bearer(bearer.1).0,
                Some((503 | 500 | 429, _)) | None => std::thread::sleep(Duration::from_millis(30)),
                Some((status, answer)) => {
                    if status >= 400 {
                        self.refused.fetch_add(1, Ordering::Relaxed);
                    }
                    return (status, answer);
                }
            }
        }
    }

    fn bearer(&self, client: &'static str) -> (String, &'static str) {
        let mut which = 0;
        let bearer = until(|| {
            which += 1;
            token_of(&self.url(which), client).map(Value::from)
        });
        (bearer.as_str().unwrap().to_owned(), client)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Cohorts of an operator, made, changed, and deleted, one by one.
fn single(field: &Field, partnerships: &[String], seed: u64) {
    let (mut bearer, mut random) = (field.bearer("demo-operator-1"), StdRng::seed_from_u64(seed));
    let company = synthetic::organisation(9_000_106, 15);
    while !field.is_over() {
        let name = format!("mx-{seed}-{}", random.gen_range(0..30));
        let partnership = &partnerships[random.gen_range(0..partnerships.len())];
        let body = json!({"partnership": {"id": partnership}, "name": format!("Gruppo {}", random.gen_range(0..5)),
            "crisis_company": {"tax_code": company.as_str()}, "province": "MI"});
        let path = format!("/v1/cohorts/by-external-id/{name}");
        let (status, cohort) = field.send(&mut bearer, "PUT", &path, &[], &body.to_string());
        if status < 300 && random.gen_bool(0.3) {
            let version = format!("\"{}\"", cohort["version"]);
            let path = format!("/v1/cohorts/{}", cohort["id"].as_str().unwrap());
            field.send(&mut bearer, "DELETE", &path, &[("if-match", &version)], "");
        }
    }
}

/// Imports of cohorts, partial and atomic; one in three atomic ones is taken back for an item that is refused.
fn bulk(field: &Field, size: usize, seed: u64) {
    let (mut bearer, mut random) = (field.bearer("demo-operator-1"), StdRng::seed_from_u64(seed));
    let company = synthetic::organisation(9_000_106, 15);
    for round in 0.. {
        if field.is_over() {
            return;
        }
        let mode = if random.gen_bool(0.4) { "atomic" } else { "partial" };
        let number = random.gen_range(1..=size);
        let mut items: Vec<Value> = (0..number)
            .map(|_| {
                let name = format!("bulk-{seed}-{}", random.gen_range(0..size * 4));
                if random.gen_bool(0.1) {
                    return json!({"type": "cohort", "external_id": name, "delete": true});
                }
                let data = json!({"partnership": {"external_id": "pt-30"}, "name": format!("Gruppo {round}"),
                    "crisis_company": {"tax_code": company.as_str()}, "province": "MI"});
                write("cohort", &name, &data)
            })
            .collect();
        if random.gen_bool(0.3) {
            items.push(write("cohort", "refused", &json!({"name": "x"})));
        }
        let key = format!("mirror-{seed}-{round}");
        let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", key.as_str())];
        let path = format!("/v1/imports?mode={mode}&wait_days=0");
        let (status, import) = send_lines(field, &mut bearer, &path, &headers, &lines(&items));
        if status == 202 {
            let path = format!("/v1/imports/{}", import["id"].as_str().unwrap());
            while !field.is_over() && field.send(&mut bearer, "GET", &path, &[], "").1["state"] == "running" {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn send_lines(
    field: &Field,
    bearer: &mut (String, &'static str),
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let mut which = 0;
    loop {
        which += 1;
        let all = [&[("authorization", bearer.0.as_str())], headers].concat();
        match attempt("POST", &format!("{}{path}", field.url(which)), &all, body.as_bytes()) {
            Some((401, _)) => bearer.0 = field.bearer(bearer.1).0,
            Some((503 | 500 | 429 | 409, _)) | None => std::thread::sleep(Duration::from_millis(30)),
            Some(answer) => return answer,
        }
    }
}

/// An operator joins partnerships and leaves them: its membership is deleted.
fn joining(field: &Field, partnerships: &[String], organisation: &str) {
    let (mut bearer, mut random) = (field.bearer("demo-operator-1"), StdRng::seed_from_u64(5));
    while !field.is_over() {
        let partnership = &partnerships[random.gen_range(0..partnerships.len())];
        let name = format!("joins-{partnership}");
        let body = json!({"partnership": {"id": partnership}, "organisation": {"id": organisation}, "category": "accredited_operator",
            "joined_on": "2012-07-01", "own_resources_cents": random.gen_range(0..3)});
        let path = format!("/v1/members/by-external-id/{name}");
        let (status, member) = field.send(&mut bearer, "PUT", &path, &[], &body.to_string());
        assert!(status < 300, "{member}");
        std::thread::sleep(Duration::from_millis(random.gen_range(0..150)));
        if random.gen_bool(0.6) {
            let version = format!("\"{}\"", member["version"]);
            let path = format!("/v1/members/{}", member["id"].as_str().unwrap());
            field.send(&mut bearer, "DELETE", &path, &[("if-match", &version)], "");
        }
    }
}

/// Organisations are renamed, and outcomes decided on.
fn deciding(field: &Field) {
    let (mut region, mut dote) = (field.bearer("demo-region"), field.bearer("demo-dote"));
    let mut random = StdRng::seed_from_u64(6);
    let (_, organisations) = field.send(&mut region, "GET", "/v1/organisations?limit=30", &[], "");
    let (_, outcomes) = field.send(&mut dote, "GET", "/v1/outcomes?limit=100&state=evidenced", &[], "");
    let one = |list: &Value, random: &mut StdRng| {
        let items = list["items"].as_array().unwrap();
        items[random.gen_range(0..items.len())]["id"].as_str().unwrap().to_owned()
    };
    for round in 0.. {
        if field.is_over() {
            return;
        }
        let path = format!("/v1/organisations/{}", one(&organisations, &mut random));
        let (_, known) = field.send(&mut region, "GET", &path, &[], "");
        let version = format!("\"{}\"", known["version"]);
        let patch = [("content-type", "application/merge-patch+json"), ("if-match", version.as_str())];
        let all: Vec<(&str, &str)> = patch.to_vec();
        let body = json!({"name": format!("Name {}", random.gen_range(0..4))}).to_string();
        patch_lines(field, &mut region, &path, &all, &body);
        let path = format!("/v1/outcomes/{}/verification", one(&outcomes, &mut random));
        let verdict = if random.gen_bool(0.5) {
            json!({"verdict": "verified"})
        } else {
            json!({"verdict": "disputed", "reason": "x"})
        };
        let key = format!("decide-{round}");
        field.send(&mut dote, "POST", &path, &[("idempotency-key", &key)], &verdict.to_string());
    }
}

fn patch_lines(field: &Field, bearer: &mut (String, &'static str), path: &str, headers: &[(&str, &str)], body: &str) {
    let all = [&[("authorization", bearer.0.as_str())], headers].concat();
    // Lost or refused as stale: the next round tries another name.
    let _ = attempt("PATCH", &format!("{}{path}", field.url(0)), &all, body.as_bytes());
}

/// Transactions that are held open, and half of them taken back.
fn holding(field: &Field) {
    let (mut conn, mut random) = (field.database.connect(), StdRng::seed_from_u64(8));
    while !field.is_over() {
        let end = if random.gen_bool(0.5) { "COMMIT" } else { "ROLLBACK" };
        let begun = conn.batch_execute(
            "BEGIN; UPDATE organisation SET name = name || '.', version = version + 1 WHERE id = (SELECT id FROM organisation ORDER BY id DESC LIMIT 1)",
        );
        std::thread::sleep(Duration::from_millis(random.gen_range(5..120)));
        conn.batch_execute(if begun.is_ok() { end } else { "ROLLBACK" }).unwrap();
    }
}

/// What a reader sees that remembers the highest number: a mutant of ours, which has to fail.
fn naive(field: &Field, seen: &Mutex<HashSet<String>>) {
    let mut conn = field.database.connect();
    let mut last = 0;
    while !field.is_over() {
        let rows: Vec<Numbered> = diesel::sql_query(
            "SELECT seq, kind || record_id || version AS change FROM change_event WHERE seq > $1 ORDER BY seq LIMIT 5000",
        )
        .bind::<BigInt, _>(last)
        .load(&mut conn)
        .unwrap();
        last = rows.last().map_or(last, |row| row.seq);
        seen.lock().unwrap().extend(rows.into_iter().map(|row| row.change));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Pulls, and is killed.
fn pulling(field: &Field, reader: usize, directory: &Path, kills: &AtomicI64) {
    let mut random = StdRng::seed_from_u64(100 + reader as u64);
    while !field.is_over() {
        let limit = [1, 17, 1000][random.gen_range(0..3)].to_string();
        let more = ["--limit", &limit, "--follow", "--wait", "1"];
        let mut puller = quiet(command(&field.url(reader), READERS[reader], directory, &more)).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.gen_range(100..2500)));
        puller.kill().unwrap();
        puller.wait().unwrap();
        kills.fetch_add(1, Ordering::Relaxed);
    }
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn copies_that_are_kept_by_the_feed_alone_equal_the_service() {
    let number =
        |name: &str, default: i64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (wanted, size) = (number("CHANGES", 8_000), usize::try_from(number("IMPORT", 300)).unwrap());
    let database = Database::new();
    ricolloca::seed::load(&database.url, &context(Clock::System)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "2a".repeat(32)).unwrap();
    let port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let addresses = [format!("127.0.0.1:{}", port()), format!("127.0.0.1:{}", port())];
    let field = Field { database, folder, addresses, over: AtomicBool::new(false), refused: AtomicI64::new(0) };
    let directories: Vec<PathBuf> = READERS.iter().map(|reader| field.folder.path().join(reader)).collect();
    let mut processes = [field.start(0), field.start(1)];

    // Some partnerships of the first operator, for the second one to join.
    let mut bearer = field.bearer("demo-operator-1");
    let (_, known) = field.send(&mut bearer, "GET", "/v1/partnerships?external_id=pt-30", &[], "");
    let known = &known["items"][0];
    let partnerships: Vec<String> = (0..4)
        .map(|number| {
            let body = json!({"call": {"id": known["call_id"]}, "title": format!("M {number}"), "provinces": ["MI"],
                "starts_on": known["starts_on"], "ends_on": known["ends_on"], "budget_cents": 2, "requested_cents": 1});
            let path = format!("/v1/partnerships/by-external-id/mx-{number}");
            let (status, made) = field.send(&mut bearer, "PUT", &path, &[], &body.to_string());
            assert!(status < 300, "{made}");
            made["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut conn = field.database.connect();
    let organisation: String = {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = Text)]
            id: String,
        }
        let query = "SELECT organisation_id::text AS id FROM client WHERE id = 'demo-operator-2'";
        diesel::sql_query(query).get_result::<Found>(&mut conn).unwrap().id
    };

    let (seen, kills) = (Mutex::new(HashSet::new()), AtomicI64::new(0));
    let mut service_kills = 0;
    let mut events = |query: &str| diesel::sql_query(query).get_result::<Number>(&mut conn).unwrap().n;
    let before = events("SELECT coalesce(max(seq), 0) AS n FROM change_event");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let field = &field;
        for seed in 1..3 {
            let partnerships = &partnerships;
            scope.spawn(move || single(field, partnerships, seed));
            scope.spawn(move || bulk(field, size, seed));
        }
        scope.spawn(|| joining(field, &partnerships, &organisation));
        scope.spawn(|| deciding(field));
        scope.spawn(|| holding(field));
        scope.spawn(|| naive(field, &seen));
        for (reader, directory) in directories.iter().enumerate() {
            let kills = &kills;
            scope.spawn(move || pulling(field, reader, directory, kills));
        }
        let mut random = StdRng::seed_from_u64(9);
        while events("SELECT count(*) AS n FROM change_event") - before < wanted {
            assert!(began.elapsed() < Duration::from_secs(3 * 3600), "too few changes");
            std::thread::sleep(Duration::from_millis(random.gen_range(300..1800)));
            let which = random.gen_range(0..2);
            processes[which].kill().unwrap();
            processes[which].wait().unwrap();
            processes[which] = field.start(which);
            service_kills += 1;
        }
        field.over.store(true, Ordering::SeqCst);
    });
    // What imports are still at is carried out; then nothing is left but to compare.
    let running = "SELECT count(*) AS n FROM import WHERE state = 'running'";
    let waiting = Instant::now();
    while events(running) > 0 && waiting.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    for (reader, directory) in directories.iter().enumerate() {
        until(|| token_of(&field.url(reader), READERS[reader]).map(Value::from));
        let output = command(&field.url(reader), READERS[reader], directory, &["--check"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {told}", READERS[reader]);
        // And byte for byte against what a copy made anew holds.
        let fresh = field.folder.path().join(format!("fresh-{reader}"));
        let made = quiet(command(&field.url(reader), READERS[reader], &fresh, &[])).status().unwrap();
        assert!(made.success());
        let (kept, fresh) = (held(directory), held(&fresh));
        assert_eq!(kept.len(), fresh.len());
        assert!(kept == fresh, "{}: some records differ", READERS[reader]);
    }
    for process in &mut processes {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let missed = {
        let seen = seen.into_inner().unwrap();
        let rows: Vec<Numbered> =
            diesel::sql_query("SELECT seq, kind || record_id || version AS change FROM change_event")
                .load(&mut field.database.connect())
                .unwrap();
        rows.iter().filter(|row| !seen.contains(&row.change)).count()
    };
    let changes = events("SELECT count(*) AS n FROM change_event") - before;
    let told = format!(
        "{changes} changes, {service_kills} processes and {} pullers killed, {} requests refused, the naive reader missed {missed}, {:?}",
        kills.into_inner(),
        field.refused.load(Ordering::Relaxed),
        began.elapsed()
    );
    std::fs::write(std::env::temp_dir().join("ricolloca-mirror.txt"), &told).unwrap();
    assert!(missed > 0, "the mutant found everything, so that this test shows nothing: {told}");
}
