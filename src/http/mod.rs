//! Everything between the wire and the slices: who may call, how requests are read, how answers are written, and how an
//! operation documents itself.

pub mod body;
pub mod cost;
pub mod crud;
pub mod deprecation;
pub mod endpoint;
pub mod extract;
pub mod filter;
pub mod finish;
pub mod headers;
pub mod limits;
pub mod message;
pub mod page;
pub mod peer;
pub mod permit;
pub mod query;
pub mod reader;
pub mod respond;
pub mod select;
pub mod step;
pub mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use limits::{Meter, Quotas};
use peer::Network;

use crate::db::{self, Database};
use crate::error::Problem;
use crate::exports::Readers;
use crate::feed::watch::Watch;
use crate::identity::Caller;
use crate::identity::external::Federation;
use crate::identity::lockout::Lockout;
use crate::identity::message::Signatories;
use crate::identity::token::Authority;
use crate::imports::worker::Imports;

/// What the handlers share. The database is reached through a [`permit::Permit`] only.
pub struct State {
    database: Database,
    imports: Imports,
    readers: Readers,
    authority: Arc<Authority>,
    federation: Arc<Federation>,
    signatories: Arc<Signatories>,
    public_url: String,
    proxies: Vec<Network>,
    meter: Meter,
    feed: Arc<Watch>,
    lockout: Lockout,
    answered: Mutex<Option<Instant>>,
    documents: std::sync::OnceLock<Vec<(&'static str, String)>>,
}

impl State {
    /// The state of a service that is known to the world by `public_url`.
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own, and they are put together in one place")]
    pub fn new(
        database: Database,
        imports: Imports,
        readers: Readers,
        authority: Authority,
        federation: Federation,
        signatories: Signatories,
        public_url: impl Into<String>,
        proxies: Vec<Network>,
        quotas: Quotas,
    ) -> Self {
        let vault = Arc::clone(&database.context().vault);
        Self {
            database,
            imports,
            readers,
            authority: Arc::new(authority),
            federation: Arc::new(federation),
            signatories: Arc::new(signatories),
            public_url: public_url.into(),
            proxies,
            meter: Meter::new(quotas, vault),
            feed: Arc::default(),
            lockout: Lockout::default(),
            answered: Mutex::default(),
            documents: std::sync::OnceLock::new(),
        }
    }

    /// The proxies that are believed when they say whom they speak for.
    pub fn proxies(&self) -> &[Network] {
        &self.proxies
    }

    /// The service's public URL, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The way to the database for the service's own upkeep. Handlers have permits.
    pub(crate) const fn housekeeping(&self) -> &Database {
        &self.database
    }

    /// What issues and verifies tokens.
    pub(crate) const fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// The other authorities whose tokens are accepted.
    pub(crate) const fn federation(&self) -> &Arc<Federation> {
        &self.federation
    }

    /// Whether a caller's client is still what its token said. A second or two old, as everything that is known of clients.
    pub(crate) fn is_current(&self, caller: &Caller) -> bool {
        match &caller.voucher {
            None => self.authority.is_current(caller),
            Some(_) => self.federation.knows(&caller.client_id),
        }
    }

    /// The clients whose messages are signed.
    pub(crate) const fn signatories(&self) -> &Arc<Signatories> {
        &self.signatories
    }

    /// Where readers of the feed wait.
    pub const fn feed(&self) -> &Arc<Watch> {
        &self.feed
    }

    /// Who has failed to authenticate, how often.
    pub(crate) const fn lockout(&self) -> &Lockout {
        &self.lockout
    }

    /// Whether the database answers; who asks again within a second is told the same.
    pub(crate) async fn check_database(&self) -> Result<(), Problem> {
        const FRESH: Duration = Duration::from_secs(1);
        let known = || *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if known().is_none_or(|at| at.elapsed() >= FRESH) {
            self.database.query(|conn, _| Ok(db::ping(conn)?)).await?;
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        Ok(())
    }

    /// The OpenAPI document of this name, once it is assembled.
    pub fn document(&self, name: &str) -> Option<&str> {
        self.documents.get()?.iter().find(|(of, _)| *of == name).map(|(_, text)| text.as_str())
    }

    /// Hands over the OpenAPI documents at the start.
    pub fn publish(&self, documents: Vec<(&'static str, String)>) {
        let _ = self.documents.set(documents);
    }
}
