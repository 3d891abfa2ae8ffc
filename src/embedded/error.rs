//! What can go wrong around the private PostgreSQL, worded for whoever starts the service.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private PostgreSQL could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory with the server's programs was found, and none could be installed.
    #[error(
        "no PostgreSQL server programs found: install them (Debian and Ubuntu: apt-get install postgresql; \
         Fedora: dnf install postgresql-server; macOS: brew install postgresql) or give a DATABASE_URL"
    )]
    NoBinaries,

    /// The distribution's package was wanted, and its installation failed.
    #[error("installing PostgreSQL: `{command}` failed: {output}")]
    Install {
        /// The command that failed.
        command: String,
        /// The end of what it printed.
        output: String,
    },

    /// The cluster was made by a major version whose programs are not here. Nothing is touched.
    #[error(
        "the data in {} was made by PostgreSQL {made_by}, but only PostgreSQL {} is installed: \
         install version {made_by}, or convert the data with pg_upgrade; nothing was changed",
        data_dir.display(), list(found)
    )]
    OtherVersion {
        /// The directory of the cluster.
        data_dir: PathBuf,
        /// The major version that made the cluster.
        made_by: u32,
        /// The major versions that are installed.
        found: Vec<u32>,
    },

    /// There is something where the cluster should be, and it is not a cluster.
    #[error("{} is not a PostgreSQL cluster (no readable PG_VERSION); nothing was changed", .0.display())]
    NotACluster(PathBuf),

    /// Another live service holds the lock.
    #[error(
        "the data directory {} is in use by another running service{}",
        data_dir.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
        /// The process that holds it, where known.
        holder: Option<u32>,
    },

    /// The data belongs to somebody whom this process can neither be nor become.
    #[error("{} belongs to user id {owner}: start the service as that user, or give another data directory", path.display())]
    OtherOwner {
        /// The directory in question.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },

    /// Others can write where only the service and its server may.
    #[error("{} already exists and is not private to the server: remove it", .0.display())]
    NotPrivate(PathBuf),

    /// Running as root, and there is no user to run the server as.
    #[error("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as")]
    NoAccount,

    /// The existing cluster cannot be reached by the user that owns it.
    #[error("the user of {} cannot reach it: open the directories above it to that user", .0.display())]
    Unreachable(PathBuf),

    /// Processes of an earlier server would not go away.
    #[error("an earlier PostgreSQL (process {pid}) still runs in {} and could not be stopped: {reason}", data_dir.display())]
    Orphan {
        /// One of the processes.
        pid: i32,
        /// The directory of the cluster.
        data_dir: PathBuf,
        /// What was tried.
        reason: String,
    },

    /// `initdb` failed.
    #[error("making the PostgreSQL cluster failed: {0}")]
    Initdb(String),

    /// The server ended, or did not become ready in time.
    #[error("PostgreSQL did not start: {reason}; the end of {}:\n{tail}", log.display())]
    NotStarted {
        /// What was seen.
        reason: String,
        /// The server's log.
        log: PathBuf,
        /// What this attempt wrote into it.
        tail: String,
    },

    /// A name PostgreSQL would refuse or silently shorten.
    #[error("`{0}` cannot name a database: 1 to 63 bytes, without NUL")]
    DatabaseName(String),

    /// `psql` failed.
    #[error("creating the database `{database}` failed: {output}")]
    CreateDatabase {
        /// The database.
        database: String,
        /// What `psql` printed.
        output: String,
    },

    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The cause.
        source: io::Error,
    },
}

/// Names the file and the act: "permission denied" alone helps nobody.
pub(super) fn at<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io { doing: format!("{doing} {}", path.display()), source }
}

fn list(versions: &[u32]) -> String {
    let mut versions = versions.to_vec();
    versions.sort_unstable();
    versions.dedup();
    let words: Vec<String> = versions.iter().map(u32::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_named_with_the_one_at_hand() {
        let text = Error::OtherVersion { data_dir: "/srv/x".into(), made_by: 13, found: vec![17, 15, 15] }.to_string();
        assert!(text.contains("PostgreSQL 13,"), "{text}");
        assert!(text.contains("PostgreSQL 15, 17 is installed"), "{text}");
    }

    #[test]
    fn what_to_install_is_said_in_one_line() {
        assert!(!Error::NoBinaries.to_string().contains('\n'));
    }
}
