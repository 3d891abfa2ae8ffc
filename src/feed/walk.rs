//! What stands next in the feed. A gain of sight is delivered as all that is in the partnership now, in as many pages as it takes;
//! what is written to it meanwhile stands later in the feed anyway.

use uuid::Uuid;

use super::cursor::{Place, Within};
use super::store::{self, Range};
use super::wire::Operation;
use crate::db::{Conn, Fault};
use crate::kind::Kind;

/// What is looked for.
pub struct Walk<'a> {
    /// Of these kinds.
    pub kinds: &'a [&'static str],
    /// What this organisation sees; everything where there is none.
    pub sight: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Up to this position.
    pub through: i64,
    /// What the epoch began after.
    pub epoch: (i64, i64),
}

/// One change to be delivered.
#[derive(Debug)]
pub struct Step {
    /// Kind of record.
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// What happened.
    pub operation: Operation,
}

/// What was found.
pub struct Found {
    /// The changes.
    pub steps: Vec<Step>,
    /// Where they end; `None` at the end of the log.
    pub end: Option<Place>,
}

/// Goes on from a place.
pub fn walk(conn: &mut Conn, mut place: Place, walk: &Walk<'_>) -> Result<Found, Fault> {
    let mut steps: Vec<Step> = Vec::new();
    if let Some(within) = place.within {
        if let Some(within) = expand(conn, within, walk, &mut steps)? {
            return Ok(Found { steps, end: Some(Place { within: Some(within), ..place }) });
        }
        place.within = None;
    }
    loop {
        let asked = i64::try_from(walk.limit - steps.len()).unwrap_or(i64::MAX).saturating_add(1);
        let range = Range {
            after: (place.position, place.seq),
            through: walk.through,
            epoch: walk.epoch,
            kinds: walk.kinds,
            sight: walk.sight,
            limit: asked,
        };
        let events = store::events(conn, &range)?;
        let last = i64::try_from(events.len()).unwrap_or(i64::MAX) < asked;
        for event in events {
            if steps.len() >= walk.limit {
                return Ok(Found { steps, end: Some(place) });
            }
            let operation = Operation::of(&event.operation);
            place = Place { position: event.position, seq: event.seq, within: None };
            if operation == Operation::Grant {
                let begin = Within { partnership: event.record_id, kind: Kind::Partnership, after: Uuid::nil() };
                if let Some(within) = expand(conn, begin, walk, &mut steps)? {
                    return Ok(Found { steps, end: Some(Place { within: Some(within), ..place }) });
                }
            } else {
                steps.push(Step { kind: event.kind, id: event.record_id, version: event.version, operation });
            }
        }
        if last {
            return Ok(Found { steps, end: None });
        }
    }
}

/// Delivers what is in a partnership, as far as there is room; answers where it stopped, where it did.
fn expand(conn: &mut Conn, from: Within, walk: &Walk<'_>, steps: &mut Vec<Step>) -> Result<Option<Within>, Fault> {
    let mut within = from;
    // Sight may be gone again; whoever sees everything does not gain it.
    let seen = match walk.sight {
        Some(organisation) => store::sees(conn, organisation, from.partnership)?,
        None => false,
    };
    if !seen {
        return Ok(None);
    }
    for kind in Kind::ALL.into_iter().filter(|kind| *kind >= from.kind && walk.kinds.contains(&kind.name())) {
        if kind != within.kind {
            within = Within { kind, after: Uuid::nil(), ..within };
        }
        loop {
            let room = walk.limit - steps.len();
            if room == 0 {
                return Ok(Some(within));
            }
            let asked = i64::try_from(room).unwrap_or(i64::MAX);
            let found = store::belonging(conn, kind, within.partnership, within.after, asked)?;
            let done = found.len() < room;
            for record in found {
                within.after = record.id;
                let (id, version) = (record.id, record.version);
                steps.push(Step { kind: kind.name().to_owned(), id, version, operation: Operation::Grant });
            }
            if done {
                break;
            }
        }
    }
    Ok(None)
}
