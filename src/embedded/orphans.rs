//! Processes of an earlier server that outlived their service, or their postmaster.
//!
//! Only whoever holds the lock may call this: nobody else has a live server here.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::{Error, at};

/// Ends whatever still runs in the cluster `pg` (a path without symbolic links), and removes a pid file that would keep a new server from starting.
pub(super) fn clear(pg: &Path) -> Result<(), Error> {
    let recorded = recorded_pid(pg)?;
    let found = running(pg, recorded);
    if !found.is_empty() {
        end(pg, recorded, &found)?;
    }
    #[cfg(target_os = "linux")]
    remove_stale(pg)?;
    Ok(())
}

/// The pid in `postmaster.pid`; negative where somebody runs a single-user server.
fn recorded_pid(pg: &Path) -> Result<Option<i32>, Error> {
    let path = pg.join("postmaster.pid");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().next().and_then(|line| line.trim().parse().ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("reading", &path)(error)),
    }
}

fn end(pg: &Path, recorded: Option<i32>, found: &[i32]) -> Result<(), Error> {
    if let Some(pid) = recorded.map(i32::wrapping_neg).filter(|pid| found.contains(pid)) {
        return Err(Error::Orphan {
            pid,
            data_dir: pg.to_owned(),
            reason: "it is a single-user server that somebody works with".to_owned(),
        });
    }
    let postmaster = recorded.filter(|pid| found.contains(pid));
    let mut left = if let Some(pid) = postmaster {
        tracing::warn!(pid, "an earlier PostgreSQL still runs in {}: stopping it", pg.display());
        // A clean stop, if it manages one in time.
        signal(pid, Signal::SIGINT, pg)?;
        wait(pg, recorded, Duration::from_secs(10))
    } else {
        // Without their postmaster the backends end by themselves, as soon as they look up from their work.
        wait(pg, recorded, Duration::from_secs(1))
    };
    for (how, patience) in [(Signal::SIGQUIT, Duration::from_secs(5)), (Signal::SIGKILL, Duration::from_secs(5))] {
        if left.is_empty() {
            return Ok(());
        }
        tracing::warn!(pids = ?left, "PostgreSQL's leftovers in {} get a {how}", pg.display());
        for pid in &left {
            signal(*pid, how, pg)?;
        }
        left = wait(pg, recorded, patience);
    }
    match left.first() {
        None => Ok(()),
        Some(pid) => {
            Err(Error::Orphan { pid: *pid, data_dir: pg.to_owned(), reason: "it survives SIGKILL".to_owned() })
        }
    }
}

fn signal(pid: i32, signal: Signal, pg: &Path) -> Result<(), Error> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::Orphan {
            pid,
            data_dir: pg.to_owned(),
            reason: format!("{signal} was refused: {}", errno.desc()),
        }),
    }
}

fn wait(pg: &Path, recorded: Option<i32>, patience: Duration) -> Vec<i32> {
    let deadline = Instant::now() + patience;
    loop {
        let left = running(pg, recorded);
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Every process that runs the program `postgres` in the directory of this cluster: the postmaster and, should it be gone, its children. All of them change there when they start.
#[cfg(target_os = "linux")]
fn running(pg: &Path, _recorded: Option<i32>) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let is_ours = is_postgres(&entry.path()) && std::fs::read_link(entry.path().join("cwd")).ok()? == pg;
            is_ours.then_some(pid)
        })
        .collect()
}

/// A zombie has no `exe` any more, so it does not count.
#[cfg(target_os = "linux")]
fn is_postgres(process: &Path) -> bool {
    std::fs::read_link(process.join("exe")).is_ok_and(|exe| {
        // Not equal: an upgrade of the package leaves "postgres (deleted)", and some systems wrap the program.
        exe.file_name().is_some_and(|name| name.to_string_lossy().contains("postgres"))
    })
}

/// Without `/proc` only the recorded postmaster can be judged, by its command line.
#[cfg(not(target_os = "linux"))]
fn running(pg: &Path, recorded: Option<i32>) -> Vec<i32> {
    let is_ours = |pid: &i32| {
        let output = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        output.is_ok_and(|output| {
            let line = String::from_utf8_lossy(&output.stdout).into_owned();
            line.contains("postgres") && line.contains(&*pg.to_string_lossy())
        })
    };
    recorded.map(i32::abs).filter(is_ours).into_iter().collect()
}

/// After a crash the recorded pid may by now be another program's (in a container it usually is), and PostgreSQL would take that program for a running postmaster.
/// Nothing runs in the cluster, that has just been seen, so the file protects nothing.
#[cfg(target_os = "linux")]
fn remove_stale(pg: &Path) -> Result<(), Error> {
    let Some(pid) = recorded_pid(pg)?.map(i32::abs) else {
        return Ok(());
    };
    if !Path::new("/proc").join(pid.to_string()).exists() {
        return Ok(());
    }
    let path = pg.join("postmaster.pid");
    tracing::warn!(pid, "{} names a process that is not PostgreSQL: removing it", path.display());
    std::fs::remove_file(&path).map_err(at("removing", &path))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_pid_that_is_another_programs_is_left_alone_and_the_file_goes() {
        let pg = tempfile::tempdir().unwrap();
        let pg = pg.path().canonicalize().unwrap();
        let mut other = Command::new("sleep").arg("60").current_dir(&pg).spawn().unwrap();
        let file = pg.join("postmaster.pid");
        std::fs::write(&file, format!("{}\n{}\n", other.id(), pg.display())).unwrap();

        clear(&pg).unwrap();

        assert!(!file.exists());
        assert!(other.try_wait().unwrap().is_none(), "it was not ours to stop");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn no_pid_file_is_no_trouble() {
        let pg = tempfile::tempdir().unwrap();
        clear(pg.path()).unwrap();
    }
}
