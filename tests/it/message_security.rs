//! Message security of the ModI guidelines, where a client's profile demands it: signed payloads, on whose behalf a request is, signed
//! answers.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use diesel::connection::SimpleConnection as _;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ricolloca::admin::{self, Credentials, Registration};
use ricolloca::clock::Clock;
use ricolloca::identifiers::synthetic;
use ricolloca::identity::Role;
use ricolloca::identity::jwk::read_keys;
use ricolloca::identity::message::Demands;
use ricolloca::identity::store::External;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::http::Answer;
use crate::support::issuer::{AUDIENCE, CLIENT, CONSUMER, Issuer, NAME, PURPOSE};
use crate::support::service::{Client, context};
use crate::support::signing::{ask, claims_at, ec_key, header, rsa_key};
use crate::support::world::worker;
use crate::support::{Service, World};

const LOOKUP: &str = "/v1/participants/lookup";

/// A client of the first operator whose messages are signed.
struct Signer {
    client: Client,
    key: EncodingKey,
    clock: Clock,
}

/// Changes one claim; `null` takes it away.
fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn digest_of(body: &[u8]) -> String {
    format!("SHA-256={}", BASE64_STANDARD.encode(Sha256::digest(body)))
}

impl Signer {
    fn new(service: &Service, id: &str, demands: Demands) -> Self {
        let (key, jwk) = ec_key("m1");
        let keys = read_keys(&json!({"keys": [jwk]}).to_string()).unwrap();
        let tax_code = synthetic::organisation(1_000_001, 15);
        let new = Registration {
            keys: &keys,
            demands,
            ..Registration::new(id, Role::Operator, &tax_code, id, Credentials::Keys)
        };
        admin::register(&mut service.database.connect(), &context(service.clock.clone()), new).unwrap();
        let mut claims = claims_at(&service.clock, id, 60);
        (claims["iss"], claims["sub"]) = (json!(id), json!(id));
        let assertion = encode(&header(Algorithm::ES256, "m1"), &claims, &key).unwrap();
        let token = ask(service, &assertion).expect(200).json()["access_token"].as_str().unwrap().to_owned();
        let signer = Self { client: service.bearer(&token), key, clock: service.clock.clone() };
        let end = Instant::now() + Duration::from_secs(5);
        // What a profile demands is known within a second or two.
        while signer.client.post("/v1/calls", json!({})).status != 400 {
            assert!(Instant::now() < end, "nothing is demanded");
            std::thread::sleep(Duration::from_millis(50));
        }
        signer
    }

    fn claims(&self, id: &str, jti: &str) -> Value {
        let now = self.clock.now().timestamp();
        json!({"iss": id, "sub": id, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 60, "jti": jti})
    }

    /// What a JSON body is signed with.
    fn signed(&self, jti: &str, body: &str) -> Value {
        let headers = json!([{"digest": digest_of(body.as_bytes())}, {"content-type": "application/json"}]);
        changed(&self.claims("signer", jti), "signed_headers", headers)
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&header(Algorithm::ES256, "m1"), claims, &self.key).unwrap()
    }

    fn send(&self, method: &str, path: &str, jwt: &str, digest: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("agid-jwt-signature", jwt), ("digest", digest)];
        self.client.send(method, path, &headers, body)
    }
}

#[track_caller]
fn refused(answer: &Answer, code: &str, why: &str) {
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(answer.code(), code, "{answer}");
    let header = if code == "invalid_signature" { "Agid-JWT-Signature" } else { "Agid-JWT-TrackingEvidence" };
    assert!(answer.has(header, why), "{why}: {answer}");
}

/// What a client is told that signs nothing, and one that does not say on whose behalf.
pub fn without_a_signature_and_without_evidence(service: &Service) -> (Answer, Answer) {
    let unsigned = Signer::new(service, "unsigned", INTEGRITY).client.post(LOOKUP, json!({}));
    let audit = Demands { integrity: false, audit: true };
    (unsigned, Signer::new(service, "unexplained", audit).client.get("/v1/calls"))
}

