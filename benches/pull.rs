//! Exports against `COPY ... TO STDOUT` of the same rows, a reconciliation in agreement, the feed from its beginning, and what writers
//! and readers of the feed cost each other. `cargo bench --bench pull`, with ITEMS in the environment; `benches/README.md` keeps the last
//! table. Only the ratios tell.

#![expect(clippy::indexing_slicing, reason = "a measurement that fails may stop where it is")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Uuid as SqlUuid};
use ricolloca::clock::Clock;
use ricolloca::db;
use ricolloca::embedded::{Durability, Options, Server};
use ricolloca::ids::Ids;
use ricolloca::reconciliations::digest::{self, Bucket};
use ricolloca::vault::Vault;
use serde_json::{Value, json};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let items: i64 = std::env::var("ITEMS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir()?;
    let options =
        Options { data_dir: folder.path().to_path_buf(), durability: Durability::Durable, install_if_missing: true };
    let server = Server::start(&options)?;
    server.create_database_if_missing("bench")?;
    let url = server.url("bench");
    let service = Service::start(&url, folder.path())?;
    let result = measure(&service, &url, folder.path(), items);
    drop(service);
    server.stop();
    result
}

fn measure(service: &Service, url: &str, folder: &std::path::Path, items: i64) -> Outcome<()> {
    let mut conn = db::connect(url)?;
    multiply(&mut conn, folder, items)?;
    conn.batch_execute("VACUUM ANALYZE")?;
    println!("| how | rows per second | share |\n|---|---|---|");
    for (kind, many) in [("action", "actions"), ("outcome", "outcomes")] {
        let (rows, copied) = copy(url, &format!("SELECT * FROM {kind} WHERE deleted_at IS NULL ORDER BY id"))?;
        let rate = |time: Duration| rows as f64 / time.as_secs_f64();
        println!("| COPY (SELECT * FROM {kind}) TO STDOUT | {:.0} | 100% |", rate(copied));
        if kind == "outcome" {
            let (_, whole) = copy(url, WITH_ITS_GROUNDS)?;
            println!(
                "| COPY of the same with what is shown of them | {:.0} | {:.0}% |",
                rate(whole),
                100.0 * rate(whole) / rate(copied)
            );
        }
        for packing in ["identity", "zstd"] {
            let began = Instant::now();
            let lines = service.export(many, packing)?.iter().filter(|byte| **byte == b'\n').count();
            let took = began.elapsed();
            if lines as i64 != rows + 2 {
                return Err(format!("{lines} lines of {rows} {many}").into());
            }
            println!("| export of {many}, {packing} | {:.0} | {:.0}% |", rate(took), 100.0 * rate(took) / rate(copied));
        }
    }
    println!("memory of the service at its highest: {} MB", service.peak_mb()?);
    reconcile(service)?;
    let began = Instant::now();
    let (changes, cursor) = service.feed(None)?;
    let rate = changes as f64 / began.elapsed().as_secs_f64();
    println!("the feed from its beginning, 1000 a page: {changes} changes, {rate:.0} a second");
    load(service, &mut conn, &cursor)
}

