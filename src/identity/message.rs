//! Messages that are signed beside being sent with a token, as the ModI guidelines have it where a client's profile demands it: integrity
//! of the payload (INTEGRITY_REST_02, `Agid-JWT-Signature`) and on whose behalf a request is (AUDIT_REST_01 and AUDIT_REST_02,
//! `Agid-JWT-TrackingEvidence`). The rules are here, the headers in [`crate::http::message`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::audience::Audience;
use super::flaw::Flaw;
use super::jwk::{PublicKey, is_name, signature_only};
use super::jwks::Verifier;
use super::numeric_date::NumericDate;
use super::{Caller, Voucher};
use crate::identifiers::PersonTaxCode;

/// The longest JWT that is looked at, in bytes.
const LENGTH_LIMIT: usize = 8000;

/// How old a signature may be, in seconds.
const AGE_LIMIT: i64 = 300;

/// How far ahead the sender's clock may be, in seconds.
const LEEWAY: i64 = 5;

/// The longest time for which evidence that a voucher names is good, in seconds: as long as the voucher can be.
const EVIDENCE_AGE_LIMIT: i64 = 86_400;

/// Headers that a signature may cover, at most.
const SIGNED_LIMIT: usize = 20;

/// What a client's profile demands of its messages, beside a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// Requests with an effect are signed with their payload (INTEGRITY_REST_02).
    pub integrity: bool,
    /// Every request says on whose behalf it is (AUDIT_REST_01 or AUDIT_REST_02).
    pub audit: bool,
}

impl Demands {
    /// What either demands.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { integrity: self.integrity || other.integrity, audit: self.audit || other.audit }
    }

    /// Whether nothing is demanded.
    pub const fn is_none(self) -> bool {
        !self.integrity && !self.audit
    }
}

/// On whose behalf a request is, as its client says and signs. Stands in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// What for (`purposeId`).
    pub purpose: String,
    /// Who, as the client's organisation knows them (`userID`); never a tax code.
    pub user: String,
    /// From where (`userLocation`).
    pub location: String,
    /// How sure the client is that it is them (`LoA`).
    pub assurance: String,
}

/// A client whose messages are signed.
#[derive(Clone, Default)]
pub struct Signatory {
    /// What its profile demands.
    pub demands: Demands,
    keys: HashMap<String, Verifier>,
}

impl Signatory {
    /// A client with these keys. A key that cannot be used is none: what is signed with it is refused.
    pub fn new(demands: Demands, keys: &[PublicKey]) -> Self {
        let ready = |key: &PublicKey| {
            Some((key.kid.clone(), Verifier { algorithm: key.algorithm.jwt(), key: key.decoding()? }))
        };
        Self { demands, keys: keys.iter().filter_map(ready).collect() }
    }
}

/// The clients whose messages are signed, by id.
#[derive(Default)]
pub struct Signatories(RwLock<HashMap<String, Arc<Signatory>>>);

impl Signatories {
    /// These are the clients.
    pub fn know(&self, clients: HashMap<String, Signatory>) {
        let clients = clients.into_iter().map(|(id, signatory)| (id, Arc::new(signatory))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    /// The client of this id, where its messages may have to be signed.
    pub fn get(&self, client_id: &str) -> Option<Arc<Signatory>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }
}

/// The header of such a JWT. Whatever else a header can hold, we do not act on: nothing that names or brings a key, nothing that is
/// critical. `alg` stands there and is not asked: the key has its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtHeader {
    #[serde(rename = "alg")]
    _algorithm: String,
    typ: String,
    kid: String,
}

/// What both kinds of JWT have.
#[derive(Deserialize)]
struct Common {
    iss: String,
    sub: Option<String>,
    aud: Audience,
    iat: NumericDate,
    nbf: Option<NumericDate>,
    exp: NumericDate,
    jti: String,
}

#[derive(Deserialize)]
struct SignatureClaims {
    #[serde(flatten)]
    common: Common,
    signed_headers: Vec<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct EvidenceClaims {
    #[serde(flatten)]
    common: Common,
    #[serde(rename = "purposeId")]
    purpose: String,
    #[serde(rename = "userID")]
    user: String,
    #[serde(rename = "userLocation")]
    location: String,
    #[serde(rename = "LoA")]
    assurance: Assurance,
}

/// A level of assurance, which some write as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Assurance {
    Name(String),
    Level(u8),
}

