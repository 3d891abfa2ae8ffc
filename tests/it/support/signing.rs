//! Clients that sign assertions: their keys, and what they sign.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use ricolloca::admin::{self, Credentials, Registration};
use ricolloca::clock::Clock;
use ricolloca::identifiers::synthetic;
use ricolloca::identity::Role;
use ricolloca::identity::assertion::ASSERTION_TYPE;
use ricolloca::identity::jwk::{PublicKey, read_keys};
use serde_json::{Value, json};

use super::Service;
use super::http::Answer;
use super::service::context;

/// Where the service under test says that tokens are obtained.
pub const TOKEN_URL: &str = "http://test.invalid/oauth/token";

/// A key of P-256: private for signing, public as a JWK.
pub fn ec_key(kid: &str) -> (EncodingKey, Value) {
    let secret = p256::SecretKey::random(&mut rand::rngs::OsRng);
    let point = secret.public_key().to_encoded_point(false);
    let coordinate = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": coordinate(point.x().unwrap()), "y": coordinate(point.y().unwrap()), "kid": kid, "alg": "ES256"});
    (EncodingKey::from_ec_der(secret.to_pkcs8_der().unwrap().as_bytes()), jwk)
}

/// An RSA key as it comes from openssl.
pub fn rsa_key(kid: &str, algorithm: &str, bits: usize) -> (EncodingKey, Value) {
    use rsa::pkcs1::EncodeRsaPrivateKey as _;
    use rsa::traits::PublicKeyParts as _;
    let key = rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, bits).unwrap();
    let part = |number: &rsa::BigUint| BASE64_URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let jwk = json!({"kty": "RSA", "n": part(key.n()), "e": part(key.e()), "kid": kid, "alg": algorithm});
    (EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()), jwk)
}

/// Registers a client that signs with these keys.
pub fn register(service: &Service, id: &str, keys: &[Value]) {
    let keys: Vec<PublicKey> = read_keys(&json!({"keys": keys}).to_string()).unwrap();
    let tax_code = synthetic::organisation(1_000_001, 15);
    let mut conn = service.database.connect();
    let new = Registration { keys: &keys, ..Registration::new(id, Role::Operator, &tax_code, id, Credentials::Keys) };
    admin::register(&mut conn, &context(service.clock.clone()), new).unwrap();
}

/// The claims of the client `signer`, right for a minute.
pub fn claims(jti: &str) -> Value {
    claims_at(&Clock::System, jti, 60)
}

/// The claims of the client `signer`, made now by this clock and right for so many seconds.
pub fn claims_at(clock: &Clock, jti: &str, seconds: i64) -> Value {
    let now = clock.now().timestamp();
    json!({"iss": "signer", "sub": "signer", "aud": TOKEN_URL, "iat": now, "exp": now + seconds, "jti": jti})
}

/// The header of an assertion that is signed with the key of this name.
pub fn header(algorithm: Algorithm, kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }
}

/// Asks for a token with an assertion.
pub fn ask(service: &Service, assertion: &str) -> Answer {
    service.token(&[
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ])
}
