//! Bodies that inflate to much, sent to the real program: refused or carried out, and its memory does not grow with them. Nor does
//! its log repeat what is in them.

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ricolloca::clock::Clock;
use serde_json::json;

use crate::imports::{follow, lines, write};
use crate::support::http;
use crate::support::postgres::Database;
use crate::support::service::{Client, context};
use crate::support::world::worker;

struct Program {
    child: Child,
    client: Client,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(database: &Database, folder: &std::path::Path) -> Self {
        std::fs::write(folder.join("secret"), "2a".repeat(32)).unwrap();
        let address = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let log = File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ricolloca"))
            .env("RICOLLOCA_LOG", "debug")
            .args(["--demo", "off", "--bind", &address, "--database-url", &database.url, "--secret-file"])
            .arg(folder.join("secret"))
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        let mut program = Self { child, client: Client { url: url.clone(), token: None, agent: http::agent() } };
        let began = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the program does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let form = b"grant_type=client_credentials&client_id=demo-operator-1&client_secret=demo".to_vec();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = http::send(&http::agent(), "POST", &format!("{url}/oauth/token"), &headers, form).expect(200);
        program.client.token = Some(answer.json()["access_token"].as_str().unwrap().to_owned());
        program
    }

    /// The most memory that it has taken so far, in MiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }
}

const MIB: u64 = 1024 * 1024;

/// So many bytes of a text that repeats.
fn repeated(text: &str, bytes: u64) -> Box<dyn Read> {
    let text = text.as_bytes().to_vec();
    let mut at = 0;
    struct Repeated<F>(F);
    impl<F: FnMut(&mut [u8]) -> usize> Read for Repeated<F> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            Ok((self.0)(buffer))
        }
    }
    let endless = Repeated(move |buffer: &mut [u8]| {
        for byte in buffer.iter_mut() {
            *byte = text[at];
            at = (at + 1) % text.len();
        }
        buffer.len()
    });
    Box::new(endless.take(bytes))
}

fn gzip(mut from: Box<dyn Read>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut from, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

fn zstd(from: Box<dyn Read>) -> Vec<u8> {
    zstd::stream::encode_all(from, 3).unwrap()
}

#[test]
fn bombs_take_no_memory() {
    let database = Database::new();
    ricolloca::seed::load(&database.url, &context(Clock::System)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&database, folder.path());
    let send = |encoding: &str, query: &str, body: Vec<u8>| {
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", encoding)];
        program.client.send("POST", &format!("/v1/imports{query}"), &headers, body)
    };
    let before = program.memory();
    let valid = r#"{"type":"cohort","external_id":"C-1","data":{"partnership":{"external_id":"pt-30"},"name":"x"}}"#
        .to_owned()
        + "\n";
    for (what, text, most) in
        [("newlines", "\n", 300), ("spaces", " ", 300), ("unreadable lines", "1\n", 300), ("a valid line", &valid, 100)]
    {
        for (encoding, pack) in [("gzip", gzip as fn(Box<dyn Read>) -> Vec<u8>), ("zstd", zstd)] {
            // As a whole, at most 50,000 lines: so that a debug build comes to the limit soon.
            let answer = send(encoding, "?mode=atomic", pack(repeated(text, most * MIB)));
            assert_eq!(answer.expect(413).code(), "body_too_large", "{what} {encoding}");
        }
    }
    // One name on very many lines is carried out, and is not kept in memory either.
    let many = zstd(repeated(&valid, valid.len() as u64 * 100_000));
    let answer = send("zstd", "", many).expect(202);
    let report = follow(&program.client, answer.header("location").unwrap());
    assert_eq!(report["items"]["read"], 100_000, "{report:#}");
    let grown = program.memory() - before;
    assert!(grown < 256, "{grown} MiB");
}

#[test]
fn the_log_repeats_no_tax_code() {
    let database = Database::new();
    ricolloca::seed::load(&database.url, &context(Clock::System)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&database, folder.path());
    let code = worker(9);
    let items = [
        write("participant", &code, &json!({"tax_code": code, code.clone(): code})),
        write("participant", "W-1", &json!({"tax_code": code, "cohort": {"external_id": code}})),
        write(&code, "X", &json!({})),
        json!({"type": "cohort", "external_id": "C", "data": {}, code.clone(): 1}),
    ];
    for (headers, path) in [
        (vec![("idempotency-key", code.as_str())], "/v1/imports".to_owned()),
        (vec![("prefer", "respond-async")], "/v1/imports".to_owned()),
        (vec![], "/v1/imports?mode=atomic".to_owned()),
        (vec![("idempotency-key", "k")], format!("/v1/imports?{code}=1")),
        (vec![], format!("/v1/imports?plan_hash={code}")),
    ] {
        let headers = [vec![("content-type", "application/x-ndjson")], headers].concat();
        let answer = program.client.send("POST", &path, &headers, lines(&items));
        assert!(answer.status < 500 && !answer.to_string().contains(&code), "{answer}");
        if answer.status == 202 {
            follow(&program.client, answer.header("location").unwrap());
        }
    }
    let answer = program.client.get(&format!("/v1/imports?cursor={code}"));
    assert!(!answer.to_string().contains(&code), "{answer}");
    drop(program);
    let mut log = String::new();
    File::open(folder.path().join("log")).unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.is_empty(), "nothing is logged");
    let line = log.lines().find(|line| line.contains(&code));
    assert_eq!(line, None);
}
