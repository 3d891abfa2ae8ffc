//! Public keys of others (RFC 7517): those that clients registered, those that issuers of tokens publish.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::code_enum;

/// The modulus of an RSA key, in bits. Longer ones the verifying library does not take.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

code_enum! {
    /// The algorithm of a key. It stands with the key and is never taken from what is said to be signed with it.
    pub enum KeyAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
    }
}

impl KeyAlgorithm {
    /// As the verifying library names it.
    pub const fn jwt(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

/// A public key that a client registered or an issuer publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKey {
    /// Its name in the header of what it signs.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// The key (RFC 7517).
    pub jwk: Value,
}

/// Why a key is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a JWK set.
    #[error("the file does not hold a JWK set: an object with a list `keys`")]
    NoSet,
    /// A private key must stay with its client.
    #[error("the key `{0}` has private parts: give out its public ones only")]
    Private(String),
    /// A key that is not fit.
    #[error("the key `{0}` is none of: RSA of 2048 to 4096 bits with `alg` RS256 or PS256, EC P-256 with `alg` ES256")]
    Unfit(String),
    /// Every key needs a name of its own.
    #[error("every key needs a `kid` of its own, of 1 to 100 characters")]
    NoName,
}

/// The public keys of a JWK set.
pub fn read_keys(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let set: Value = serde_json::from_str(text).map_err(|_| KeyError::NoSet)?;
    let keys = set.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty()).ok_or(KeyError::NoSet)?;
    let keys: Vec<PublicKey> = keys.iter().map(read_key).collect::<Result<_, _>>()?;
    let mut names: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) { Err(KeyError::NoName) } else { Ok(keys) }
}

/// A public key of a JWK set.
pub fn read_key(jwk: &Value) -> Result<PublicKey, KeyError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kid = text("kid").filter(|kid| is_name(kid)).ok_or(KeyError::NoName)?.to_owned();
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.get(name).is_some()) {
        return Err(KeyError::Private(kid));
    }
    let unfit = || KeyError::Unfit(kid.clone());
    let algorithm = text("alg").and_then(|name| KeyAlgorithm::parse(name).ok()).ok_or_else(unfit)?;
    let (names, fit): (&[&str], bool) = match algorithm {
        KeyAlgorithm::Es256 => (&["kty", "crv", "x", "y"], is_point(jwk)),
        KeyAlgorithm::Rs256 | KeyAlgorithm::Ps256 => (&["kty", "n", "e"], is_rsa(jwk)),
    };
    // Only what is needed is kept.
    let kept: Map<String, Value> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(name)?.clone()))).collect();
    let key = PublicKey { kid: kid.clone(), algorithm, jwk: Value::Object(kept) };
    if fit && key.decoding().is_some() { Ok(key) } else { Err(unfit()) }
}

/// A member of a key, as the bytes that it stands for.
fn member(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

/// A point that lies on the curve P-256.
fn is_point(jwk: &Value) -> bool {
    let named = jwk.get("kty").is_some_and(|kind| kind == "EC") && jwk.get("crv").is_some_and(|curve| curve == "P-256");
    let (Some(x), Some(y)) = (member(jwk, "x"), member(jwk, "y")) else { return false };
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    named && x.len() == 32 && y.len() == 32 && p256::PublicKey::from_sec1_bytes(&point).is_ok()
}

/// A modulus of the right length, counted without the zeros that may stand before it, and an exponent that is odd and
/// neither trivial nor huge.
fn is_rsa(jwk: &Value) -> bool {
    let (Some(n), Some(e)) = (member(jwk, "n"), member(jwk, "e")) else { return false };
    let bits = n.first().map_or(0, |first| n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(8));
    let exponent = e.iter().try_fold(0_u64, |value, byte| Some(value.checked_mul(256)? + u64::from(*byte)));
    jwk.get("kty").is_some_and(|kind| kind == "RSA")
        && n.first().is_some_and(|first| *first != 0)
        && RSA_BITS.contains(&bits)
        && exponent.is_some_and(|e| e % 2 == 1 && (3..1 << 33).contains(&e))
}

impl PublicKey {
    /// Ready to verify with.
    pub fn decoding(&self) -> Option<DecodingKey> {
        let jwk: Jwk = serde_json::from_value(self.jwk.clone()).ok()?;
        DecodingKey::from_jwk(&jwk).ok()
    }
}

/// Has the library look at the signature alone, by the algorithm of the key. Times and audience are judged by whoever calls, with the service's
/// own clock and our reading of the claims.
pub fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

/// Whether a text can be the name of a client or of a key: it is looked up before anything is verified, and PostgreSQL knows
/// no NUL.
pub fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && !text.chars().any(char::is_control)
}