/// Many actions and outcomes, copies of some of the demo data. The workers' names are not those of their rows, so that these cannot be
/// opened; nothing here reads workers.
fn multiply(conn: &mut PgConnection, folder: &std::path::Path, items: i64) -> Outcome<()> {
    let mut columns = |table: &str, own: &str| -> Outcome<String> {
        #[derive(QueryableByName)]
        struct Names {
            #[diesel(sql_type = diesel::sql_types::Text)]
            names: String,
        }
        let found: Names = diesel::sql_query(format!(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names FROM pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ({own})"
        ))
        .get_result(conn)?;
        Ok(found.names)
    };
    let (action, participant, outcome) = (
        columns("action", "'id', 'external_id'")?,
        columns("participant", "'id', 'external_id', 'worker_index', 'dote_number'")?,
        columns("outcome", "'id', 'external_id', 'participant_id', 'employer_sealed', 'cob'")?,
    );
    diesel::sql_query(format!(
        "INSERT INTO action (id, external_id, {action}) SELECT n.id, 'bench-' || n.number, {action} \
         FROM (SELECT * FROM action WHERE external_id LIKE 'pt-30-%' LIMIT 1) a, UNNEST($1) WITH ORDINALITY n (id, number)"
    ))
    .bind::<Array<SqlUuid>, _>(made(items))
    .execute(conn)?;
    let people = made(items);
    diesel::sql_query(format!(
        "INSERT INTO participant (id, external_id, worker_index, dote_number, {participant}) \
         SELECT n.id, 'bench-' || n.number, sha256(('bench-' || n.number)::bytea), 'BENCH-' || n.number, {participant} \
         FROM (SELECT * FROM participant WHERE external_id = 'w-1500') p, UNNEST($1) WITH ORDINALITY n (id, number)"
    ))
    .bind::<Array<SqlUuid>, _>(&people)
    .execute(conn)?;
    let secret = std::fs::read_to_string(folder.join("service/secret.key"))?;
    let bytes: Result<Vec<u8>, _> =
        (0..secret.trim().len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16)).collect();
    let key: [u8; 32] = bytes?.try_into().map_err(|_| "no key")?;
    let (vault, ids) = (Vault::new(&key), Ids::random());
    let outcomes = made(items);
    let sealed: Vec<Vec<u8>> =
        outcomes.iter().map(|id| vault.seal(&ids, "outcome.employer", *id, b"99999900121")).collect();
    diesel::sql_query(format!(
        "INSERT INTO outcome (id, participant_id, employer_sealed, external_id, cob, {outcome}) \
         SELECT n.id, n.person, n.sealed, 'bench-' || n.number, lpad((8000000000000000 + n.number)::text, 16, '0'), {outcome} \
         FROM (SELECT * FROM outcome WHERE cob IS NOT NULL LIMIT 1) o, UNNEST($1, $2, $3) WITH ORDINALITY n (id, person, sealed, number)"
    ))
    .bind::<Array<SqlUuid>, _>(&outcomes)
    .bind::<Array<SqlUuid>, _>(&people)
    .bind::<Array<Bytea>, _>(&sealed)
    .execute(conn)?;
    Ok(())
}

/// Ids as the service makes them: in the order of time.
fn made(items: i64) -> Vec<Uuid> {
    let ids = Ids::random();
    (0..items).map(|_| ids.next(Clock::System.now())).collect()
}

/// What is shown of an outcome rests on more than its row: who is in charge of the worker, the worker's other outcomes, the company that
/// dismissed the worker and the rules of the call.
const WITH_ITS_GROUNDS: &str = "SELECT o.*, p.operator_organisation_id, c.crisis_company_id, k.rules, \
     (SELECT array_agg((s.starts_on, s.ends_on, s.state)) FROM outcome s WHERE s.participant_id = o.participant_id AND s.deleted_at IS NULL) \
     FROM outcome o JOIN participant p ON p.id = o.participant_id JOIN cohort c ON c.id = p.cohort_id \
     JOIN partnership t ON t.id = o.partnership_id JOIN call k ON k.id = t.call_id WHERE o.deleted_at IS NULL ORDER BY o.id";

fn copy(url: &str, query: &str) -> Outcome<(i64, Duration)> {
    let newest = std::fs::read_dir("/usr/lib/postgresql")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .max()
        .ok_or("no psql")?;
    let query = format!("COPY ({query}) TO STDOUT");
    let began = Instant::now();
    let output = Command::new(newest.join("psql")).args([url, "-qc", &query]).output()?;
    let took = began.elapsed();
    Ok((output.stdout.iter().filter(|byte| **byte == b'\n').count() as i64, took))
}

