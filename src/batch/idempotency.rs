//! `Idempotency-Key`: the answer is stored with the effect, in the same transaction, so that a retry finds it or finds that
//! nothing happened.

use std::collections::HashMap;

use super::job::{Answer, Effect, Reply};
use super::{Context, store};
use crate::db::{Conn, Fault};
use crate::error::{Code, Problem};
use crate::text;

/// How long an answer is kept and a key recognised, in days.
pub const KEPT_DAYS: i64 = 30;

/// What a stored answer is sealed for.
pub const PLACE: &str = "idempotency.body";

/// A request's key and what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The client that chose the key.
    pub client_id: String,
    /// The key.
    pub key: String,
    /// SHA-256 over method, path and body: the same key must come with the same request.
    pub digest: Vec<u8>,
}

/// Keys that have an answer, or a conflict, already.
pub(super) fn recall(
    conn: &mut Conn,
    keys: &[&Idempotency],
    context: &Context,
) -> Result<HashMap<Idempotency, Answer>, Fault> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let busy = store::busy_keys(conn, keys)?;
    let mut known: HashMap<Idempotency, Answer> = busy
        .into_iter()
        .map(|key| {
            (
                key,
                Err(Problem::because(
                    Code::IdempotencyInProgress,
                    text!(
                        "A request with this Idempotency-Key is being carried out."
                            / "Una richiesta con questa Idempotency-Key è in corso."
                    ),
                )),
            )
        })
        .collect();
    for row in store::stored_answers(conn, keys)? {
        for key in keys.iter().filter(|key| key.client_id == row.client_id && key.key == row.key) {
            let answer = if key.digest == row.digest {
                match context.vault.open(PLACE, row.record_id, &row.body) {
                    Ok(body) => Ok(Reply {
                        id: row.record_id,
                        version: row.version,
                        effect: effect_of(row.status),
                        body,
                        fields: Vec::new(),
                        replayed: true,
                    }),
                    Err(_) => Err(Problem::new(Code::Internal)),
                }
            } else {
                Err(Problem::because(
                    Code::IdempotencyKeyReused,
                    text!(
                        "The key came with another method, path or body before."
                            / "La chiave è già arrivata con un altro metodo, percorso o corpo."
                    ),
                ))
            };
            known.entry((*key).clone()).or_insert(answer);
        }
    }
    Ok(known)
}

/// Stores answers with the effects they tell of.
pub(super) fn remember(conn: &mut Conn, answers: &[(&Idempotency, &Reply)], context: &Context) -> Result<(), Fault> {
    if answers.is_empty() {
        return Ok(());
    }
    // An answer may show a tax code: it is kept as sealed as the record is.
    let sealed: Vec<Vec<u8>> =
        answers.iter().map(|(_, reply)| context.vault.seal(&context.ids, PLACE, reply.id, &reply.body)).collect();
    store::store_answers(conn, answers, &sealed, context.now())
}

pub(super) const fn status_of(effect: Effect) -> i32 {
    match effect {
        Effect::Created => 201,
        Effect::Changed | Effect::Unchanged => 200,
        Effect::Deleted => 204,
    }
}

const fn effect_of(status: i32) -> Effect {
    match status {
        201 => Effect::Created,
        204 => Effect::Deleted,
        _ => Effect::Changed,
    }
}
