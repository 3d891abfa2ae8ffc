//! Access tokens from an attacker's side, and over the life of clients and keys.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, LineEnding};
use ricolloca::identity::keys;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client_keys::command;
use crate::support::Service;
use crate::support::service::{Client, context};

/// The service's own key: what a forger would have who had nothing left to forge.
fn own_key(service: &Service) -> (String, p256::SecretKey) {
    let (mut conn, context) = (service.database.connect(), context(service.clock.clone()));
    ricolloca::vault::rotate::prepare(&mut conn, &context).unwrap();
    let key = ricolloca::identity::store::signing_keys(&mut conn).unwrap().remove(0);
    let pem = context.vault.open(keys::PLACE, key.kid.parse().unwrap(), &key.sealed.unwrap()).unwrap();
    (key.kid, p256::SecretKey::from_pkcs8_pem(std::str::from_utf8(&pem).unwrap()).unwrap())
}

fn part(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn sign(header: &str, claims: &str, key: &p256::SecretKey) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).sign(signed.as_bytes());
    format!("{signed}.{}", part(signature.to_bytes()))
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn with(object: &Value, name: &str, value: Value) -> String {
    let mut changed = object.clone();
    match value {
        Value::String(text) if text == "(none)" => drop(changed.as_object_mut().unwrap().remove(name)),
        value => changed[name] = value,
    }
    changed.to_string()
}

