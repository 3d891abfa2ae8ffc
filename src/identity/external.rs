//! Tokens of other authorities: vouchers of PDND, access tokens of others. Which authority may say what stands in a file
//! ([`super::issuers`]); which client of ours a token is of, in the table of clients.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::audience::Audience;
use super::issuers::{IssuersError, Profile, Trusted};
use super::jwk::{is_name, signature_only};
use super::jwks::{KeySource, NoKey};
use super::message::Demands;
use super::numeric_date::NumericDate;
use super::scopes::SCOPES;
use super::store::{Client, External};
use super::{Caller, ScopeSet, Voucher};

/// The longest token that is looked at, in bytes: a voucher takes a quarter of it.
const LENGTH_LIMIT: usize = 8000;

/// Tolerated difference between clocks, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// The longest time for which a token is good, in seconds: PDND lets producers choose up to a day.
const LIFETIME_LIMIT: i64 = 86_400;

/// The header of a token. Whatever else a header can hold, we do not act on: nothing that names or brings a key, nothing that is
/// critical. `alg` stands there and is not asked: the key has its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenHeader {
    #[serde(rename = "alg")]
    _algorithm: String,
    typ: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// Only the authority, to find its keys. Nothing of it is believed yet.
#[derive(Deserialize)]
struct Named {
    iss: String,
}

/// What both profiles have, and what one of them has.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    client_id: String,
    aud: Audience,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    jti: Option<String>,
    scope: Option<String>,
    #[serde(rename = "purposeId")]
    purpose: Option<String>,
    #[serde(rename = "consumerId")]
    consumer: Option<String>,
    #[serde(rename = "producerId")]
    producer: Option<String>,
    #[serde(rename = "eserviceId")]
    eservice: Option<String>,
    #[serde(rename = "descriptorId")]
    descriptor: Option<String>,
    /// Of the evidence that comes with the voucher (AUDIT_REST_02).
    digest: Option<EvidenceDigest>,
}

#[derive(Deserialize)]
struct EvidenceDigest {
    alg: String,
    value: String,
}

/// Why a token is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not good, or of nobody whom we know. Which of the reasons it is goes to the log, not to the client.
    #[error("{0}")]
    Invalid(&'static str),
    /// Nobody can tell now: its authority's keys cannot be obtained.
    #[error("the keys of the token's issuer cannot be obtained")]
    Unavailable,
}

struct Issuer {
    trusted: Trusted,
    audience: String,
    keys: Arc<KeySource>,
}

/// The other authorities, and their clients that we know.
#[derive(Default)]
pub struct Federation {
    issuers: Vec<Issuer>,
    clients: RwLock<HashMap<External, Client>>,
}

impl Federation {
    /// Of these authorities. `audience` is this API's name where none is given. Nothing is fetched yet.
    pub fn new(trusted: Vec<Trusted>, audience: &str) -> Result<Self, IssuersError> {
        let issuer = |trusted: Trusted| {
            let source =
                KeySource::new(&trusted.jwks_url, trusted.profile.algorithms(), trusted.pace(), trusted.agent()?);
            let audience = trusted.audience.clone().unwrap_or_else(|| audience.to_owned());
            Ok(Issuer { trusted, audience, keys: Arc::new(source) })
        };
        Ok(Self { issuers: trusted.into_iter().map(issuer).collect::<Result<_, _>>()?, clients: RwLock::default() })
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| issuer.trusted.issuer.as_str())
    }

    /// The clients whose tokens other authorities issue.
    pub fn know_clients(&self, clients: Vec<Client>) {
        let known = clients.into_iter().filter_map(|client| Some((client.external.clone()?, client))).collect();
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Whether a client of this id is known still.
    pub fn knows(&self, client_id: &str) -> bool {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).values().any(|client| client.id == client_id)
    }

    /// Fetches keys where it is time to.
    pub async fn refresh(&self) {
        for issuer in &self.issuers {
            issuer.keys.refresh().await;
        }
    }

    /// The caller of a token.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Caller>, Refusal> {
        if token.len() > LENGTH_LIMIT {
            return Err(Refusal::Invalid("the token is too long"));
        }
        let malformed = Refusal::Invalid("the token is not one that could be accepted");
        let mut parts = token.split('.');
        let (header, named) = (parts.next().and_then(read::<TokenHeader>), parts.next().and_then(read::<Named>));
        let (Some(header), Some(named)) = (header, named) else { return Err(malformed) };
        let typed = ["at+jwt", "application/at+jwt"].iter().any(|name| header.typ.eq_ignore_ascii_case(name));
        if !typed || header.purpose.is_some_and(|purpose| purpose != "sig") || !is_name(&header.kid) {
            return Err(malformed);
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.trusted.issuer == named.iss);
        let issuer = issuer.ok_or(Refusal::Invalid("the token's issuer is not known"))?;
        let verifier = issuer.keys.key(&header.kid).await.map_err(|none| match none {
            NoKey::Unknown => Refusal::Invalid("the token's key is not known"),
            NoKey::Unavailable => Refusal::Unavailable,
        })?;
        let validation = signature_only(verifier.algorithm);
        let claims = jsonwebtoken::decode::<Claims>(token, &verifier.key, &validation)
            .map_err(|_| Refusal::Invalid("the token's signature or claims are wrong"))?
            .claims;
        let said = issuer.judge(claims, now.timestamp())?;
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = clients.get(&said.external) else {
            // Not the client's secret, and what whoever has to register it needs to know.
            tracing::info!(issuer = %said.external.issuer, subject = %said.external.subject, "a token is of a client that is not registered");
            return Err(Refusal::Invalid("the token is of a client that is not registered"));
        };
        let scopes = ScopeSet::of_role(client.role).and(said.scopes);
        let (client_id, organisation, role) = (client.id.clone(), client.organisation_id, client.role);
        Ok(Arc::new(Caller {
            client_id,
            organisation,
            role,
            scopes,
            generation: client.generation,
            voucher: Some(said.voucher),
            tracking: None,
        }))
    }
}

fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// What a token says that was found good.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    external: External,
    scopes: ScopeSet,
    voucher: Voucher,
}

impl Issuer {
    fn judge(&self, claims: Claims, now: i64) -> Result<Said, Refusal> {
        let invalid = |why| Err(Refusal::Invalid(why));
        if claims.iss != self.trusted.issuer {
            return invalid("the token's issuer is another");
        }
        if !self.is_meant(&claims.aud) {
            return invalid("the token is for somebody else");
        }
        // From when on it is good: both profiles say one of them at least.
        let from = claims.iat.into_iter().chain(claims.nbf).map(|from| from.floor).min();
        let begun = claims.iat.into_iter().chain(claims.nbf).all(|from| from.ceil <= now + LEEWAY_SECONDS);
        let short = from.is_some_and(|from| claims.exp.ceil - from <= LIFETIME_LIMIT);
        if claims.exp.floor + LEEWAY_SECONDS <= now || !begun || !short {
            return invalid("the token is not good now, or for too long");
        }
        let proper = |text: &Option<String>| text.as_deref().is_none_or(is_name);
        if claims.sub != claims.client_id || !is_name(&claims.sub) || !proper(&claims.jti) || !proper(&claims.purpose) {
            return invalid("the token's subject is not its client, or a name is none");
        }
        let (subject, scopes, demands) = match self.trusted.profile {
            Profile::Pdnd => self.of_voucher(&claims)?,
            Profile::Oauth => {
                (claims.client_id.clone(), claims.scope.as_deref().map_or(ScopeSet::ALL, known), Demands::default())
            }
        };
        // It goes into the log where it is not known.
        if !is_name(&subject) {
            return invalid("the token's client has no proper name");
        }
        let digest = match &claims.digest {
            None => None,
            Some(EvidenceDigest { alg, value }) => match Voucher::evidence_digest(alg, value) {
                None => return invalid("the voucher's digest is none"),
                digest => digest,
            },
        };
        let voucher = Voucher {
            purpose: claims.purpose,
            jti: claims.jti,
            names: vec![claims.client_id, subject.clone()],
            audience: self.audience.clone(),
            demands,
            digest,
        };
        Ok(Said { external: External { issuer: claims.iss, subject }, scopes, voucher })
    }

    /// PDND writes several audiences into one string, with commas between them.
    fn is_meant(&self, audience: &Audience) -> bool {
        let own = |name: &str| name.trim() == self.audience;
        match (audience, self.trusted.profile) {
            (Audience::One(names), Profile::Pdnd) => names.split(',').any(own),
            _ => audience.has(|name| name == self.audience),
        }
    }

    /// Whose a voucher is, and what it is good for: it has to be for one of the e-services that this API is.
    fn of_voucher(&self, claims: &Claims) -> Result<(String, ScopeSet, Demands), Refusal> {
        let invalid = |why| Err(Refusal::Invalid(why));
        let (Some(consumer), Some(_), Some(_), Some(_)) = (&claims.consumer, &claims.purpose, &claims.jti, &claims.nbf)
        else {
            return invalid("the voucher says not whose it is, what for, its name or from when on");
        };
        let service = self.trusted.eservices.iter().find(|service| {
            claims.eservice.as_ref() == Some(&service.eservice_id)
                && claims.producer.as_ref() == Some(&service.producer_id)
                && claims.descriptor.as_ref().is_some_and(|version| service.descriptor_ids.contains(version))
        });
        let Some(service) = service else { return invalid("the voucher is for another e-service") };
        let demands = Demands { integrity: service.integrity, audit: service.audit };
        Ok((consumer.clone(), service.scopes.as_deref().map_or(ScopeSet::ALL, known), demands))
    }
}

/// Those scopes of a list that are ours: other APIs have others.
fn known(list: &str) -> ScopeSet {
    ScopeSet::of(SCOPES.iter().filter(|scope| list.split(' ').any(|name| name == scope.name)))
}
