//! Tokens of other authorities: vouchers of PDND and plain OAuth tokens, and authorities that are away, change their keys or lie.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, EncodingKey, encode};
use ricolloca::admin::{self, Credentials, Registration};
use ricolloca::identifiers::synthetic;
use ricolloca::identity::store::External;
use ricolloca::identity::{Role, issuers};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::Service;
use crate::support::issuer::{
    AUDIENCE, CLIENT, CONSUMER, DESCRIPTOR, ESERVICE, Issuer, NAME, PRODUCER, PURPOSE, Reply,
};
use crate::support::service::context;
use crate::support::signing::{claims_at, ec_key, header, rsa_key};
use crate::support::world::worker;

/// A service that knows an authority, and a client of it, the consumer.
struct Known {
    service: Service,
    issuer: Issuer,
    client_key: EncodingKey,
    _folder: tempfile::TempDir,
}

impl Known {
    fn with(changes: Value) -> Self {
        let (client_key, jwk) = rsa_key("client", "RS256", 2048);
        let issuer = Issuer::start(jwk);
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start_with_flags(&["--issuers-file", &issuer.file(folder.path(), changes)]);
        let known = Self { service, issuer, client_key, _folder: folder };
        known.register("consumer", CONSUMER, Role::Operator);
        known
    }

    fn new() -> Self {
        let known = Self::with(json!({}));
        assert!(within(10, || known.status(&Issuer::claims()) == 200), "its client is known within seconds");
        known
    }

    fn register(&self, id: &str, subject: &str, role: Role) {
        let tax_code = synthetic::organisation(1_000_001, 15);
        let external = External { issuer: NAME.to_owned(), subject: subject.to_owned() };
        let context = context(self.service.clock.clone());
        let mut conn = self.service.database.connect();
        let new = Registration::new(id, role, &tax_code, id, Credentials::External(external));
        admin::register(&mut conn, &context, new).unwrap();
    }

    fn status(&self, claims: &Value) -> u16 {
        self.ask(&self.issuer.sign(claims))
    }

    fn ask(&self, token: &str) -> u16 {
        self.service.bearer(token).get("/v1/calls?limit=1").status
    }
}