const INTEGRITY: Demands = Demands { integrity: true, audit: false };

#[test]
fn only_what_is_signed_rightly_and_came_as_it_was_signed_is_carried_out() {
    let world = World::new();
    let signer = Signer::new(&world.service, "signer", INTEGRITY);
    let body = json!({"tax_code": worker(1)}).to_string();
    let digest = digest_of(body.as_bytes());
    let good = |jti: &str| signer.signed(jti, &body);
    signer.send("POST", LOOKUP, &signer.sign(&good("good")), &digest, &body).expect(200);
    // A second time it is no message of the client's any more.
    let again = signer.send("POST", LOOKUP, &signer.sign(&good("good")), &digest, &body);
    refused(&again, "invalid_signature", "replayed");

    let now = world.service.clock.now().timestamp();
    let headers = |value: Value| changed(&good("headers"), "signed_headers", value);
    let (kind, other) = (json!({"content-type": "application/json"}), digest_of(b"other"));
    let mut jti = 0;
    for (claims, why) in [
        (changed(&good("c"), "iss", json!("operator-1")), "wrong_issuer"),
        (changed(&good("c"), "iss", Value::Null), "wrong_format"),
        (changed(&good("c"), "sub", json!("operator-1")), "wrong_issuer"),
        (changed(&good("c"), "aud", json!("http://test.invalid")), "wrong_audience"),
        (changed(&good("c"), "aud", json!("http://test.invalid/v1,x")), "wrong_audience"),
        (changed(&good("c"), "aud", json!(["x", "y"])), "wrong_audience"),
        (changed(&good("c"), "aud", Value::Null), "wrong_format"),
        (changed(&good("c"), "iat", json!(now - 301)), "not_in_time"),
        (changed(&good("c"), "iat", json!(now + 6)), "not_in_time"),
        (changed(&good("c"), "iat", json!(now.to_string())), "wrong_format"),
        (changed(&good("c"), "iat", Value::Null), "wrong_format"),
        (changed(&good("c"), "iat", json!(-1)), "wrong_format"),
        (changed(&good("c"), "nbf", json!(now + 6)), "not_in_time"),
        (changed(&good("c"), "exp", json!(now - 6)), "not_in_time"),
        (changed(&good("c"), "exp", json!(9_223_372_036_854_775_807_i64)), "wrong_format"),
        (changed(&good("c"), "exp", Value::Null), "wrong_format"),
        (changed(&good("c"), "jti", Value::Null), "wrong_format"),
        (changed(&good("c"), "jti", json!("")), "wrong_format"),
        (changed(&good("c"), "jti", json!("x".repeat(101))), "wrong_format"),
        (changed(&good("c"), "signed_headers", Value::Null), "wrong_format"),
        (headers(json!([])), "wrong_content"),
        (headers(json!([kind])), "wrong_content"),
        (headers(json!([{"digest": digest}])), "wrong_content"),
        (headers(json!([{"digest": other}, kind])), "wrong_content"),
        (headers(json!([{"digest": digest}, {"content-type": "text/plain"}])), "wrong_content"),
        (headers(json!([{"digest": digest}, kind, {"content-encoding": "gzip"}])), "wrong_content"),
        (headers(json!([{"digest": digest}, {"digest": digest}, kind])), "wrong_format"),
        (headers(json!([{"Digest": digest}, kind])), "wrong_format"),
        (headers(json!({"digest": digest})), "wrong_format"),
    ] {
        // Each with a name of its own, so that it is what is wrong with it that it is refused for.
        jti += 1;
        let mut claims = claims;
        if claims["jti"] == "c" || claims["jti"] == "headers" {
            claims["jti"] = json!(format!("c{jti}"));
        }
        let answer = signer.send("POST", LOOKUP, &signer.sign(&claims), &digest, &body);
        refused(&answer, "invalid_signature", why);
    }

    // Headers, each really signed with the client's key.
    let (own, foreign) = (header(Algorithm::ES256, "m1"), ec_key("m1").0);
    let head = |change: &dyn Fn(&mut Header)| {
        let mut header = own.clone();
        change(&mut header);
        encode(&header, &good("h"), &signer.key).unwrap()
    };
    let raw = |header: Value, claims: &str| {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(&header.to_string()), part(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &signer.key, Algorithm::ES256).unwrap();
        format!("{signed}.{signature}")
    };
    let plain = json!({"alg": "ES256", "typ": "JWT", "kid": "m1"});
    let claims = good("h").to_string();
    let twice = claims.replacen('{', "{\"jti\":\"other\",", 1);
    let unsigned = raw(plain.clone(), &claims);
    let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
    for (jwt, why) in [
        (head(&|header| header.kid = None), "wrong_format"),
        (head(&|header| header.kid = Some("m2".to_owned())), "unknown_key"),
        (head(&|header| header.kid = Some("' OR 1=1 --".to_owned())), "unknown_key"),
        (head(&|header| header.kid = Some("k".repeat(5000))), "wrong_format"),
        (head(&|header| header.typ = None), "wrong_format"),
        (head(&|header| header.typ = Some("at+jwt".to_owned())), "wrong_format"),
        (head(&|header| header.jku = Some("http://127.0.0.1/keys".to_owned())), "wrong_format"),
        (head(&|header| header.x5u = Some("http://127.0.0.1/keys".to_owned())), "wrong_format"),
        (head(&|header| header.x5c = Some(vec!["AAAA".to_owned()])), "wrong_format"),
        (raw(changed(&plain, "crit", json!(["exp"])), &claims), "wrong_format"),
        (raw(changed(&plain, "b64", json!(false)), &claims), "wrong_format"),
        (raw(changed(&plain, "alg", json!("none")), &claims), "wrong_format"),
        (raw(changed(&plain, "alg", json!("RS256")), &claims), "wrong_signature"),
        (raw(plain, &twice), "wrong_format"),
        (encode(&own, &good("h"), &foreign).unwrap(), "wrong_signature"),
        (unsigned.to_owned(), "wrong_signature"),
        ("x".to_owned(), "wrong_format"),
        (format!("{}.", "A".repeat(9000)), "wrong_format"),
    ] {
        let answer = signer.send("POST", LOOKUP, &jwt, &digest, &body);
        refused(&answer, "invalid_signature", why);
    }
    // Nothing of that was the message of this name.
    signer.send("POST", LOOKUP, &signer.sign(&good("h")), &digest, &body).expect(200);

    // Without one, with two, or with headers twice.
    refused(&signer.client.post(LOOKUP, json!({})), "invalid_signature", "missing");
    let jwt = signer.sign(&good("two"));
    let media = ("content-type", "application/json");
    let (one, sum) = (("agid-jwt-signature", jwt.as_str()), ("digest", digest.as_str()));
    let answer = signer.client.send("POST", LOOKUP, &[media, one, one, sum], body.clone());
    refused(&answer, "invalid_signature", "missing");
    let answer = signer.client.send("POST", LOOKUP, &[media, one, sum, sum], body.clone());
    refused(&answer, "invalid_signature", "wrong_content");
    let answer = signer.client.send("POST", LOOKUP, &[media, one], body.clone());
    refused(&answer, "invalid_signature", "wrong_content");
    // Nothing of these was used up.
    signer.client.send("POST", LOOKUP, &[media, one, sum], body).expect(200);
    // What has no effect needs no signature, and may have one.
    signer.client.get("/v1/calls").expect(200);
    refused(&signer.client.send("GET", "/v1/calls", &[one], ""), "invalid_signature", "wrong_content");
}

