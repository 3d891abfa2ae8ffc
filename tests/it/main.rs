//! The integration tests: one binary, over HTTP, on real PostgreSQL. One server a run, one database a test.

mod embedded;
mod organisations;
mod support;
