//! Places in the feed, as readers keep them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::{self, Head};
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::kind::Kind;
use crate::text;

/// Everything up to here was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The transaction's position.
    pub position: i64,
    /// The change within it.
    pub seq: i64,
    /// How far the change is delivered, where it is the gain of a partnership with all that belongs to it.
    pub within: Option<Within>,
}

/// A place among the records of a partnership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// The partnership.
    pub partnership: Uuid,
    /// The kind of record.
    pub kind: Kind,
    /// Its id.
    pub after: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// Epoch.
    e: Uuid,
    /// Position.
    p: i64,
    /// Place within the position.
    s: i64,
    /// The transaction at that position: another one there is of a log that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    /// Partnership, kind and record within a gain of sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    g: Option<(Uuid, usize, Uuid)>,
}

/// The text of a place.
pub fn encode(conn: &mut Conn, place: &Place, epoch: Uuid) -> Result<String, QueryError> {
    let within = place.within.map(|within| {
        let kind = Kind::ALL.iter().position(|kind| *kind == within.kind).unwrap_or_default();
        (within.partnership, kind, within.after)
    });
    let x = store::transaction_at(conn, place.position)?;
    let cursor = Cursor { e: epoch, p: place.position, s: place.seq, x, g: within };
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).map_err(|_| Problem::new(Code::Internal))?))
}

/// The place that a text stands for; without one, the beginning.
pub fn place(conn: &mut Conn, text: Option<&str>, head: &Head) -> Result<Place, QueryError> {
    let Some(text) = text else {
        // A feed whose beginning was forgotten does not pretend to begin there.
        return match head.pruned_through {
            0 => Ok(Place { position: 0, seq: 0, within: None }),
            _ => Err(expired().into()),
        };
    };
    let cursor: Cursor = BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(Problem::new(Code::InvalidCursor))?;
    let within = match cursor.g {
        Some((partnership, kind, after)) => {
            let kind = Kind::ALL.get(kind).copied().ok_or(Problem::new(Code::InvalidCursor))?;
            Some(Within { partnership, kind, after })
        }
        None => None,
    };
    if cursor.p < 0 || cursor.s < 0 {
        return Err(Problem::new(Code::InvalidCursor).into());
    }
    // A position that the log has not reached is of a log that was lost since.
    let lost = cursor.e != head.epoch || cursor.p > head.position;
    let forgotten =
        cursor.p < head.pruned_through || (cursor.p == head.pruned_through && cursor.p > 0 && cursor.s != i64::MAX);
    if lost || forgotten {
        return Err(expired().into());
    }
    if cursor.p > head.pruned_through && store::transaction_at(conn, cursor.p)? != cursor.x {
        return Err(expired().into());
    }
    Ok(Place { position: cursor.p, seq: cursor.s, within })
}

fn expired() -> Problem {
    Problem::because(
        Code::CursorExpired,
        text!(
            "Start over into an empty copy: with /v1/exports, each of which ends in the cursor from which the feed goes on."
                / "Ricominciare in una copia vuota: con /v1/exports, ciascuno dei quali termina con il cursore da cui il feed prosegue."
        ),
    )
}