#[test]
fn a_body_that_is_not_what_was_signed_has_no_effect() {
    let world = World::new();
    let signer = Signer::new(&world.service, "signer", INTEGRITY);
    let body = world.partnership_body("signed").to_string();
    let altered = body.replace("\"signed\"", "\"forged\"");
    assert_ne!(body, altered);
    let digest = digest_of(body.as_bytes());
    let path = "/v1/partnerships";
    let jwt = signer.sign(&signer.signed("a1", &body));
    refused(&signer.send("POST", path, &jwt, &digest, &altered), "invalid_signature", "wrong_content");
    assert_eq!(world.operator.all(path), Vec::<Value>::new());
    let jwt = signer.sign(&signer.signed("a2", &body));
    let made = signer.send("POST", path, &jwt, &digest, &body).expect(201).json();
    // A deletion has an empty body, and its digest.
    let jwt =
        signer.sign(&changed(&signer.claims("signer", "a3"), "signed_headers", json!([{"digest": digest_of(b"")}])));
    let (path, tag) = (format!("{path}/{}", made["id"].as_str().unwrap()), format!("\"{}\"", made["version"]));
    let unsigned = signer.client.send("DELETE", &path, &[("if-match", &tag)], "");
    refused(&unsigned, "invalid_signature", "missing");
    let empty = digest_of(b"");
    // One that was signed for a body is good for none.
    let other =
        signer.sign(&changed(&signer.signed("a4", "{}"), "signed_headers", json!([{"digest": digest_of(b"{}")}])));
    let sum = digest_of(b"{}");
    let headers = [("if-match", tag.as_str()), ("agid-jwt-signature", &other), ("digest", &sum)];
    refused(&signer.client.send("DELETE", &path, &headers, ""), "invalid_signature", "wrong_content");
    world.operator.get(&path).expect(200);
    let headers = [("if-match", tag.as_str()), ("agid-jwt-signature", &jwt), ("digest", &empty)];
    signer.client.send("DELETE", &path, &headers, "").expect(204);

    // An import is read while it comes: it is taken back where its end shows that it is another.
    let line = |name: usize| {
        let body = world.partnership_body(&format!("p{name}"));
        json!({"type": "partnership", "external_id": format!("p{name}"), "data": body}).to_string()
    };
    let lines: String = (0..3000).map(|name| line(name) + "\n").collect();
    let altered = lines.replacen("p2999", "q2999", 2);
    let media = "application/x-ndjson";
    let signed = |jti: &str, name: &str, value: &str| {
        let headers = json!([{name: value}, {"content-type": media}]);
        signer.sign(&changed(&signer.claims("signer", jti), "signed_headers", headers))
    };
    let digest = digest_of(lines.as_bytes());
    let jwt = signed("i1", "digest", &digest);
    let headers = [("content-type", media), ("agid-jwt-signature", &jwt), ("digest", &digest)];
    let answer = signer.client.send("POST", "/v1/imports", &headers, altered);
    refused(&answer, "invalid_signature", "wrong_content");
    assert_eq!(world.operator.all("/v1/imports"), Vec::<Value>::new());
    assert_eq!(world.operator.all("/v1/partnerships"), Vec::<Value>::new());
    // By the header of RFC 9530 as well.
    let structured = format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(&lines)));
    let jwt = signed("i2", "content-digest", &structured);
    let headers = [("content-type", media), ("agid-jwt-signature", &jwt), ("content-digest", &structured)];
    let import = signer.client.send("POST", "/v1/imports", &headers, lines);
    assert!([200, 202].contains(&import.status), "{import}");
}

