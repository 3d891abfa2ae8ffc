//! Whether there is news, for readers that wait for it: one look at the log for all of them, and none while nobody waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::store;
use crate::db::Database;
use crate::places::{Place, Places};

/// How often the log is looked at while somebody waits: what a waiting reader's news is late by, at most.
const PERIOD: Duration = Duration::from_millis(100);

/// Readers that wait at the same time, and those of one organisation: each looks at its page whenever anybody has committed something.
const WAITING: usize = 512;
const WAITING_OF_ONE: usize = 16;

/// Where readers wait.
pub struct Watch {
    position: watch::Sender<i64>,
    someone: Notify,
    places: Places,
}

impl Default for Watch {
    fn default() -> Self {
        Self { position: watch::Sender::new(0), someone: Notify::new(), places: Places::new(WAITING, WAITING_OF_ONE) }
    }
}

impl Watch {
    /// A place to wait at, where there is one for the organisation: it changes whenever something was committed.
    pub fn wait(&self, organisation: Uuid) -> Option<(watch::Receiver<i64>, Place)> {
        let place = self.places.take(organisation)?;
        let receiver = self.position.subscribe();
        self.someone.notify_one();
        Some((receiver, place))
    }
}

/// Looks at the log for those who wait, until the service stops.
pub async fn run(watch: Arc<Watch>, database: Database) {
    loop {
        if watch.position.receiver_count() == 0 {
            watch.someone.notified().await;
        }
        match database.query(|conn, _| Ok(store::advance(conn)?)).await {
            Ok(position) => {
                watch.position.send_if_modified(|known| std::mem::replace(known, position) != position);
            }
            // Readers that wait in vain ask again.
            Err(problem) => tracing::debug!(%problem, "could not look for changes"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}
