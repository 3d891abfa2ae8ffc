//! The integration tests: one binary, over HTTP, on real PostgreSQL. One server a run, one database a test.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test that panics has failed, and says where"
)]

mod abuse;
mod actions;
mod architecture;
mod assertions;
mod audit;
mod authz_matrix;
mod authz_ways;
mod batches;
mod calls;
mod client_keys;
mod cohorts;
mod contract;
mod cors;
mod data_keys;
mod data_subjects;
mod demo;
mod embedded;
mod exports;
mod external;
mod feed_order;
mod imports;
mod imports_abuse;
mod imports_alike;
mod imports_bombs;
mod imports_hostile;
mod imports_kill;
mod imports_large;
mod imports_random;
mod lists;
mod members;
mod message_security;
mod mirror;
mod openapi;
mod organisations;
mod outcomes;
mod participants;
mod partnerships;
mod planted;
mod problems;
mod process;
mod pull;
mod push;
mod quotas;
mod races;
mod reconciliations;
mod revisions;
mod row_security;
mod schema;
mod sight;
mod support;
mod tokens;
