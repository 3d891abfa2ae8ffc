//! Actions (azioni): what is done for a cohort or for the territory, in ten kinds. Each member writes its own; the region
//! accounts for them.

pub mod details;
mod details_schema;
mod facts;
pub mod model;
pub mod ops;
pub mod routes;
pub mod rules;
pub mod store;
pub mod wire;

use uuid::Uuid;

use crate::batch::Kept;
use crate::kind::Kind;

/// The resource.
#[derive(Debug)]
pub struct Actions;

impl Kept for Actions {
    const KIND: Kind = Kind::Action;
    type Record = model::Action;

    fn partnership_of(record: &model::Action) -> Option<Uuid> {
        Some(record.partnership_id.uuid())
    }
}
