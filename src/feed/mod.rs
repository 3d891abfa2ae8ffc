//! The feed: every committed change, in one order, missed by nobody. The database writes it (`migrations/*_change_log`);
//! here it is sequenced and read. `docs/decisions/0003-change-log.md` says why it is exact.

pub mod cursor;
pub mod ops;
pub mod routes;
pub mod store;
pub mod walk;
pub mod watch;
pub mod wire;