#[test]
fn no_forged_token_is_accepted() {
    let service = Service::start();
    let (kid, key) = own_key(&service);
    let genuine = service.client("operator-1").token.unwrap();
    let claims = claims_of(&genuine);
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
    let good = sign(&header.to_string(), &claims.to_string(), &key);
    service.bearer(&good).get("/v1/calls?limit=1").expect(200);

    let mut forged: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: String| forged.push((name.to_owned(), token));
    let body = claims.to_string();
    // Headers.
    for name in ["none", "None", "NONE", "nOnE"] {
        let head = part(with(&header, "alg", json!(name)));
        add(&format!("alg {name}"), format!("{head}.{}.", part(&body)));
        add(&format!("alg {name}, no last part"), format!("{head}.{}", part(&body)));
        add(&format!("alg {name}, signed"), sign(&with(&header, "alg", json!(name)), &body, &key));
    }
    let public = key.public_key();
    let secrets: [Vec<u8>; 4] = [
        public.to_public_key_pem(LineEnding::LF).unwrap().into_bytes(),
        public.to_public_key_der().unwrap().into_vec(),
        public.to_sec1_bytes().to_vec(),
        Vec::new(),
    ];
    for (number, secret) in secrets.iter().enumerate() {
        let signed = format!("{}.{}", part(with(&header, "alg", json!("HS256"))), part(&body));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        add(&format!("HS256 with the public key {number}"), format!("{signed}.{}", part(mac.finalize().into_bytes())));
    }
    for algorithm in ["ES384", "RS256", "PS256", "HS512", "EdDSA", "es256", ""] {
        add(&format!("alg {algorithm}"), sign(&with(&header, "alg", json!(algorithm)), &body, &key));
    }
    for algorithm in [json!(null), json!(256), json!(["ES256"]), json!("(none)")] {
        add(&format!("alg {algorithm}"), sign(&with(&header, "alg", algorithm.clone()), &body, &key));
    }
    let own = jwk(&key);
    let long = "k".repeat(10_000);
    for name in
        ["../../../../dev/null", "' OR 1=1 --", "https://attacker.invalid/key", &long, "", "\u{0}", "*", "(none)"]
    {
        add(&format!("kid {:.30}", name), sign(&with(&header, "kid", json!(name)), &body, &key));
    }
    for kid in [json!(null), json!(1), json!([kid])] {
        add(&format!("kid {kid}"), sign(&with(&header, "kid", kid.clone()), &body, &key));
    }
    let stranger = p256::SecretKey::random(&mut rand::rngs::OsRng);
    add("another key", sign(&header.to_string(), &body, &stranger));
    add("another key, which it brings", sign(&with(&header, "jwk", jwk(&stranger)), &body, &stranger));
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("https://attacker.invalid/jwks.json")),
        ("x5u", json!("https://attacker.invalid/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!(["urn:unknown"])),
        ("crit", json!([])),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("enc", json!("A128GCM")),
    ] {
        add(&format!("{name} {value:.40}"), sign(&with(&header, name, value.clone()), &body, &key));
    }
    for kind in [
        json!("JWT"),
        json!("jwt"),
        json!("client-authentication+jwt"),
        json!(""),
        json!(null),
        json!("(none)"),
        json!("at+JWT;x"),
    ] {
        add(&format!("typ {kind}"), sign(&with(&header, "typ", kind.clone()), &body, &key));
    }
    // Claims, properly signed.
    let wrong: Vec<(&str, Vec<Value>)> = vec![
        (
            "aud",
            vec![
                json!("https://other.invalid/v1"),
                json!([claims["aud"]]),
                json!([claims["aud"], "x"]),
                json!([]),
                json!(null),
                json!(""),
                json!(format!("{},https://other.invalid", claims["aud"].as_str().unwrap())),
                json!("(none)"),
            ],
        ),
        (
            "iss",
            vec![
                json!("https://attacker.invalid"),
                json!([claims["iss"]]),
                json!([claims["iss"], "x"]),
                json!(null),
                json!(""),
                json!(format!("{}/", claims["iss"].as_str().unwrap())),
                json!("(none)"),
            ],
        ),
        (
            "exp",
            vec![
                json!(iat - 1),
                json!(exp.to_string()),
                json!(exp as f64 + 0.5),
                json!(-1),
                json!(0),
                json!(null),
                json!(9_223_372_036_854_775_808_u64),
                json!(i64::MAX),
                json!(exp + 86_400),
                json!([exp]),
                json!("(none)"),
            ],
        ),
        (
            "iat",
            vec![
                json!(iat + 3600),
                json!(iat.to_string()),
                json!(iat as f64 + 0.5),
                json!(-1),
                json!(null),
                json!(9_223_372_036_854_775_808_u64),
                json!(i64::MIN),
                json!("(none)"),
            ],
        ),
        ("nbf", vec![json!(exp), json!("0"), json!(0.5), json!(-1), json!(null), json!(9_223_372_036_854_775_808_u64)]),
        ("role", vec![json!("admin"), json!(null), json!("(none)"), json!(["region"])]),
        ("scope", vec![json!("everything"), json!(null), json!(["calls.read"]), json!("calls.write"), json!("(none)")]),
        ("organisation_id", vec![json!("x"), json!(null), json!("(none)")]),
        ("client_id", vec![json!(null), json!("(none)")]),
        ("jti", vec![json!("' OR 1=1 --"), json!(null), json!("(none)")]),
        ("client_generation", vec![json!(null), json!("1"), json!("(none)")]),
        ("cnf", vec![json!({"jkt": "x"})]),
    ];
    for (name, values) in wrong {
        for value in values {
            add(&format!("{name} {value:.40}"), sign(&header.to_string(), &with(&claims, name, value.clone()), &key));
        }
    }
    let doubled = |text: &str, more: &str| format!("{}, {more}}}", text.strip_suffix('}').unwrap());
    for more in [
        format!("\"exp\": {}", exp),
        "\"role\": \"region\"".to_owned(),
        "\"aud\": \"x\"".to_owned(),
        "\"iss\": \"x\"".to_owned(),
        format!("\"iss\": {}", claims["iss"]),
    ] {
        add(&format!("twice {more}"), sign(&header.to_string(), &doubled(&body, &more), &key));
    }
    let right_one_last = format!("{{\"iss\": \"x\", {}", body.strip_prefix('{').unwrap());
    add("twice iss, the right one last", sign(&header.to_string(), &right_one_last, &key));
    add("alg twice", sign(&doubled(&header.to_string(), "\"alg\": \"ES256\""), &body, &key));
    // Its form.
    let parts: Vec<&str> = good.split('.').collect();
    add("empty", String::new());
    add("points", "..".to_owned());
    add("four parts", format!("{good}.{}", parts[2]));
    add("signature of another", format!("{}.{}.{}", parts[0], part(with(&claims, "role", json!("region"))), parts[2]));
    add("no signature", format!("{}.{}.", parts[0], parts[1]));
    add("signature of zeros", format!("{}.{}.{}", parts[0], parts[1], part([0; 64])));
    add("padded", format!("{}=.{}.{}", parts[0], parts[1], parts[2]));
    add("too long", format!("{good}{}", "A".repeat(9000)));
    add("claims of a list", sign(&header.to_string(), "[]", &key));
    add("claims of nothing", sign(&header.to_string(), "", &key));

    assert!(forged.len() >= 100, "{}", forged.len());
    let reference = service.bearer("nonsense").get("/v1/calls").expect(401).json();
    for (name, token) in &forged {
        let answer = service.bearer(token).get("/v1/calls");
        assert_eq!(answer.status, 401, "{name}: {answer}");
        let mut told = answer.json();
        for (name, value) in reference.as_object().unwrap() {
            if ["instance", "request_id", "correlation_id"].contains(&name.as_str()) {
                told[name] = value.clone();
            }
        }
        assert_eq!(told, reference, "{name}: the refusal tells nothing");
    }
    service.bearer(&good).get("/v1/calls?limit=1").expect(200);
}

fn jwk(key: &p256::SecretKey) -> Value {
    let point = key.public_key().to_encoded_point(false);
    json!({"kty": "EC", "crv": "P-256", "x": part(point.x().unwrap()), "y": part(point.y().unwrap())})
}

