//! The audit log: what is noted, how it is shown, and that it cannot be changed unnoticed.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ct_merkle::digest::Output;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client_keys::command;
use crate::support::service::{Client, Service};
use crate::support::world::World;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn count(conn: &mut PgConnection, query: &str) -> i64 {
    diesel::sql_query(format!("SELECT count(*) AS n FROM {query}")).get_result::<Count>(conn).unwrap().n
}

fn events(auditor: &Client, query: &str) -> Vec<Value> {
    auditor.all(&format!("/v1/audit-events?limit=200&{query}"))
}

/// Waits until all that was committed is sealed.
fn sealed(service: &Service) {
    let (mut conn, began) = (service.database.connect(), Instant::now());
    while count(&mut conn, "audit_pending") > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "entries are not sealed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_change_is_noted_with_who_made_it_and_what_became_of_it() {
    let mut world = World::new();
    let draft = world.active("audited", 1);
    let path = format!("/v1/participants/{}", draft.participant);
    let shown = world.operator.get(&path).expect(200);
    let pseudonym = shown.json()["pseudonym"].as_str().unwrap().to_owned();
    let request = shown.header("x-correlation-id").unwrap();
    let of = events(&world.auditor, &format!("request={request}"));
    assert_eq!(of.len(), 1);
    assert_eq!((of[0]["operation"].as_str(), of[0]["action"].as_str()), (Some("show_participant"), Some("read")));
    assert_eq!(of[0]["client_id"], "operator-1");
    let record = &of[0]["records"][0];
    assert_eq!(
        (record["id"].as_str(), record["pseudonym"].as_str()),
        (Some(draft.participant.as_str()), Some(pseudonym.as_str()))
    );
    assert_eq!((record.get("effect"), record.get("version")), (Some(&Value::Null), Some(&Value::Null)));

    let headers = [("content-type", "application/json"), ("x-correlation-id", "audited-1")];
    let cohort = json!({"partnership": {"id": draft.id}, "name": "second", "external_id": "C-2"}).to_string();
    let made = world.operator.send("POST", "/v1/cohorts", &headers, cohort).expect(201);
    let line =
        json!({"type": "cohort", "external_id": "C-2", "data": {"partnership": {"id": draft.id}, "name": "renamed"}});
    let import =
        world.operator.send("POST", "/v1/imports", &[("content-type", "application/x-ndjson")], line.to_string());
    let import = import.expect(200).id();
    world.operator.delete(&format!("/v1/cohorts/{}", made.id()), 2).expect(204);
    let told: Vec<(String, String, i64)> = events(&world.auditor, &format!("record={}", made.id()))
        .iter()
        .map(|event| {
            assert_eq!((event["action"].as_str(), event["client_id"].as_str()), (Some("write"), Some("operator-1")));
            let record = &event["records"][0];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&event["operation"]), text(&record["effect"]), record["version"].as_i64().unwrap())
        })
        .collect();
    let expected = [("remove_cohort", "deleted", 3), ("send_import", "changed", 2), ("create_cohort", "created", 1)];
    assert_eq!(told, expected.map(|(operation, effect, version)| (operation.to_owned(), effect.to_owned(), version)));
    assert_eq!(events(&world.auditor, "request=audited-1").len(), 1);
    assert_eq!(events(&world.auditor, &format!("request={import}")).len(), 1);
    // What changes nothing, or is refused, is no change.
    let before = events(&world.auditor, "operation=create_cohort").len();
    world.operator.send("POST", "/v1/cohorts", &headers, "{}").expect(422);
    assert_eq!(events(&world.auditor, "operation=create_cohort").len(), before);
}