fn evidence(signer: &Signer, id: &str, jti: &str) -> Value {
    let mut claims = signer.claims(id, jti);
    for (name, value) in
        [("purposeId", PURPOSE), ("userID", "clerk-7"), ("userLocation", "desk-3"), ("LoA", "substantial")]
    {
        claims[name] = json!(value);
    }
    claims
}

#[test]
fn whoever_reads_or_writes_says_on_whose_behalf() {
    let world = World::new();
    let signer = Signer::new(&world.service, "clerks", Demands { integrity: false, audit: true });
    let get = |jwt: &str| signer.client.send("GET", "/v1/participants", &[("agid-jwt-trackingevidence", jwt)], "");
    let good = |jti: &str| evidence(&signer, "clerks", jti);
    get(&signer.sign(&good("e1"))).expect(200);
    refused(&get(&signer.sign(&good("e1"))), "invalid_tracking_evidence", "replayed");
    refused(&signer.client.get("/v1/participants"), "invalid_tracking_evidence", "missing");
    let code = worker(3);
    let now = world.service.clock.now().timestamp();
    let hostile = [
        ("purposeId", Value::Null, "wrong_format"),
        ("userID", Value::Null, "wrong_format"),
        ("userLocation", Value::Null, "wrong_format"),
        ("LoA", Value::Null, "wrong_format"),
        ("userID", json!(""), "wrong_format"),
        ("userID", json!("a\u{0}b"), "wrong_format"),
        ("userID", json!(code), "personal_data"),
        ("userLocation", json!(format!("at {code}")), "personal_data"),
        ("iat", json!(now - 301), "not_in_time"),
        ("exp", json!(now - 6), "not_in_time"),
        ("aud", json!("x"), "wrong_audience"),
        ("iss", json!("signer"), "wrong_issuer"),
    ];
    for (number, (name, value, why)) in hostile.into_iter().enumerate() {
        let jwt = signer.sign(&changed(&good(&format!("hostile-{number}")), name, value));
        let answer = get(&jwt);
        refused(&answer, "invalid_tracking_evidence", why);
        assert!(!answer.to_string().contains(&code));
    }
    let jwt = encode(&header(Algorithm::ES256, "m1"), &good("e2"), &ec_key("m1").0).unwrap();
    refused(&get(&jwt), "invalid_tracking_evidence", "wrong_signature");

    // It stands in the audit log, with what is read and with what is written, also by an import that goes on later.
    let lookup = json!({"tax_code": worker(3)}).to_string();
    let jwt = signer.sign(&good("e3"));
    let (media, told) = (("content-type", "application/json"), ("agid-jwt-trackingevidence", jwt.as_str()));
    signer.client.send("POST", LOOKUP, &[media, told], lookup).expect(200);
    let line = json!({"type": "partnership", "external_id": "p1", "data": world.partnership_body("p1")});
    let jwt = signer.sign(&good("e4"));
    let media = ("content-type", "application/x-ndjson");
    let headers = [media, ("prefer", "respond-async"), ("agid-jwt-trackingevidence", jwt.as_str())];
    signer.client.send("POST", "/v1/imports", &headers, format!("{line}\n")).expect(202);
    let written = || world.auditor.all("/v1/audit-events?client=clerks&operation=send_import");
    let end = Instant::now() + Duration::from_secs(10);
    while written().is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    let events = world.auditor.all("/v1/audit-events?client=clerks");
    assert!(written().len() == 1 && events.len() == 2, "{events:?}");
    for event in events {
        assert_eq!(event["purpose"], PURPOSE);
        assert_eq!(event["on_behalf_of"], json!({"user": "clerk-7", "location": "desk-3", "assurance": "substantial"}));
    }
}