/// Waits until something is so. What other processes did is looked up once a second, so that five are plenty.
fn within(seconds: u64, is_so: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn a_client_that_is_revoked_is_refused_at_once_and_for_good() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let (client, other) = (service.client("operator-1"), service.client("operator-2"));
    client.get("/v1/calls").expect(200);
    assert!(command(&service, folder.path(), &["revoke-client", "operator-1"]).status.success());
    assert!(within(5, || client.get("/v1/calls").status == 401));
    let ask = || {
        service.token(&[("grant_type", "client_credentials"), ("client_id", "operator-1"), ("client_secret", "secret")])
    };
    assert_eq!(ask().expect(401).code(), "invalid_client");
    other.get("/v1/calls").expect(200);
    let again = command(&service, folder.path(), &["revoke-client", "operator-1"]);
    assert!(!again.status.success());
    assert_eq!(String::from_utf8(again.stderr).unwrap(), "ricolloca: there is no client `operator-1` to revoke\n");

    // Admitted again, it needs a new token: the old one stays void.
    let tax_code = ricolloca::identifiers::synthetic::organisation(1_000_001, 15);
    let add = ["add-client", "operator-1", "--role", "operator", "--organisation", tax_code.as_str()];
    let added = command(&service, folder.path(), &add);
    assert!(added.status.success(), "{added:?}");
    let said = String::from_utf8(added.stdout).unwrap();
    let secret = said.rsplit(' ').next().unwrap().trim();
    let token =
        service.token(&[("grant_type", "client_credentials"), ("client_id", "operator-1"), ("client_secret", secret)]);
    let token = token.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    service.bearer(&token).get("/v1/calls").expect(200);
    assert!(!within_shortly(|| client.get("/v1/calls").status != 401), "the old token came back");
    service.bearer(&token).get("/v1/calls").expect(200);
}

/// Looks for a little longer than it takes to look things up.
fn within_shortly(is_so: impl Fn() -> bool) -> bool {
    (0..25).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        is_so()
    })
}

fn kid_of(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[test]
fn keys_are_replaced_under_load_without_a_request_that_fails() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let first = service.client("operator-1").token.unwrap();
    let tokens: Mutex<Vec<String>> = Mutex::new(vec![first.clone()]);
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let published = || -> Vec<String> {
        let keys = service.anonymous().get("/.well-known/jwks.json").expect(200).json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let old = kid_of(&first);
    let new = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let some: Vec<String> = tokens.lock().unwrap().clone();
                    for token in some {
                        service.bearer(&token).get("/v1/calls?limit=1").expect(200);
                        requests.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let token = service.client("operator-2").token.unwrap();
                service.bearer(&token).get("/v1/calls?limit=1").expect(200);
                let mut tokens = tokens.lock().unwrap();
                tokens.truncate(4);
                tokens.push(token);
                drop(tokens);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let rotated = command(&service, folder.path(), &["rotate-signing-key", "--announce", "5"]);
        assert!(rotated.status.success(), "{rotated:?}");
        let said = String::from_utf8(rotated.stdout).unwrap();
        let new = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        // Published before it signs.
        assert!(within(5, || published() == [new.clone(), old.clone()]), "{:?}", published());
        // It was announced five seconds ahead.
        assert!(within(20, || tokens.lock().unwrap().iter().any(|token| kid_of(token) == new)));
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::SeqCst);
        new
    });
    assert!(requests.load(Ordering::SeqCst) > 100);
    assert_eq!(kid_of(&service.client("operator-1").token.unwrap()), new);
    service.bearer(&first).get("/v1/calls").expect(200);

    // Where keys may be in other hands, nothing that they signed is good.
    let second = service.client("operator-1");
    assert!(command(&service, folder.path(), &["rotate-signing-key", "--compromised"]).status.success());
    let refused = |client: &Client| client.get("/v1/calls").status == 401;
    assert!(within(5, || refused(&second) && refused(&service.bearer(&first))));
    assert_eq!(published().len(), 1);
    service.client("operator-1").get("/v1/calls").expect(200);
}

#[test]
fn who_guesses_a_secret_has_to_wait_whether_the_client_exists_or_not() {
    let service = Service::start();
    let guess = |client: &str, secret: &str| {
        service.token(&[("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret)])
    };
    let told = |client: &str| -> Vec<(u16, String, Option<String>)> {
        (0..12)
            .map(|_| {
                let answer = guess(client, "wrong");
                let code = answer.code();
                (answer.status, code, answer.header("retry-after").map(str::to_owned))
            })
            .collect()
    };
    let known = told("operator-1");
    assert_eq!(known, told("nobody-at-all"), "an unknown client is treated like a known one");
    let statuses: Vec<u16> = known.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat());
    let (_, code, wait) = &known[11];
    assert_eq!(code, "too_many_requests");
    assert!((1..=6).contains(&wait.as_ref().unwrap().parse::<u64>().unwrap()), "{wait:?}");
    assert_eq!(guess("operator-1", "secret").status, 429, "nor does the right secret help meanwhile");
    assert_eq!(guess("operator-2", "secret").status, 200, "others are not held up");
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(guess("operator-1", "secret").status, 200);
    assert_eq!(guess("operator-1", "wrong").status, 401, "it starts over");
}
