//! What is done now and then while the service runs.

use std::time::Duration;

use actix_web::web;

use crate::batch::{KEPT_DAYS, forget_answers};
use crate::http::State;

/// How often it is done.
const PERIOD: Duration = Duration::from_secs(3600);

/// Forgets stored answers that have been kept for as long as was promised, until the service stops. Several processes may do
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
        tokio::time::sleep(PERIOD).await;
    }
}
