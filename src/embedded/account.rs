//! Who the server runs as. PostgreSQL refuses root, so a service started as root runs it as somebody else.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};

use super::error::Error;

/// What a child may see of our environment. The rest stays here: it may hold the service's secrets, and any `PG*` variable would change what the programs do.
const KEPT: [&str; 3] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH"];

/// The user whose rights the server gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The one that runs the service.
    Own,
    /// Somebody to drop to: we are root.
    Other { uid: u32, gid: u32 },
}

/// Whether this process may become somebody else.
pub(super) fn we_are_root() -> bool {
    geteuid().is_root()
}

impl Account {
    /// The account for a cluster that does not exist yet.
    pub(super) fn for_new_cluster() -> Result<Self, Error> {
        if !we_are_root() {
            return Ok(Self::Own);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Self::Other { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
            .ok_or(Error::NoAccount)
    }

    /// The account for a cluster that exists: PostgreSQL accepts only its owner. So a cluster made by `nobody` still starts once the user `postgres` appears.
    pub(super) fn owning(path: &Path, uid: u32, gid: u32) -> Result<Self, Error> {
        let ours = geteuid().as_raw();
        if !we_are_root() {
            return if uid == ours {
                Ok(Self::Own)
            } else {
                Err(Error::OtherOwner { path: path.to_owned(), owner: uid })
            };
        }
        if uid == 0 {
            return Err(Error::OtherOwner { path: path.to_owned(), owner: 0 });
        }
        Ok(Self::Other { uid, gid })
    }

    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// A command that will run as this account, in `directory`, with nothing of our environment that it does not need.
    pub(super) fn command(self, program: &Path, directory: &Path) -> Command {
        let mut command = quiet(program);
        command.current_dir(directory);
        if let Self::Other { uid, gid } = self {
            // Setting a uid as root also clears the supplementary groups, so none of root's come along.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Whether the account can reach the directory, asked of the kernel rather than worked out from mode bits: `program --version` is started there.
    pub(super) fn can_enter(self, program: &Path, directory: &Path) -> io::Result<bool> {
        let status =
            self.command(program, directory).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match status {
            Ok(status) => Ok(status.success()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands a file or directory over to the account; a symbolic link is not followed.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => lchown(path, Some(uid), Some(gid)),
        }
    }
}

/// A command of PostgreSQL's that runs with our own rights.
pub(super) fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null());
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
