//! Cohorts (gruppi di lavoratori): workers accompanied together by one accredited operator.

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
pub struct Cohorts;

impl Kept for Cohorts {
    const KIND: Kind = Kind::Cohort;
    type Record = model::Cohort;

    fn partnership_of(record: &model::Cohort) -> Option<Uuid> {
        Some(record.partnership_id.uuid())
    }
}
