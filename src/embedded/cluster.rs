//! The files of the cluster: its lock, its version, and how it is made.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;

use super::Durability;
use super::binaries::Binaries;
use super::error::{Error, at};
use super::place::{LOCK, PG, Place};
use super::postmaster::die_with_this_thread;

/// The prefix of a cluster that is still being made.
const UNFINISHED: &str = "pg.initdb-";

/// The role that owns everything; it exists only behind the private socket.
pub(super) const ROLE: &str = "ricolloca";

/// Takes the lock that says who may start, stop and clean up here. The kernel frees it when the process ends, however it ends.
pub(super) fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join(LOCK);
    let mut file = open(&path, OpenOptions::new().read(true).write(true), root)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Only a courtesy to the reader of the message.
            let holder = file.read_to_string(&mut text).ok();
            return Err(Error::InUse {
                data_dir: root.to_owned(),
                holder: holder.and_then(|_| text.trim().parse().ok()),
            });
        }
        Err(TryLockError::Error(error)) => return Err(at("locking", &path)(error)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(at("writing", &path))?;
    Ok(file)
}

/// The major version that made the cluster, or none where there is no cluster yet.
pub(super) fn version(root: &Path) -> Result<Option<u32>, Error> {
    let pg = root.join(PG);
    if !pg.try_exists().map_err(at("looking at", &pg))? {
        return Ok(None);
    }
    let version = std::fs::read_to_string(pg.join("PG_VERSION")).ok();
    version.and_then(|text| text.trim().parse().ok()).map(Some).ok_or(Error::NotACluster(pg))
}

/// Makes the cluster under a temporary name and renames it when complete, so that whatever is called `pg` is whole.
pub(super) fn initialise(place: &Place, binaries: &Binaries, durability: Durability) -> Result<(), Error> {
    remove_unfinished(&place.root)?;
    let unfinished = place.root.join(format!("{UNFINISHED}{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&unfinished).map_err(at("creating", &unfinished))?;
    place.account.give(&unfinished).map_err(at("giving to the server's user", &unfinished))?;

    let program = binaries.program("initdb");
    let mut command = place.account.command(&program, &unfinished);
    command
        .arg("--pgdata")
        .arg(&unfinished)
        .arg(format!("--username={ROLE}"))
        // The socket's directory keeps everybody else out, and no network port is opened.
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--encoding=UTF8", "--no-instructions"])
        .args(locale(binaries.major()));
    match durability {
        Durability::Durable => command.arg("--data-checksums"),
        Durability::Disposable => command.arg("--no-sync"),
    };
    die_with_this_thread(&mut command, Signal::SIGTERM);
    let output = command.output().map_err(at("running", &program))?;
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        remove_unfinished(&place.root)?;
        return Err(Error::Initdb(printed));
    }

    let pg = place.root.join(PG);
    std::fs::rename(&unfinished, &pg).map_err(at("renaming to", &pg))?;
    if durability == Durability::Durable {
        // The name must be as durable as what it names.
        File::open(&place.root).and_then(|directory| directory.sync_all()).map_err(at("syncing", &place.root))?;
    }
    Ok(())
}

/// Text sorts by code point whatever the system's locales are (an index survives a change of libc), while `lower` and `upper` still know accented letters.
fn locale(major: u32) -> &'static [&'static str] {
    if major >= 17 {
        &["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    } else if cfg!(target_os = "linux") {
        &["--locale=C", "--lc-ctype=C.UTF-8"]
    } else {
        &["--locale=C"]
    }
}

/// What a killed `initdb` left. The lock is held, so nobody is making one now.
fn remove_unfinished(root: &Path) -> Result<(), Error> {
    for entry in root.read_dir().map_err(at("listing", root))?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let path = entry.path();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("removing", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The server's log. Appending, so that it can be cut while the server writes.
pub(super) struct Log {
    path: PathBuf,
    root: PathBuf,
}

impl Log {
    /// Errors of statements are not logged (see `postmaster`), so this is years of starts and stops.
    const LARGEST: u64 = 16 << 20;

    pub(super) fn of(root: &Path) -> Self {
        Self { path: root.join("postgres.log"), root: root.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for the server, and says where this attempt's lines begin.
    pub(super) fn open(&self) -> Result<(File, u64), Error> {
        self.cut();
        let file = open(&self.path, OpenOptions::new().append(true), &self.root)?;
        let length = file.metadata().map_err(at("looking at", &self.path))?.len();
        Ok((file, length))
    }

    /// Empties a log that has grown too large: a full disk would stop the server itself.
    pub(super) fn cut(&self) {
        if self.path.metadata().is_ok_and(|m| m.len() > Self::LARGEST)
            && let Err(error) = OpenOptions::new()
                .write(true)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(&self.path)
                .and_then(|file| file.set_len(0))
        {
            tracing::warn!(%error, "cannot cut {}", self.path.display());
        }
    }

    /// The last lines written since `from`.
    pub(super) fn tail(&self, from: u64) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(from.max(end.saturating_sub(4096))))?;
            let mut bytes = Vec::new();
            file.take(4096).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim().lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        last.join("\n")
    }
}

/// Opens or makes a file of the service's in the data directory, belonging to whom the directory belongs to: root may have made it in somebody else's.
fn open(path: &Path, options: &mut OpenOptions, root: &Path) -> Result<File, Error> {
    let file = options
        .create(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .map_err(at("opening", path))?;
    let ours = file.metadata().map_err(at("looking at", path))?;
    let theirs = root.metadata().map_err(at("looking at", root))?;
    if ours.uid() != theirs.uid() {
        fchown(&file, Some(theirs.uid()), None).map_err(at("giving away", path))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_lock_learns_who_was_first() {
        let root = tempfile::tempdir().unwrap();
        let _held = lock(root.path()).unwrap();
        let refused = lock(root.path()).unwrap_err();
        let us = std::process::id();
        assert!(matches!(refused, Error::InUse { holder: Some(pid), .. } if pid == us), "{refused}");
    }

    #[test]
    fn a_directory_that_is_not_a_cluster_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(version(root.path()).unwrap(), None);
        std::fs::create_dir(root.path().join(PG)).unwrap();
        assert!(matches!(version(root.path()), Err(Error::NotACluster(_))));
        std::fs::write(root.path().join(PG).join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(version(root.path()).unwrap(), Some(15));
    }

    #[test]
    fn what_a_killed_initdb_left_is_removed_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("pg.initdb-123/base")).unwrap();
        std::fs::create_dir(root.path().join("pg.saved")).unwrap();
        remove_unfinished(root.path()).unwrap();
        assert!(!root.path().join("pg.initdb-123").exists());
        assert!(root.path().join("pg.saved").exists());
    }

    #[test]
    fn the_tail_of_the_log_is_this_attempts() {
        let root = tempfile::tempdir().unwrap();
        let log = Log::of(root.path());
        std::fs::write(log.path(), "old line\n").unwrap();
        let (mut file, from) = log.open().unwrap();
        writeln!(file, "new line").unwrap();
        assert_eq!(log.tail(from), "new line");
        assert_eq!(log.tail(0), "old line\nnew line");
    }

    #[test]
    fn a_log_too_large_is_emptied() {
        let root = tempfile::tempdir().unwrap();
        let log = Log::of(root.path());
        let (file, _) = log.open().unwrap();
        file.set_len(Log::LARGEST + 1).unwrap();
        assert_eq!(log.open().unwrap().1, 0);
    }
}