#[test]
fn evidence_that_a_voucher_names_comes_with_each_of_its_requests() {
    let (key, jwk) = rsa_key("m1", "RS256", 2048);
    let issuer = Issuer::start(rsa_key("client", "RS256", 2048).1);
    let folder = tempfile::tempdir().unwrap();
    let mut services =
        json!([{"eservice_id": "", "descriptor_ids": [""], "producer_id": "", "audit": true, "integrity": true}]);
    let claims = Issuer::claims();
    for (name, claim) in [("eservice_id", "eserviceId"), ("producer_id", "producerId")] {
        services[0][name] = claims[claim].clone();
    }
    services[0]["descriptor_ids"][0] = claims["descriptorId"].clone();
    let file = issuer.file(folder.path(), json!({"eservices": services}));
    let service = Service::start_with_flags(&["--issuers-file", &file]);
    let keys = read_keys(&json!({"keys": [jwk]}).to_string()).unwrap();
    let tax_code = synthetic::organisation(1_000_001, 15);
    let external = External { issuer: NAME.to_owned(), subject: CONSUMER.to_owned() };
    let credentials = Credentials::External(external);
    let new = Registration {
        keys: &keys,
        ..Registration::new("consumer", Role::Operator, &tax_code, "consumer", credentials)
    };
    admin::register(&mut service.database.connect(), &context(service.clock.clone()), new).unwrap();

    let sign = |claims: &Value| encode(&header(Algorithm::RS256, "m1"), claims, &key).unwrap();
    let said = |jti: &str| {
        let now = Clock::System.now().timestamp();
        json!({"iss": CLIENT, "aud": AUDIENCE, "iat": now, "exp": now + 600, "jti": jti, "purposeId": PURPOSE,
            "userID": "clerk-7", "userLocation": "desk-3", "LoA": 2})
    };
    let voucher = |evidence: Option<&str>| {
        let mut claims = Issuer::claims();
        if let Some(evidence) = evidence {
            let digest: String = Sha256::digest(evidence).iter().map(|byte| format!("{byte:02x}")).collect();
            claims["digest"] = json!({"alg": "SHA256", "value": digest});
        }
        service.bearer(&issuer.sign(&claims))
    };
    let get = |client: &Client, jwt: &str| client.send("GET", "/v1/calls", &[("agid-jwt-trackingevidence", jwt)], "");
    // AUDIT_REST_02: the voucher is bound to the evidence, which comes with all of its requests, however old it has become.
    let mut older = said("bound");
    older["iat"] = json!(older["iat"].as_i64().unwrap() - 400);
    let bound = sign(&older);
    let client = voucher(Some(&bound));
    let end = Instant::now() + Duration::from_secs(10);
    while get(&client, &bound).status == 401 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    for _ in 0..3 {
        get(&client, &bound).expect(200);
    }
    let other = sign(&said("other"));
    refused(&get(&client, &other), "invalid_tracking_evidence", "not_of_the_token");
    refused(&client.get("/v1/calls"), "invalid_tracking_evidence", "missing");
    // AUDIT_REST_01: a voucher that names none.
    let plain = voucher(None);
    get(&plain, &other).expect(200);
    refused(&get(&plain, &other), "invalid_tracking_evidence", "replayed");
    refused(&get(&plain, &bound), "invalid_tracking_evidence", "not_in_time");
    let purpose = sign(&changed(&said("purpose"), "purposeId", json!("another")));
    refused(&get(&plain, &purpose), "invalid_tracking_evidence", "wrong_purpose");
    // A voucher whose digest is none is no voucher.
    let mut claims = Issuer::claims();
    claims["digest"] = json!({"alg": "MD5", "value": "00"});
    service.bearer(&issuer.sign(&claims)).get("/v1/calls").expect(401);
    // The e-service demands signatures as well, of what has an effect.
    let body = json!({"tax_code": worker(1)}).to_string();
    let media = ("content-type", "application/json");
    let unsigned = client.send("POST", LOOKUP, &[media, ("agid-jwt-trackingevidence", &bound)], body.clone());
    refused(&unsigned, "invalid_signature", "missing");
    let digest = digest_of(body.as_bytes());
    let headers = json!([{"digest": digest}, {"content-type": "application/json"}]);
    let jwt = sign(&changed(&said("signed"), "signed_headers", headers));
    let headers =
        [media, ("agid-jwt-trackingevidence", &bound), ("agid-jwt-signature", &jwt), ("digest", digest.as_str())];
    client.send("POST", LOOKUP, &headers, body).expect(200);
}

