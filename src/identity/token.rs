//! Access tokens: signed JWTs of the profile RFC 9068, issued for client credentials and verified on every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Caller, Role, ScopeSet};

/// How long a token is valid, in seconds. A revoked client keeps its tokens at most this long.
pub const LIFETIME_SECONDS: i64 = 900;

/// Tolerated difference between clocks, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// Verified tokens that are remembered, at most.
const REMEMBERED: usize = 10_000;

/// The claims of a token (RFC 9068, section 2.2).
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: String,
    scope: String,
    role: Role,
    organisation_id: Uuid,
}

/// A key that signs tokens or once did.
pub struct SigningKey {
    /// Its name in the header of a token.
    pub kid: String,
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
    keys: RwLock<Vec<Arc<SigningKey>>>,
    remembered: RwLock<HashMap<TokenDigest, Remembered>>,
}

/// SHA-256 of a token.
type TokenDigest = [u8; 32];

/// Whose token it is, and until when it is accepted.
type Remembered = (Arc<Caller>, DateTime<Utc>);

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
}

impl Authority {
    /// Tokens of this issuer for this audience. The first key signs; all of them verify.
    pub fn new(issuer: &str, keys: Vec<SigningKey>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: format!("{issuer}/v1"),
            keys: RwLock::new(keys.into_iter().map(Arc::new).collect()),
            remembered: RwLock::default(),
        }
    }

    /// The issuer's name, which is the service's public URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token for `caller`, valid from `now`.
    pub fn issue(&self, caller: &Caller, now: DateTime<Utc>, jti: Uuid) -> Option<String> {
        let key = self.keys.read().unwrap_or_else(PoisonError::into_inner).first().cloned()?;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: caller.client_id.clone(),
            client_id: caller.client_id.clone(),
            iat: now.timestamp(),
            exp: now.timestamp() + LIFETIME_SECONDS,
            jti: jti.to_string(),
            scope: caller.scopes.to_list(),
            role: caller.role,
            organisation_id: caller.organisation,
        };
        let header =
            Header { typ: Some("at+jwt".to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &key.encoding).ok()
    }

    /// The caller of a token. A token that was verified before is recognised by its digest, until it expires.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Caller>, TokenError> {
        let digest: TokenDigest = Sha256::digest(token.as_bytes()).into();
        if let Some((caller, expires)) = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&digest)
            && now < *expires
        {
            return Ok(Arc::clone(caller));
        }
        let claims = self.verify_signature(token)?;
        let expires = claims
            .exp
            .checked_add(LEEWAY_SECONDS)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(TokenError::Invalid)?;
        if now >= expires || claims.iat > now.timestamp() + LEEWAY_SECONDS {
            return Err(TokenError::Invalid);
        }
        let scopes = ScopeSet::parse(&claims.scope, ScopeSet::of_role(claims.role)).ok_or(TokenError::Invalid)?;
        let caller = Arc::new(Caller {
            client_id: claims.client_id,
            organisation: claims.organisation_id,
            role: claims.role,
            scopes,
        });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (_, expires)| now < *expires);
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(digest, (Arc::clone(&caller), expires));
        Ok(caller)
    }

    fn verify_signature(&self, token: &str) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.typ.as_deref() != Some("at+jwt") || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let kid = header.kid.ok_or(TokenError::Malformed)?;
        let key = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|key| key.kid == kid)
            .cloned()
            .ok_or(TokenError::UnknownKey)?;
        // The algorithm is the key's, whatever the token says of it.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is judged by the caller with the service's own clock.
        validation.validate_exp = false;
        jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map(|data| data.claims)
            .map_err(|_| TokenError::Invalid)
    }

    /// The public keys, for whoever wants to verify our tokens.
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<serde_json::Value> =
            self.keys.read().unwrap_or_else(PoisonError::into_inner).iter().map(|key| key.jwk.clone()).collect();
        serde_json::json!({ "keys": keys })
    }
}
