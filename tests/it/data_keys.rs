//! The keys that personal data is sealed with: new ones while the service serves, and everything sealed anew.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use crate::support::{Service, World};

/// Table and column of everything that is sealed.
const SEALED: [(&str, &str); 7] = [
    ("participant", "person_sealed"),
    ("outcome", "employer_sealed"),
    ("outcome_revision", "employer_sealed"),
    ("signing_key", "private_sealed"),
    ("idempotency", "body"),
    ("import_chunk", "sealed"),
    ("import_waiting", "sealed"),
];

fn rotate(service: &Service, folder: &Path, secret: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .env("DATABASE_URL", &service.database.url)
        .env("RICOLLOCA_SECRET", secret)
        .args(["--data-dir", folder.to_str().unwrap(), "keys", "rotate", "--announce", "3"])
        .output()
        .unwrap()
}

fn count(service: &Service, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = format!("SELECT count(*) AS n FROM {query}");
    diesel::sql_query(query).get_result::<Count>(&mut service.database.connect()).unwrap().n
}

/// How many values there are, and how many of them a key of this version sealed.
fn of_version(service: &Service, table: &str, column: &str, version: u8) -> (i64, i64) {
    let mark = format!("substring({column} FROM 1 FOR 3) = '\\x0100{version:02x}'");
    (count(service, &format!("{table} WHERE {column} IS NOT NULL")), count(service, &format!("{table} WHERE {mark}")))
}

#[test]
fn keys_are_replaced_while_workers_are_read_and_written_without_a_request_that_fails() {
    let mut world = World::new();
    let draft = world.active("keys", 3);
    world.on("2012-10-31");
    let body = world.outcome_body(&draft.participant, 1);
    world.operator.post("/v1/outcomes", body).expect(201);
    world.on("2012-11-02");
    // An answer that is kept, and a line that waits.
    let (media, key) = (("content-type", "application/json"), ("idempotency-key", "kept"));
    let worker = world.participant_body(&draft.cohort, 40).to_string();
    let kept = world.operator.send("POST", "/v1/participants", &[media, key], worker.clone()).expect(201);
    let path = format!("/v1/participants/{}", draft.participant);
    let before = world.operator.get(&path).expect(200).json();
    let outcomes = world.dote.get("/v1/outcomes").expect(200).body;
    let known = world.dote.get("/v1/outcomes?as_known_at=2012-11-01T00:00:00Z").expect(200).body;
    // Of what is not written meanwhile.
    let own = |event: &Value| event["type"] != "participant" || event["id"] == json!(draft.participant);
    let told = || world.dote.changes().into_iter().filter(own).collect::<Vec<_>>();
    let told_before = told();
    assert!(told_before.iter().any(|event| event["type"] == "participant"));

    let (stop, reads, writes) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    assert_eq!(world.operator.get(&path).expect(200).json(), before);
                    assert_eq!(world.dote.get("/v1/outcomes").expect(200).body, outcomes);
                    reads.fetch_add(2, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let serial = 50 + writes.fetch_add(1, Ordering::SeqCst);
                let worker = world.participant_body(&draft.cohort, serial);
                let worker = world.operator.post("/v1/participants", worker).expect(201).json();
                let path = format!("/v1/participants/{}", worker["id"].as_str().unwrap());
                let changed = world.operator.patch(&path, 1, json!({"given_name": "Altra"})).expect(200).json();
                assert_eq!(changed["tax_code"], worker["tax_code"]);
                std::thread::sleep(std::time::Duration::from_millis(40));
            }
        });
        for version in [2, 3] {
            let said = rotate(&world.service, folder.path(), &"2a".repeat(32));
            assert!(said.status.success(), "{said:?}");
            let said = String::from_utf8(said.stdout).unwrap();
            assert!(said.starts_with(&format!("version     {version}\n")), "{said}");
        }
        stop.store(true, Ordering::SeqCst);
    });
    let (reads, writes) = (reads.load(Ordering::SeqCst), writes.load(Ordering::SeqCst));
    assert!(reads > 100 && writes > 20, "{reads} reads, {writes} writes");
    for (table, column) in SEALED {
        let (all, new) = of_version(&world.service, table, column, 3);
        assert_eq!(all, new, "{table}");
        let expected = !table.starts_with("import");
        assert!(all > 0 || !expected, "{table}");
    }
    // What was kept is what it was, and nobody was told of anything but what was written.
    let again = world.operator.send("POST", "/v1/participants", &[media, key], worker).expect(201);
    assert_eq!(again.body, kept.body);
    assert_eq!(world.dote.get("/v1/outcomes?as_known_at=2012-11-01T00:00:00Z").expect(200).body, known);
    assert_eq!(told(), told_before);
}