#[test]
fn answers_are_signed_for_whoever_prefers_it() {
    let world = World::new();
    let signer = Signer::new(&world.service, "signer", INTEGRITY);
    let keys = world.operator.get("/.well-known/jwks.json").json()["keys"].as_array().unwrap().clone();
    let read = |answer: &Answer, audience: &str| {
        let jwt = answer.header("agid-jwt-signature").unwrap();
        let kid = jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap();
        let jwk: Jwk =
            serde_json::from_value(keys.iter().find(|key| key["kid"] == kid.as_str()).unwrap().clone()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_audience(&[audience]);
        validation.set_issuer(&["http://test.invalid"]);
        let claims = decode::<Value>(jwt, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap().claims;
        assert_eq!(answer.header("digest"), Some(digest_of(&answer.body).as_str()));
        assert_eq!(answer.header("preference-applied"), Some("agid-signature"));
        assert_eq!(claims["signed_headers"][0]["digest"], digest_of(&answer.body));
        assert_eq!(claims["signed_headers"][1]["content-type"].as_str(), answer.header("content-type"));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        claims
    };
    let prefer = ("prefer", "agid-signature");
    // Plain clients can have them too. What was not signed names no request.
    for path in ["/v1/calls", "/v1/participants/none"] {
        let claims = read(&world.operator.send("GET", path, &[prefer], ""), "operator-1");
        assert_eq!(claims["request_digest"], Value::Null);
    }
    assert_eq!(world.operator.get("/v1/calls").header("agid-jwt-signature"), None);
    let body = json!({"tax_code": worker(1)}).to_string();
    let (jwt, digest) = (signer.sign(&signer.signed("p1", &body)), digest_of(body.as_bytes()));
    let media = ("content-type", "application/json");
    let headers = [media, prefer, ("agid-jwt-signature", jwt.as_str()), ("digest", digest.as_str())];
    let answer = signer.client.send("POST", LOOKUP, &headers, body.clone()).expect(200);
    let claims = read(&answer, "signer");
    assert_eq!(claims["request_digest"], digest.as_str());
    // A refusal is an answer. And an answer is no token.
    let again = signer.client.send("POST", LOOKUP, &headers, body).expect(400);
    read(&again, "signer");
    world.service.bearer(answer.header("agid-jwt-signature").unwrap()).get("/v1/calls").expect(401);
    // What is written while it is worked out says that it is not signed.
    let export = world.operator.send("GET", "/v1/exports/calls", &[prefer], "").expect(200);
    assert_eq!(export.header("preference-applied"), None);
}

#[test]
fn plain_clients_sign_nothing_and_a_profile_that_is_taken_back_demands_nothing() {
    let world = World::new();
    let junk = [
        ("content-type", "application/json"),
        ("agid-jwt-signature", "junk"),
        ("agid-jwt-trackingevidence", "junk"),
        ("digest", "MD5=junk"),
    ];
    let body = json!({"tax_code": worker(1)}).to_string();
    world.operator.send("POST", LOOKUP, &junk, body).expect(200);
    let signer = Signer::new(&world.service, "signer", Demands { integrity: true, audit: true });
    // The service itself is no message's addressee.
    signer.client.get("/status").expect(200);
    let mut conn = world.service.database.connect();
    conn.batch_execute("DELETE FROM client_key WHERE client_id = 'signer'").unwrap();
    let code = || {
        let jwt = signer.sign(&evidence(&signer, "signer", "k"));
        let answer = signer.client.send("GET", "/v1/calls", &[("agid-jwt-trackingevidence", &jwt)], "");
        (answer.status, answer.status == 400 && answer.has("Agid-JWT-TrackingEvidence", "unknown_key"))
    };
    let end = Instant::now() + Duration::from_secs(5);
    while code() != (400, true) {
        assert!(Instant::now() < end, "a key that is gone is good for nothing within seconds");
        std::thread::sleep(Duration::from_millis(50));
    }
    conn.batch_execute("UPDATE client SET demands_integrity = false, demands_audit = false WHERE id = 'signer'")
        .unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while signer.client.post(LOOKUP, json!({"tax_code": worker(1)})).status != 200 {
        assert!(Instant::now() < end, "it is demanded still");
        std::thread::sleep(Duration::from_millis(50));
    }
}
