//! Where the programs of PostgreSQL are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Error;

/// One installed version.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Every complete installation, the preferred one first.
pub(super) fn find() -> Vec<Binaries> {
    let mut seen = HashSet::new();
    candidates()
        .into_iter()
        .filter_map(|directory| directory.canonicalize().ok())
        .filter(|directory| seen.insert(directory.clone()))
        .filter_map(|directory| {
            let complete = ["postgres", "initdb", "psql"].iter().all(|program| directory.join(program).is_file());
            let major = complete.then(|| major_of(&directory.join("postgres")))??;
            Some(Binaries { directory, major })
        })
        .collect()
}

/// The installation for a cluster of the given major version, or the preferred one for a new cluster.
pub(super) fn choose(found: &[Binaries], made_by: Option<u32>, cluster: &Path) -> Result<Binaries, Error> {
    let chosen = match made_by {
        None => found.first(),
        Some(major) => found.iter().find(|binaries| binaries.major == major),
    };
    match (chosen, made_by) {
        (Some(binaries), _) => Ok(binaries.clone()),
        (None, Some(made_by)) if !found.is_empty() => Err(Error::OtherVersion {
            data_dir: cluster.to_owned(),
            made_by,
            found: found.iter().map(Binaries::major).collect(),
        }),
        (None, _) => Err(Error::NoBinaries),
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut directories = versioned("/usr/lib/postgresql", "", "bin");
    directories.extend(versioned("/usr", "pgsql-", "bin"));
    if let Some(path) = std::env::var_os("PATH") {
        directories.extend(std::env::split_paths(&path).filter(|entry| entry.is_absolute()));
    }
    for homebrew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        directories.extend(versioned(homebrew, "postgresql@", "bin"));
    }
    directories.extend(versioned("/Applications/Postgres.app/Contents/Versions", "", "bin"));
    directories
}

/// The directories `parent/prefixN/below`, the largest N first; as numbers, since 9 is older than 10.
fn versioned(parent: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = leading_number(name.to_str()?.strip_prefix(prefix)?)?;
            Some((version, entry.path().join(below)))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn major_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15.
fn parse_version(text: &str) -> Option<u32> {
    leading_number(text.split_once("(PostgreSQL)")?.1.trim_start())
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(major: u32) -> Binaries {
        Binaries { directory: PathBuf::from(format!("/nowhere/{major}")), major }
    }

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15),
            ("postgres (PostgreSQL) 17.2", 17),
            ("postgres (PostgreSQL) 19beta1", 19),
        ] {
            assert_eq!(parse_version(text), Some(major), "{text}");
        }
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn newer_versions_come_first_and_nine_is_not_newer_than_ten() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9", "10", "17", "not-a-version"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versioned(parent.path().to_str().unwrap(), "", "bin");
        let names: Vec<_> = found.iter().map(|path| path.parent().unwrap().file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["17", "10", "9"]);
    }

    #[test]
    fn a_cluster_gets_the_version_that_made_it_or_a_clear_refusal() {
        let found = [installed(17), installed(15)];
        let cluster = Path::new("/srv/data/pg");
        assert_eq!(choose(&found, None, cluster).unwrap().major(), 17);
        assert_eq!(choose(&found, Some(15), cluster).unwrap().major(), 15);
        assert!(matches!(choose(&found, Some(14), cluster), Err(Error::OtherVersion { made_by: 14, .. })));
        assert!(matches!(choose(&[], Some(14), cluster), Err(Error::NoBinaries)));
    }
}