#[test]
fn a_key_that_seals_nothing_any_more_is_destroyed_after_a_day() {
    let mut world = World::new();
    let draft = world.active("keys", 4);
    let folder = tempfile::tempdir().unwrap();
    let secret = "2a".repeat(32);
    assert!(rotate(&world.service, folder.path(), &secret).status.success());
    assert_eq!(count(&world.service, "data_key"), 2, "whoever read what it sealed may still write it back");
    let mut conn = world.service.database.connect();
    diesel::sql_query("UPDATE data_key SET seals_from = seals_from - interval '2 days'").execute(&mut conn).unwrap();
    let said = String::from_utf8(rotate(&world.service, folder.path(), &secret).stdout).unwrap();
    assert!(said.contains("destroyed   1"), "{said}");
    assert_eq!(count(&world.service, "data_key WHERE version IN (2, 3)"), 2);
    let path = format!("/v1/participants/{}", draft.participant);
    assert_eq!(world.operator.get(&path).expect(200).json()["tax_code"].as_str().unwrap().len(), 16);
}

#[test]
fn nobody_makes_keys_with_another_secret() {
    let mut world = World::new();
    let draft = world.active("keys", 5);
    let folder = tempfile::tempdir().unwrap();
    for secret in ["ff".repeat(32), "2a".repeat(31), "zz".repeat(32), String::new()] {
        let said = rotate(&world.service, folder.path(), &secret);
        assert!(!said.status.success(), "{secret}");
        assert!(!String::from_utf8(said.stderr).unwrap().contains(&"2a".repeat(8)), "the secret is not told");
    }
    assert_eq!(count(&world.service, "data_key"), 1);
    world.operator.get(&format!("/v1/participants/{}", draft.participant)).expect(200);
    // The keys are not in the database but wrapped.
    assert_eq!(count(&world.service, "data_key WHERE octet_length(wrapped) = 12 + 32 + 16"), 1);
}

#[test]
fn of_a_revision_nothing_changes_but_how_it_is_sealed() {
    let mut world = World::new();
    let draft = world.active("keys", 6);
    world.on("2012-10-31");
    let body = world.outcome_body(&draft.participant, 1);
    world.operator.post("/v1/outcomes", body).expect(201);
    world.on("2012-11-02");
    let mut conn = world.service.database.connect();
    // Whoever says that he seals anew cannot change anything else by it, untold.
    for change in ["participant SET left_on = now()", "participant SET version = 9", "outcome SET state = 'verified'"] {
        diesel::sql_query("SET ricolloca.sealing_anew = 'on'").execute(&mut conn).unwrap();
        let refused = diesel::sql_query(format!("UPDATE {change}")).execute(&mut conn);
        assert!(refused.unwrap_err().to_string().contains("would change what was known"), "{change}");
    }
    for change in ["state = 'verified'", "updated_at = now()", "employer_sealed = NULL", "employer_index = NULL"] {
        let refused = diesel::sql_query(format!("UPDATE outcome_revision SET {change}")).execute(&mut conn);
        assert!(refused.unwrap_err().to_string().contains("would change what was known"), "{change}");
    }
    assert!(diesel::sql_query("DELETE FROM outcome_revision").execute(&mut conn).is_err());
    // How it is sealed may change, but nothing that opens can be put there without the keys.
    diesel::sql_query("UPDATE outcome_revision SET employer_sealed = '\\x010203'").execute(&mut conn).unwrap();
    assert_eq!(world.dote.get("/v1/outcomes?as_known_at=2012-11-01T00:00:00Z").expect(500).code(), "internal");
}

#[test]
fn keys_that_sign_tokens_are_sealed_also_those_from_before() {
    let service = Service::start();
    let token = service.client("operator-1");
    assert_eq!(count(&service, "signing_key WHERE private_pem IS NULL AND private_sealed IS NOT NULL"), 1);
    // As it was kept before: in clear.
    let mut conn = service.database.connect();
    let secret = p256::SecretKey::random(&mut rand::rngs::OsRng);
    let pem = p256::pkcs8::EncodePrivateKey::to_pkcs8_pem(&secret, p256::pkcs8::LineEnding::LF).unwrap();
    diesel::sql_query(
        "INSERT INTO signing_key (kid, private_pem, created_at, signs_from) \
         VALUES (gen_random_uuid()::text, $1, now(), now() + interval '1 hour')",
    )
    .bind::<diesel::sql_types::Text, _>(pem.as_str())
    .execute(&mut conn)
    .unwrap();
    drop(conn);
    let folder = tempfile::tempdir().unwrap();
    // Whoever starts next seals it; who runs goes on.
    let other = service.another(&[]);
    assert_eq!(count(&service, "signing_key WHERE private_pem IS NULL AND private_sealed IS NOT NULL"), 2);
    token.get("/v1/calls").expect(200);
    other.bearer(token.token.as_ref().unwrap()).get("/v1/calls").expect(200);
    let said = rotate(&service, folder.path(), &"2a".repeat(32));
    assert!(said.status.success(), "{said:?}");
    assert_eq!(of_version(&service, "signing_key", "private_sealed", 2), (2, 2));
    token.get("/v1/calls").expect(200);
    service.client("operator-2").get("/v1/calls").expect(200);
}
