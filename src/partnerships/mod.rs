//! Partnerships (partenariati territoriali): networks under one call, from draft to conclusion.

pub mod composition;
pub mod lifecycle;
pub mod model;
pub mod network;
pub mod ops;
pub mod routes;
pub mod rules;
pub mod store;
#[cfg(test)]
mod tests;
pub mod wire;

use uuid::Uuid;

use crate::batch::Kept;
use crate::kind::Kind;

/// The resource.
#[derive(Debug)]
pub struct Partnerships;

impl Kept for Partnerships {
    const KIND: Kind = Kind::Partnership;
    type Record = model::Partnership;

    fn partnership_of(record: &model::Partnership) -> Option<Uuid> {
        Some(record.meta.id)
    }
}
