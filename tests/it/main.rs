//! The integration tests: one binary, over HTTP, on real PostgreSQL. One server a run, one database a test.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test that panics has failed, and says where"
)]

mod actions;
mod architecture;
mod calls;
mod embedded;
mod feed_order;
mod members;
mod openapi;
mod organisations;
mod partnerships;
mod process;
mod schema;
mod support;
