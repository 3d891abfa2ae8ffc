//! The keys of clients over their life: registered and removed on the command line while the service runs, and what is
//! remembered of the assertions that were signed with them.

use std::path::Path;
use std::process::{Command, Output};

use chrono::Duration;
use diesel::prelude::*;
use diesel::sql_types::Text;
use jsonwebtoken::{Algorithm, EncodingKey, encode};
use ricolloca::clock::Clock;
use ricolloca::identity::store::forget_assertions;
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::http::Answer;
use crate::support::signing::{ask, claims, claims_at, ec_key, header, register};
use crate::support::world::instant;

/// The program, on the database of a running service.
pub fn command(service: &Service, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ricolloca"));
    command.env("DATABASE_URL", &service.database.url).args(["--data-dir", folder.to_str().unwrap()]).args(arguments);
    // The service's own, where the test has none to say.
    if !arguments.contains(&"--secret-file") {
        command.env("RICOLLOCA_SECRET", "2a".repeat(32));
    }
    command.output().unwrap()
}

fn add(service: &Service, folder: &Path, keys: &[&Value]) -> Output {
    let file = folder.join("jwks.json");
    std::fs::write(&file, json!({"keys": keys}).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let client = ["add-client", "signer", "--role", "operator", "--organisation", "99999970983", "--name", "Operatore"];
    command(service, folder, &[&client[..], &["--jwks", file]].concat())
}

fn sign(service: &Service, kid: &str, key: &EncodingKey, jti: &str) -> Answer {
    ask(service, &encode(&header(Algorithm::ES256, kid), &claims(jti), key).unwrap())
}

#[test]
fn a_key_works_from_its_registration_to_its_removal() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let ((old, old_jwk), (new, new_jwk)) = (ec_key("old"), ec_key("new"));
    assert_eq!(sign(&service, "old", &old, "1").expect(401).code(), "invalid_client", "not registered yet");

    let added = add(&service, folder.path(), &[&old_jwk]);
    assert!(added.status.success(), "{added:?}");
    // The client has no secret that could be printed.
    assert_eq!(String::from_utf8(added.stdout).unwrap(), "client_id      signer\nkeys           1\n");
    let token = sign(&service, "old", &old, "2").expect(200).json()["access_token"].as_str().unwrap().to_owned();
    service.bearer(&token).get("/v1/calls").expect(200);
    assert_eq!(service.bearer(&token).post("/v1/calls", json!({})).status, 403, "no more than the role may have");

    // Another key beside it: both are good until the old one is removed.
    assert!(add(&service, folder.path(), &[&new_jwk]).status.success());
    sign(&service, "old", &old, "3").expect(200);
    sign(&service, "new", &new, "4").expect(200);
    let remove = || command(&service, folder.path(), &["remove-client-key", "signer", "old"]);
    let removed = remove();
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(sign(&service, "old", &old, "5").expect(401).code(), "invalid_client");
    sign(&service, "new", &new, "6").expect(200);
    // What is not there cannot be removed, and the name of a key is not the key.
    let again = remove();
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("ricolloca: the client `signer` has no key `old`"));
    sign(&service, "new", &old, "7").expect(401);

    assert!(command(&service, folder.path(), &["remove-client-key", "signer", "new"]).status.success());
    sign(&service, "new", &new, "8").expect(401);
}

#[test]
fn a_file_that_is_not_fit_registers_nothing() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let ((key, jwk), (_, mut private)) = (ec_key("k"), ec_key("private"));
    private["d"] = json!("AA");
    let refused = add(&service, folder.path(), &[&jwk, &private]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`private` has private parts"), "{refused:?}");
    assert!(refused.stdout.is_empty());
    sign(&service, "k", &key, "1").expect(401);
}

#[test]
fn assertions_are_forgotten_when_they_have_expired_and_not_before() {
    let start = instant("2012-07-10");
    let service = Service::start_with(Clock::fixed(start));
    let (key, jwk) = ec_key("k");
    register(&service, "signer", &[jwk]);
    let signed = |jti: &str, seconds: i64| {
        encode(&header(Algorithm::ES256, "k"), &claims_at(&service.clock, jti, seconds), &key).unwrap()
    };
    let (short, long) = (signed("short", 60), signed("long", 200));
    ask(&service, &short).expect(200);
    ask(&service, &long).expect(200);
    let forget = |seconds: i64| {
        service.clock.set(start + Duration::seconds(seconds));
        forget_assertions(&mut service.database.connect(), service.clock.now()).unwrap()
    };
    // Clocks may differ by five seconds: the last moment at which the short one would be accepted, were it not used.
    assert_eq!((forget(0), forget(65)), (0, 0));
    ask(&service, &short).expect(401);
    assert_eq!(forget(67), 1);
    // It stays refused for its age; the other one because it was used.
    ask(&service, &short).expect(401);
    assert_eq!(ask(&service, &long).expect(401).code(), "invalid_client");
    ask(&service, &signed("fresh", 60)).expect(200);
    assert_eq!(forget(205), 1, "the fresh one, of second 67, ended at second 127");
    ask(&service, &long).expect(401);
    // Forgotten before its time it would be taken once more: it is the memory that refuses it.
    let early = service.clock.now() + Duration::seconds(2);
    assert_eq!(forget_assertions(&mut service.database.connect(), early).unwrap(), 1);
    ask(&service, &long).expect(200);
    assert_eq!((forget(207), forget(1000)), (1, 0));
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    secret_hash: String,
}

#[test]
fn of_a_secret_a_hash_is_kept_that_takes_memory_and_time() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    register(&service, "signer", &[ec_key("k").1]);
    let newcomer = ["add-client", "newcomer", "--role", "operator", "--organisation", "99999970983"];
    let added = command(&service, folder.path(), &newcomer);
    assert!(added.status.success(), "{added:?}");
    let said = String::from_utf8(added.stdout).unwrap();
    let secret = said.rsplit(' ').next().unwrap().trim();

    let kept: Vec<Kept> = diesel::sql_query("SELECT id, secret_hash FROM client WHERE secret_hash IS NOT NULL")
        .load(&mut service.database.connect())
        .unwrap();
    // The six that every service here has, and the newcomer; who signs has no secret.
    assert_eq!(kept.len(), 7);
    assert!(kept.iter().any(|client| client.id == "newcomer") && kept.iter().all(|client| client.id != "signer"));
    for client in &kept {
        assert!(client.secret_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", client.id);
        assert!(!client.secret_hash.contains(secret), "{}", client.id);
    }
    // Six of them have the same secret, and nobody can tell.
    let mut hashes: Vec<&str> = kept.iter().map(|client| client.secret_hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), kept.len());
}
