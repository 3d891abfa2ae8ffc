//! How the body of a single request is read: within limits of size and time.

use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::web;
use futures_util::StreamExt as _;

use crate::error::{Code, Problem};
use crate::text;

/// The largest body of a single request, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Reads a body that is within the limits of size and time.
pub async fn read_body(mut payload: Payload) -> Result<web::BytesMut, Problem> {
    let mut bytes = web::BytesMut::new();
    let began = Instant::now();
    loop {
        let within = GRACE + Duration::from_secs(bytes.len() as u64 / SLOWEST_BYTES_PER_SECOND);
        let patience = SILENCE.min(within.saturating_sub(began.elapsed()));
        let next = tokio::time::timeout(patience, payload.next()).await.map_err(|_| cut_off())?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|_| cut_off())?;
        if bytes.len() + chunk.len() > BODY_LIMIT {
            return Err(Problem::because(
                Code::BodyTooLarge,
                text!("A body has at most {BODY_LIMIT} bytes." / "Un corpo ha al massimo {BODY_LIMIT} byte."),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// How long a sender may be silent within a body, and how long it may take in all besides what it has sent: who is slower keeps a connection
/// and memory from others.
const SILENCE: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(20);
const SLOWEST_BYTES_PER_SECOND: u64 = 8 * 1024;

fn cut_off() -> Problem {
    Problem::because(
        Code::MalformedRequest,
        text!(
            "The body ended, or came too slowly, before it was complete."
                / "Il corpo è terminato, o è arrivato troppo lentamente, prima di essere completo."
        ),
    )
}
