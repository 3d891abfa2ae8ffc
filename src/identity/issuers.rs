//! The file of the other authorities whose tokens are accepted: who they are, where their keys are, what their tokens must say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::{Agent, config::Config};

use super::ScopeSet;
use super::jwk::KeyAlgorithm;
use super::jwks::Pace;
use crate::remote::{authorities, is_here};

/// Authorities, at most: the metadata of the API lists them.
const ISSUERS_LIMIT: usize = 9;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuers: Vec<Trusted>,
}

/// An authority whose tokens are accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// Its name: `iss` of its tokens.
    pub issuer: String,
    /// Where it publishes its keys. Never taken from a token.
    pub jwks_url: String,
    /// File with the certificates (PEM) of the authorities to be trusted there, instead of those of the public ones.
    pub ca_file: Option<PathBuf>,
    /// This API's name in `aud`; the public URL with `/v1` where it is not given.
    pub audience: Option<String>,
    /// What its tokens look like.
    pub profile: Profile,
    /// The e-services of PDND that this API is.
    #[serde(default)]
    pub eservices: Vec<EService>,
    /// Seconds after which the keys are fetched again.
    #[serde(default = "refresh")]
    pub refresh_seconds: u32,
    /// Seconds between two fetches, at least.
    #[serde(default = "cooldown")]
    pub cooldown_seconds: u32,
    /// Seconds for which keys are good while the authority cannot be reached.
    #[serde(default = "trust")]
    pub trust_seconds: u32,
}

const fn refresh() -> u32 {
    300
}

const fn cooldown() -> u32 {
    10
}

const fn trust() -> u32 {
    86_400
}

/// What tokens look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Vouchers of the Piattaforma Digitale Nazionale Dati.
    Pdnd,
    /// OAuth 2.0 access tokens (RFC 9068).
    Oauth,
}

impl Profile {
    /// The algorithms of its keys.
    pub const fn algorithms(self) -> &'static [KeyAlgorithm] {
        match self {
            Self::Pdnd => &[KeyAlgorithm::Rs256],
            Self::Oauth => &[KeyAlgorithm::Rs256, KeyAlgorithm::Ps256, KeyAlgorithm::Es256],
        }
    }
}

/// An e-service of PDND.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EService {
    /// `eserviceId` of its vouchers.
    pub eservice_id: String,
    /// `descriptorId`s of the versions that are accepted.
    pub descriptor_ids: Vec<String>,
    /// `producerId`: whoever offers it.
    pub producer_id: String,
    /// Scopes that its vouchers are good for, separated by blanks; all of the client's role where it is not given.
    pub scopes: Option<String>,
    /// Whether requests with an effect are signed (INTEGRITY_REST_02), whatever the client's own profile says.
    #[serde(default)]
    pub integrity: bool,
    /// Whether requests say on whose behalf they are (AUDIT_REST_01 or AUDIT_REST_02), whatever the client's own profile says.
    #[serde(default)]
    pub audit: bool,
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum IssuersError {
    /// It cannot be read.
    #[error("the file of the issuers {0} cannot be read: {1}")]
    Unreadable(String, std::io::Error),
    /// It is not what it should be.
    #[error("the file of the issuers {0}: {1}")]
    Malformed(String, serde_json::Error),
    /// An authority cannot be used as it stands there.
    #[error("the issuer `{0}`: {1}")]
    Unfit(String, String),
}

/// Reads and judges the file.
pub fn read(file: &Path) -> Result<Vec<Trusted>, IssuersError> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| IssuersError::Unreadable(name.clone(), error))?;
    let file: File = serde_json::from_str(&text).map_err(|error| IssuersError::Malformed(name, error))?;
    for (place, issuer) in file.issuers.iter().enumerate() {
        let earlier = file.issuers.iter().take(place);
        let told = issuer.judge().or_else(|| {
            let again = earlier.clone().any(|other| other.issuer == issuer.issuer);
            again.then(|| "it stands there twice".to_owned())
        });
        let told = told.or_else(|| (place >= ISSUERS_LIMIT).then(|| format!("there are more than {ISSUERS_LIMIT}")));
        if let Some(told) = told {
            return Err(IssuersError::Unfit(issuer.issuer.clone(), told));
        }
    }
    Ok(file.issuers)
}

impl Trusted {
    /// Why it cannot be used.
    fn judge(&self) -> Option<String> {
        let uri = self.jwks_url.parse::<Uri>().ok();
        let safe = uri
            .as_ref()
            .is_some_and(|uri| uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here(uri)));
        let unknown = self
            .eservices
            .iter()
            .filter_map(|service| service.scopes.as_deref())
            .find(|scopes| ScopeSet::parse(scopes, ScopeSet::ALL).is_none_or(|scopes| scopes == ScopeSet::NONE));
        let pdnd = self.profile == Profile::Pdnd;
        if self.issuer.is_empty() || self.issuer.len() > 500 {
            Some("its name has 1 to 500 characters".to_owned())
        } else if !safe {
            Some(
                "`jwks_url` is https, or http to this machine: whoever is in between could put keys of its own there"
                    .to_owned(),
            )
        } else if pdnd == self.eservices.is_empty() {
            Some("`eservices` are those of the profile `pdnd`, at least one".to_owned())
        } else if self.eservices.iter().any(|service| service.descriptor_ids.is_empty()) {
            Some("every e-service has `descriptor_ids`".to_owned())
        } else if let Some(scopes) = unknown {
            Some(format!("`{scopes}` are no scopes of this API"))
        } else if self.audience.as_ref().is_some_and(|audience| audience.is_empty() || audience.contains(',')) {
            Some("`audience` is one name, without a comma".to_owned())
        } else if self.refresh_seconds == 0 || self.cooldown_seconds == 0 || self.trust_seconds < self.refresh_seconds {
            Some("keys are fetched after 1 second or more, and trusted until they are fetched again".to_owned())
        } else {
            None
        }
    }

    /// How often its keys are fetched.
    pub fn pace(&self) -> Pace {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Pace {
            refresh: seconds(self.refresh_seconds),
            cooldown: seconds(self.cooldown_seconds),
            trust: seconds(self.trust_seconds),
        }
    }

    /// How its keys are fetched: where the file says and nowhere else.
    pub fn agent(&self) -> Result<Agent, IssuersError> {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("ricolloca/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_global(Some(Duration::from_secs(5)));
        let config = match &self.ca_file {
            None => config,
            Some(file) => {
                let told =
                    |failure: crate::remote::Failure| IssuersError::Unfit(self.issuer.clone(), failure.to_string());
                config.tls_config(TlsConfig::builder().root_certs(authorities(file).map_err(told)?).build())
            }
        };
        Ok(config.build().new_agent())
    }
}