/// Something that is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Its name.
    pub jti: String,
    /// Until when it has to be remembered.
    pub expires: DateTime<Utc>,
}

/// A signature that holds for the headers of its request. Whether it holds for the body is seen once that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// SHA-256 of the body that was signed.
    pub digest: [u8; 32],
    /// Its name.
    pub once: Once,
}

/// Evidence that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it says.
    pub tracking: Tracking,
    /// Its name; `None` where the voucher names it (AUDIT_REST_02): then it comes with every request of the voucher.
    pub once: Option<Once>,
}

/// Who has to have signed, for whom, and when that is.
pub struct Expected<'a> {
    /// Who sends the message.
    pub caller: &'a Caller,
    /// The client, with its keys.
    pub signatory: &'a Signatory,
    /// This API's name.
    pub audience: &'a str,
    /// This instant.
    pub now: DateTime<Utc>,
}

impl Expected<'_> {
    /// Reads a JWT that a key of the client signed.
    fn open<T: DeserializeOwned>(&self, jwt: &str) -> Result<T, Flaw> {
        let header = jwt.split('.').next().filter(|_| jwt.len() <= LENGTH_LIMIT);
        let header = header.and_then(|header| BASE64_URL_SAFE_NO_PAD.decode(header).ok()).ok_or(Flaw::Malformed)?;
        let header: JwtHeader = serde_json::from_slice(&header).map_err(|_| Flaw::Malformed)?;
        if !header.typ.eq_ignore_ascii_case("JWT") || !is_name(&header.kid) {
            return Err(Flaw::Malformed);
        }
        let verifier = self.signatory.keys.get(&header.kid).ok_or(Flaw::UnknownKey)?;
        let validation = signature_only(verifier.algorithm);
        jsonwebtoken::decode(jwt, &verifier.key, &validation).map(|data| data.claims).map_err(|error| {
            match error.kind() {
                jsonwebtoken::errors::ErrorKind::Json(_) => Flaw::Malformed,
                _ => Flaw::Signature,
            }
        })
    }

    /// Judges what both kinds have; `age` is how old one may be, in seconds.
    fn judge(&self, claims: &Common, age: i64) -> Result<Once, Flaw> {
        let voucher = self.caller.voucher.as_ref();
        let names = voucher.map_or(&[][..], |voucher| voucher.names.as_slice());
        let is_client = |name: &String| *name == self.caller.client_id || names.contains(name);
        if !is_client(&claims.iss) || !claims.sub.as_ref().is_none_or(is_client) {
            return Err(Flaw::Issuer);
        }
        if !claims.aud.has(|name| name == self.audience) {
            return Err(Flaw::Audience);
        }
        let now = self.now.timestamp();
        let (earliest, latest) = (now - LEEWAY, now + LEEWAY);
        let in_time = claims.iat.floor >= now - age
            && claims.iat.ceil <= latest
            && claims.nbf.is_none_or(|from| from.ceil <= latest)
            && claims.exp.floor >= earliest;
        if !in_time {
            return Err(Flaw::Time);
        }
        if !is_name(&claims.jti) {
            return Err(Flaw::Malformed);
        }
        // Once it is too old it is refused for that.
        let forgotten = DateTime::from_timestamp(claims.iat.ceil + age + LEEWAY + 1, 0).ok_or(Flaw::Time)?;
        Ok(Once { jti: claims.jti.clone(), expires: forgotten })
    }

    /// Judges a signature for a request whose headers are these, by their names in small letters.
    pub fn signature(&self, jwt: &str, header: impl Fn(&str) -> Option<String>) -> Result<Signed, Flaw> {
        let SignatureClaims { common, signed_headers } = self.open(jwt)?;
        let once = self.judge(&common, AGE_LIMIT)?;
        let mut signed: BTreeMap<&str, &str> = BTreeMap::new();
        for one in &signed_headers {
            for (name, value) in one {
                if name.bytes().any(|byte| byte.is_ascii_uppercase()) || signed.insert(name, value).is_some() {
                    return Err(Flaw::Malformed);
                }
            }
        }
        let as_sent = signed.iter().all(|(name, value)| header(name).as_deref().map(str::trim) == Some(value.trim()));
        let covered = ["content-type", "content-encoding", "digest", "content-digest"]
            .into_iter()
            .all(|name| header(name).is_none() || signed.contains_key(name));
        if !as_sent || !covered || signed.len() > SIGNED_LIMIT {
            return Err(Flaw::Content);
        }
        let plain = signed.get("digest").map(|value| of_digest(value));
        let structured = signed.get("content-digest").map(|value| of_content_digest(value));
        match (plain, structured) {
            (Some(Some(digest)), None) | (None, Some(Some(digest))) => Ok(Signed { digest, once }),
            (Some(Some(one)), Some(Some(other))) if one == other => Ok(Signed { digest: one, once }),
            _ => Err(Flaw::Content),
        }
    }

    /// Judges evidence.
    pub fn evidence(&self, jwt: &str) -> Result<Evidence, Flaw> {
        let voucher = self.caller.voucher.as_ref();
        let bound = voucher.and_then(|voucher| voucher.digest.as_ref());
        if bound.is_some_and(|digest| *digest != <[u8; 32]>::from(Sha256::digest(jwt))) {
            return Err(Flaw::Unbound);
        }
        let EvidenceClaims { common, purpose, user, location, assurance } = self.open(jwt)?;
        let once = self.judge(&common, if bound.is_some() { EVIDENCE_AGE_LIMIT } else { AGE_LIMIT })?;
        if voucher.and_then(|voucher| voucher.purpose.as_ref()).is_some_and(|known| *known != purpose) {
            return Err(Flaw::Purpose);
        }
        let assurance = match assurance {
            Assurance::Name(name) => name,
            Assurance::Level(level) => level.to_string(),
        };
        let tracking = Tracking { purpose, user, location, assurance };
        let said = [&tracking.purpose, &tracking.user, &tracking.location, &tracking.assurance];
        if said.iter().any(|text| !is_name(text)) {
            return Err(Flaw::Malformed);
        }
        // Digits of an id can look like anything.
        let named = said.iter().filter(|text| uuid::Uuid::try_parse(text).is_err());
        if named.into_iter().any(|text| PersonTaxCode::looks_like(text)) {
            return Err(Flaw::PersonalData);
        }
        Ok(Evidence { tracking, once: bound.is_none().then_some(once) })
    }
}

