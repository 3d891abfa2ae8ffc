//! Where the cluster lives, and that its user, and nobody else, can get there.
//!
//! The data directory stays the service's; inside it `pg` (the cluster) and `socket` belong to the user the server runs as, both closed to everybody else.
//! The server trusts whoever reaches its socket, so that directory *is* the access control.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use super::account::{Account, we_are_root};
use super::error::{Error, at};

/// The name of the socket in its directory; the port only numbers it.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";
/// The lock of the supervisor.
pub(super) const LOCK: &str = "lock";
/// The cluster.
pub(super) const PG: &str = "pg";

/// `sun_path` holds 104 bytes on macOS (108 on Linux), the closing NUL included.
const LONGEST_SOCKET_PATH: usize = 103;

/// A data directory that has been found fit.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The data directory, without symbolic links.
    pub(super) root: PathBuf,
    /// The directory of the socket.
    pub(super) socket: PathBuf,
    /// Who the server runs as.
    pub(super) account: Account,
}

/// Finds or makes the data directory. `program` is any program the server's user must be able to run.
pub(super) fn settle(requested: &Path, program: &Path) -> Result<Place, Error> {
    let requested = resolve(requested)?;
    let fallback = fallback_for(&requested);
    for root in [Some(&requested), fallback.as_ref()].into_iter().flatten() {
        let pg = root.join(PG);
        let Some(owner) = look(&pg)? else { continue };
        let account = Account::owning(&pg, owner.uid(), owner.gid())?;
        if !can_enter(account, program, root)? {
            return Err(Error::Unreachable(pg));
        }
        if *root != requested {
            say_elsewhere(&requested, root);
        }
        return finish(root, account);
    }

    let account = Account::for_new_cluster()?;
    if prepare(&requested, account, program)? {
        return finish(&requested, account);
    }
    if let Some(root) = fallback
        && prepare(&root, account, program)?
    {
        say_elsewhere(&requested, &root);
        return finish(&root, account);
    }
    Err(Error::Unreachable(requested))
}

fn finish(root: &Path, account: Account) -> Result<Place, Error> {
    let root = root.canonicalize().map_err(at("resolving", root))?;
    let socket = socket_directory(&root, account)?;
    Ok(Place { root, socket, account })
}

/// Only root may write there, and only root needs to: nobody else drops to a user that cannot reach the directory.
fn fallback_for(requested: &Path) -> Option<PathBuf> {
    we_are_root().then(|| Path::new("/var/lib").join(format!("ricolloca-{}", fingerprint(requested))))
}

fn say_elsewhere(requested: &Path, root: &Path) {
    tracing::info!("PostgreSQL's user cannot reach {}: its data is kept in {}", requested.display(), root.display());
}

/// Makes the directory, or takes over one that is ours already; false where the server's user cannot reach it.
fn prepare(root: &Path, account: Account, program: &Path) -> Result<bool, Error> {
    let above = root.ancestors().skip(1).find(|path| path.is_dir());
    if let Some(above) = above
        && !can_enter(account, program, above)?
    {
        return Ok(false);
    }
    let created = make(root)?;
    if let Account::Other { gid, .. } = account
        && (created || is_ours(root)?)
    {
        chown(root, None, Some(gid)).map_err(at("giving to the server's group", root))?;
        std::fs::set_permissions(root, Permissions::from_mode(0o750)).map_err(at("setting the mode of", root))?;
    }
    let reachable = can_enter(account, program, root)?;
    if created && !reachable {
        // Only ever the empty directory made above, so nothing is lost if this fails or does not.
        std::fs::remove_dir(root).map_err(at("removing", root))?;
    }
    Ok(reachable)
}

fn can_enter(account: Account, program: &Path, directory: &Path) -> Result<bool, Error> {
    account.can_enter(program, directory).map_err(at("entering as the server's user", directory))
}

fn make(root: &Path) -> Result<bool, Error> {
    if let Some(above) = root.parent() {
        std::fs::create_dir_all(above).map_err(at("creating", above))?;
    }
    match DirBuilder::new().mode(0o700).create(root) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(at("creating", root)(error)),
    }
}

/// A directory of root's that is empty or was used before. The mode of any other, say a home given by mistake, is not ours to change.
fn is_ours(root: &Path) -> Result<bool, Error> {
    let metadata = root.metadata().map_err(at("looking at", root))?;
    if metadata.uid() != geteuid().as_raw() {
        return Ok(false);
    }
    let mut entries = root.read_dir().map_err(at("listing", root))?;
    Ok(root.join(LOCK).exists() || entries.next().is_none())
}

