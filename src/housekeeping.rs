//! What is done now and then while the service runs.

use std::time::Duration;

use actix_web::web;

use crate::batch::{KEPT_DAYS, forget_answers};
use crate::feed::store as feed;
use crate::http::State;
use crate::identity::store::forget_assertions;

/// How often it is done.
const PERIOD: Duration = Duration::from_secs(3600);

/// Forgets stored answers that have been kept for as long as was promised, assertions that have expired, and changes that are older
/// than `feed_days` (0: none), until the service stops. Several processes may do so at once: each takes what it finds.
pub async fn run(state: web::Data<State>, feed_days: u16) {
    loop {
        forget_changes(&state, feed_days).await;
        let forgotten = state
            .housekeeping()
            .query(|conn, context| {
                let before = context.now() - chrono::Duration::days(KEPT_DAYS);
                Ok(forget_answers(conn, before)?)
            })
            .await;
        match forgotten {
            Ok(0) => {}
            Ok(answers) => tracing::info!(answers, "forgot answers to idempotency keys"),
            Err(problem) => tracing::warn!(%problem, "could not forget old answers"),
        }
        let forgotten = state.housekeeping().query(|conn, context| Ok(forget_assertions(conn, context.now())?)).await;
        if let Err(problem) = forgotten {
            tracing::warn!(%problem, "could not forget used assertions");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn forget_changes(state: &State, days: u16) {
    if days == 0 {
        return;
    }
    let mut forgotten = 0;
    loop {
        let pruned = state.housekeeping().query(move |conn, context| {
            Ok(feed::prune(conn, context.now() - chrono::Duration::days(i64::from(days)))?)
        });
        match pruned.await {
            Ok(0) => break,
            Ok(some) => forgotten += some,
            Err(problem) => {
                tracing::warn!(%problem, "could not forget old changes");
                break;
            }
        }
    }
    if forgotten > 0 {
        tracing::info!(forgotten, "forgot transactions of the feed");
    }
}
