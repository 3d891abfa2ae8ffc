//! Access tokens: signed JWTs of the profile RFC 9068, issued for client credentials and verified on every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::message::AnswerClaims;
use super::{Caller, Role, ScopeSet};

/// How long a token is valid, in seconds.
pub const LIFETIME_SECONDS: i64 = 900;

/// Tolerated difference between clocks, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// The longest token that is looked at, in bytes: ours take an eighth of it.
const LENGTH_LIMIT: usize = 8000;

/// Verified tokens that are remembered, at most.
const REMEMBERED: usize = 10_000;

/// The claims of a token (RFC 9068, section 2.2).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: Uuid,
    scope: String,
    role: Role,
    organisation_id: Uuid,
    client_generation: i64,
}

/// The header of a token. Whatever else a header can hold, we do not act on: nothing that names or brings a key, nothing that is critical.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenHeader {
    alg: Algorithm,
    typ: String,
    kid: String,
}

/// A key that signs tokens, will or did.
pub struct SigningKey {
    /// Its name in the header of a token.
    pub kid: String,
    /// From when on it signs, until the next one does.
    pub signs_from: DateTime<Utc>,
    /// For signing.
    pub encoding: EncodingKey,
    /// For verifying.
    pub decoding: DecodingKey,
    /// The public part, as it is published.
    pub jwk: serde_json::Value,
}

/// Issues and verifies tokens.
pub struct Authority {
    issuer: String,
    audience: String,
    /// The latest first.
    keys: RwLock<Vec<Arc<SigningKey>>>,
    /// Of clients that were changed lately; tokens of earlier ones are void.
    generations: RwLock<HashMap<String, i64>>,
    remembered: RwLock<HashMap<TokenDigest, Remembered>>,
}

/// SHA-256 of a token.
type TokenDigest = [u8; 32];

/// What a token that was verified says.
#[derive(Clone)]
struct Remembered {
    caller: Arc<Caller>,
    /// The key it was signed with: it may be destroyed before the token expires.
    kid: String,
    /// Until when it is accepted.
    expires: DateTime<Utc>,
}

/// Why a token is not accepted. Which of the reasons it is goes to the log, not to the client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or of another kind than ours.
    #[error("the token is not one of ours")]
    Malformed,
    /// Signed by a key that is not known.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Signature, issuer, audience or time are wrong.
    #[error("the token is not valid")]
    Invalid,
    /// Its client was revoked or changed after it was issued.
    #[error("the token's client was revoked or changed")]
    Revoked,
}