#[test]
fn the_log_is_searched_by_who_what_whose_and_when() {
    let mut world = World::new();
    let draft = world.active("searched", 1);
    let other = world.draft("other", 2);
    world.dote.get(&format!("/v1/participants/{}", draft.participant)).expect(200);
    world.dote.get(&format!("/v1/participants/{}", other.participant)).expect(200);
    let pseudonym =
        world.dote.get(&format!("/v1/participants/{}", draft.participant)).expect(200).json()["pseudonym"].clone();
    let of_worker = events(&world.auditor, &format!("pseudonym={}", pseudonym.as_str().unwrap()));
    assert!(of_worker.len() >= 3);
    for event in &of_worker {
        let records = event["records"].as_array().unwrap();
        assert!(records.iter().any(|record| record["pseudonym"] == pseudonym), "{event}");
    }
    let by_dote = events(&world.auditor, "client=dote");
    assert_eq!(by_dote.len(), 3);
    let organisation = by_dote[0]["organisation_id"].as_str().unwrap();
    assert_eq!(events(&world.auditor, &format!("organisation={organisation}")).len(), 3);
    assert_eq!(events(&world.auditor, "client=dote&operation=show_participant").len(), 3);
    assert_eq!(events(&world.auditor, "client=dote&operation=list_participants").len(), 0);
    assert_eq!(events(&world.auditor, "client=dote&to=2012-01-01T00:00:00Z").len(), 0);
    assert_eq!(events(&world.auditor, "client=dote&from=2012-01-01T00:00:00Z").len(), 3);
    let one = by_dote[1]["id"].as_i64().unwrap();
    assert_eq!(events(&world.auditor, &format!("id={one}"))[0]["id"], one);
    // Page by page it is the same, newest first.
    let pages = world.auditor.all("/v1/audit-events?limit=1&client=dote");
    assert_eq!(
        pages.iter().map(|event| &event["id"]).collect::<Vec<_>>(),
        by_dote.iter().map(|event| &event["id"]).collect::<Vec<_>>()
    );
    for bad in ["cursor=x", "cursor=-1", "cursor=0", "cursor=99999999999999999999"] {
        assert_eq!(world.auditor.get(&format!("/v1/audit-events?{bad}")).expect(400).code(), "invalid_cursor");
    }
    // Who reads the log is noted; nobody else may.
    assert!(!events(&world.auditor, "client=auditor&operation=list_audit_events").is_empty());
    for client in [&world.operator, &world.dote, &world.region] {
        assert_eq!(client.get("/v1/audit-events").expect(403).code(), "insufficient_scope");
    }
    // By pseudonym only.
    let text = Value::from(events(&world.auditor, "")).to_string();
    assert!(!text.contains(&crate::support::world::worker(1)) && !text.contains("Prova"));
}

fn hashes(path: &Value) -> Vec<Output<Sha256>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    path.as_array()
        .unwrap()
        .iter()
        .map(|text| {
            let bytes: Vec<u8> = text.as_str().unwrap().as_bytes().chunks(2).map(byte).collect();
            Output::<Sha256>::from(<[u8; 32]>::try_from(bytes).unwrap())
        })
        .collect()
}

