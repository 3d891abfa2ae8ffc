//! Organisations (soggetti): legal entities by their tax code, with the accreditation of those that are labour operators.
//! The region registers them; every client may read them.

pub mod model;
pub mod ops;
pub mod routes;
pub mod rules;
pub mod store;
pub mod wire;

pub use ops::Organisations;
