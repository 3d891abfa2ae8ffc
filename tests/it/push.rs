//! `ricolloca push` against a service, over a network that loses answers.

use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ricolloca::kind::Kind;
use ricolloca::push::table::{self, Table};
use ricolloca::shape;
use serde_json::{Value, json};

use crate::imports::{lines, write};
use crate::support::world::{World, worker};

fn push(url: &str, input: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .args(["push", input.to_str().unwrap(), "--url", url, "--client-id", "operator-1"])
        .args(more)
        .env("RICOLLOCA_CLIENT_SECRET", "secret")
        .output()
        .unwrap()
}

#[track_caller]
fn told(output: &Output, code: i32) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn partnerships(world: &World, numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers
        .map(|number| {
            let name = format!("P-{number}");
            write("partnership", &name, &world.partnership_body(&name))
        })
        .collect()
}

/// Passes bytes on, but cuts the connections that `cut` says before their answer comes back.
fn proxy(target: &str, cut: impl Fn(usize) -> bool + Send + Sync + 'static) -> String {
    let (target, listener) =
        (target.trim_start_matches("http://").to_owned(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (cut, number) = (Arc::new(cut), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            let (target, cut, number) = (target.clone(), Arc::clone(&cut), Arc::clone(&number));
            std::thread::spawn(move || {
                let Ok(mut server) = TcpStream::connect(target) else { return };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                });
                let mut buffer = [0; 65536];
                while let Ok(read) = server.read(&mut buffer) {
                    if read == 0 || cut(number.fetch_add(1, Ordering::SeqCst)) {
                        let _ = client.shutdown(std::net::Shutdown::Both);
                        return;
                    }
                    if client.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn a_file_is_pushed_and_pushing_it_again_changes_nothing() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    std::fs::write(&file, lines(&partnerships(&world, 0..2500))).unwrap();
    let text = told(&push(&world.service.url, &file, &["--chunk-lines", "1200"]), 0);
    assert!(text.contains("2500 read, 2500 created"), "{text}");
    assert_eq!(world.operator.all("/v1/imports").len(), 3);
    assert!(!folder.path().join("all.ndjson.pushed.json").exists(), "nothing is left to go on with");
    // Another run sends everything again, and changes what has changed.
    let text = told(&push(&world.service.url, &file, &[]), 0);
    assert!(text.contains("2500 read, 2500 unchanged"), "{text}");
    // Something else, and then the first again: it is carried out again.
    let mut more = partnerships(&world, 0..2600);
    more[7]["data"]["title"] = json!("Another title");
    for changed in 1..=2 {
        std::fs::write(&file, lines(&more)).unwrap();
        let text = told(&push(&world.service.url, &file, &["--chunk-lines", "1200"]), 0);
        assert!(text.contains("1 changed"), "{changed}: {text}");
        more[7] = partnerships(&world, 7..8).remove(0);
    }
    more = partnerships(&world, 0..2600);
    // Compressed, and as other chunks: nothing changes.
    let packed = folder.path().join("all.ndjson.zst");
    std::fs::write(&packed, zstd::encode_all(lines(&more).as_bytes(), 1).unwrap()).unwrap();
    let text = told(&push(&world.service.url, &packed, &[]), 0);
    assert!(text.contains("2600 read, 2600 unchanged"), "{text}");
}

#[test]
fn lost_answers_cost_a_retry_and_nothing_else() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    std::fs::write(&file, lines(&partnerships(&world, 0..300))).unwrap();
    // Every other answer is lost after the service has given it.
    let url = proxy(&world.service.url, |number| number % 2 == 1);
    let text = told(&push(&url, &file, &["--chunk-lines", "20"]), 0);
    assert!(text.contains("300 read, 300 created"), "{text}");
    assert_eq!(world.operator.all("/v1/imports").len(), 15, "a lost answer makes no second import");
    assert_eq!(world.operator.all("/v1/partnerships").len(), 300);
    // Nobody there: told as such, after some tries.
    let text = told(&push("http://127.0.0.1:9", &file, &["--retries", "1"]), 2);
    assert!(text.contains("2 times"), "{text}");
}

#[test]
fn what_is_refused_is_told_by_its_cause_and_its_line_in_the_file() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    let cohort = |name: &str| json!({"partnership": {"external_id": "P-1"}, "name": name, "crisis_company": {"id": world.others[4]}, "province": "MI"});
    let mut participant = world.participant_body("", 1);
    participant["cohort"] = json!({"external_id": "C-1"});
    participant["tax_code"] = json!(worker(2).replace('A', "B"));
    participant.as_object_mut().unwrap().remove("external_id");
    let mut items = partnerships(&world, 1..2);
    let member = json!({"partnership": {"external_id": "P-1"}, "organisation": {"id": world.operators[0]},
        "category": "accredited_operator", "joined_on": "2012-07-01", "own_resources_cents": 1});
    items.push(write("member", "M-1", &member));
    items.push(write("cohort", "C-1", &cohort("Gruppo")));
    items.push(write("participant", "W-1", &participant));
    items.extend((2..8).map(|number| {
        write("cohort", &format!("C-{number}"), &json!({"partnership": {"external_id": "P-1"}, "name": 1}))
    }));
    // An empty line counts as a line.
    std::fs::write(&file, format!("\n{}", lines(&items))).unwrap();
    let report = folder.path().join("report.json");
    let text = told(&push(&world.service.url, &file, &["--chunk-lines", "4", "--report", report.to_str().unwrap()]), 1);
    assert!(text.contains("6 items") && text.contains("vendor"), "{text}");
    assert!(text.contains(":6 cohort C-2"), "{text}");
    assert!(!text.contains(&worker(1)[..6]) && !text.contains("Mario"), "nothing of the content is told: {text}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["items"]["refused"], 7, "{report:#}");
}

#[test]
fn tables_of_a_directory_are_pushed_parents_first() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put(
        "partnerships.csv",
        &format!(
            "\u{feff}external_id;call.id;title;provinces.0;starts_on;ends_on;budget_cents;requested_cents\r\nP-1;{};Rete; MI;2012-09-01;2013-09-30;20000000;15000000\r\n",
            world.call
        ),
    );
    put(
        "members.csv",
        &format!(
            "external_id,partnership.external_id,organisation.id,category,joined_on,own_resources_cents\nM-1,P-1,{},accredited_operator,2012-07-01,1\n",
            world.operators[0]
        ),
    );
    put(
        "cohorts.csv",
        &format!(
            "external_id,partnership.external_id,name,crisis_company.id,province\nC-1,P-1,\"Gruppo, primo\",{},MI\n",
            world.others[4]
        ),
    );
    put(
        "participants.csv",
        &format!(
            "external_id,cohort.external_id,tax_code,given_name,family_name,sex,birth_year,municipality,education_level,entry_status,dote.number,dote.path,dote.valid_from,dote.valid_to,taken_charge_on\n\
         W-1,C-1,{},Mario,Prova,male,1970,015146,USG,cigs,DR-000001,job_placement,2012-07-01,2013-12-31,2012-07-09\n",
            worker(1)
        ),
    );
    let text = told(&push(&world.service.url, folder.path(), &[]), 0);
    assert!(text.contains("4 read, 4 created"), "{text}");
    assert_eq!(world.operator.all("/v1/participants")[0]["birth_year"], 1970);
    assert_eq!(world.operator.all("/v1/cohorts")[0]["name"], "Gruppo, primo");
    put("cohorts.csv", "external_id,naem\nC-1,x\n");
    let text = told(&push(&world.service.url, folder.path(), &[]), 2);
    assert!(text.contains("`naem`") && text.contains("`name`"), "{text}");
}

#[test]
fn a_dry_run_changes_nothing_and_what_cannot_be_done_is_said() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    std::fs::write(&file, lines(&partnerships(&world, 0..10))).unwrap();
    let text = told(&push(&world.service.url, &file, &["--dry-run"]), 0);
    assert!(text.contains("dry run") && text.contains("10 created") && text.contains("plan_hash"), "{text}");
    assert!(world.operator.all("/v1/partnerships").is_empty());
    let atomic = [partnerships(&world, 0..10), vec![write("partnership", "P-x", &json!({}))]].concat();
    std::fs::write(&file, lines(&atomic)).unwrap();
    let text = told(&push(&world.service.url, &file, &["--mode", "atomic"]), 1);
    assert!(text.contains("rejected: refused_items"), "{text}");
    assert!(world.operator.all("/v1/partnerships").is_empty());
    for (input, more) in [
        ("absent.ndjson", &[][..]),
        ("all.txt", &[]),
        ("all.ndjson", &["--client-id", "nobody"]),
        ("all.ndjson", &["--url", "http://example.org"]),
    ] {
        std::fs::write(folder.path().join("all.txt"), "").unwrap();
        told(&push(&world.service.url, &folder.path().join(input), more), 2);
    }
}

#[test]
fn one_that_is_killed_goes_on_where_it_was() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    std::fs::write(&file, lines(&partnerships(&world, 0..400))).unwrap();
    let journal = folder.path().join("all.ndjson.pushed.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .args(["push", file.to_str().unwrap(), "--url", &world.service.url, "--client-id", "operator-1"])
        .args(["--chunk-lines", "20"])
        .env("RICOLLOCA_CLIENT_SECRET", "secret")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while !journal.exists() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "nothing is sent");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = std::fs::read_to_string(&journal).unwrap();
    assert!(!kept.contains("Partnership P") && !kept.contains("secret"), "{kept}");
    let before = world.operator.all("/v1/imports").len();
    assert!((0..20).contains(&before), "{before} imports: it was killed too early or too late");
    let text = told(&push(&world.service.url, &file, &["--chunk-lines", "20"]), 0);
    assert!(text.contains("400 read, 400 created"), "{text}");
    assert_eq!(world.operator.all("/v1/imports").len(), 20, "what was sent is not sent again");
}

/// Whether a record has the form that the service demands of its kind.
fn fits(kind: Kind, data: Value) -> Result<(), String> {
    fn of<T: serde::de::DeserializeOwned + utoipa::ToSchema + 'static>(data: Value) -> Result<(), String> {
        shape::parse::<T>(data).map(drop).map_err(|violations| format!("{violations:?}"))
    }
    match kind {
        Kind::Organisation => of::<ricolloca::organisations::wire::OrganisationInput>(data),
        Kind::Call => of::<ricolloca::calls::wire::CallInput>(data),
        Kind::Partnership => of::<ricolloca::partnerships::wire::PartnershipInput>(data),
        Kind::Member => of::<ricolloca::members::wire::MemberInput>(data),
        Kind::Cohort => of::<ricolloca::cohorts::wire::CohortInput>(data),
        Kind::Participant => of::<ricolloca::participants::wire::ParticipantInput>(data),
        Kind::Action => of::<ricolloca::actions::wire::ActionInput>(data),
        Kind::Outcome => of::<ricolloca::outcomes::wire::OutcomeInput>(data),
    }
}

