//! Read by id and single write over HTTP, against what pgbench reaches on the same PostgreSQL in the same run. Everything is on:
//! authentication, schema, rules, events, fsync. `cargo bench --bench service`; `benches/README.md` keeps the last table.
//!
//! Rounds of ceiling and service alternate, and medians are compared: the machine is shared, so that only ratios tell.

#![expect(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a measurement that fails may stop where it is"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser as _;
use ricolloca::admin::{self, Credentials, Registration};
use ricolloca::batch::Context;
use ricolloca::clock::Clock;
use ricolloca::config::Cli;
use ricolloca::db::{self, migrate};
use ricolloca::embedded::{Durability, Options, Server};
use ricolloca::identifiers::synthetic;
use ricolloca::identity::Role;
use ricolloca::ids::Ids;
use ricolloca::serve;
use ricolloca::vault::Vault;

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 3;
const SECONDS: u64 = 4;
const ROWS: u32 = 10_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let options =
        Options { data_dir: folder.path().to_path_buf(), durability: Durability::Durable, install_if_missing: true };
    let server = Server::start(&options)?;
    server.create_database_if_missing("bench")?;
    let url = server.url("bench");
    migrate::migrate(&url)?;
    let context = || Context::new(Clock::System, Ids::random(), Vault::new(&[1; 32]));
    let tax_code = synthetic::organisation(1, 15);
    let secret = Credentials::Secret("secret");
    let region = Registration::new("region", Role::Region, &tax_code, "Regione", secret);
    admin::register(&mut db::connect(&url)?, &context(), region)?;
    let settings =
        Cli::try_parse_from(["ricolloca", "--bind", "127.0.0.1:0", "--workers", "2", "--rate-client", "1000000000"])?
            .settings;
    let state = serve::state(&url, &settings, context())?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let Ok((server, addresses)) = serve::listen(&settings, state, serve::Signals::Left) else { return };
            let _ = send.send(addresses);
            let _ = server.await;
        });
    });
    let address = receive.recv()?.first().copied().ok_or("no address")?.to_string();
    let token = token(&address)?;

    let next = AtomicU32::new(0);
    let write = |_: usize| {
        let serial = 100_000 + next.fetch_add(1, Ordering::Relaxed);
        let code = synthetic::organisation(serial, 15);
        let body = format!(
            r#"{{"tax_code":"{}","name":"Organisation number {serial} of a bench","legal_form":"1.3.20","ateco":"25.11.00","municipality":"015146"}}"#,
            code.as_str()
        );
        format!(
            "PUT /v1/organisations/by-external-id/b-{serial} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    fill(&address, &write)?;
    let ids = ids(&address, &token)?;
    let draw = AtomicU32::new(1);
    let read = |_: usize| {
        let place = draw.fetch_add(7919, Ordering::Relaxed) as usize % ids.len();
        format!("GET /v1/organisations/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n", ids[place])
    };
    pgbench(&url, folder.path(), SETUP, 1, None)?;

    let mut table = vec![Row::new("pgbench: row by key, 8 clients"), Row::new("service: GET by id, 32 connections")];
    let mut writes = vec![
        Row::new("pgbench: row and event in one statement, 8 clients"),
        Row::new("pgbench: the same, 32 clients"),
        Row::new("service: PUT of a new record, 32 connections"),
    ];
    for _ in 0..ROUNDS {
        table[0].rates.push(pgbench(&url, folder.path(), READ, 8, Some(SECONDS))?);
        table[1].add(load(&address, 200, &read)?);
        writes[0].rates.push(pgbench(&url, folder.path(), WRITE, 8, Some(SECONDS))?);
        writes[1].rates.push(pgbench(&url, folder.path(), WRITE, 32, Some(SECONDS))?);
        writes[2].add(load(&address, 201, &write)?);
    }
    print(&table)?;
    print(&writes)?;
    server.stop();
    // The service's threads have no way to be told; the process ends here.
    std::process::exit(0);
}

const SETUP: &str = "DROP TABLE IF EXISTS bench_row, bench_event, bench_read; \
    CREATE TABLE bench_read (n int PRIMARY KEY, body text); \
    INSERT INTO bench_read SELECT n, repeat('x', 600) FROM generate_series(1, 10000) AS n; \
    CREATE TABLE bench_row (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text); \
    CREATE TABLE bench_event (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid); \
    ANALYZE;";
const READ: &str = "\\set n random(1, 10000)\nSELECT body FROM bench_read WHERE n = :n;";
const WRITE: &str = "WITH r AS (INSERT INTO bench_row (body) VALUES (repeat('x', 300)) RETURNING id) INSERT INTO bench_event (id) SELECT id FROM r;";

/// Runs a script; answers transactions per second.
fn pgbench(url: &str, folder: &std::path::Path, script: &str, clients: u32, seconds: Option<u64>) -> Outcome<f64> {
    let newest = std::fs::read_dir("/usr/lib/postgresql")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .max()
        .ok_or("no pgbench")?;
    if seconds.is_none() {
        let status = Command::new(newest.join("psql")).args([url, "-qc", script]).status()?;
        return if status.success() { Ok(0.0) } else { Err("psql failed".into()) };
    }
    let file = folder.join("pgbench.sql");
    std::fs::write(&file, script)?;
    let output = Command::new(newest.join("pgbench"))
        .args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "2",
            "-c",
            &clients.to_string(),
            "-T",
            &seconds.unwrap_or(1).to_string(),
            "-f",
        ])
        .arg(&file)
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.starts_with("tps = "))
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(line.trim_start_matches("tps = ").split(' ').next().unwrap_or_default().parse()?)
}

