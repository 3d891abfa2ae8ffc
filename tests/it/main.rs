//! The integration tests: one binary, over HTTP, on real PostgreSQL. One server a run, one database a test.

mod architecture;
mod embedded;
mod feed_order;
mod openapi;
mod organisations;
mod schema;
mod support;
