//! The keys that an issuer publishes, kept: fetched when it is time, or when a token names a key that is not among them, but not
//! more often than now and then. Where the issuer cannot be reached, those that are known stay good for a while.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use ureq::Agent;

use super::jwk::{KeyAlgorithm, read_key};

/// The longest key set that is read, in bytes: a hundred RSA keys of 4096 bits take half of it.
const SIZE_LIMIT: u64 = 256 * 1024;

/// Keys in a set, at most.
const KEYS_LIMIT: usize = 100;

/// Requests that wait for a fetch, at most: more of them are not worth a wait, whoever sends them.
const WAITING: usize = 64;

/// How often keys are fetched, and for how long they are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After so long they are fetched again, asked for or not: so long is a key trusted that its issuer withdrew.
    pub refresh: Duration,
    /// Between two fetches at least so long goes by.
    pub cooldown: Duration,
    /// For so long they are good while the issuer cannot be reached.
    pub trust: Duration,
}

/// A key that verifies tokens.
#[derive(Clone)]
pub struct Verifier {
    /// Its algorithm: stands with the key, whatever a token says.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// The issuer has no such key.
    #[error("the issuer has no such key")]
    Unknown,
    /// The issuer's keys cannot be obtained: nobody can tell.
    #[error("the issuer's keys cannot be obtained")]
    Unavailable,
}

/// Why a key set was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No answer, or not all of it.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// Another status than 200. Redirects are not followed: they lead where the configuration does not.
    #[error("the status {0}")]
    Status(u16),
    /// Not a key set, or one that cannot be used.
    #[error("{0}")]
    Content(&'static str),
}

#[derive(Default)]
struct Kept {
    keys: HashMap<String, Verifier>,
    /// When the keys were obtained.
    obtained: Option<Instant>,
    /// When they were asked for, and whether that failed.
    tried: Option<(Instant, bool)>,
    /// When they were asked for because a token named a key that is not among them.
    missed: Option<Instant>,
}

/// Where the keys of an issuer come from.
pub struct KeySource {
    url: String,
    algorithms: &'static [KeyAlgorithm],
    pace: Pace,
    agent: Agent,
    kept: RwLock<Kept>,
    /// Who has it fetches; the others wait for what comes.
    turn: Mutex<()>,
    waiting: Semaphore,
}

impl KeySource {
    /// A source of keys of these algorithms. Nothing is fetched yet.
    pub fn new(url: &str, algorithms: &'static [KeyAlgorithm], pace: Pace, agent: Agent) -> Self {
        Self {
            url: url.to_owned(),
            algorithms,
            pace,
            agent,
            kept: RwLock::default(),
            turn: Mutex::default(),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// The key of this name. Waits for a fetch where it is not known and the last fetch is not too recent.
    pub async fn key(self: &Arc<Self>, kid: &str) -> Result<Verifier, NoKey> {
        if let Some(known) = self.known(kid) {
            return Ok(known);
        }
        let begun = Instant::now();
        // Nobody waits longer than a fetch takes, and not too many do: of the others' keys nobody can tell now.
        let Ok(_place) = self.waiting.try_acquire() else { return Err(NoKey::Unavailable) };
        let turn = self.turn.lock().await;
        if self.may_ask_again(begun) {
            self.fetch_now().await;
        }
        drop(turn);
        let failed = || self.kept.read().unwrap_or_else(PoisonError::into_inner).tried.is_none_or(|(_, failed)| failed);
        self.known(kid).ok_or_else(|| if failed() { NoKey::Unavailable } else { NoKey::Unknown })
    }

    /// Fetches the keys where it is time to.
    pub async fn refresh(self: &Arc<Self>) {
        let is_due = || {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            kept.obtained.is_none_or(|at| at.elapsed() >= self.pace.refresh)
                && kept.tried.is_none_or(|(at, _)| at.elapsed() >= self.pace.cooldown)
        };
        if is_due() {
            let _turn = self.turn.lock().await;
            if is_due() {
                self.fetch_now().await;
            }
        }
    }

    /// Whether a key that is not known is worth a fetch, for a request that has waited since `begun`: not where somebody else's
    /// fetch came meanwhile, and not where there was one for such a key lately.
    fn may_ask_again(&self, begun: Instant) -> bool {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.tried.is_some_and(|(at, _)| at > begun);
        if fresh || kept.missed.is_some_and(|at| at.elapsed() < self.pace.cooldown) {
            return false;
        }
        kept.missed = Some(Instant::now());
        true
    }

    fn known(&self, kid: &str) -> Option<Verifier> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.obtained.filter(|at| at.elapsed() < self.pace.trust)?;
        kept.keys.get(kid).cloned()
    }

    /// Fetches the keys. Whoever calls has the turn.
    async fn fetch_now(self: &Arc<Self>) {
        let source = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || source.fetch()).await;
        let found = found.unwrap_or_else(|error| Err(FetchError::Unreachable(error.to_string())));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.tried = Some((Instant::now(), found.is_err()));
        match found {
            Ok(keys) => (kept.keys, kept.obtained) = (keys, Some(Instant::now())),
            Err(error) => tracing::warn!(url = %self.url, %error, "the keys of an issuer could not be fetched"),
        }
    }

    fn fetch(&self) -> Result<HashMap<String, Verifier>, FetchError> {
        let unreachable = |error: ureq::Error| FetchError::Unreachable(error.to_string());
        let mut answer = self.agent.get(&self.url).header("accept", "application/json").call().map_err(unreachable)?;
        if answer.status() != 200 {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let body = answer.body_mut().with_config().limit(SIZE_LIMIT).read_to_vec().map_err(unreachable)?;
        read_set(&body, self.algorithms)
    }
}

/// Those keys of a set that verify with one of these algorithms. A set that is empty says that no key is good any more.
fn read_set(body: &[u8], algorithms: &[KeyAlgorithm]) -> Result<HashMap<String, Verifier>, FetchError> {
    let set: Value = serde_json::from_slice(body).map_err(|_| FetchError::Content("this is no JSON"))?;
    let listed = set.get("keys").and_then(Value::as_array).ok_or(FetchError::Content("this is no key set"))?;
    if listed.len() > KEYS_LIMIT {
        return Err(FetchError::Content("the key set has too many keys"));
    }
    let mut keys = HashMap::new();
    for jwk in listed.iter().filter(|jwk| jwk.get("use").is_none_or(|purpose| purpose == "sig")) {
        // A key that names no algorithm is of the one that the issuer uses, where it uses only one.
        let mut jwk = jwk.clone();
        if let (Some(members), [only]) = (jwk.as_object_mut(), algorithms) {
            members.entry("alg").or_insert_with(|| only.as_str().into());
        }
        let Ok(key) = read_key(&jwk) else { continue };
        let Some(decoding) = key.decoding().filter(|_| algorithms.contains(&key.algorithm)) else { continue };
        let verifier = Verifier { algorithm: key.algorithm.jwt(), key: decoding };
        if keys.insert(key.kid, verifier).is_some() {
            return Err(FetchError::Content("two keys have one name"));
        }
    }
    if keys.is_empty() && !listed.is_empty() {
        return Err(FetchError::Content("no key of the set can be used"));
    }
    Ok(keys)
}