/// What a round of load came to.
struct Round {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

/// Sends requests over all connections for some seconds. Every answer must have the status.
fn load(address: &str, status: u16, request: &(impl Fn(usize) -> String + Sync)) -> Outcome<Round> {
    let times = Mutex::new(Vec::new());
    let answered = AtomicU64::new(0);
    let started = Instant::now();
    let ends = started + Duration::from_secs(SECONDS);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (times, answered) = (&times, &answered);
                scope.spawn(move || -> Outcome<()> {
                    let mut connection = Connection::open(address)?;
                    let mut own = Vec::new();
                    while Instant::now() < ends {
                        let begun = Instant::now();
                        let (got, body) = connection.ask(&request(number))?;
                        if got != status {
                            return Err(format!("{got}: {}", String::from_utf8_lossy(&body)).into());
                        }
                        own.push(begun.elapsed());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Ok(mut times) = times.lock() {
                        times.extend(own);
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender panicked")?)
    })?;
    let elapsed = started.elapsed().as_secs_f64();
    let mut times = times.into_inner().map_err(|_| "poisoned")?;
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Round { rate: answered.load(Ordering::Relaxed) as f64 / elapsed, p50: at(0.5), p99: at(0.99) })
}

struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    fn ask(&mut self, request: &str) -> Outcome<(u16, Vec<u8>)> {
        self.reader.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let lower = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest.get(..3).unwrap_or_default().parse()?;
            } else if let Some(rest) = lower.strip_prefix("content-length:") {
                length = rest.trim().parse()?;
            } else if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, body))
    }
}

fn token(address: &str) -> Outcome<String> {
    let form = "grant_type=client_credentials&client_id=region&client_secret=secret";
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let (_, body) = Connection::open(address)?.ask(&request)?;
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
}

fn fill(address: &str, write: &(impl Fn(usize) -> String + Sync)) -> Outcome<()> {
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                scope.spawn(move || -> Outcome<()> {
                    let mut connection = Connection::open(address)?;
                    for _ in 0..ROWS as usize / CONNECTIONS {
                        connection.ask(&write(number))?;
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender panicked")?)
    })
}

fn ids(address: &str, token: &str) -> Outcome<Vec<String>> {
    let mut connection = Connection::open(address)?;
    let (mut ids, mut path) = (Vec::new(), "/v1/organisations?limit=200".to_owned());
    loop {
        let (_, body) =
            connection.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"))?;
        let page: serde_json::Value = serde_json::from_slice(&body)?;
        ids.extend(
            page["items"]
                .as_array()
                .ok_or("no items")?
                .iter()
                .filter_map(|item| item["id"].as_str().map(str::to_owned)),
        );
        match page["_links"]["next"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => return Ok(ids),
        }
    }
}

/// A line of the table.
struct Row {
    name: &'static str,
    rates: Vec<f64>,
    p50: Vec<Duration>,
    p99: Vec<Duration>,
}

impl Row {
    const fn new(name: &'static str) -> Self {
        Self { name, rates: Vec::new(), p50: Vec::new(), p99: Vec::new() }
    }

    fn add(&mut self, round: Round) {
        self.rates.push(round.rate);
        self.p50.push(round.p50);
        self.p99.push(round.p99);
    }
}

fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

fn print(table: &[Row]) -> Outcome<()> {
    let ceiling = table.first().and_then(|row| median(&row.rates)).unwrap_or(1.0);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n| how | per second (min-max) | share of the first | p50 / p99 ms |\n|---|---|---|---|")?;
    for row in table {
        let rate = median(&row.rates).unwrap_or_default();
        let low = row.rates.iter().copied().fold(f64::INFINITY, f64::min);
        let high = row.rates.iter().copied().fold(0.0, f64::max);
        let millis = |times: &[Duration]| {
            median(times).map_or_else(String::new, |time| format!("{:.1}", time.as_secs_f64() * 1000.0))
        };
        let times =
            if row.p50.is_empty() { String::new() } else { format!("{} / {}", millis(&row.p50), millis(&row.p99)) };
        writeln!(out, "| {} | {rate:.0} ({low:.0}-{high:.0}) | {:.0}% | {times} |", row.name, 100.0 * rate / ceiling)?;
    }
    Ok(())
}
