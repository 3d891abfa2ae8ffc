//! The program as it is run: the private PostgreSQL keeps its data over restarts, and the service recovers when it or
//! PostgreSQL is killed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::http;
use crate::support::service::Client;

const PATIENCE: Duration = Duration::from_secs(60);

struct Program {
    child: Child,
    url: String,
    data_dir: PathBuf,
}

fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ricolloca"));
    command.env_remove("DATABASE_URL").args(["--demo", "off", "--data-dir"]).arg(data_dir).stderr(Stdio::null());
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Program {
    fn start(data_dir: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let child = command(data_dir).args(["--bind", &address]).stdout(Stdio::piped()).spawn().unwrap();
        let mut program = Self { child, url: format!("http://{address}"), data_dir: data_dir.to_path_buf() };
        let mut lines = BufReader::new(program.child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Swagger UI")), "the program ended before it was ready");
        program
    }

    fn client(&self, secret: &str) -> Client {
        let form = format!("grant_type=client_credentials&client_id=tester&client_secret={secret}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer =
            http::send(&http::agent(), "POST", &format!("{}/oauth/token", self.url), &headers, form.into_bytes());
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        Client { url: self.url.clone(), token: Some(token), agent: http::agent() }
    }

    /// The process id of the postmaster.
    fn postmaster(&self) -> Pid {
        self.try_postmaster().expect("PostgreSQL runs in the data directory")
    }

    fn try_postmaster(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(find(&self.data_dir, "postmaster.pid")?).ok()?;
        Some(Pid::from_raw(text.lines().next()?.trim().parse().ok()?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.file_name()? == name {
            Some(path)
        } else if path.is_dir() {
            find(&path, name)
        } else {
            None
        }
    })
}

fn is_alive(pid: Pid) -> bool {
    kill(pid, None).is_ok()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let ends = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < ends, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn data_outlives_kills_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path();
    let added = command(data_dir)
        .args(["add-client", "tester", "--role", "region", "--organisation", "99999910153", "--name", "Regione"])
        .output()
        .unwrap();
    assert!(added.status.success());
    let printed = String::from_utf8(added.stdout).unwrap();
    let secret = printed.lines().find_map(|line| line.strip_prefix("client_secret  ")).unwrap().to_owned();

    let program = Program::start(data_dir);
    let region = program.client(&secret);
    let write = |client: &Client, name: &str| {
        let body = json!({"tax_code": if name == "a" { "99999950167" } else { "99999980149" }, "name": name});
        client.put(&format!("/v1/organisations/by-external-id/{name}"), None, body).status
    };
    assert_eq!(write(&region, "a"), 201);
    // PostgreSQL is shot: the service starts it again, and answers 503, never an error of another kind, until then.
    let first = program.postmaster();
    kill(first, Signal::SIGKILL).unwrap();
    wait_until("a write after PostgreSQL was killed", || match write(&region, "b") {
        201 => true,
        503 => false,
        other => panic!("answered {other}"),
    });
    // A backend that was left behind may have served that write: the new server comes when the last of them is gone, and
    // until it does a write may be answered 503 again.
    wait_until("another PostgreSQL", || program.try_postmaster().is_some_and(|pid| pid != first && is_alive(pid)));
    wait_until("a write on the new PostgreSQL", || match write(&region, "a") {
        200 => true,
        503 => false,
        other => panic!("answered {other}"),
    });

    // The service is shot: PostgreSQL goes with it, and the next start finds everything.
    let second = program.postmaster();
    kill(Pid::from_raw(i32::try_from(program.child.id()).unwrap()), Signal::SIGKILL).unwrap();
    wait_until("the end of PostgreSQL", || !is_alive(second));
    drop(program);

    let mut program = Program::start(data_dir);
    let region = program.client(&secret);
    assert_eq!((write(&region, "a"), write(&region, "b")), (200, 200));

    // Told to stop, it stops, and PostgreSQL with it.
    let third = program.postmaster();
    kill(Pid::from_raw(i32::try_from(program.child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(program.child.wait().unwrap().success());
    assert!(!is_alive(third));
}

#[test]
fn a_second_service_on_the_same_data_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let second = command(folder.path())
        .args(["--bind", &format!("127.0.0.1:{}", free_port())])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let told = String::from_utf8(second.stderr).unwrap();
    let line = told.lines().rfind(|line| line.starts_with("ricolloca: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains(folder.path().to_str().unwrap()), "{line}");
    drop(program);
}

#[test]
fn settings_that_do_not_go_together_are_told_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("none");
    let refused = Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .args(["--demo", "on", "--bind", "0.0.0.0:0", "--data-dir"])
        .arg(&data_dir)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("loopback"));
    assert!(!data_dir.exists());
    let help = Command::new(env!("CARGO_BIN_EXE_ricolloca")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for variable in ["RICOLLOCA_BIND", "RICOLLOCA_DATA_DIR", "DATABASE_URL", "RICOLLOCA_DEMO", "RICOLLOCA_LOG"] {
        assert!(help.contains(variable), "{variable} is not in --help");
    }
}
