//! Installing the distribution's PostgreSQL where there is none: only as root on Debian and its descendants, and only when asked to.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::account::we_are_root;
use super::error::{Error, at};

const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Whether [`install`] can work here.
pub(super) fn possible() -> bool {
    we_are_root()
        && Path::new("/usr/bin/apt-get").is_file()
        && std::fs::read_to_string("/etc/os-release").is_ok_and(|text| is_debian_like(&text))
}

/// Runs apt-get, and says so beforehand: it takes a minute or two.
pub(super) fn install() -> Result<(), Error> {
    tracing::info!("no PostgreSQL found: installing the package postgresql with apt-get");
    no_cluster_of_its_own()?;
    if let Err(error) = apt_get(&["update"]) {
        // One broken third-party source is enough for that, and the package may well be known already.
        tracing::warn!("{error}");
    }
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql"])?;
    tracing::info!("the package postgresql is installed");
    Ok(())
}

/// The package would otherwise make a second cluster and start it at once.
fn no_cluster_of_its_own() -> Result<(), Error> {
    let path = Path::new(CREATE_CLUSTER);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(at("creating", directory))?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file
            .write_all(
                b"# Written by ricolloca when it installed PostgreSQL: it runs a server of its own.\n\
                  # Remove this line to have packages create and start a cluster again.\n\
                  create_main_cluster = false\n",
            )
            .map_err(at("writing", path)),
        // Whoever wrote it had their reasons.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(at("creating", path)(error)),
    }
}

fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new("/usr/bin/apt-get")
        // Another apt may be running, and the file written above must survive without a question.
        .args(["-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("UCF_FORCE_CONFFOLD", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(at("running", Path::new("/usr/bin/apt-get")))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = printed.trim().lines().collect();
    let tail = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default();
    Err(Error::Install { command: format!("apt-get {}", arguments.join(" ")), output: tail.join(" | ") })
}

/// `ID` or `ID_LIKE` of os-release names Debian or Ubuntu.
fn is_debian_like(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim().trim_matches(['"', '\'']).split_whitespace())
        .any(|word| matches!(word, "debian" | "ubuntu"))
}

#[cfg(test)]
mod tests {
    use super::is_debian_like;

    #[test]
    fn debian_is_told_from_its_os_release() {
        assert!(is_debian_like("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian_like("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian_like("ID=fedora\nHOME_URL=https://debian.org\n"));
        assert!(!is_debian_like("VERSION_ID=debian\n"));
    }
}