fn sign(key: &SigningKey, typ: &str, claims: &impl Serialize) -> Option<String> {
    let header = Header { typ: Some(typ.to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &key.encoding).ok()
}

impl Authority {
    /// Tokens of this issuer for this audience. Keys come the latest first.
    pub fn new(issuer: &str, keys: Vec<SigningKey>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: format!("{issuer}/v1"),
            keys: RwLock::new(keys.into_iter().map(Arc::new).collect()),
            generations: RwLock::default(),
            remembered: RwLock::default(),
        }
    }

    /// The keys have changed. They come the latest first.
    pub fn know_keys(&self, keys: Vec<SigningKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into_iter().map(Arc::new).collect();
    }

    /// Clients that were revoked or changed lately, and their generations since.
    pub fn know_generations(&self, generations: Vec<(String, i64)>) {
        *self.generations.write().unwrap_or_else(PoisonError::into_inner) = generations.into_iter().collect();
    }

    /// The keys with whether tokens of theirs can still be valid, the latest first.
    fn keys(&self, now: DateTime<Utc>) -> Vec<(Arc<SigningKey>, bool)> {
        let kept = chrono::Duration::seconds(LIFETIME_SECONDS + 2 * LEEWAY_SECONDS);
        let mut relieved: Option<DateTime<Utc>> = None;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter()
            .map(|key| {
                let good = relieved.is_none_or(|since| now < since + kept);
                relieved = Some(key.signs_from);
                (Arc::clone(key), good)
            })
            .collect()
    }

    /// The key that signs: the latest whose time has come. Where that is so of none, the first one ever: something must sign.
    fn signing(&self, now: DateTime<Utc>) -> Option<Arc<SigningKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.signs_from <= now).or(keys.last()).cloned()
    }

    /// Keys whose tokens have all expired.
    pub fn spent(&self, now: DateTime<Utc>) -> Vec<String> {
        self.keys(now).into_iter().filter(|(_, good)| !good).map(|(key, _)| key.kid.clone()).collect()
    }

    /// The issuer's name, which is the service's public URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token for `caller`, valid from `now`.
    pub fn issue(&self, caller: &Caller, now: DateTime<Utc>, jti: Uuid) -> Option<String> {
        let key = self.signing(now)?;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: caller.client_id.clone(),
            client_id: caller.client_id.clone(),
            iat: now.timestamp(),
            exp: now.timestamp() + LIFETIME_SECONDS,
            jti,
            scope: caller.scopes.to_list(),
            role: caller.role,
            organisation_id: caller.organisation,
            client_generation: caller.generation,
        };
        sign(&key, "at+jwt", &claims)
    }

    /// Signs an answer with the key that signs tokens. It is none: `typ` tells them apart.
    pub fn sign_answer(&self, claims: &AnswerClaims<'_>, now: DateTime<Utc>) -> Option<String> {
        self.signing(now).and_then(|key| sign(&key, "JWT", claims))
    }

    /// The caller of a token. A token that was verified before is recognised by its digest, until it expires.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Caller>, TokenError> {
        let digest: TokenDigest = Sha256::digest(token.as_bytes()).into();
        let known = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some(known) = known
            && now < known.expires
            && self.has_key(&known.kid)
        {
            return if self.is_current(&known.caller) { Ok(known.caller) } else { Err(TokenError::Revoked) };
        }
        let (claims, kid) = self.verify_signature(token, now)?;
        let expires = claims
            .exp
            .checked_add(LEEWAY_SECONDS)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(TokenError::Invalid)?;
        let lifetime = claims.exp.checked_sub(claims.iat);
        if now >= expires || claims.iat > now.timestamp() + LEEWAY_SECONDS || lifetime != Some(LIFETIME_SECONDS) {
            return Err(TokenError::Invalid);
        }
        let scopes = ScopeSet::parse(&claims.scope, ScopeSet::of_role(claims.role)).ok_or(TokenError::Invalid)?;
        let caller = Arc::new(Caller {
            client_id: claims.client_id,
            organisation: claims.organisation_id,
            role: claims.role,
            scopes,
            generation: claims.client_generation,
            voucher: None,
            tracking: None,
        });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, token| now < token.expires);
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(digest, Remembered { caller: Arc::clone(&caller), kid, expires });
        drop(remembered);
        if self.is_current(&caller) { Ok(caller) } else { Err(TokenError::Revoked) }
    }

    fn has_key(&self, kid: &str) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).iter().any(|key| key.kid == kid)
    }

    /// Whether a caller's client has not been revoked or changed since its token was issued. A generation that is not known yet is newer than
    /// what was looked up.
    pub fn is_current(&self, caller: &Caller) -> bool {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.get(&caller.client_id).is_none_or(|current| caller.generation >= *current)
    }

    fn verify_signature(&self, token: &str, now: DateTime<Utc>) -> Result<(Claims, String), TokenError> {
        if token.len() > LENGTH_LIMIT {
            return Err(TokenError::Malformed);
        }
        let header = token.split('.').next().and_then(|header| BASE64_URL_SAFE_NO_PAD.decode(header).ok());
        let header: TokenHeader =
            header.and_then(|json| serde_json::from_slice(&json).ok()).ok_or(TokenError::Malformed)?;
        if header.typ != "at+jwt" || header.alg != Algorithm::ES256 {
            return Err(TokenError::Malformed);
        }
        let key = self
            .keys(now)
            .into_iter()
            .find(|(key, good)| *good && key.kid == header.kid)
            .map(|(key, _)| key)
            .ok_or(TokenError::UnknownKey)?;
        // The algorithm is the key's, whatever the token says of it.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is judged by the caller with the service's own clock.
        validation.validate_exp = false;
        jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map(|data| (data.claims, header.kid))
            .map_err(|_| TokenError::Invalid)
    }

    /// The public keys, for whoever wants to verify our tokens.
    pub fn jwks(&self, now: DateTime<Utc>) -> serde_json::Value {
        let keys: Vec<serde_json::Value> =
            self.keys(now).into_iter().filter(|(_, good)| *good).map(|(key, _)| key.jwk.clone()).collect();
        serde_json::json!({ "keys": keys })
    }
}
