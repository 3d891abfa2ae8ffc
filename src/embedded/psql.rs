//! The one statement that needs no schema: creating a database. Through `psql`, so that this module needs no driver.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::account::quiet;
use super::binaries::Binaries;
use super::cluster::ROLE;
use super::error::{Error, at};

/// A longer name is shortened with no more than a notice.
const LONGEST_NAME: usize = 63;

/// `psql` quotes the variable itself, as a value and, through `format`, as a name.
const CREATE: &str = "SELECT format('CREATE DATABASE %I', :'name') \
     WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n";

pub(super) fn create_database(binaries: &Binaries, socket: &Path, database: &str) -> Result<(), Error> {
    if database.is_empty() || database.len() > LONGEST_NAME || database.contains('\0') {
        return Err(Error::DatabaseName(database.to_owned()));
    }
    // Between the question and the CREATE somebody else may have been faster: then the second round finds it.
    let first = run(binaries, socket, database)?;
    if first.is_none() {
        return Ok(());
    }
    match run(binaries, socket, database)? {
        None => Ok(()),
        Some(output) => Err(Error::CreateDatabase { database: database.to_owned(), output }),
    }
}

/// None where it worked, else what was printed.
fn run(binaries: &Binaries, socket: &Path, database: &str) -> Result<Option<String>, Error> {
    let program = binaries.program("psql");
    let failed = || at("running", &program);
    let mut child = quiet(&program)
        .args(["--no-psqlrc", "--quiet", "--no-password"])
        .args(["--set=ON_ERROR_STOP=1", "--port=5432", "--dbname=postgres"])
        .arg(format!("--username={ROLE}"))
        .arg("--host")
        .arg(socket)
        .arg(format!("--set=name={database}"))
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed())?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(CREATE.as_bytes()).map_err(failed())?;
    }
    let output = child.wait_with_output().map_err(failed())?;
    let printed = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((!output.status.success()).then_some(printed))
}
