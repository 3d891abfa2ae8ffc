//! What can change while tokens are about: which clients are still what their tokens say, and which keys sign. Every process looks it
//! up once a second: that is how long a client that was revoked is still served.

use std::sync::Arc;
use std::time::Duration;

use super::external::Federation;
use super::message::Signatories;
use super::token::Authority;
use super::{keys, store};
use crate::db::{Conn, Database};
use crate::vault;

/// How often it is looked up.
const PERIOD: Duration = Duration::from_secs(1);

/// Whoever has to know.
pub struct Known {
    /// What verifies our own tokens.
    pub authority: Arc<Authority>,
    /// What verifies those of others.
    pub federation: Arc<Federation>,
    /// What verifies messages.
    pub signatories: Arc<Signatories>,
}

/// Looks it up until the service stops.
pub async fn run(Known { authority, federation, signatories }: Known, database: Database) {
    let mut known: Vec<String> = Vec::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        let known_now = |conn: &mut Conn, _: &_| {
            let clients = (store::generations(conn)?, store::external_clients(conn)?, store::signatories(conn)?);
            Ok((clients, store::signing_keys(conn)?, vault::store::keys(conn)?))
        };
        let ((generations, clients, signing), kept, sealing) = match database.query(known_now).await {
            Ok(found) => found,
            Err(problem) => {
                tracing::warn!(%problem, "could not look up which clients were revoked");
                continue;
            }
        };
        authority.know_generations(generations);
        federation.know_clients(clients);
        signatories.know(signing);
        if let Err(error) = database.context().vault.know(&sealing) {
            tracing::error!(%error, "the keys in the database that seal personal data cannot be used");
        }
        let kids: Vec<String> = kept.iter().map(|key| key.kid.clone()).collect();
        if kids != known {
            match kept.iter().map(|key| keys::load(key, &database.context().vault)).collect::<Result<Vec<_>, _>>() {
                Ok(loaded) => {
                    authority.know_keys(loaded);
                    known = kids;
                }
                Err(error) => tracing::error!(%error, "the signing keys in the database cannot be used"),
            }
        }
        let spent = authority.spent(database.context().now());
        if !spent.is_empty() {
            match database.query(move |conn, _| Ok(store::forget_keys(conn, &spent)?)).await {
                Ok(keys) => tracing::info!(keys, "forgot signing keys whose tokens have all expired"),
                Err(problem) => tracing::warn!(%problem, "could not forget old signing keys"),
            }
        }
    }
}

/// Keeps the keys of other authorities fresh, until the service stops.
pub async fn refresh(federation: Arc<Federation>) {
    while !federation.is_empty() {
        federation.refresh().await;
        tokio::time::sleep(PERIOD).await;
    }
}
