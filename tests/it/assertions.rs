//! Clients that sign assertions instead of having a secret (RFC 7523), and what clients can discover by themselves.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ricolloca::clock::Clock;
use ricolloca::identity::assertion::ASSERTION_TYPE;
use ricolloca::identity::jwk::{KeyError, read_keys};
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::http::Answer;
use crate::support::signing::{TOKEN_URL, ask, claims, ec_key, header, register, rsa_key};

#[test]
fn an_assertion_is_good_for_one_token() {
    let service = Service::start();
    let keys = [
        (Algorithm::ES256, ec_key("ec")),
        (Algorithm::RS256, rsa_key("rs", "RS256", 2048)),
        (Algorithm::PS256, rsa_key("ps", "PS256", 2048)),
    ];
    let public: Vec<Value> = keys.iter().map(|(_, (_, jwk))| jwk.clone()).collect();
    register(&service, "signer", &public);
    for (algorithm, (key, jwk)) in &keys {
        let kid = jwk["kid"].as_str().unwrap();
        for (number, audience) in
            [json!(TOKEN_URL), json!("http://test.invalid"), json!(["x", TOKEN_URL])].into_iter().enumerate()
        {
            let mut claims = claims(&format!("{kid}-{number}"));
            claims["aud"] = audience;
            let assertion = encode(&header(*algorithm, kid), &claims, key).unwrap();
            let answer = ask(&service, &assertion).expect(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let token = answer.json()["access_token"].as_str().unwrap().to_owned();
            service.bearer(&token).get("/v1/calls").expect(200);
            assert_eq!(ask(&service, &assertion).expect(401).code(), "invalid_client", "used twice");
        }
    }
    // Many at once: one of them gets the token.
    let assertion = encode(&header(Algorithm::ES256, "ec"), &claims("race"), &keys[0].1.0).unwrap();
    let granted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&service, &assertion).status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(granted, 1);
    // The client has no secret to be guessed.
    let guess = [("grant_type", "client_credentials"), ("client_id", "signer"), ("client_secret", "")];
    assert_eq!(service.token(&guess).status, 401);
}

