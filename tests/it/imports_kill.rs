//! Processes are killed while they carry out imports: nothing is lost, nothing is done twice. By default a dozen times;
//! `KILLS=100 cargo test --test it imports_kill` takes its time.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use rand::Rng as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use ricolloca::clock::Clock;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::imports::{lines, write};
use crate::support::postgres::Database;
use crate::support::service::context;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn rows(conn: &mut PgConnection, query: &str) -> Vec<(String, i64)> {
    diesel::sql_query(query).load::<Row>(conn).unwrap().into_iter().map(|row| (row.what, row.n)).collect()
}

/// The service's program; RICOLLOCA_BIN names another build of it, for long runs.
pub fn binary() -> String {
    std::env::var("RICOLLOCA_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ricolloca").to_owned())
}

pub fn start(database: &Database, folder: &std::path::Path, address: &str) -> Child {
    Command::new(binary())
        .args([
            "--demo",
            "off",
            "--bind",
            address,
            "--public-url",
            "http://kill.invalid",
            "--database-url",
            &database.url,
        ])
        .args(["--rate-client", "1000000000", "--rate-address", "1000000000", "--secret-file"])
        .arg(folder.join("secret"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Sends a request until there is an answer; `None` as long as there is none.
pub fn attempt(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<(u16, Value)> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .new_agent();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent.run(request.body(body.to_vec()).unwrap()).ok()?;
    let body = answer.body_mut().read_to_vec().ok()?;
    Some((answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
}

pub fn until(mut done: impl FnMut() -> Option<Value>) -> Value {
    let began = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A token of a demo client, where the service is there.
pub fn token_of(url: &str, client: &str) -> Option<String> {
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret=demo");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    match attempt("POST", &format!("{url}/oauth/token"), &headers, form.as_bytes()) {
        Some((200, token)) => Some(format!("Bearer {}", token["access_token"].as_str().unwrap())),
        _ => None,
    }
}

fn token(url: &str) -> String {
    let form = b"grant_type=client_credentials&client_id=demo-operator-1&client_secret=demo";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = until(|| match attempt("POST", &format!("{url}/oauth/token"), &headers, form) {
        Some((200, token)) => Some(token),
        _ => None,
    });
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

/// An import of new cohorts, from this number on.
fn cohorts(from: usize, number: usize) -> String {
    let company = ricolloca::identifiers::synthetic::organisation(9_000_106, 15);
    let cohort = |number: usize| {
        let data = json!({"partnership": {"external_id": "pt-30"}, "name": format!("Gruppo {number}"),
            "crisis_company": {"tax_code": company.as_str()}, "province": "MI"});
        write("cohort", &format!("kill-{number}"), &data)
    };
    lines(&(from..from + number).map(cohort).collect::<Vec<_>>())
}

#[test]
fn whoever_is_killed_nothing_is_lost_or_done_twice() {
    let kills: u32 = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let database = Database::new();
    ricolloca::seed::load(&database.url, &context(Clock::System)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "2a".repeat(32)).unwrap();
    let address =
        format!("127.0.0.1:{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let url = format!("http://{address}");
    let over = AtomicBool::new(false);

    let (imports, sent) = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..2_usize)
            .map(|sender| {
                let (url, over) = (&url, &over);
                scope.spawn(move || {
                    let mut bearer = token(url);
                    let (mut imports, mut sent) = (Vec::new(), 0);
                    for round in 0.. {
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                        // Small ones, which are answered at once, and large ones in turn.
                        let number = if round % 4 == 3 { 1500 } else { 40 };
                        let body = cohorts(sender * 1_000_000 + sent, number);
                        sent += number;
                        let key = format!("kill-{sender}-{round}");
                        let import = until(|| {
                            let headers = [
                                ("authorization", bearer.as_str()),
                                ("content-type", "application/x-ndjson"),
                                ("idempotency-key", key.as_str()),
                            ];
                            match attempt("POST", &format!("{url}/v1/imports"), &headers, body.as_bytes()) {
                                Some((200 | 202, import)) => Some(import),
                                Some((401, _)) => {
                                    bearer = token(url);
                                    None
                                }
                                Some((500.., _)) | None => None,
                                Some((status, body)) => panic!("{status}: {body}"),
                            }
                        });
                        imports.push(import["id"].as_str().unwrap().to_owned());
                    }
                    (imports, sent)
                })
            })
            .collect();

        let mut random = StdRng::seed_from_u64(7);
        for kill in 0..kills {
            let mut process = start(&database, folder.path(), &address);
            // Now and then a second one on the same database, which takes over what the first leaves.
            let mut second = (kill % 3 == 2).then(|| start(&database, folder.path(), "127.0.0.1:0"));
            until(|| attempt("GET", &format!("{url}/health/ready"), &[], b"").map(|(_, body)| body));
            std::thread::sleep(Duration::from_millis(random.gen_range(50..700)));
            process.kill().unwrap();
            process.wait().unwrap();
            if let Some(second) = &mut second {
                std::thread::sleep(Duration::from_millis(random.gen_range(0..300)));
                second.kill().unwrap();
                second.wait().unwrap();
            }
        }
        over.store(true, Ordering::SeqCst);
        let mut process = start(&database, folder.path(), &address);
        let mut all = (Vec::new(), 0);
        for sender in senders {
            let (imports, sent) = sender.join().unwrap();
            all.0.extend(imports);
            all.1 += i64::try_from(sent).unwrap();
        }
        let bearer = token(&url);
        for import in &all.0 {
            until(|| match attempt("GET", &format!("{url}/v1/imports/{import}"), &[("authorization", &bearer)], b"") {
                Some((303, _)) => Some(Value::Null),
                _ => None,
            });
        }
        process.kill().unwrap();
        process.wait().unwrap();
        all
    });

    assert!(imports.len() > 4, "{} imports", imports.len());
    let mut conn = database.connect();
    let found = |conn: &mut PgConnection, query: &str| rows(conn, query);
    let count = |conn: &mut PgConnection, query: &str| rows(conn, query)[0].1;
    assert_eq!(
        count(
            &mut conn,
            "SELECT '' AS what, count(*) AS n FROM cohort WHERE external_id LIKE 'kill-%' AND version = 1"
        ),
        sent,
        "each record is there, as it was made"
    );
    assert_eq!(
        found(
            &mut conn,
            "SELECT external_id AS what, count(*) AS n FROM cohort WHERE external_id LIKE 'kill-%' GROUP BY 1 HAVING count(*) > 1"
        ),
        [],
        "done twice"
    );
    assert_eq!(
        found(
            &mut conn,
            "SELECT i.external_id AS what, count(*) AS n FROM import_item i JOIN import m ON m.id = i.import_id WHERE m.state = 'completed' AND i.effect = 'created' GROUP BY 1 HAVING count(*) <> 1"
        ),
        [],
        "one result an item"
    );
    assert_eq!(count(&mut conn, "SELECT '' AS what, count(*) AS n FROM import_item WHERE effect = 'created'"), sent);
    assert_eq!(
        found(
            &mut conn,
            "SELECT m.id::text AS what, count(i.line) AS n FROM import m LEFT JOIN import_item i ON i.import_id = m.id WHERE m.state <> 'receiving' \
              GROUP BY m.id HAVING count(i.line) <> m.lines OR m.created <> m.lines OR m.state <> 'completed'"
        ),
        [],
        "each import counts what it did"
    );
    assert_eq!(
        found(
            &mut conn,
            "SELECT c.external_id AS what, count(*) AS n FROM cohort c JOIN change_event e ON e.record_id = c.id WHERE c.external_id LIKE 'kill-%' GROUP BY 1 HAVING count(*) <> 1"
        ),
        [],
        "one event a record"
    );
    assert_eq!(
        count(
            &mut conn,
            "SELECT '' AS what, count(*) AS n FROM import_chunk c JOIN import m ON m.id = c.import_id WHERE m.state <> 'receiving'"
        ),
        0,
        "nothing is left to be done"
    );
}
