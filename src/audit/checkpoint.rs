//! Checkpoints: roots of the log, signed with a key that the database does not have.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::log::Hash;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Leaves of the log.
    pub size: u64,
    /// Its root, in hexadecimal digits.
    pub root: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// SHA-256 of the checkpoint before, in hexadecimal digits; null of the first one.
    pub previous: Option<String>,
}

/// As hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Statement {
    /// Of a log that has this root.
    pub fn new(size: u64, root: &Hash, at: DateTime<Utc>, previous: Option<&str>) -> Self {
        Self { size, root: hex(root), at, previous: previous.map(digest) }
    }
}

/// What the next checkpoint names this one by.
pub fn digest(checkpoint: &str) -> String {
    hex(&Sha256::digest(checkpoint))
}

fn header(key: &SigningKey) -> String {
    let text = json!({"alg": "ES256", "kid": thumbprint(key), "typ": "checkpoint+jws"}).to_string();
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// The public key as a JWK (RFC 7517).
pub fn public_key(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_encoded_point(false);
    let part = |part: Option<&_>| part.map(|bytes: &p256::FieldBytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    json!({"crv": "P-256", "kty": "EC", "x": part(point.x()), "y": part(point.y())})
}

/// The key's name: its thumbprint (RFC 7638).
pub fn thumbprint(key: &SigningKey) -> String {
    // The required members in the order of their names, as serde_json writes them.
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(public_key(key).to_string()))
}

/// Signs a statement: a JWS in its compact form (RFC 7515).
pub fn sign(key: &SigningKey, statement: &Statement) -> String {
    let payload = serde_json::to_string(statement).unwrap_or_default();
    let signed = format!("{}.{}", header(key), BASE64_URL_SAFE_NO_PAD.encode(payload));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// What a checkpoint says, if it was signed with this key.
pub fn read(key: &SigningKey, checkpoint: &str) -> Option<Statement> {
    let (signed, signature) = checkpoint.rsplit_once('.')?;
    let (head, payload) = signed.split_once('.')?;
    let signature = Signature::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let genuine = head == header(key) && key.verifying_key().verify(signed.as_bytes(), &signature).is_ok();
    if !genuine {
        return None;
    }
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