#[test]
fn whatever_else_is_sent_gets_the_answer_of_a_wrong_secret() {
    let service = Service::start();
    let (key, jwk) = ec_key("k");
    let (strange, _) = ec_key("k");
    let (rsa, rsa_jwk) = rsa_key("r", "RS256", 2048);
    register(&service, "signer", &[jwk.clone(), rsa_jwk]);
    register(&service, "other", &[ec_key("other").1]);
    let now = Clock::System.now().timestamp();
    let secret = EncodingKey::from_secret(jwk.to_string().as_bytes());

    let with = |name: &str, value: Value| {
        let mut claims = claims(name);
        claims[name] = value;
        encode(&header(Algorithm::ES256, "k"), &claims, &key).unwrap()
    };
    let without = |name: &str| {
        let mut claims = claims(name);
        claims.as_object_mut().unwrap().remove(name);
        encode(&header(Algorithm::ES256, "k"), &claims, &key).unwrap()
    };
    let headed = |change: fn(&mut Header)| {
        let mut header = header(Algorithm::ES256, "k");
        change(&mut header);
        encode(&header, &claims("headed"), &key).unwrap()
    };
    let raw = |header: Value, claims: Value| {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(&claims))
    };
    // Signed as it stands, whatever it is.
    let signed = |header: &Value, claims: &str| {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header.to_string()), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    };
    let plain = json!({"alg": "ES256", "kid": "k"});
    // The value as it stands: what no number of ours can be, and what is not even JSON.
    let written = |name: &str, value: &str| {
        let mut claims = claims(&format!("written {name}"));
        claims[name] = json!("here");
        signed(&plain, &claims.to_string().replace("\"here\"", value))
    };
    // A header that says more, over claims that are right.
    let saying = |name: &str, value: Value| {
        let mut header = plain.clone();
        header[name] = value;
        signed(&header, &claims(&format!("saying {name}")).to_string())
    };
    // Right in everything but its length.
    let long = |length: usize| {
        let mut claims = claims("long");
        claims["more"] = json!("x".repeat(length));
        encode(&header(Algorithm::ES256, "k"), &claims, &key).unwrap()
    };
    let good = encode(&header(Algorithm::ES256, "k"), &claims("good"), &key).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let hostile = [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(7999),
        "x".repeat(8001),
        "x".repeat(1_000_000),
        long(6000),
        long(700_000),
        raw(json!({"alg": "none", "kid": "k"}), claims("none")),
        raw(json!({"alg": "None", "kid": "k"}), claims("None")),
        saying("crit", json!(["exp"])),
        saying("crit", json!([])),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], BASE64_URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(claims("forged").to_string()), parts[2]),
        encode(&header(Algorithm::ES256, "k"), &claims("strange"), &strange).unwrap(),
        encode(&header(Algorithm::HS256, "k"), &claims("hs"), &secret).unwrap(),
        encode(&header(Algorithm::PS256, "r"), &claims("pinned"), &rsa).unwrap(),
        encode(&header(Algorithm::RS256, "k"), &claims("mixed"), &rsa).unwrap(),
        encode(&header(Algorithm::ES256, "other"), &claims("of another client"), &key).unwrap(),
        encode(&header(Algorithm::ES256, "../../k"), &claims("path"), &key).unwrap(),
        encode(&header(Algorithm::ES256, "k' OR '1'='1"), &claims("sql"), &key).unwrap(),
        encode(&Header::new(Algorithm::ES256), &claims("no kid"), &key).unwrap(),
        headed(|header| header.typ = Some("at+jwt".to_owned())),
        headed(|header| header.jku = Some("http://127.0.0.1:1/keys".to_owned())),
        headed(|header| header.x5u = Some("http://127.0.0.1:1/keys".to_owned())),
        headed(|header| header.cty = Some("JWT".to_owned())),
        saying("jwk", jwk),
        saying("x5c", json!(["AA"])),
        saying("x5t", json!("AAAA")),
        saying("b64", json!(false)),
        saying("zip", json!("DEF")),
        with("iss", json!("other")),
        with("sub", json!("other")),
        with("sub", json!("nobody")),
        raw(json!({"alg": "ES256", "kid": "k\u{0}"}), claims("nul")),
        raw(
            json!({"alg": "ES256", "kid": "k"}),
            json!({"iss": "s\u{0}", "sub": "s\u{0}", "aud": TOKEN_URL, "exp": now + 60, "jti": "nul"}),
        ),
        with("aud", json!("http://elsewhere.invalid/oauth/token")),
        with("aud", json!([])),
        with("aud", json!(format!("{TOKEN_URL},x"))),
        with("aud", json!(1)),
        with("exp", json!(now - 60)),
        with("exp", json!(now + 3600)),
        with("exp", json!((now + 60).to_string())),
        with("exp", json!(9_223_372_036_854_775_807_i64)),
        with("exp", json!(1e300)),
        with("exp", json!(-1)),
        with("exp", json!(-0.5)),
        with("exp", json!(now as f64 - 60.5)),
        with("exp", json!(now as f64 + 3600.5)),
        with("exp", json!(format!("{now}.5"))),
        with("exp", json!("NaN")),
        with("exp", json!([now + 60])),
        with("exp", json!(true)),
        with("exp", Value::Null),
        written("exp", "1e999"),
        written("exp", "NaN"),
        written("exp", "Infinity"),
        written("exp", "123456789012345678901234567890"),
        written("exp", "0x7fffffff"),
        with("iat", json!(now + 60)),
        with("iat", json!(now - 3600)),
        with("iat", json!(now as f64 + 60.5)),
        with("iat", json!(now as f64 - 3600.5)),
        with("iat", json!(-1)),
        with("iat", json!(now.to_string())),
        written("iat", "-1e999"),
        with("nbf", json!(now + 60)),
        with("nbf", json!(now as f64 + 60.5)),
        with("nbf", json!(-1)),
        with("nbf", json!(-1e300)),
        with("nbf", json!(now.to_string())),
        written("nbf", "NaN"),
        with("jti", json!("")),
        with("jti", json!("x".repeat(201))),
        with("jti", json!("a\u{0}b")),
        with("jti", json!(1)),
        without("iss"),
        without("sub"),
        without("aud"),
        without("exp"),
        without("jti"),
    ];
    let wrong_secret =
        service.token(&[("grant_type", "client_credentials"), ("client_id", "region"), ("client_secret", "x")]);
    let body = |answer: &Answer| {
        let mut json = answer.json();
        json["instance"] = Value::Null;
        json
    };
    for assertion in &hostile {
        let answer = ask(&service, assertion);
        assert_eq!(answer.status, 401, "{assertion}: {answer}");
        assert_eq!(body(&answer), body(&wrong_secret));
    }
    for credentials in ["a\0:x", ":", "", "region", "region:x"] {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        let headers = [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = service.anonymous().send("POST", "/oauth/token", &headers, "grant_type=client_credentials");
        assert_eq!((answer.status, body(&answer)), (401, body(&wrong_secret)), "{credentials:?}");
    }
    // A time with a fraction is right (RFC 7519, section 2); and what made the others wrong is not how they are written.
    for assertion in [
        with("exp", json!(now as f64 + 60.5)),
        with("iat", json!(now as f64 - 0.25)),
        with("nbf", json!(now as f64 - 0.75)),
        written("exp", &format!("{}.000001", now + 60)),
        saying("typ", json!("JWT")),
        long(5000),
    ] {
        ask(&service, &assertion).expect(200);
    }
    // What is not about the assertion is told.
    let form = [("grant_type", "client_credentials"), ("client_assertion", good.as_str())];
    assert_eq!(service.token(&form).expect(400).code(), "invalid_token_request");
    let twice = [
        ("grant_type", "client_credentials"),
        ("client_id", "region"),
        ("client_secret", "secret"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", good.as_str()),
    ];
    assert_eq!(service.token(&twice).expect(400).code(), "invalid_token_request");
    let named = [
        ("grant_type", "client_credentials"),
        ("client_id", "other"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", good.as_str()),
    ];
    assert_eq!(service.token(&named).status, 401);
    ask(&service, &good).expect(200);
}

#[test]
fn only_public_keys_that_are_fit_are_registered() {
    let (_, ec) = ec_key("k");
    let (_, short) = rsa_key("short", "RS256", 1024);
    let read = |key: Value| read_keys(&json!({"keys": [key]}).to_string()).map(drop);
    let with = |name: &str, value: Value| {
        let mut key = ec.clone();
        key[name] = value;
        key
    };
    assert_eq!(read(ec.clone()), Ok(()));
    assert_eq!(read_keys("{}"), Err(KeyError::NoSet));
    assert_eq!(read_keys(r#"{"keys": []}"#), Err(KeyError::NoSet));
    assert_eq!(read(with("d", json!("AA"))), Err(KeyError::Private("k".to_owned())));
    for unfit in [
        with("alg", json!("HS256")),
        with("alg", json!("RS256")),
        with("crv", json!("P-384")),
        with("x", json!("AA")),
        with("alg", Value::Null),
    ] {
        assert_eq!(read(unfit), Err(KeyError::Unfit("k".to_owned())));
    }
    assert_eq!(read(short.clone()), Err(KeyError::Unfit("short".to_owned())));
    // Zeros before a short modulus do not make it longer, and an exponent has to be one.
    let mut padded = short;
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(padded["n"].as_str().unwrap()).unwrap();
    padded["n"] = json!(BASE64_URL_SAFE_NO_PAD.encode([vec![0; 128], modulus].concat()));
    assert_eq!(read(padded), Err(KeyError::Unfit("short".to_owned())));
    let (_, rsa) = rsa_key("rsa", "PS256", 2048);
    assert_eq!(read(rsa.clone()), Ok(()));
    for exponent in ["AQ", "Ag", "AA", ""] {
        let mut key = rsa.clone();
        key["e"] = json!(exponent);
        assert_eq!(read(key), Err(KeyError::Unfit("rsa".to_owned())), "{exponent}");
    }
    let off_the_curve = with("y", json!(BASE64_URL_SAFE_NO_PAD.encode([7; 32])));
    assert_eq!(read(off_the_curve), Err(KeyError::Unfit("k".to_owned())));
    assert_eq!(read(with("kid", json!(""))), Err(KeyError::NoName));
    assert_eq!(read_keys(&json!({"keys": [ec, ec]}).to_string()).map(drop), Err(KeyError::NoName));
}

#[test]
fn metadata_says_what_the_service_does() {
    let service = Service::start();
    let anyone = service.anonymous();
    let local = |url: &Value| url.as_str().unwrap().strip_prefix("http://test.invalid").unwrap().to_owned();

    let challenge = anyone.get("/v1/calls").expect(401).header("www-authenticate").unwrap().to_owned();
    let at =
        challenge.split("resource_metadata=\"http://test.invalid").nth(1).unwrap().trim_end_matches('"').to_owned();
    assert!(!challenge.contains("error="), "{challenge}");
    let refused = service.bearer("x").get("/v1/calls").expect(401).header("www-authenticate").unwrap().to_owned();
    assert!(refused.contains("error=\"invalid_token\""), "{refused}");

    let resource = anyone.get(&at).expect(200).json();
    assert_eq!(at, "/.well-known/oauth-protected-resource/v1");
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    assert_eq!(issuer, "http://test.invalid");
    let authority = anyone.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(authority["issuer"], issuer);
    anyone.get(&local(&authority["jwks_uri"])).expect(200);
    anyone.get(&local(&authority["service_documentation"])).expect(200);
    assert_eq!(local(&authority["token_endpoint"]), "/oauth/token");
    assert_eq!(authority["scopes_supported"], resource["scopes_supported"]);

    let token = service.client("region").token.unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&authority["issuer"], &resource["resource"]));
}

#[test]
fn every_method_that_the_metadata_lists_gets_a_token() {
    let service = Service::start();
    let (key, jwk) = ec_key("k");
    register(&service, "signer", &[jwk]);
    let authority = service.anonymous().get("/.well-known/oauth-authorization-server").expect(200).json();
    let path = authority["token_endpoint"].as_str().unwrap().strip_prefix("http://test.invalid").unwrap().to_owned();
    let methods = authority["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(!methods.is_empty());
    for method in methods {
        let (basic, form) = match method.as_str().unwrap() {
            "client_secret_basic" => (Some(BASE64_STANDARD.encode("region:secret")), String::new()),
            "client_secret_post" => (None, "&client_id=region&client_secret=secret".to_owned()),
            "private_key_jwt" => {
                let assertion = encode(&header(Algorithm::ES256, "k"), &claims("metadata"), &key).unwrap();
                (None, format!("&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"))
            }
            other => panic!("the metadata lists {other}, which nothing here tries"),
        };
        let basic = basic.map(|credentials| format!("Basic {credentials}"));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(basic.iter().map(|basic| ("authorization", basic.as_str())));
        let form = format!("grant_type=client_credentials{form}");
        let answer = service.anonymous().send("POST", &path, &headers, form).expect(200).json();
        service.bearer(answer["access_token"].as_str().unwrap()).get("/v1/calls").expect(200);
    }
}
