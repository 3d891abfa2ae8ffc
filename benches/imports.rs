//! Imports over HTTP: actions by the hundred thousand into a service of its own, against a plain `COPY` of the rows that they become,
//! into a table with the same indexes and keys. `cargo bench --bench imports`, with ITEMS in the environment;
//! `benches/README.md` keeps the last table. Everything is on: authentication, schema, rules, events, results, fsync. Only the
//! ratios tell.

#![expect(clippy::indexing_slicing, reason = "a measurement that fails may stop where it is")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use ricolloca::clock::{Clock, italian_date};
use ricolloca::db;
use ricolloca::embedded::{Durability, Options, Server};
use ricolloca::identifiers::{Sex, synthetic};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn main() -> Outcome<()> {
    let items: usize = std::env::var("ITEMS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
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

fn measure(service: &Service, url: &str, folder: &std::path::Path, items: usize) -> Outcome<()> {
    let today = italian_date(Clock::System.now());
    // A worker has one action a day, over 200 days.
    let workers = (items / 200).max(500);
    let people: String = (0..workers).map(|number| format!("{}\n", person(number))).collect();
    let report = service.import(&people)?;
    println!("workers: {}", report["items"]);
    let mut conn = db::connect(url)?;
    diesel::sql_query("ANALYZE").execute(&mut conn)?;

    // Some hundred reads do not have a 99th percentile that is the same twice.
    let idle = service.reads(Duration::from_secs(20))?;
    let spun = spinning(|| service.reads(Duration::from_secs(20)))?;
    let lines: String = (0..items).map(|number| format!("{}\n", action(number, workers, today))).collect();
    println!("{} MB of lines", lines.len() / 1_000_000);
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let (report, busy) = std::thread::scope(|scope| {
        let reads = scope.spawn(|| service.reads_until(&stop));
        let report = service.import(&lines);
        stop.store(true, Ordering::SeqCst);
        (report, reads.join())
    });
    let ours = began.elapsed();
    let (report, busy) = (report?, busy.map_err(|_| "the reads panicked")??);
    println!("actions: {} {}", report["items"], report["causes"]);
    println!("memory of the service at its highest: {} MB", service.peak_mb()?);
    println!(
        "single read, p50 / p99 ms: idle {}, during the import {}; while each core has something else to do {}",
        quantiles(&idle),
        quantiles(&busy),
        quantiles(&spun)
    );

    let stored: Count =
        diesel::sql_query("SELECT count(*) AS n FROM action WHERE external_id LIKE 'bulk-%'").get_result(&mut conn)?;
    let began = Instant::now();
    let again = service.import(&lines)?;
    let unchanged = began.elapsed();
    println!("again: {}", again["items"]);

    for pause in [Duration::ZERO, Duration::from_secs(1)] {
        let mut taken = service.small(pause, items, workers, today)?;
        taken.sort_unstable();
        let p = |part: usize| taken.get(taken.len() * part / 100).copied().unwrap_or_default().as_millis();
        println!(
            "imports of 500 new items by 8 clients, {} between each: p50 {} ms, p95 {} ms, {} imports",
            if pause.is_zero() { "nothing".to_owned() } else { format!("{} s", pause.as_secs()) },
            p(50),
            p(95),
            taken.len()
        );
    }
    let copy = copy(url, folder)?;
    let rate = |time: Duration| stored.n as f64 / time.as_secs_f64();
    println!("| how | items per second | share |\n|---|---|---|");
    println!("| COPY of the same rows, same indexes and keys | {:.0} | 100% |", rate(copy));
    println!("| import of new actions | {:.0} | {:.0}% |", rate(ours), 100.0 * rate(ours) / rate(copy));
    println!("| the same import again | {:.0} | {:.0}% |", rate(unchanged), 100.0 * rate(unchanged) / rate(copy));
    Ok(())
}

/// What any work on all cores does to a read: as many threads as cores do nothing but count. No import of two threads can disturb less.
fn spinning<T>(measured: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let measured = measured();
        stop.store(true, Ordering::Relaxed);
        measured
    })
}