/// The root that a checkpoint says, once its signature has been verified with what is published.
fn root(auditor: &Client, checkpoint: &Value) -> RootHash<Sha256> {
    let key = auditor.get("/v1/audit-key").expect(200).json();
    let key = DecodingKey::from_ec_components(key["x"].as_str().unwrap(), key["y"].as_str().unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    let statement = checkpoint["statement"].as_str().unwrap();
    let claims = jsonwebtoken::decode::<Value>(statement, &key, &rules).unwrap().claims;
    assert_eq!(
        (&claims["size"], &claims["root"], &claims["at"]),
        (&checkpoint["size"], &checkpoint["root"], &checkpoint["at"])
    );
    RootHash::new(hashes(&json!([claims["root"]])).pop().unwrap(), claims["size"].as_u64().unwrap())
}

#[test]
fn an_outsider_can_prove_what_is_in_the_log_and_that_it_was_only_added_to() {
    let mut world = World::new();
    let draft = world.active("proven", 1);
    sealed(&world.service);
    let first = world.auditor.all("/v1/audit-checkpoints")[0].clone();
    for _ in 0..5 {
        world.dote.get(&format!("/v1/participants/{}", draft.participant)).expect(200);
    }
    sealed(&world.service);
    let entries = events(&world.auditor, "client=dote");
    for entry in &entries {
        let proof = world.auditor.get(&format!("/v1/audit-proofs?event={}", entry["id"])).expect(200).json();
        let content: Value = serde_json::from_str(proof["content"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&content["id"], &content["client_id"], &content["at"].as_str().unwrap()[..19]),
            (&entry["id"], &entry["client_id"], &entry["at"].as_str().unwrap()[..19])
        );
        let path = InclusionProof::<Sha256>::from_digests(hashes(&proof["path"]).iter());
        let root = root(&world.auditor, &proof["checkpoint"]);
        let position = proof["position"].as_u64().unwrap();
        root.verify_inclusion(&proof["content"].as_str().unwrap().as_bytes(), position, &path).unwrap();
        let lie = proof["content"].as_str().unwrap().replace("\"dote\"", "\"else\"");
        assert!(root.verify_inclusion(&lie.as_bytes(), position, &path).is_err());
    }
    let newest = world.auditor.all("/v1/audit-checkpoints")[0].clone();
    assert!(newest["size"].as_i64() > first["size"].as_i64());
    let query = format!("first={}&second={}", first["size"], newest["size"]);
    let proof = world.auditor.get(&format!("/v1/audit-consistency?{query}")).expect(200).json();
    let path = ConsistencyProof::<Sha256>::from_digests(hashes(&proof["path"]).iter());
    let (older, newer) = (root(&world.auditor, &first), root(&world.auditor, &newest));
    newer.verify_consistency(&older, &path).unwrap();
    let oldest = world.auditor.all("/v1/audit-checkpoints").pop().unwrap();
    assert!(newer.verify_consistency(&root(&world.auditor, &oldest), &path).is_err() || oldest == first);
    for absent in ["/v1/audit-proofs?event=999999", "/v1/audit-consistency?first=1&second=999999"] {
        world.auditor.get(absent).expect(404);
    }
    let header = newest["statement"].as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["kid"], world.auditor.get("/v1/audit-key").expect(200).json()["kid"]);
}

#[test]
fn whoever_writes_does_not_wait_for_the_sealing() {
    let mut world = World::new();
    let draft = world.active("free", 1);
    // Somebody seals, and does not come to an end.
    let mut sealer = world.service.database.connect();
    sealer.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(4716); DELETE FROM audit_pending").unwrap();
    for number in 0..10 {
        let name = format!("written meanwhile {number}");
        let cohort = json!({"partnership": {"id": draft.id}, "name": name});
        world.operator.post("/v1/cohorts", cohort).expect(201);
        world.operator.get(&format!("/v1/participants/{}", draft.participant)).expect(200);
    }
    assert!(count(&mut world.service.database.connect(), "audit_pending") >= 20, "they wait to be sealed");
    sealer.batch_execute("ROLLBACK").unwrap();
    sealed(&world.service);
}

