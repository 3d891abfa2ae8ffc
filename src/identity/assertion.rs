//! Assertions by which clients authenticate: JWTs signed with a key of theirs (`private_key_jwt`, RFC 7523 and RFC 7521). No
//! secret travels, and what does is good for one token.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::code_enum;

/// The value of `client_assertion_type`.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead an assertion may expire, in seconds.
const LIFETIME_SECONDS: i64 = 300;

/// Tolerated difference between clocks, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// The longest assertion that is looked at, in bytes: one with every claim we know takes a tenth of it.
const LENGTH_LIMIT: usize = 8000;

/// The longest `jti` that is remembered.
const JTI_LIMIT: usize = 200;

/// The modulus of an RSA key, in bits. Longer ones the verifying library does not take.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

code_enum! {
    /// The algorithm of a client's key. It stands with the key and is never taken from an assertion.
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
    const fn jwt(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

/// A public key that a client registered.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientKey {
    /// Its name in the header of assertions.
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
pub fn read_keys(text: &str) -> Result<Vec<ClientKey>, KeyError> {
    let set: Value = serde_json::from_str(text).map_err(|_| KeyError::NoSet)?;
    let keys = set.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty()).ok_or(KeyError::NoSet)?;
    let keys: Vec<ClientKey> = keys.iter().map(read_key).collect::<Result<_, _>>()?;
    let mut names: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) { Err(KeyError::NoName) } else { Ok(keys) }
}

fn read_key(jwk: &Value) -> Result<ClientKey, KeyError> {
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
    let key = ClientKey { kid: kid.clone(), algorithm, jwk: Value::Object(kept) };
    if fit && decoding(&key).is_some() { Ok(key) } else { Err(unfit()) }
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

fn decoding(key: &ClientKey) -> Option<DecodingKey> {
    let jwk: Jwk = serde_json::from_value(key.jwk.clone()).ok()?;
    DecodingKey::from_jwk(&jwk).ok()
}

/// Whose an assertion claims to be, and which key it names: to look that up. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The client's id.
    pub client_id: String,
    /// The key's name.
    pub kid: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, accepted: &[String]) -> bool {
        match self {
            Self::One(audience) => accepted.contains(audience),
            Self::Several(audiences) => audiences.iter().any(|audience| accepted.contains(audience)),
        }
    }
}

/// Seconds since the Unix epoch, which may have a fraction (`NumericDate` of RFC 7519, section 2). We count whole seconds, and
/// take of the two beside a fraction the one by which less is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
struct NumericDate {
    /// The second at or before it.
    floor: i64,
    /// The second at or after it.
    ceil: i64,
}

impl NumericDate {
    /// The end of the year 9999. Whole seconds until then are exact in an `f64`.
    const LAST: f64 = 253_402_300_799.0;
}

impl TryFrom<f64> for NumericDate {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        // What is no number is in no range.
        if !(0.0..=Self::LAST).contains(&seconds) {
            return Err("no time between 1970 and 9999");
        }
        Ok(Self { floor: seconds.floor() as i64, ceil: seconds.ceil() as i64 })
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: NumericDate,
    iat: Option<NumericDate>,
    nbf: Option<NumericDate>,
    jti: String,
}

impl Claims {
    /// Whether the claims hold at `now`, and not for longer than we let them.
    fn are_in_time(&self, now: i64) -> bool {
        let (earliest, latest) = (now - LEEWAY_SECONDS, now + LEEWAY_SECONDS);
        self.exp.floor >= earliest
            && self.exp.ceil <= latest + LIFETIME_SECONDS
            && self.iat.is_none_or(|at| at.floor >= now - LIFETIME_SECONDS && at.ceil <= latest)
            && self.nbf.is_none_or(|from| from.ceil <= latest)
    }
}

/// Reads whose an assertion claims to be; `None` where it is none that could be accepted.
pub fn claimed(assertion: &str) -> Option<Claimed> {
    if assertion.len() > LENGTH_LIMIT {
        return None;
    }
    let mut parts = assertion.split('.');
    let mut part = || BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok();
    let (header, claims) = (part()?, part()?);
    let header: Map<String, Value> = serde_json::from_slice(&header).ok()?;
    // Whatever else a header can hold, we do not act on: nothing that names or brings a key, nothing that is critical.
    if !header.keys().all(|name| ["alg", "kid", "typ"].contains(&name.as_str())) {
        return None;
    }
    let typed = header.get("typ").is_none_or(|name| name == "JWT" || name == "client-authentication+jwt");
    let kid = header.get("kid")?.as_str().filter(|_| typed)?.to_owned();
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let fit = claims.iss == claims.sub && is_name(&claims.sub) && is_name(&kid);
    fit.then_some(Claimed { client_id: claims.sub, kid })
}