/// One request, for a copy that is right.
fn reconcile(service: &Service) -> Outcome<()> {
    let lines = service.export("outcomes", "identity")?;
    let mut buckets: BTreeMap<String, Bucket> = BTreeMap::new();
    let text = String::from_utf8(lines)?;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line)?;
        if let Some(id) = record["id"].as_str() {
            buckets.entry(digest::bucket(id.parse()?, 3)).or_default().add(&digest::of_record(&record)?);
        }
    }
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|(name, bucket)| json!({"bucket": name, "count": bucket.count, "digest": digest::hex(&bucket.digest())}))
        .collect();
    let body = json!({"type": "outcome", "depth": 3, "buckets": buckets});
    let began = Instant::now();
    let (status, answer) = service.send("POST", "/v1/reconciliations", &body)?;
    let bytes = body.to_string().len();
    println!(
        "reconciliation in agreement: {status}, equal {}, {} outcomes, one request of {} kB, {:.1} s",
        answer["equal"],
        answer["items"],
        bytes / 1000,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Single writes by eight clients: alone; while a reader waits for news; and while a transaction is held open.
fn load(service: &Service, conn: &mut PgConnection, cursor: &str) -> Outcome<()> {
    let operator = service.login("demo-operator-1")?;
    let time = Duration::from_secs(6);
    let alone = write(service, &operator, time, "a", &Mutex::default())?;
    let mut begin = service.feed(Some(cursor))?.1;
    for (held, name) in [(false, "b"), (true, "c")] {
        if held {
            conn.batch_execute("BEGIN; UPDATE organisation SET version = version + 1 WHERE id = (SELECT max(id::text)::uuid FROM organisation)")?;
        }
        let answered: Mutex<HashMap<String, Instant>> = Mutex::default();
        let stop = AtomicBool::new(false);
        let (written, arrived) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| service.follow(&begin, &stop));
            let written = write(service, &operator, time, name, &answered);
            std::thread::sleep(Duration::from_secs(1));
            stop.store(true, Ordering::SeqCst);
            (written, reader.join())
        });
        let (written, (arrived, next)) = (written?, arrived.map_err(|_| "the reader panicked")??);
        begin = next;
        let answered = answered.lock().map_err(|_| "a writer panicked")?;
        let mut lags: Vec<Duration> = answered
            .iter()
            .map(|(key, at)| arrived.get(key).map_or(Duration::MAX, |seen| seen.saturating_duration_since(*at)))
            .collect();
        lags.sort_unstable();
        let p = |part: usize| lags[(lags.len() * part / 100).min(lags.len() - 1)].as_secs_f64() * 1000.0;
        println!(
            "single writes by 8 clients while a reader follows{}: {written:.0} a second ({:.0}% of {alone:.0} without); from answer to arrival p50 {:.0} ms, p99 {:.0} ms, last {:.0} ms, {} of {} arrived",
            if held { " and a transaction is held open" } else { "" },
            100.0 * written / alone,
            p(50),
            p(99),
            p(100),
            lags.iter().filter(|lag| **lag < Duration::MAX).count(),
            lags.len()
        );
        if held {
            conn.batch_execute("ROLLBACK")?;
        }
    }
    Ok(())
}

