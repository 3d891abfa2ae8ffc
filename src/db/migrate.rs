//! Migrations, carried in the binary.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Conn;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A migration failed or the database cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("migrating the database failed: {0}")]
pub struct MigrationError(String);

/// Applies what is pending and answers the names of what was applied. Several services that start at once take turns.
pub fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    let fail = |error: &dyn std::fmt::Display| MigrationError(error.to_string());
    let mut conn = Conn::establish(url).map_err(|error| fail(&error))?;
    conn.batch_execute("SELECT pg_advisory_lock(4710)").map_err(|error| fail(&error))?;
    let applied = conn
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| fail(&error))?
        .iter()
        .map(ToString::to_string)
        .collect();
    conn.batch_execute("SELECT pg_advisory_unlock(4710)").map_err(|error| fail(&error))?;
    Ok(applied)
}

/// Takes every migration back; for the test that they can be.
pub fn revert_all(url: &str) -> Result<(), MigrationError> {
    let fail = |error: &dyn std::fmt::Display| MigrationError(error.to_string());
    let mut conn = Conn::establish(url).map_err(|error| fail(&error))?;
    conn.revert_all_migrations(MIGRATIONS).map(drop).map_err(|error| fail(&error))
}