fn within(seconds: u64, is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = Issuer::claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = Issuer::claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Signs a header and claims as they stand, whatever they are.
fn sign(header: &Value, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(&header.to_string()), part(claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

#[test]
fn a_voucher_is_good_for_its_consumer_and_says_what_for() {
    let known = Known::new();
    // As its client does it: an assertion for the authority, a voucher for us.
    let mut asked = claims_at(&known.service.clock, "one", 60);
    asked["purposeId"] = json!(PURPOSE);
    let assertion = encode(&header(Algorithm::RS256, "client"), &asked, &known.client_key).unwrap();
    let voucher = known.issuer.voucher(&assertion).expect(200).json()["access_token"].as_str().unwrap().to_owned();
    let consumer = known.service.bearer(&voucher);
    for _ in 0..3 {
        consumer.get("/v1/calls?limit=1").expect(200);
    }
    // It is an operator, with what operators may do and no more.
    assert_eq!(consumer.get("/v1/audit-events").expect(403).code(), "insufficient_scope");
    let line = json!({"kind": "partnership", "external_id": "none", "body": {}});
    let headers = [("content-type", "application/x-ndjson")];
    let import = consumer.send("POST", "/v1/imports", &headers, format!("{line}\n"));
    assert!([200, 201, 202].contains(&import.status), "{import}");
    let looked = json!({"tax_code": worker(7)});
    consumer.post("/v1/participants/lookup", looked).expect(200);
    let auditor = known.service.client("auditor");
    // Entries are listed once they are sealed. One that finds nobody is one as well.
    assert!(within(10, || !auditor.all("/v1/audit-events?client=consumer").is_empty()));
    let events = auditor.all("/v1/audit-events?client=consumer");
    assert!(events.iter().all(|event| event["purpose"] == PURPOSE), "{events:?}");
    // Tokens of ours say no purpose.
    let events = auditor.all("/v1/audit-events?client=auditor");
    assert!(events.iter().all(|event| event["purpose"].is_null()), "{events:?}");
    // Its own tokens are the only ones it has.
    let secret = [("grant_type", "client_credentials"), ("client_id", "consumer"), ("client_secret", "")];
    assert_eq!(known.service.token(&secret).expect(401).code(), "invalid_client");
    let metadata = known.service.anonymous().get("/.well-known/oauth-protected-resource/v1").expect(200).json();
    assert_eq!(metadata["authorization_servers"], json!(["http://test.invalid", NAME]));
    // Another client of the same consumer is the same to us; PDND names several audiences in one text.
    for good in [
        with("aud", json!(format!("https://other.test.invalid/v1,{AUDIENCE}"))),
        with("aud", json!(format!("{AUDIENCE}, https://other.test.invalid/v1"))),
        with("aud", json!([AUDIENCE])),
        with("dnonce", json!("whatever else PDND says")),
    ] {
        assert_eq!(known.status(&good), 200, "{good}");
    }
    let mut another = Issuer::claims();
    (another["sub"], another["client_id"]) = (json!("another"), json!("another"));
    assert_eq!(known.status(&another), 200);
    // Revoked, it is refused within seconds, whatever its authority says.
    let mut conn = known.service.database.connect();
    assert!(ricolloca::identity::store::revoke_client(&mut conn, "consumer", known.service.clock.now()).unwrap());
    assert!(within(10, || known.ask(&voucher) == 401));
}

#[test]
fn an_e_service_is_good_for_its_part_only() {
    let service = |id: &str, scopes: Value| json!({"eservice_id": id, "descriptor_ids": ["1", "2"], "producer_id": PRODUCER, "scopes": scopes});
    let known = Known::with(json!({"eservices": [
        service("pull", json!("changes.read calls.read")), service("push", json!("organisations.read"))
    ]}));
    let voucher = |eservice: &str, descriptor: &str| {
        let mut claims = with("eserviceId", json!(eservice));
        claims["descriptorId"] = json!(descriptor);
        known.issuer.sign(&claims)
    };
    assert!(within(10, || known.ask(&voucher("pull", "2")) == 200));
    let pull = known.service.bearer(&voucher("pull", "1"));
    pull.get("/v1/changes").expect(200);
    assert_eq!(pull.get("/v1/organisations").expect(403).code(), "insufficient_scope");
    let push = known.service.bearer(&voucher("push", "1"));
    push.get("/v1/organisations").expect(200);
    assert_eq!(push.get("/v1/changes").expect(403).code(), "insufficient_scope");
    assert_eq!(known.ask(&voucher("push", "3")), 401);
}

#[test]
fn no_voucher_that_is_not_right_is_accepted() {
    let known = Known::new();
    // A key that signs whatever this test has it sign.
    let (key, jwk) = rsa_key("k1", "RS256", 2048);
    known.issuer.use_keys(vec![(key.clone(), jwk)]);
    assert!(within(10, || known.status(&Issuer::claims()) == 200));
    let now = known.service.clock.now().timestamp();
    let mut forged: Vec<(String, String)> = Vec::new();
    // Claims.
    for name in [
        "iss",
        "aud",
        "sub",
        "client_id",
        "exp",
        "nbf",
        "jti",
        "purposeId",
        "consumerId",
        "producerId",
        "eserviceId",
        "descriptorId",
    ] {
        forged.push((format!("no {name}"), known.issuer.sign(&without(name))));
        for value in [json!(null), json!(""), json!("another"), json!({}), json!([]), json!(true), json!(-1)] {
            // Any name will do for the token and what it is for, as long as it is one.
            let free = ["jti", "purposeId"].contains(&name) && value == "another";
            if !free {
                forged.push((format!("{name} {value}"), known.issuer.sign(&with(name, value))));
            }
        }
    }
    for (name, value) in [
        ("aud", json!(format!("{AUDIENCE}/"))),
        ("aud", json!(format!("x{AUDIENCE}"))),
        ("aud", json!([format!("https://x.invalid,{AUDIENCE}")])),
        ("aud", json!(",")),
        ("iss", json!("http://test.invalid")),
        ("iss", json!(format!("{NAME}/"))),
        ("iss", json!([NAME])),
        ("sub", json!(CONSUMER)),
        ("jti", json!("a\u{0}b")),
        ("jti", json!("j".repeat(5000))),
        ("purposeId", json!("p\n")),
        ("consumerId", json!(CLIENT)),
        ("consumerId", json!("a\nb")),
        ("exp", json!(now - 10)),
        ("exp", json!(now + 90_000)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(9.3e18)),
        ("exp", json!((now + 60).to_string())),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now - 90_000)),
        ("nbf", json!(now.to_string())),
        ("iat", json!(now + 60)),
        ("iat", json!(-1)),
        ("iat", json!("now")),
    ] {
        forged.push((format!("{name} {:.40}", value.to_string()), known.issuer.sign(&with(name, value))));
    }
    // Headers and signatures.
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let claims = Issuer::claims().to_string();
    let raw = |header: Value| format!("{}.{}", part(header.to_string().as_bytes()), part(claims.as_bytes()));
    let plain = json!({"alg": "RS256", "typ": "at+jwt", "kid": "k1"});
    let good = sign(&plain, &claims, &key, Algorithm::RS256);
    let changed = |name: &str, value: Value| {
        let mut header = plain.clone();
        header[name] = value;
        header
    };
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("PS256")),
        ("alg", json!("RS512")),
        ("alg", json!(null)),
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("kid", json!("../../k1")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("http://127.0.0.1:1/jwks.json")),
        ("kid", json!("k".repeat(4000))),
        ("kid", json!(["k1"])),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("x5u", json!("http://127.0.0.1:1/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("jwk", known.issuer.set()["keys"][0].clone()),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("use", json!("enc")),
    ] {
        // It is the header that is wrong, and not its signature.
        let header = changed(name, value);
        forged.push((format!("header {name}"), sign(&header, &claims, &key, Algorithm::RS256)));
        forged.push((format!("header {name}, unsigned"), format!("{}.", raw(header))));
    }
    // What the same key signs in another way than it is published for.
    for (name, algorithm) in [("PS256", Algorithm::PS256), ("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512)] {
        let header = changed("alg", json!(name));
        forged.push((format!("signed by {name}"), sign(&header, &claims, &key, algorithm)));
        forged.push((format!("signed by {name}, not told"), sign(&plain, &claims, &key, algorithm)));
    }
    let published = known.issuer.set()["keys"][0].clone();
    for secret in [published["n"].as_str().unwrap().as_bytes(), published.to_string().as_bytes(), b""] {
        let head = raw(json!({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(head.as_bytes());
        forged.push(("HS256 with the public key".to_owned(), format!("{head}.{}", part(&mac.finalize().into_bytes()))));
    }
    let (stranger, _) = rsa_key("k1", "RS256", 2048);
    let strange = encode(&Issuer::header("k1"), &Issuer::claims(), &stranger).unwrap();
    forged.push(("another key".to_owned(), strange));
    let (curve, _) = ec_key("k1");
    let mut curved = Issuer::header("k1");
    curved.alg = Algorithm::ES256;
    forged.push(("another kind of key".to_owned(), encode(&curved, &Issuer::claims(), &curve).unwrap()));
    for (name, value) in [("consumerId", CONSUMER), ("iss", NAME), ("iss", "x"), ("aud", "x")] {
        let twice = claims.replacen('{', &format!("{{\"{name}\":\"{value}\","), 1);
        forged.push((format!("{name} twice"), sign(&plain, &twice, &key, Algorithm::RS256)));
    }
    // Another authority that a token names, and that has the key it is signed with.
    let elsewhere = Issuer::start(json!({}));
    let (evil, evil_jwk) = rsa_key("evil", "RS256", 2048);
    elsewhere.use_keys(vec![(evil.clone(), evil_jwk.clone())]);
    let url = format!("{}/jwks.json", elsewhere.url);
    for kid in ["evil", "k1"] {
        for (name, value) in [("jku", json!(url)), ("x5u", json!(url)), ("jwk", evil_jwk.clone()), ("kid", json!(url))]
        {
            let mut header = changed("kid", json!(kid));
            header[name] = value;
            forged.push((format!("{name} of elsewhere, kid {kid}"), sign(&header, &claims, &evil, Algorithm::RS256)));
        }
    }
    let of_elsewhere = with("iss", json!(elsewhere.url)).to_string();
    let header = changed("kid", json!("evil"));
    forged.push(("iss of elsewhere".to_owned(), sign(&header, &of_elsewhere, &evil, Algorithm::RS256)));
    forged.push(("cut off".to_owned(), good[..good.len() - 2].to_owned()));
    forged.push(("of four parts".to_owned(), format!("{good}.x")));
    forged.push(("too long".to_owned(), format!("{good}{}", "A".repeat(8000))));
    assert!(forged.len() >= 120, "{}", forged.len());
    for (name, token) in forged {
        let answer = known.service.bearer(&token).get("/v1/calls?limit=1");
        assert_eq!(answer.status, 401, "{name}: {answer}");
        assert_eq!(answer.code(), "unauthenticated");
        assert!(answer.header("www-authenticate").unwrap().contains("resource_metadata="));
    }
    assert_eq!(elsewhere.asked(), 0, "no URL is taken from a token");
    assert_eq!(known.ask(&good), 200, "and the right one still is");
}

#[test]
fn keys_of_an_authority_come_and_go_and_are_not_asked_for_too_often() {
    let known = Known::new();
    let old = known.issuer.sign(&Issuer::claims());
    // A new key beside the old one: known with its first token, as soon as keys may be asked for again.
    let (first, second) = (rsa_key("k2", "RS256", 2048), rsa_key("k3", "RS256", 2048));
    std::thread::sleep(Duration::from_millis(1100));
    let published = known.issuer.set()["keys"][0].clone();
    let (unused, _) = rsa_key("k1", "RS256", 2048);
    known.issuer.use_keys(vec![(unused, published), first]);
    assert_eq!(known.status(&Issuer::claims()), 200, "asked for at once");
    assert_eq!(known.ask(&old), 200);
    // Names of keys that nobody has, from many: the authority is asked once in a while.
    let (key, _) = &second;
    let before = known.issuer.asked();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let known = &known;
            scope.spawn(move || {
                for number in 0..25 {
                    let header = Issuer::header(&format!("none-{thread}-{number}"));
                    assert_eq!(known.ask(&encode(&header, &Issuer::claims(), key).unwrap()), 401);
                }
            });
        }
    });
    // Once a second for these, and once in two seconds in any case.
    let most = 2 * (begun.elapsed().as_secs() as usize + 2);
    let asked = known.issuer.asked() - before;
    assert!(asked <= most, "{asked} times in {:?}", begun.elapsed());
    // What it withdraws is refused once its keys are fetched again, asked for or not.
    known.issuer.use_keys(vec![second]);
    assert!(within(10, || known.ask(&old) == 401));
    assert!(within(10, || known.status(&Issuer::claims()) == 200));
    // An empty set says that none is good any more.
    let last = known.issuer.sign(&Issuer::claims());
    known.issuer.reply(Reply::Raw(200, String::new(), br#"{"keys":[]}"#.to_vec()));
    assert!(within(10, || known.ask(&last) == 401));
}

#[test]
fn an_authority_that_is_away_is_nobodys_fault_here() {
    let known = Known::with(json!({"refresh_seconds": 1, "trust_seconds": 6}));
    let own = known.service.client("operator-1");
    let voucher = known.issuer.sign(&Issuer::claims());
    assert!(within(10, || known.ask(&voucher) == 200));
    for away in [Reply::Closed, Reply::Raw(500, String::new(), Vec::new()), Reply::Raw(404, String::new(), Vec::new())]
    {
        known.issuer.reply(away);
        let asked = known.issuer.asked();
        assert!(within(10, || known.issuer.asked() > asked + 1));
        assert_eq!(known.ask(&voucher), 200, "known keys are good for a while");
        known.issuer.reply(Reply::Keys);
        let asked = known.issuer.asked();
        assert!(within(10, || known.issuer.asked() > asked + 1));
    }
    known.issuer.reply(Reply::Closed);
    let asked = known.issuer.asked();
    assert!(within(10, || known.issuer.asked() > asked));
    let (key, _) = rsa_key("new", "RS256", 2048);
    let unknown = encode(&Issuer::header("new"), &Issuer::claims(), &key).unwrap();
    let answer = known.service.bearer(&unknown).get("/v1/calls").expect(503);
    assert_eq!(answer.code(), "unavailable", "it may be good: nobody can tell");
    assert!(answer.header("retry-after").is_some());
    // Not for ever: a key that leaked could not be withdrawn.
    assert!(within(20, || known.ask(&voucher) == 503));
    own.get("/v1/calls").expect(200);
    known.service.anonymous().get("/v1/calls").expect(401);
    known.service.bearer(&unknown).get("/health/live").expect(200);
    known.issuer.reply(Reply::Keys);
    assert!(within(10, || known.ask(&voucher) == 200));
}

#[test]
fn nothing_that_an_authority_answers_does_harm() {
    let known = Known::with(json!({"refresh_seconds": 1, "trust_seconds": 600}));
    let good = known.issuer.sign(&Issuer::claims());
    assert!(within(10, || known.ask(&good) == 200));
    let (key, jwk) = rsa_key("evil", "RS256", 2048);
    let evil = encode(&Issuer::header("evil"), &Issuer::claims(), &key).unwrap();
    let elsewhere = Issuer::start(json!({}));
    elsewhere.use_keys(vec![(key, jwk.clone())]);
    let set = |keys: Vec<Value>| Reply::Raw(200, String::new(), json!({"keys": keys}).to_string().into_bytes());
    let changed = |name: &str, value: Value| {
        let mut changed = jwk.clone();
        changed[name] = value;
        changed
    };
    let raw = |body: &str| Reply::Raw(200, String::new(), body.as_bytes().to_vec());
    let long =
        Reply::Raw(200, String::new(), format!("{{\"keys\":[{jwk}],\"x\":\"{}\"}}", "x".repeat(300_000)).into_bytes());
    for (name, reply) in [
        ("a redirect", Reply::Raw(302, format!("location: {}/jwks.json\r\n", elsewhere.url), Vec::new())),
        ("a redirect that stays", Reply::Raw(308, format!("location: {}/jwks.json\r\n", elsewhere.url), Vec::new())),
        ("too long", long),
        ("no JSON", raw("<html>maintenance</html>")),
        ("half", raw("{\"keys\":[")),
        ("a list", raw("[]")),
        ("deep", raw(&"[".repeat(100_000))),
        ("too many", set((0..101).map(|number| changed("kid", json!(format!("evil-{number}")))).collect())),
        ("two of one name", set(vec![jwk.clone(), jwk.clone()])),
        ("a private key", set(vec![changed("d", json!("AQAB"))])),
        ("a secret", set(vec![json!({"kty": "oct", "k": "AAAA", "kid": "evil", "alg": "HS256"})])),
        ("another algorithm", set(vec![changed("alg", json!("PS256"))])),
        ("for encryption", set(vec![changed("use", json!("enc"))])),
        ("a short key", set(vec![rsa_key("evil", "RS256", 1024).1])),
        ("no exponent", set(vec![changed("e", json!("AQ"))])),
        ("no name", set(vec![changed("kid", json!(""))])),
    ] {
        known.issuer.reply(reply);
        let asked = known.issuer.asked();
        assert!(within(10, || known.issuer.asked() > asked + 1), "{name}");
        let status = known.ask(&evil);
        assert!([401, 503].contains(&status), "{name}: {status}");
        // A set that says nothing of its own keys withdraws them only if it is one.
        if name != "for encryption" {
            assert_eq!(known.ask(&good), 200, "{name}");
        }
        known.issuer.reply(Reply::Keys);
        assert!(within(10, || known.ask(&good) == 200), "{name}");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
    // One that says nothing holds nobody up but those who wait for its keys.
    known.issuer.reply(Reply::Silence);
    let begun = Instant::now();
    assert_eq!(known.ask(&good), 200);
    assert!([401, 503].contains(&known.ask(&evil)));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn plain_tokens_of_other_authorities_have_the_scopes_they_say() {
    let known = Known::with(json!({"profile": "oauth", "eservices": [], "audience": "urn:ricolloca"}));
    known.register("partner", "their-client", Role::Dote);
    let claims = |scope: Value| {
        let now = known.service.clock.now().timestamp();
        json!({"iss": NAME, "aud": ["x", "urn:ricolloca"], "sub": "their-client", "client_id": "their-client",
               "iat": now, "exp": now + 300, "jti": "1", "scope": scope})
    };
    assert!(within(10, || known.status(&claims(json!("openid calls.read calls.write"))) == 200));
    let token = known.issuer.sign(&claims(json!("openid calls.read calls.write outcomes.read")));
    let partner = known.service.bearer(&token);
    assert_eq!(partner.get("/v1/organisations").expect(403).code(), "insufficient_scope", "not said");
    assert_eq!(partner.post("/v1/calls", json!({})).expect(403).code(), "insufficient_scope", "not for the role");
    partner.get("/v1/outcomes").expect(200);
    assert_eq!(known.status(&claims(json!("openid"))), 403);
    for (name, value) in [
        ("aud", json!("urn:ricolloca,x")),
        ("aud", json!(["urn:ricolloca,x"])),
        ("sub", json!("somebody")),
        ("exp", json!(1)),
        ("scope", json!(["calls.read"])),
    ] {
        let mut wrong = claims(json!("calls.read"));
        wrong[name] = value;
        assert_eq!(known.status(&wrong), 401, "{name} {}", wrong[name]);
    }
    // Keys of every algorithm that it may use, each for its own only.
    let (curve, point) = ec_key("ec");
    let (probabilistic, modulus) = rsa_key("ps", "PS256", 2048);
    let header = |algorithm, kid: &str| {
        let mut header = Issuer::header(kid);
        header.alg = algorithm;
        header
    };
    known.issuer.use_keys(vec![(curve.clone(), point), (probabilistic.clone(), modulus)]);
    let token = encode(&header(Algorithm::ES256, "ec"), &claims(json!("calls.read")), &curve).unwrap();
    assert!(within(10, || known.ask(&token) == 200));
    let token = encode(&header(Algorithm::PS256, "ps"), &claims(json!("calls.read")), &probabilistic).unwrap();
    assert_eq!(known.ask(&token), 200);
    let token = encode(&header(Algorithm::RS256, "ps"), &claims(json!("calls.read")), &probabilistic).unwrap();
    assert_eq!(known.ask(&token), 401);
}

#[test]
fn a_file_of_authorities_that_cannot_be_meant_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issuers.json");
    let eservice = json!({"eservice_id": ESERVICE, "descriptor_ids": [DESCRIPTOR], "producer_id": PRODUCER});
    let good =
        json!({"issuer": NAME, "jwks_url": "https://x.invalid/jwks", "profile": "pdnd", "eservices": [eservice]});
    let read = |issuers: Value| {
        std::fs::write(&file, json!({"issuers": issuers}).to_string()).unwrap();
        issuers::read(&file).map(|issuers| issuers.len()).map_err(|error| error.to_string())
    };
    assert_eq!(read(json!([good])), Ok(1));
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        json!([changed])
    };
    assert_eq!(read(with("jwks_url", json!("http://127.0.0.1:9/jwks"))), Ok(1));
    for (name, value, told) in [
        ("jwks_url", json!("http://x.invalid/jwks"), "https"),
        ("jwks_url", json!("file:///etc/passwd"), "https"),
        ("jwks_url", json!("nonsense"), "https"),
        ("issuer", json!(""), "characters"),
        ("profile", json!("saml"), "saml"),
        ("profile", json!("oauth"), "`eservices`"),
        ("eservices", json!([]), "`eservices`"),
        ("audience", json!("a,b"), "comma"),
        ("refresh_seconds", json!(0), "fetched"),
        ("trust_seconds", json!(1), "fetched"),
        ("jwk_url", json!("x"), "unknown field"),
    ] {
        let error = read(with(name, value)).unwrap_err();
        assert!(error.contains(told), "{name}: {error}");
    }
    let mut wrong = eservice;
    wrong["scopes"] = json!("calls.reed");
    assert!(read(with("eservices", json!([wrong]))).unwrap_err().contains("calls.reed"));
    assert!(read(json!([good, good])).unwrap_err().contains("twice"));
    let many: Vec<Value> = (0..10).map(|number| with("issuer", json!(format!("i{number}")))[0].clone()).collect();
    assert!(read(json!(many)).unwrap_err().contains("more than 9"));
    assert!(issuers::read(&folder.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
}