fn quantiles(taken: &[Duration]) -> String {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    let p = |part: usize| taken.get(taken.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    format!("{:.1} / {:.1}", p(50), p(99))
}

fn person(number: usize) -> Value {
    let letters: String =
        [number / 676 % 26, number / 26 % 26, number % 26].map(|place| char::from(b'A' + place as u8)).iter().collect();
    let (month, day) = ((number / 17_576 % 12) as u32 + 1, (number / 210_912 % 28) as u32 + 1);
    let tax_code = synthetic::person(&letters, "BNC", 1970, month, day, Sex::Male, "F205");
    json!({"type": "participant", "external_id": format!("bulk-w-{number}"), "data": {
        "cohort": {"external_id": "pt-30-c0"}, "tax_code": tax_code.as_str(), "given_name": "Alfa", "family_name": "Prova",
        "sex": "male", "birth_year": 1970, "municipality": "015146", "education_level": "USG", "entry_status": "unemployed", "unemployed_since": "2025-02-03",
        "dote": {"number": format!("BULK-{number:07}"), "path": "job_placement", "valid_from": "2025-03-17", "valid_to": "2098-03-16"},
        "taken_charge_on": "2025-03-24"}})
}

fn action(number: usize, workers: usize, today: NaiveDate) -> Value {
    let day = today + Days::new(1 + (number / workers) as u64);
    let worker = json!({"external_id": format!("bulk-w-{}", number % workers)});
    json!({"type": "action", "external_id": format!("bulk-{number}"), "data": {
        "partnership": {"external_id": "pt-30"}, "mode": "individual", "status": "proposed", "planned_on": day,
        "municipality": "015146", "minutes": 1, "financing": "own_resources", "attendance": [{"participant": worker, "minutes": 1}],
        "cost_lines": [{"basis": "standard_unit_cost", "quantity": 1, "unit_cost_cents": 3800, "amount_cents": 3800}],
        "details": {"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": 2, "interviews": 0}}})
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
        service.login()?;
        Ok(service)
    }

    fn login(&mut self) -> Outcome<()> {
        let form = [("grant_type", "client_credentials"), ("client_id", "demo-operator-1"), ("client_secret", "demo")];
        let mut answer = self.agent.post(format!("{}/oauth/token", self.url)).send_form(form)?;
        let token: Value = answer.body_mut().read_json()?;
        self.token = format!("Bearer {}", token["access_token"].as_str().ok_or("no token")?);
        Ok(())
    }

    fn get(&self, path: &str) -> Outcome<(u16, Value, Option<String>)> {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).header("authorization", &self.token).call()?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().read_to_vec()?;
        Ok((answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default(), location))
    }

    fn send(&self, lines: &str) -> Outcome<Value> {
        let body = zstd::encode_all(lines.as_bytes(), 1)?;
        let mut answer = self
            .agent
            .post(format!("{}/v1/imports", self.url))
            .header("authorization", &self.token)
            .header("content-type", "application/x-ndjson")
            .header("content-encoding", "zstd")
            .send(body)?;
        let report: Value = answer.body_mut().read_json()?;
        if answer.status().as_u16() >= 300 { Err(report.to_string().into()) } else { Ok(report) }
    }

    /// Sends an import and follows it to its end.
    fn import(&self, lines: &str) -> Outcome<Value> {
        let import = self.send(lines)?;
        let path = format!("/v1/imports/{}", import["id"].as_str().unwrap_or_default());
        loop {
            match self.get(&path)? {
                (303, _, Some(report)) => return Ok(self.get(&report)?.1),
                (200, ..) => std::thread::sleep(Duration::from_millis(50)),
                (status, body, _) => return Err(format!("{status}: {body}").into()),
            }
        }
    }

    fn reads(&self, time: Duration) -> Outcome<Vec<Duration>> {
        let stop = Arc::new(AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| self.reads_until(&stop));
            std::thread::sleep(time);
            stop.store(true, Ordering::SeqCst);
            reads.join().map_err(|_| "the reads panicked")?
        })
    }

    /// A single read every ten milliseconds.
    fn reads_until(&self, stop: &AtomicBool) -> Outcome<Vec<Duration>> {
        let (_, found, _) = self.get("/v1/partnerships?external_id=pt-30")?;
        let path = format!("/v1/partnerships/{}", found["items"][0]["id"].as_str().ok_or("no partnership")?);
        let mut taken = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let began = Instant::now();
            self.get(&path)?;
            taken.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(taken)
    }

    /// How long imports of 500 items take while 8 clients send them for ten seconds.
    fn small(&self, pause: Duration, from: usize, workers: usize, today: NaiveDate) -> Outcome<Vec<Duration>> {
        let began = Instant::now();
        let mark = if pause.is_zero() { "c" } else { "p" };
        let per_client = || -> Vec<std::thread::ScopedJoinHandle<'_, Outcome<Vec<Duration>>>> { Vec::new() };
        std::thread::scope(|scope| {
            let mut clients = per_client();
            for client in 0..8_usize {
                clients.push(scope.spawn(move || {
                    let mut taken = Vec::new();
                    // So that they do not march in step.
                    std::thread::sleep(pause / 8 * client as u32);
                    for round in 0.. {
                        if began.elapsed() > Duration::from_secs(10) {
                            break;
                        }
                        let lines: String = (0..500)
                            .map(|number| {
                                let place = from + (round * 8 + client) * 500 + number;
                                let mut line = action(place % 5_000_000, workers, today);
                                line["external_id"] = json!(format!("small-{mark}-{place}"));
                                line["data"]["planned_on"] = json!(today + Days::new(300 + (place % 2000) as u64));
                                format!("{line}\n")
                            })
                            .collect();
                        let sent = Instant::now();
                        let report = self.send(&lines)?;
                        taken.push(sent.elapsed());
                        if report["items"]["created"] != 500 {
                            return Err(format!("{} {}", report["items"], report["causes"]).into());
                        }
                        std::thread::sleep(pause);
                    }
                    Ok(taken)
                }));
            }
            let mut all = Vec::new();
            for client in clients {
                all.extend(client.join().map_err(|_| "a client panicked")??);
            }
            Ok(all)
        })
    }

    fn peak_mb(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kilobytes / 1000)
    }
}

