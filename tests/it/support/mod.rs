//! What the tests stand on: a database of their own, a service on a free port, clients that speak HTTP.

pub mod http;
pub mod issuer;
pub mod postgres;
pub mod service;
pub mod signing;
pub mod world;

pub use service::Service;
pub use world::World;