/// Whether a text can be the name of a client or of a key: it is looked up before anything is verified, and PostgreSQL knows
/// no NUL.
pub fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// An assertion that was accepted, to be used once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its name.
    pub jti: String,
    /// Until when it has to be remembered.
    pub expires: DateTime<Utc>,
}

/// Verifies an assertion of a client. `audiences` are the names under which this authority is known.
pub fn verify(
    assertion: &str,
    client_id: &str,
    key: &ClientKey,
    audiences: &[String],
    now: DateTime<Utc>,
) -> Option<Accepted> {
    let mut validation = Validation::new(key.algorithm.jwt());
    // Times and audience are judged below, with the service's own clock and our reading of the claims.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(assertion, &decoding(key)?, &validation).ok()?.claims;
    let now = now.timestamp();
    let known = claims.iss == client_id && claims.sub == client_id && claims.aud.names(audiences);
    let named = (1..=JTI_LIMIT).contains(&claims.jti.len()) && !claims.jti.chars().any(char::is_control);
    let expires = DateTime::from_timestamp(claims.exp.ceil + LEEWAY_SECONDS + 1, 0)?;
    (known && claims.are_in_time(now) && named).then_some(Accepted { jti: claims.jti, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn date(json: &str) -> Option<NumericDate> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_date_may_have_a_fraction() {
        let between = |floor, ceil| Some(NumericDate { floor, ceil });
        assert_eq!(date("1800000000"), between(NOW, NOW));
        assert_eq!(date("1800000000.0"), between(NOW, NOW));
        assert_eq!(date("1.8e9"), between(NOW, NOW));
        assert_eq!(date("1800000000.25"), between(NOW, NOW + 1));
        assert_eq!(date("1799999999.999999"), between(NOW - 1, NOW));
        assert_eq!(date("0"), between(0, 0));
        assert_eq!(date("253402300799"), between(253_402_300_799, 253_402_300_799));
    }

    #[test]
    fn a_date_is_a_number_of_our_time() {
        for wrong in [
            "\"1800000000\"",
            "\"NaN\"",
            "\"Infinity\"",
            "NaN",
            "Infinity",
            "-Infinity",
            "-1",
            "-0.5",
            "253402300799.5",
            "253402300800",
            "9223372036854775807",
            "18446744073709551615",
            "1e300",
            "1e999",
            "null",
            "true",
            "[]",
            "{}",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(NumericDate::try_from(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fraction_never_makes_a_time_longer() {
        let holds = |exp: f64, iat: Option<f64>, nbf: Option<f64>| {
            // Written as a difference, so that the bounds can be read.
            let date = |difference: f64| NumericDate::try_from(1.8e9 + difference).unwrap();
            let claims = Claims {
                iss: String::new(),
                sub: String::new(),
                aud: Audience::Several(Vec::new()),
                exp: date(exp),
                iat: iat.map(date),
                nbf: nbf.map(date),
                jti: String::new(),
            };
            claims.are_in_time(NOW)
        };
        for (exp, held) in [(-5.5, false), (-5.0, true), (-4.5, true), (304.5, true), (305.0, true), (305.5, false)] {
            assert_eq!(holds(exp, None, None), held, "exp {exp}");
        }
        for (iat, held) in [(-300.5, false), (-300.0, true), (-0.5, true), (4.5, true), (5.0, true), (5.5, false)] {
            assert_eq!(holds(60.0, Some(iat), None), held, "iat {iat}");
        }
        for (nbf, held) in [(-1e6, true), (-0.5, true), (4.5, true), (5.0, true), (5.5, false)] {
            assert_eq!(holds(60.0, None, Some(nbf)), held, "nbf {nbf}");
        }
    }

    #[test]
    fn an_assertion_that_is_too_long_is_not_looked_at() {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let assertion = format!(
            "{}.{}.",
            part(r#"{"alg": "ES256", "kid": "k"}"#),
            part(r#"{"iss": "c", "sub": "c", "aud": "a", "exp": 1800000000.5, "jti": "j"}"#)
        );
        let padded = |length: usize| format!("{assertion}{}", "A".repeat(length - assertion.len()));
        assert_eq!(claimed(&padded(LENGTH_LIMIT)).map(|claimed| claimed.client_id), Some("c".to_owned()));
        assert_eq!(claimed(&padded(LENGTH_LIMIT + 1)), None);
    }
}
