//! Outcomes (esiti): what became of a participant, and whether it counts as a placement.

pub mod history;
pub mod model;
pub mod ops;
pub mod placement;
pub mod routes;
pub mod rules;
pub mod store;
pub mod views;
pub mod wire;

use uuid::Uuid;

use crate::batch::Kept;
use crate::kind::Kind;

/// The resource.
#[derive(Debug)]
pub struct Outcomes;

impl Kept for Outcomes {
    const KIND: Kind = Kind::Outcome;
    type Record = model::Outcome;

    fn partnership_of(record: &model::Outcome) -> Option<Uuid> {
        Some(record.partnership_id.uuid())
    }
}
