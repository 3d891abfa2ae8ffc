//! Assertions by which clients authenticate: JWTs signed with a key of theirs (`private_key_jwt`, RFC 7523 and RFC 7521). No
//! secret travels, and what does is good for one token.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::audience::Audience;
use super::jwk::{PublicKey, is_name, signature_only};
use super::numeric_date::NumericDate;

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

/// Whose an assertion claims to be, and which key it names: to look that up. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The client's id.
    pub client_id: String,
    /// The key's name.
    pub kid: String,
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
    key: &PublicKey,
    audiences: &[String],
    now: DateTime<Utc>,
) -> Option<Accepted> {
    let validation = signature_only(key.algorithm.jwt());
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key.decoding()?, &validation).ok()?.claims;
    let now = now.timestamp();
    let known = claims.iss == client_id
        && claims.sub == client_id
        && claims.aud.has(|name| audiences.iter().any(|ours| ours == name));
    let named = (1..=JTI_LIMIT).contains(&claims.jti.len()) && !claims.jti.chars().any(char::is_control);
    let expires = DateTime::from_timestamp(claims.exp.ceil + LEEWAY_SECONDS + 1, 0)?;
    (known && claims.are_in_time(now) && named).then_some(Accepted { jti: claims.jti, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

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
