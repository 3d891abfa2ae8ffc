//! Imports: many changes in one request, each of which passes the rules and permissions of a single one.
//!
//! ```text
//! upload -> lines -> items --(small)--> apply in one transaction ------------------> report
//!                       \--(large)--> chunks by stage -> workers: one transaction a chunk
//! ```
//!
//! | where | what |
//! |---|---|
//! | [`body`], [`item`] | from bytes to items: decompression, lines, limits; what a line says |
//! | [`apply`] | from items to verdicts, through [`crate::batch`]: the one write path |
//! | [`verdict`] | what became of a line, and why |
//! | [`upload`] | receiving: small imports are kept in memory, large ones staged in chunks |
//! | [`worker`], [`run`] | the threads; an import at once, a chunk, an import as a whole, lines that waited |
//! | [`wire`], [`report`], [`ops`], [`routes`] | what clients see of it |
//! | `store` | the tables |
//!
//! What must hold, and how: `docs/decisions/0007-imports.md`.

pub mod apply;
pub mod body;
mod circles;
pub mod item;
pub mod ops;
pub mod report;
pub mod routes;
pub mod run;
pub(crate) mod stage;
mod store;
pub mod upload;
pub mod verdict;
mod waiting;
pub mod wire;
pub mod worker;

/// Lines that an import has at most.
pub const MAX_LINES: i64 = 2_000_000;

/// Lines that an import has at most which is carried out in one transaction: its locks are held to the end.
pub const MAX_LINES_AS_A_WHOLE: i64 = 50_000;

/// Bytes of an import at most, after decompression.
pub const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of a line at most: what a single request's body may have.
pub const MAX_LINE: usize = crate::http::body::BODY_LIMIT;

/// An import of at most so many lines is answered at once.
pub const AT_ONCE_LINES: usize = 1000;

/// An import of at most so many bytes is answered at once.
pub const AT_ONCE_BYTES: usize = 1024 * 1024;

/// Items that are carried out in one transaction.
pub const CHUNK_ITEMS: usize = 500;

/// Bytes after which a chunk is full.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Days that an item waits for its parent, where the import does not say.
pub const WAIT_DAYS: i32 = 7;
