//! The private PostgreSQL, started, killed, stopped and started again.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use ricolloca::embedded::{Durability, Error, Options, Server};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn options(data_dir: &Path, durability: Durability) -> Options {
    Options { data_dir: data_dir.to_owned(), durability, install_if_missing: false }
}

fn disposable(data_dir: &Path) -> Options {
    options(data_dir, Durability::Disposable)
}

fn connect(server: &Server, database: &str) -> PgConnection {
    PgConnection::establish(&server.url(database)).expect("the server accepts connections")
}

fn count(connection: &mut PgConnection, query: &str) -> i64 {
    diesel::sql_query(query).get_result::<Count>(connection).expect("the query works").n
}

fn setting(connection: &mut PgConnection, name: &str) -> String {
    diesel::sql_query(format!("SELECT current_setting('{name}') AS value"))
        .get_result::<Setting>(connection)
        .expect("the setting exists")
        .value
}

fn execute(connection: &mut PgConnection, statement: &str) {
    diesel::sql_query(statement).execute(connection).expect("the statement works");
}

fn postmaster(root: &Path) -> Option<Pid> {
    let text = fs::read_to_string(root.join("pg/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}

/// The message of a start that must fail.
fn refusal(options: &Options) -> String {
    let error = Server::start(options).err();
    error.expect("the start is refused").to_string()
}

/// Polls, since nothing tells when another process has come or gone.
fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Gone, or dead and not yet buried.
fn is_gone(pid: Pid) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => kill(pid, None).is_err(),
    }
}

#[test]
fn data_survives_a_killed_postmaster_and_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let durable = options(directory.path(), Durability::Durable);
    let server = Server::start(&durable).unwrap();
    server.create_database_if_missing("casa").unwrap();
    server.create_database_if_missing("casa").unwrap();
    let mut connection = connect(&server, "casa");
    for (name, value) in [
        ("fsync", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ] {
        assert_eq!(setting(&mut connection, name), value, "{name}");
    }
    execute(&mut connection, "CREATE TABLE t (id int PRIMARY KEY, name text)");
    execute(&mut connection, "INSERT INTO t VALUES (1, 'È')");
    assert_eq!(
        count(&mut connection, "SELECT count(*) AS n FROM t WHERE lower(name) = 'è'"),
        1,
        "case is folded beyond ASCII"
    );

    // A backend in the middle of something may outlive its postmaster for a while.
    let url = server.url("casa");
    let busy = std::thread::spawn(move || {
        let mut connection = PgConnection::establish(&url).unwrap();
        diesel::sql_query("SELECT count(*) FROM generate_series(1, 2000000000)").execute(&mut connection)
    });
    std::thread::sleep(Duration::from_millis(300));

    let first = postmaster(server.data_dir()).unwrap();
    kill(first, Signal::SIGKILL).unwrap();
    let url = server.url("casa");
    let mut connection = eventually("a restart", || {
        postmaster(server.data_dir()).filter(|pid| *pid != first)?;
        PgConnection::establish(&url).ok()
    });
    assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM t"), 1);
    assert!(busy.join().unwrap().is_err(), "its transaction is lost");
    execute(&mut connection, "INSERT INTO t VALUES (2, 'due')");

    let pid = postmaster(server.data_dir()).unwrap();
    server.stop();
    assert!(is_gone(pid));
    assert!(PgConnection::establish(&url).is_err());

    let server = Server::start(&durable).unwrap();
    let mut connection = connect(&server, "casa");
    assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM t"), 2);
}

#[test]
fn a_second_service_is_told_who_has_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&disposable(directory.path())).unwrap();
    let refused = Server::start(&disposable(directory.path())).err().unwrap();
    let text = refused.to_string();
    assert!(matches!(refused, Error::InUse { .. }), "{text}");
    assert!(text.contains(&*server.data_dir().to_string_lossy()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    connect(&server, "postgres");
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_else_can_enter_and_no_group_of_root_comes_along() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&disposable(directory.path())).unwrap();
    for inside in ["pg", "socket"] {
        let found = fs::metadata(server.data_dir().join(inside)).unwrap();
        assert_eq!(found.mode() & 0o777, 0o700, "{inside}");
    }
    let pid = postmaster(server.data_dir()).unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| -> Vec<String> {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    if geteuid().is_root() {
        assert!(line("Groups:").is_empty(), "{status}");
        assert!(line("Uid:").iter().all(|uid| uid != "0"), "{status}");
        assert!(line("Gid:").iter().all(|gid| gid != "0"), "{status}");
    } else {
        let us = geteuid().to_string();
        assert!(line("Uid:").iter().all(|uid| *uid == us), "{status}");
    }
}

/// A server nobody supervises, run by the owner of the cluster.
fn start_by_hand(root: &Path) -> Child {
    let pg = root.join("pg");
    let owner = fs::metadata(&pg).expect("the cluster is there");
    let version = fs::read_to_string(pg.join("PG_VERSION")).expect("and has a version");
    let installed = format!("/usr/lib/postgresql/{}/bin/postgres", version.trim());
    let program = if Path::new(&installed).exists() { installed } else { "postgres".to_owned() };
    let mut command = Command::new(program);
    if geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
        .current_dir(&pg)
        .arg("-D")
        .arg(&pg)
        .args(["-c", "listen_addresses="])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", root.join("socket").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

#[test]
fn an_orphan_is_stopped_and_its_place_taken() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&disposable(directory.path())).unwrap();
    let root = server.data_dir().to_owned();
    execute(&mut connect(&server, "postgres"), "CREATE TABLE t ()");
    server.stop();

    let mut orphan = start_by_hand(&root);
    let pid = eventually("the orphan's start", || {
        let text = fs::read_to_string(root.join("pg/postmaster.pid")).ok()?;
        text.lines().nth(7).filter(|line| line.trim() == "ready")?;
        postmaster(&root)
    });
    let server = Server::start(&disposable(directory.path())).unwrap();
    assert!(orphan.try_wait().unwrap().is_some(), "the orphan was stopped");
    assert_ne!(postmaster(&root), Some(pid));
    let mut connection = connect(&server, "postgres");
    assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM t"), 0);
}

