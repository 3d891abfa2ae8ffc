//! What is done now and then while the service runs.

use std::time::Duration;

use actix_web::web;

use crate::batch::{KEPT_DAYS, forget_answers};
use crate::http::State;
use crate::identity::store::forget_assertions;

/// How often it is done.
const PERIOD: Duration = Duration::from_secs(3600);

/// Forgets stored answers that have been kept for as long as was promised, and assertions that have expired, until the service
/// stops. Several processes may do
/// so at once: each takes what it finds.
pub async fn run(state: web::Data<State>) {
    loop {
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
