//! A worker's right to know (accesso, art. 15 GDPR): everything that is kept of one person, and who was shown it. Correcting and restricting it:
//! [`crate::participants::subject`]; its end: [`crate::retention`].

pub mod ops;
pub mod routes;
pub mod store;
pub mod wire;
