//! Reconciliations: a reader sends digests of what it has, and learns what of it is not what it should be. Agreement costs one request
//! however many records there are; a difference costs one more.

pub mod digest;
pub mod ops;
pub mod routes;
pub mod store;
pub mod wire;