/// The digest of a `Digest` header (RFC 3230) that has one, of SHA-256.
fn of_digest(value: &str) -> Option<[u8; 32]> {
    let (algorithm, digest) = value.trim().split_once('=')?;
    let digest = BASE64_STANDARD.decode(digest).ok().filter(|_| algorithm.eq_ignore_ascii_case("sha-256"))?;
    digest.try_into().ok()
}

/// The digest of a `Content-Digest` header (RFC 9530) that has one, of SHA-256.
fn of_content_digest(value: &str) -> Option<[u8; 32]> {
    let digest = value.trim().strip_prefix("sha-256=:")?.strip_suffix(':')?;
    BASE64_STANDARD.decode(digest).ok()?.try_into().ok()
}

/// A body as the headers name it: `Digest` and `Content-Digest`.
pub fn digests(body: &[u8]) -> (String, String) {
    let digest = BASE64_STANDARD.encode(Sha256::digest(body));
    (format!("SHA-256={digest}"), format!("sha-256=:{digest}:"))
}

impl Voucher {
    /// The digest of the evidence that a voucher is bound to: SHA-256, in hexadecimal digits.
    pub fn evidence_digest(algorithm: &str, value: &str) -> Option<[u8; 32]> {
        let known = ["SHA256", "SHA-256"].iter().any(|name| name.eq_ignore_ascii_case(algorithm));
        let pairs = (0..value.len()).step_by(2).map(|at| u8::from_str_radix(value.get(at..at + 2)?, 16).ok());
        pairs.collect::<Option<Vec<u8>>>().filter(|_| known)?.try_into().ok()
    }
}

/// What an answer is signed with.
#[derive(Serialize)]
pub struct AnswerClaims<'a> {
    /// This service.
    pub iss: &'a str,
    /// The client that asked.
    pub aud: &'a str,
    /// When it was signed.
    pub iat: i64,
    /// Until when it is good.
    pub exp: i64,
    /// Its name.
    pub jti: String,
    /// Digest and kind of the body.
    pub signed_headers: Vec<BTreeMap<&'static str, String>>,
    /// `Digest` of the request, where that was signed: which request it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<&'a str>,
}

impl AnswerClaims<'_> {
    /// For how long an answer is good, in seconds.
    pub const LIFETIME: i64 = AGE_LIMIT;
}
