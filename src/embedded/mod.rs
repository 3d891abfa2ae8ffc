//! The private PostgreSQL that is started when no `DATABASE_URL` is given.
//!
//! It listens on a unix socket only, in a directory that nobody but the service and the server's user can enter, and runs as long as the service:
//!
//! - `binaries`, `install`: the programs of PostgreSQL, found or installed;
//! - `account`, `place`: who the server runs as, and where its files are;
//! - `cluster`: the lock, the cluster and its log;
//! - `orphans`: what an earlier run may have left;
//! - `postmaster`, `supervisor`: one run of the server, and the thread that keeps it running.

mod account;
mod binaries;
mod cluster;
mod error;
mod install;
mod orphans;
mod place;
mod postmaster;
mod psql;
mod supervisor;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use error::Error;

use self::binaries::Binaries;
use self::cluster::ROLE;
use self::place::{PG, Place};
use self::postmaster::Recipe;
use self::supervisor::Supervisor;

/// What must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What is committed survives a power cut.
    Durable,
    /// What is committed survives the end of the server, not of the machine. Only for tests.
    Disposable,
}

/// How to start the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data is, or will be. As root the server runs as another user: a directory that is empty, or was used before, is opened to that user's group;
    /// if the user cannot reach it even so, a directory under `/var/lib` is used instead: see [`Server::data_dir`].
    pub data_dir: PathBuf,
    /// What must survive.
    pub durability: Durability,
    /// Whether a missing PostgreSQL may be installed with the system's package manager (as root on Debian and its descendants).
    pub install_if_missing: bool,
}

/// A running PostgreSQL. Dropping it stops the server; if the server dies before, it is started again.
pub struct Server {
    place: Place,
    binaries: Binaries,
    /// Last, because dropping it stops the server.
    _supervisor: Supervisor,
}

impl Server {
    /// Starts the server, making its cluster first where there is none, and returns once it accepts connections.
    ///
    /// # Errors
    ///
    /// No programs, another version's cluster, a directory in use or out of reach, or a server that does not start: see [`Error`].
    pub fn start(options: &Options) -> Result<Self, Error> {
        let found = installed(options.install_if_missing)?;
        let any = found.first().ok_or(Error::NoBinaries)?;
        let place = place::settle(&options.data_dir, &any.program("postgres"))?;
        let lock = cluster::lock(&place.root)?;
        let made_by = cluster::version(&place.root)?;
        let binaries = binaries::choose(&found, made_by, &place.root.join(PG))?;
        if made_by.is_none() {
            tracing::info!("making a PostgreSQL {} cluster in {}", binaries.major(), place.root.display());
            cluster::initialise(&place, &binaries, options.durability)?;
        }
        let recipe = Recipe { place: place.clone(), binaries: binaries.clone(), durability: options.durability };
        orphans::clear(&recipe.pg())?;
        let supervisor = Supervisor::start(recipe, lock)?;
        Ok(Self { place, binaries, _supervisor: supervisor })
    }

    /// The URL of a database, for libpq and so for Diesel. The role is a superuser and needs no password: the socket's directory is what keeps others out.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql://{ROLE}@/{}?host={}&port=5432",
            percent_encoded(database.as_bytes()),
            percent_encoded(self.place.socket.as_os_str().as_bytes())
        )
    }

    /// Creates the database unless it is there already, also when another process does the same at this moment.
    ///
    /// # Errors
    ///
    /// A name PostgreSQL does not take as it is, or a failure of `psql`.
    pub fn create_database_if_missing(&self, database: &str) -> Result<(), Error> {
        psql::create_database(&self.binaries, &self.place.socket, database)
    }

    /// The directory in use, which need not be the one asked for.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.place.root
    }

    /// Stops the server and returns when it has stopped. Open transactions are rolled back.
    pub fn stop(self) {
        drop(self);
    }
}

/// Where the data is unless said otherwise: `.ricolloca` in the current directory.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    let name = Path::new(".ricolloca");
    std::path::absolute(name).unwrap_or_else(|_| name.to_owned())
}

fn installed(install_if_missing: bool) -> Result<Vec<Binaries>, Error> {
    let found = binaries::find();
    if found.is_empty() && install_if_missing && install::possible() {
        install::install()?;
        return Ok(binaries::find());
    }
    Ok(found)
}

fn percent_encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_url_would_read_otherwise_is_encoded() {
        assert_eq!(percent_encoded(b"a/b c?d&e%"), "a%2Fb%20c%3Fd%26e%25");
        assert_eq!(percent_encoded("perché".as_bytes()), "perch%C3%A9");
    }

    #[test]
    fn a_server_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Server>();
    }

    #[test]
    fn the_default_is_in_the_current_directory() {
        let expected = std::env::current_dir().unwrap().join(".ricolloca");
        assert_eq!(default_data_dir(), expected);
    }
}
