//! Members (soggetti della rete): the organisations of a partnership. Its lead edits them.

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
pub struct Members;

impl Kept for Members {
    const KIND: Kind = Kind::Member;
    type Record = model::Member;

    fn partnership_of(record: &model::Member) -> Option<Uuid> {
        Some(record.partnership_id.uuid())
    }
}
