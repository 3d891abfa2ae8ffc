//! `ricolloca pull` against a service.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use diesel::connection::SimpleConnection;
use rusqlite::Connection;

use crate::imports_kill::binary;
use crate::sight::truth;
use crate::support::service::Service;

pub fn command(url: &str, client: &str, directory: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["pull", directory.to_str().unwrap(), "--url", url, "--client-id", client])
        .args(more)
        .env("RICOLLOCA_CLIENT_SECRET", "demo");
    command
}

#[track_caller]
fn pull(service: &Service, directory: &Path, more: &[&str], code: i32) -> String {
    let output: Output = command(&service.url, "demo-operator-1", directory, more).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// What a copy holds, byte by byte.
pub fn held(directory: &Path) -> BTreeMap<(String, String), String> {
    let conn = Connection::open(directory.join("mirror.sqlite")).unwrap();
    let mut statement = conn.prepare("SELECT type, id, body FROM record").unwrap();
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn same(directory: &Path, service: &Service, client: &str) {
    let truth: BTreeMap<(String, String), String> =
        truth(&service.demo_client(client)).into_iter().map(|(key, record)| (key, record.to_string())).collect();
    let held = held(directory);
    assert_eq!(held.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>());
    assert!(held == truth, "some records differ");
}

#[test]
fn a_copy_is_made_kept_and_proven() {
    let service = Service::demo();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("copy");
    let told = pull(&service, &directory, &[], 0);
    assert!(told.contains("participants: exported"), "{told}");
    same(&directory, &service, "demo-operator-1");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("mirror.sqlite"))), (0o700, 0o600));
    }
    // Changes come by the feed.
    let operator = service.demo_client("demo-operator-1");
    // Those of partnerships that were rejected stay as they are.
    let renamed = operator.all("/v1/cohorts?limit=200").iter().any(|cohort| {
        let version = format!("\"{}\"", cohort["version"]);
        let patch = [("content-type", "application/merge-patch+json"), ("if-match", version.as_str())];
        let path = format!("/v1/cohorts/{}", cohort["id"].as_str().unwrap());
        operator.send("PATCH", &path, &patch, r#"{"name": "Another name"}"#).status == 200
    });
    assert!(renamed);
    let told = pull(&service, &directory, &["--check"], 0);
    assert!(told.contains("cohorts: ") && told.contains(" equal") && !told.contains("exported"), "{told}");
    same(&directory, &service, "demo-operator-1");
    // A copy that was tampered with is found out.
    let conn = Connection::open(directory.join("mirror.sqlite")).unwrap();
    conn.execute_batch(
        "UPDATE record SET body = json_set(body, '$.name', 'x') WHERE type = 'cohort' AND id = (SELECT min(id) FROM record WHERE type = 'cohort'); \
         DELETE FROM record WHERE type = 'participant' AND id = (SELECT min(id) FROM record WHERE type = 'participant'); \
         INSERT INTO record VALUES ('outcome', '01890000-0000-7000-8000-000000000007', 1, NULL, '{\"id\":\"01890000-0000-7000-8000-000000000007\"}');",
    )
    .unwrap();
    drop(conn);
    let told = pull(&service, &directory, &["--check"], 1);
    for part in ["records, 1 different", "records, 1 missing", "1 extra 01890000-0000-7000-8000-000000000007"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Made anew.
    pull(&service, &directory, &["--restart", "--check"], 0);
    same(&directory, &service, "demo-operator-1");
}

#[test]
fn a_copy_that_the_feed_does_not_go_on_from_is_made_anew() {
    let service = Service::demo();
    let folder = tempfile::tempdir().unwrap();
    pull(&service, folder.path(), &["--types", "cohort,participant"], 0);
    let before = held(folder.path()).len();
    let mut conn = service.database.connect();
    // As after a restore, by which a record was lost.
    conn.batch_execute(
        "UPDATE feed_epoch SET of_database = 'another'; ALTER TABLE participant DISABLE TRIGGER USER; \
         UPDATE participant SET deleted_at = now() WHERE id = (SELECT p.id FROM participant p JOIN client c ON c.organisation_id = p.operator_organisation_id \
            WHERE c.id = 'demo-operator-1' AND p.deleted_at IS NULL LIMIT 1);",
    )
    .unwrap();
    let told = pull(&service, folder.path(), &["--types", "cohort,participant", "--check"], 0);
    assert!(told.contains("a new copy is made"), "{told}");
    assert_eq!(held(folder.path()).len(), before - 1);
}

#[test]
fn what_cannot_be_done_is_told() {
    let service = Service::demo();
    let folder = tempfile::tempdir().unwrap();
    pull(&service, folder.path(), &["--types", "call"], 0);
    let told = pull(&service, folder.path(), &[], 2);
    assert!(told.contains("--restart"), "{told}");
    let told = pull(&service, folder.path(), &["--types", "secrets"], 2);
    assert!(told.contains("one of"), "{told}");
    // Not for this client, and asked for by name.
    let auditor =
        command(&service.url, "demo-auditor", &folder.path().join("a"), &["--types", "participant"]).output().unwrap();
    assert_eq!(auditor.status.code(), Some(2), "{}", String::from_utf8_lossy(&auditor.stderr));
    let nobody = command("http://127.0.0.1:9", "x", &folder.path().join("b"), &["--retries", "0"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(2));
    // Two at once in one directory.
    let mut one = command(&service.url, "demo-operator-1", &folder.path().join("c"), &["--follow"]).spawn().unwrap();
    let lock = folder.path().join("c/mirror.sqlite");
    while !lock.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let two = command(&service.url, "demo-operator-1", &folder.path().join("c"), &[]).output().unwrap();
    one.kill().unwrap();
    one.wait().unwrap();
    assert_eq!(two.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&two.stderr).contains("another run"));
}