/// How long `COPY` takes for the rows that were written.
fn copy(url: &str, folder: &std::path::Path) -> Outcome<Duration> {
    let newest = std::fs::read_dir("/usr/lib/postgresql")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .max()
        .ok_or("no psql")?;
    let file = folder.join("rows");
    let psql = |script: &str| -> Outcome<()> {
        let status = Command::new(newest.join("psql")).args([url, "-v", "ON_ERROR_STOP=1", "-qc", script]).status()?;
        if status.success() { Ok(()) } else { Err("psql failed".into()) }
    };
    psql(&format!(
        "\\copy (SELECT * FROM action WHERE external_id LIKE 'bulk-%') TO '{}' (FORMAT binary)",
        file.display()
    ))?;
    psql(
        "CREATE TABLE action_copy (LIKE action INCLUDING ALL); \
         ALTER TABLE action_copy ADD FOREIGN KEY (source_organisation_id) REFERENCES organisation (id), \
           ADD FOREIGN KEY (partnership_id) REFERENCES partnership (id), ADD FOREIGN KEY (cohort_id) REFERENCES cohort (id), \
           ADD FOREIGN KEY (performer_organisation_id) REFERENCES organisation (id), ADD FOREIGN KEY (rectifies_id) REFERENCES action_copy (id)",
    )?;
    // As many rows are there before as were in the other table.
    psql(
        "INSERT INTO action_copy SELECT * FROM action WHERE external_id IS NULL OR external_id NOT SIMILAR TO '(bulk|small)-%'; CHECKPOINT",
    )?;
    let began = Instant::now();
    psql(&format!("\\copy action_copy FROM '{}' (FORMAT binary)", file.display()))?;
    Ok(began.elapsed())
}
