//! Participants (lavoratori destinatari): workers with a Dote, taken in charge by an accredited operator.

pub mod model;
pub mod ops;
pub mod routes;
pub mod rules;
pub mod store;
pub mod subject;
pub mod views;
pub mod wire;

use uuid::Uuid;

use crate::batch::Kept;
use crate::kind::Kind;

/// The resource.
#[derive(Debug)]
pub struct Participants;

impl Kept for Participants {
    const KIND: Kind = Kind::Participant;
    type Record = model::Participant;

    fn partnership_of(record: &model::Participant) -> Option<Uuid> {
        Some(record.partnership_id.uuid())
    }
}