#[test]
fn whatever_is_changed_in_the_log_is_found() {
    let mut world = World::new();
    let draft = world.active("tampered", 1);
    sealed(&world.service);
    world.dote.get(&format!("/v1/participants/{}", draft.participant)).expect(200);
    sealed(&world.service);
    let kept = world.auditor.all("/v1/audit-checkpoints")[0]["statement"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let (secret, checkpoint) = (folder.path().join("secret"), folder.path().join("checkpoint"));
    std::fs::write(&secret, "2a".repeat(32)).unwrap();
    std::fs::write(&checkpoint, &kept).unwrap();
    let verify = |with: bool| {
        let mut arguments = vec!["audit", "verify", "--secret-file", secret.to_str().unwrap()];
        if with {
            arguments.extend(["--checkpoint", checkpoint.to_str().unwrap()]);
        }
        let output = command(&world.service, folder.path(), &arguments);
        (
            output.status.code(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    for with in [false, true] {
        let (code, said) = verify(with);
        assert!(code == Some(0) && said.contains("are what was sealed"), "{said}");
    }
    let mut conn = world.service.database.connect();
    // The service itself may not, and the owner of the tables has to put the triggers aside first.
    for table in ["audit_event", "audit_leaf", "audit_node", "audit_checkpoint"] {
        for role in ["ricolloca_member", "ricolloca_region"] {
            for statement in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
                let refused = conn.batch_execute(&format!("SET ROLE {role}; {statement}"));
                assert!(refused.unwrap_err().to_string().contains("permission denied"), "{statement}");
                conn.batch_execute("RESET ROLE").unwrap();
            }
        }
        assert!(conn.batch_execute(&format!("DELETE FROM {table}")).is_err(), "{table}");
    }
    let tampering = [
        ("an entry", "UPDATE audit_event SET client_id = 'somebody' WHERE id = 3"),
        ("a time", "UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = 2"),
        (
            "a record",
            "UPDATE audit_event SET record_ids[1] = gen_random_uuid() WHERE id = (SELECT max(id) FROM audit_event)",
        ),
        ("deleted", "DELETE FROM audit_event WHERE id = 4"),
        ("deleted with its leaf", "DELETE FROM audit_leaf WHERE event_id = 4; DELETE FROM audit_event WHERE id = 4"),
        (
            "deleted, and the leaves numbered anew",
            "DELETE FROM audit_leaf WHERE event_id = 4; DELETE FROM audit_event WHERE id = 4; \
             UPDATE audit_leaf SET position = -position - 1 WHERE position > 2; UPDATE audit_leaf SET position = -position - 2 WHERE position < 0",
        ),
        (
            "inserted",
            "INSERT INTO audit_event (at, client_id, organisation_id, operation, request_id, kinds, record_ids) \
             SELECT at, client_id, organisation_id, operation, request_id, kinds, record_ids FROM audit_event WHERE id = 3; DELETE FROM audit_pending",
        ),
        (
            "moved",
            "UPDATE audit_leaf SET event_id = -event_id WHERE position IN (1, 2); \
             UPDATE audit_leaf l SET event_id = (SELECT -o.event_id FROM audit_leaf o WHERE o.position = 3 - l.position AND o.event_id < 0) WHERE position = 1; \
             UPDATE audit_leaf SET event_id = (SELECT event_id - 1 FROM audit_leaf WHERE position = 1) WHERE position = 2",
        ),
        ("cut off", "DELETE FROM audit_leaf WHERE position >= 3; DELETE FROM audit_event WHERE id > 3"),
        ("a node changed", "UPDATE audit_node SET hash = sha256(hash) WHERE level = 0 AND position = 1"),
        ("a node gone", "DELETE FROM audit_node WHERE level = 1 AND position = 0"),
        ("a checkpoint gone", "DELETE FROM audit_checkpoint WHERE size = (SELECT min(size) FROM audit_checkpoint)"),
        ("a checkpoint changed", "UPDATE audit_checkpoint SET statement = replace(statement, 'A', 'B')"),
        (
            "cut off with its checkpoints",
            "DELETE FROM audit_checkpoint WHERE size > (SELECT min(size) FROM audit_checkpoint); \
             DELETE FROM audit_leaf WHERE position >= (SELECT min(size) FROM audit_checkpoint); \
             DELETE FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id); DELETE FROM audit_pending",
        ),
    ];
    conn.batch_execute("SET session_replication_role = replica").unwrap();
    let tables = ["audit_event", "audit_leaf", "audit_node", "audit_checkpoint"];
    for table in tables {
        conn.batch_execute(&format!("CREATE TEMPORARY TABLE saved_{table} AS TABLE {table}")).unwrap();
    }
    for (what, statement) in tampering {
        conn.batch_execute(statement).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (code, said) = verify(true);
        assert_eq!(code, Some(1), "{what} goes unnoticed: {said}");
        assert!(["log", "leaf", "entr", "checkpoint", "node"].iter().any(|word| said.contains(word)), "{what}: {said}");
        // As it was.
        for table in tables {
            let restore =
                format!("DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE saved_{table}");
            conn.batch_execute(&restore).unwrap();
        }
    }
    let (code, said) = verify(true);
    assert_eq!(code, Some(0), "{said}");
}