#[test]
fn another_versions_cluster_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(&disposable(directory.path())).unwrap().stop();
    let pg = directory.path().join("pg");
    fs::write(pg.join("PG_VERSION"), "9\n").unwrap();
    let text = refusal(&disposable(directory.path()));
    assert!(text.contains("made by PostgreSQL 9,"), "{text}");
    assert!(pg.join("base").exists());
}

#[test]
fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(&disposable(directory.path())).unwrap().stop();
    let conf = directory.path().join("pg/postgresql.conf");
    fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let text = refusal(&disposable(directory.path()));
    assert!(text.contains("no_such_setting"), "{text}");
    // The lock is free again, and once the cause is gone so is the trouble.
    fs::write(&conf, "").unwrap();
    Server::start(&disposable(directory.path())).unwrap();
}

#[test]
fn a_deep_directory_and_an_odd_database_name_work() {
    let directory = tempfile::tempdir().unwrap();
    // Reachable by the server's user, which a temporary directory of root's is not.
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let deep = directory.path().join("x".repeat(100)).join("two words");
    let server = Server::start(&disposable(&deep)).unwrap();
    assert_eq!(server.data_dir(), deep.canonicalize().unwrap());
    let name = "l'\"altra\" casa/è";
    server.create_database_if_missing(name).unwrap();
    let mut connection = connect(&server, name);
    assert_eq!(count(&mut connection, "SELECT 1::int8 AS n"), 1);
    for wrong in ["", "a\0b", &"x".repeat(64)] {
        assert!(matches!(server.create_database_if_missing(wrong), Err(Error::DatabaseName(_))));
    }
}

#[test]
fn a_database_may_be_wanted_by_many_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&disposable(directory.path())).unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| server.create_database_if_missing("contesa"))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    connect(&server, "contesa");
}

#[test]
fn no_value_of_a_statement_reaches_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&disposable(directory.path())).unwrap();
    let mut connection = connect(&server, "postgres");
    execute(&mut connection, "CREATE TABLE t (cf text PRIMARY KEY)");
    execute(&mut connection, "INSERT INTO t VALUES ('RSSMRA80A01F205X')");
    let again =
        diesel::sql_query("INSERT INTO t VALUES ($1)").bind::<Text, _>("RSSMRA80A01F205X").execute(&mut connection);
    assert!(again.is_err(), "a duplicate, whose DETAIL names the value");
    let cast = diesel::sql_query("SELECT CAST($1 AS int)").bind::<Text, _>("RSSMRA80A01F205X").execute(&mut connection);
    assert!(cast.is_err(), "a message that quotes the value");
    let root = server.data_dir().to_owned();
    server.stop();
    let log = fs::read_to_string(root.join("postgres.log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("RSSMRA"), "{log}");
}

/// Not a test: the service that the next one kills.
#[test]
#[ignore = "started by a_killed_service_leaves_no_server_behind"]
fn serve_until_killed() {
    let directory = std::env::var("RICOLLOCA_TEST_DATA_DIR").unwrap();
    let _server = Server::start(&disposable(Path::new(&directory))).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_service_leaves_no_server_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "embedded::serve_until_killed"])
        .env("RICOLLOCA_TEST_DATA_DIR", directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = eventually("the service's start", || {
        let text = fs::read_to_string(directory.path().join("pg/postmaster.pid")).ok()?;
        text.lines().nth(7).filter(|line| line.trim() == "ready")?;
        postmaster(directory.path())
    });
    service.kill().unwrap();
    service.wait().unwrap();
    if cfg!(target_os = "linux") {
        eventually("the server's end", || is_gone(pid).then_some(()));
    }
    let server = Server::start(&disposable(directory.path())).unwrap();
    connect(&server, "postgres");
}
