//! Calls (avvisi): editions of the funding, with the parameters of their rules. The region publishes them.

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
pub struct Calls;

impl Kept for Calls {
    const KIND: Kind = Kind::Call;
    type Record = model::Call;

    fn partnership_of(_: &model::Call) -> Option<Uuid> {
        None
    }
}