/// Absolute and without symbolic links as far as it exists, so that one directory has one fingerprint before and after it is made.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let path = std::path::absolute(path).map_err(at("resolving", path))?;
    let resolved = path.ancestors().find_map(|ancestor| {
        let real = ancestor.canonicalize().ok()?;
        let rest = path.strip_prefix(ancestor).ok()?;
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    });
    Ok(resolved.unwrap_or(path))
}

/// Names a path in twelve characters. SHA-256, because the name must outlive any change of the standard library's hasher.
fn fingerprint(path: &Path) -> String {
    Sha256::digest(path.as_os_str().as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn socket_directory(root: &Path, account: Account) -> Result<PathBuf, Error> {
    let inside = root.join("socket");
    if fits(&inside) {
        return private(&inside, account).map(|()| inside);
    }
    let name = format!("ricolloca-{}-{}", account.uid(), fingerprint(root));
    let runtime = if we_are_root() {
        Some(PathBuf::from("/run"))
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
    };
    let mut result = Err(Error::Unreachable(inside));
    for parent in [runtime, Some(std::env::temp_dir()), Some("/tmp".into())] {
        let Some(directory) = parent.map(|parent| parent.join(&name)) else {
            continue;
        };
        if directory.parent().is_some_and(Path::is_dir) && fits(&directory) {
            result = private(&directory, account).map(|()| directory);
            if result.is_ok() {
                break;
            }
        }
    }
    result
}

/// Once the server has stopped, its socket's directory is of no use; only inside the data directory it does no harm to keep it.
pub(super) fn remove_distant_socket(place: &Place) {
    if !place.socket.starts_with(&place.root)
        && let Err(error) = std::fs::remove_dir(&place.socket)
    {
        tracing::debug!(%error, "cannot remove {}", place.socket.display());
    }
}

/// Short enough for a socket, and without a character that PostgreSQL's list of socket directories would need quoted.
fn fits(directory: &Path) -> bool {
    let bytes = directory.as_os_str().as_bytes();
    bytes.len() + 1 + SOCKET.len() <= LONGEST_SOCKET_PATH
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte))
}

/// A directory that only the account (and root) can enter. In a temporary directory anybody may have made it before us, so what is found is checked.
fn private(directory: &Path, account: Account) -> Result<(), Error> {
    let made = DirBuilder::new().mode(0o700).create(directory);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(at("creating", directory)(error));
    }
    let ours = look(directory)?.is_some_and(|found| found.uid() == geteuid().as_raw());
    if ours {
        account.give(directory).map_err(at("giving to the server's user", directory))?;
    }
    let found = directory.symlink_metadata().map_err(at("looking at", directory))?;
    if found.is_dir() && found.uid() == account.uid() && found.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(Error::NotPrivate(directory.to_owned()))
    }
}

fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("looking at", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_fingerprint_before_and_after_it_exists() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/.ricolloca");
        let before = resolve(&path).unwrap();
        std::fs::create_dir_all(&path).unwrap();
        assert_eq!(before, resolve(&path).unwrap());
        std::os::unix::fs::symlink(&path, parent.path().join("link")).unwrap();
        assert_eq!(before, resolve(&parent.path().join("link")).unwrap());
    }

    #[test]
    fn fingerprints_do_not_change_between_builds() {
        assert_eq!(fingerprint(Path::new("/srv/ricolloca")).len(), 12);
        assert_eq!(fingerprint(Path::new("/")), "8a5edab28263");
    }

    #[test]
    fn long_or_odd_paths_do_not_hold_sockets() {
        assert!(fits(Path::new("/srv/ricolloca/.ricolloca/socket")));
        assert!(!fits(Path::new("/srv/my data, old/socket")));
        assert!(!fits(&PathBuf::from(format!("/{}", "x".repeat(90)))));
        assert!(fits(&PathBuf::from(format!("/{}", "x".repeat(88)))));
    }

    #[test]
    fn a_socket_directory_open_to_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let open = parent.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(private(&open, Account::Own), Err(Error::NotPrivate(_))));
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(matches!(private(&link, Account::Own), Err(Error::NotPrivate(_))));
        assert!(private(&parent.path().join("new"), Account::Own).is_ok());
    }
}
