//! Organisations (soggetti): legal entities by their tax code, with the accreditation of those that are labour operators.
//! The region registers them; every client may read them.

pub mod model;
pub mod ops;
pub mod refs;
pub mod routes;
pub mod rules;
pub mod store;
pub mod wire;

use uuid::Uuid;

use crate::batch::Kept;
use crate::kind::Kind;

/// The resource.
#[derive(Debug)]
pub struct Organisations;

impl Kept for Organisations {
    const KIND: Kind = Kind::Organisation;
    type Record = model::Organisation;

    fn partnership_of(_: &model::Organisation) -> Option<Uuid> {
        None
    }
}