/// Cohorts, written by their external ids; how many a second. Notes when each version was answered.
fn write(
    service: &Service,
    token: &str,
    time: Duration,
    name: &str,
    answered: &Mutex<HashMap<String, Instant>>,
) -> Outcome<f64> {
    let began = Instant::now();
    let total: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|client| {
                scope.spawn(move || -> Outcome<usize> {
                    let mut count = 0;
                    while began.elapsed() < time {
                        let body = json!({"partnership": {"external_id": "pt-30"}, "name": format!("Gruppo {count}"), "province": "MI",
                            "crisis_company": {"tax_code": ricolloca::identifiers::synthetic::organisation(9_000_106, 15).as_str()}});
                        let path = format!("/v1/cohorts/by-external-id/bench-{name}-{client}-{}", count % 50);
                        let (status, cohort) = service.send_as(token, "PUT", &path, &body)?;
                        if status >= 300 {
                            return Err(format!("{status}: {cohort}").into());
                        }
                        let key = format!("{} {}", cohort["id"].as_str().unwrap_or_default(), cohort["version"]);
                        answered.lock().map_err(|_| "a writer panicked")?.insert(key, Instant::now());
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        let mut total = 0;
        for writer in writers {
            total += writer.join().map_err(|_| "a writer panicked")??;
        }
        Outcome::Ok(total)
    })?;
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

struct Service {
    process: Child,
    url: String,
    token: String,
    agent: ureq::Agent,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Service {
    fn start(database: &str, folder: &std::path::Path) -> Outcome<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let bind = format!("127.0.0.1:{port}");
        let process = Command::new(env!("CARGO_BIN_EXE_ricolloca"))
            .args(["--bind", &bind, "--database-url", database, "--demo", "on", "--log", "warn"])
            .args(["--rate-client", "100000000"])
            .env("RICOLLOCA_DATA_DIR", folder.join("service"))
            .stdout(Stdio::null())
            .spawn()?;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
        let mut service = Self { process, url: format!("http://{bind}"), token: String::new(), agent };
        let began = Instant::now();
        while service.agent.get(format!("{}/health/ready", service.url)).call().is_err() {
            if began.elapsed() > Duration::from_secs(60) {
                return Err("the service does not start".into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        service.token = service.login("demo-dote")?;
        Ok(service)
    }

    fn login(&self, client: &str) -> Outcome<String> {
        let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "demo")];
        let mut answer = self.agent.post(format!("{}/oauth/token", self.url)).send_form(form)?;
        let token: Value = answer.body_mut().read_json()?;
        Ok(format!("Bearer {}", token["access_token"].as_str().ok_or("no token")?))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Outcome<(u16, Value)> {
        self.send_as(&self.token, method, path, body)
    }

    fn send_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Outcome<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", token)
            .header("content-type", "application/json")
            .body(body.to_string())?;
        let mut answer = self.agent.run(request)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// An export as it comes: unpacked only as far as counting lines needs it.
    fn export(&self, many: &str, packing: &str) -> Outcome<Vec<u8>> {
        let mut answer = self
            .agent
            .get(format!("{}/v1/exports/{many}", self.url))
            .header("authorization", &self.token)
            .header("accept", "application/x-ndjson")
            .header("accept-encoding", packing)
            .call()?;
        let mut body = Vec::new();
        let mut reader = answer.body_mut().with_config().limit(u64::MAX).reader();
        if packing == "zstd" {
            zstd::stream::read::Decoder::new(reader)?.read_to_end(&mut body)?;
        } else {
            reader.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// Everything that is in the feed after a place; how many changes, and the place after them.
    fn feed(&self, cursor: Option<&str>) -> Outcome<(usize, String)> {
        let (mut count, mut cursor) = (0, cursor.map(str::to_owned));
        loop {
            let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let (_, page) = self.send(
                "GET",
                &format!("/v1/changes?types=organisation,cohort,action,outcome&limit=1000{from}"),
                &Value::Null,
            )?;
            count += page["items"].as_array().ok_or("no page")?.len();
            let next = page["next"].as_str().ok_or("no page")?.to_owned();
            if page["has_more"] == false {
                return Ok((count, next));
            }
            cursor = Some(next);
        }
    }

    /// Follows the feed; when each version of a record arrived, and the place after the last.
    fn follow(&self, cursor: &str, stop: &AtomicBool) -> Outcome<(HashMap<String, Instant>, String)> {
        let (mut cursor, mut arrived) = (cursor.to_owned(), HashMap::new());
        while !stop.load(Ordering::SeqCst) {
            let path = format!("/v1/changes?types=cohort&limit=1000&wait=1&cursor={cursor}");
            let (_, page) = self.send("GET", &path, &Value::Null)?;
            let now = Instant::now();
            for item in page["items"].as_array().ok_or("no page")? {
                arrived
                    .entry(format!("{} {}", item["id"].as_str().unwrap_or_default(), item["version"]))
                    .or_insert(now);
            }
            cursor = page["next"].as_str().ok_or("no page")?.to_owned();
        }
        Ok((arrived, cursor))
    }

    fn peak_mb(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kilobytes / 1000)
    }
}