/// `UPDATE_CSV=1` writes the lists of headers anew.
#[test]
fn the_page_about_csv_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/push-csv.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut kinds = Vec::new();
    for example in page.split("```csv ").skip(1) {
        let (name, rest) = example.split_once('\n').unwrap();
        let kind = Kind::ALL.into_iter().find(|kind| name == format!("{}.csv", kind.plural())).unwrap();
        let text = rest.split_once("```").unwrap().0.to_owned();
        let mut table = Table::open(Box::new(Cursor::new(text.into_bytes())), kind).unwrap();
        let mut rows = 0;
        while let Some((_, item)) = table.next_item().unwrap() {
            let item: Value = serde_json::from_slice(&item).unwrap();
            if item["delete"] != true {
                fits(kind, item["data"].clone()).unwrap_or_else(|violations| panic!("{name}: {violations}"));
                rows += 1;
            }
        }
        assert!(rows > 0, "{name}");
        kinds.push(kind);
    }
    assert_eq!(kinds, Kind::ALL);
    let lists: String = Kind::ALL
        .into_iter()
        .map(|kind| format!("\n**{}.csv**: `{}`\n", kind.plural(), table::headers(kind).join("`, `")))
        .collect();
    let start = page.find("numbered on.\n").unwrap() + "numbered on.\n".len();
    if std::env::var_os("UPDATE_CSV").is_some() {
        std::fs::write(&path, format!("{}{lists}", &page[..start])).unwrap();
    } else {
        assert_eq!(&page[start..], lists, "UPDATE_CSV=1 writes them anew");
    }
}
