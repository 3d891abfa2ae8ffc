//! Identifiers that were planted are searched for wherever they could have been left behind: a dump of the database, the write-ahead log,
//! the logs of the service and its figures. (No traces are sent anywhere.)

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use memchr::memmem;
use serde_json::json;

use crate::support::http;
use crate::support::service::Client;
use crate::support::world::{World, with, worker};

/// Of nobody, and in no other test.
const GIVEN: &str = "Ermenegilda-Planted";
const FAMILY: &str = "Spaccafumo-Planted";
/// What is meant to be found: the search works.
const CONTROL: &str = "control-Planted-in-clear";

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// As it was planted, or in small letters.
fn holds(haystack: &[u8], needle: &str) -> bool {
    [needle.to_owned(), needle.to_lowercase()].iter().any(|form| memmem::find(haystack, form.as_bytes()).is_some())
}

fn pg_dump(url: &str) -> Vec<u8> {
    let program = std::fs::read_dir("/usr/lib/postgresql")
        .unwrap()
        .flatten()
        .map(|version| version.path().join("bin/pg_dump"))
        .find(|program| program.exists())
        .unwrap_or_else(|| PathBuf::from("pg_dump"));
    let output = Command::new(program).args(["--inserts", "--dbname", url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The service as a process, which logs all it can; what it did is told when it has ended.
fn asked_of_a_process(world: &World, ask: impl FnOnce(&dyn Fn(&str) -> Client, &str)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "2a".repeat(32)).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .env("DATABASE_URL", &world.service.database.url)
        .env("RICOLLOCA_LOG", "trace")
        .args(["--demo", "off", "--bind", &url[7..], "--log-format", "json", "--secret-file", secret.to_str().unwrap()])
        .args(["--data-dir", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        errors.read_to_end(&mut log).unwrap();
        log
    });
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Swagger UI") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the program ended before it was ready");
    }
    let client = |id: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret=secret");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = http::send(&http::agent(), "POST", &format!("{url}/oauth/token"), &headers, form.into_bytes());
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        Client { url: url.clone(), token: Some(token), agent: http::agent() }
    };
    ask(&client, &url);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), nix::sys::signal::SIGTERM)
        .unwrap();
    child.wait().unwrap();
    let mut rest = Vec::new();
    said.read_to_end(&mut rest).unwrap();
    [log.join().unwrap(), rest].concat()
}

#[test]
fn planted_identifiers_are_found_nowhere() {
    let began = ricolloca::http::limits::now();
    let world = World::new();
    let draft = world.draft("planted", 1);
    let (single, line, wrong) = (worker(811), worker(812), worker(813));
    let person = |serial: usize| {
        let body = world.participant_body(&draft.cohort, serial);
        with(&body, json!({"given_name": GIVEN, "family_name": FAMILY}))
    };
    let lines = [("content-type", "application/x-ndjson")];
    let import = |serial: usize| {
        json!({"type": "participant", "external_id": format!("w-{serial}"), "data": person(serial)}).to_string()
    };
    // Written: by itself, in an import, in one that is staged, with a key whose answer is kept, changed; and refused in many ways.
    let one = world.operator.send(
        "POST",
        "/v1/participants",
        &[("content-type", "application/json"), ("idempotency-key", "planted")],
        person(811).to_string(),
    );
    let one = one.expect(201).json();
    assert_eq!((one["tax_code"].as_str(), one["family_name"].as_str()), (Some(single.as_str()), Some(FAMILY)));
    let report = world.operator.send("POST", "/v1/imports", &lines, import(812)).expect(200).json();
    assert_eq!(report["items"]["created"], 1, "{report}");
    let many =
        format!("{}\n{}", import(812), "{\"type\":\"cohort\",\"external_id\":\"no\",\"delete\":true}\n".repeat(1100));
    let waits = format!(
        "{}\n",
        json!({"type": "participant", "external_id": "waits", "data": with(&person(813), json!({"cohort": {"external_id": "never"}}))})
    );
    world
        .operator
        .send("POST", "/v1/imports", &[lines[0], ("prefer", "respond-async")], format!("{waits}{many}"))
        .expect(202);
    let ask = |client: &dyn Fn(&str) -> Client, url: &str| {
        let (operator, dote) = (client("operator-1"), client("dote"));
        assert_eq!(
            dote.get(&format!("/v1/participants/{}", one["id"].as_str().unwrap())).expect(200).json()["tax_code"],
            single.as_str()
        );
        let found = dote.post("/v1/participants/lookup", json!({"tax_code": single})).expect(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        dote.get("/v1/exports/participants").expect(200);
        dote.get("/v1/changes?types=participant").expect(200);
        // Where they do not belong.
        operator.post("/v1/participants", with(&person(813), json!({"dote": wrong, FAMILY: 1, "sex": wrong})));
        operator.put(&format!("/v1/participants/by-external-id/{wrong}"), None, person(813));
        operator.get(&format!("/v1/participants/{wrong}?{wrong}={wrong}&cursor={wrong}"));
        operator.get(&format!("/{wrong}"));
        operator.send("GET", "/v1/participants", &[("x-correlation-id", wrong.as_str())], "");
        operator.send(
            "POST",
            "/v1/participants",
            &[("content-type", "application/json"), ("idempotency-key", wrong.as_str())],
            person(813).to_string(),
        );
        operator.send("POST", "/v1/imports", &lines, format!("{{\"type\":\"participant\",\"external_id\":\"{wrong}\",\"data\":{{\"tax_code\":\"{wrong}\"}}\n{wrong}\n"));
        operator.send(
            "POST",
            "/v1/participants",
            &[("content-type", "application/json")],
            format!("{{\"tax_code\": \"{wrong}\", "),
        );
        let metrics = http::send(&http::agent(), "GET", &format!("{url}/metrics"), &[], Vec::new()).expect(200);
        for planted in [single.as_str(), &line, &wrong, GIVEN, FAMILY] {
            assert!(!holds(&metrics.body, planted), "{planted} stands in the figures");
        }
    };
    let log = asked_of_a_process(&world, ask);
    assert!(holds(&log, "list_changes") || holds(&log, "/v1/changes"), "the log says something");
    let mut conn = world.service.database.connect();
    conn.batch_execute(&format!("CREATE TABLE control AS SELECT '{CONTROL}'::text AS value; SELECT pg_switch_wal()"))
        .unwrap();
    let dump = pg_dump(&world.service.database.url);
    let setting: Setting =
        diesel::sql_query("SELECT current_setting('data_directory') AS value").get_result(&mut conn).unwrap();
    let wal = PathBuf::from(setting.value).join("pg_wal");
    let mut places = vec![("the dump".to_owned(), dump), ("the log".to_owned(), log)];
    let mut controls = 0;
    let written = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).is_ok_and(|at| at >= began);
    let files = std::fs::read_dir(&wal).unwrap().flatten().map(|file| file.path());
    let segments: Vec<PathBuf> = files.filter(|path| path.is_file() && written(path)).collect();
    for segment in segments {
        places.push((segment.display().to_string(), std::fs::read(&segment).unwrap()));
    }
    for (place, content) in &places {
        for planted in [single.as_str(), &line, &wrong, GIVEN, FAMILY] {
            assert!(!holds(content, planted), "{planted} stands in {place}");
        }
        controls += usize::from(holds(content, CONTROL));
    }
    assert!(controls >= 2, "the search finds what is there: in the dump and in the write-ahead log");
}
