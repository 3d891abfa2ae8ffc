//! One PostgreSQL for the whole run: the one of `DATABASE_URL`, or a private one. Every test gets a database of its own,
//! cloned from a template that was migrated once.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use ricolloca::db::migrate;
use ricolloca::embedded::{Durability, Options, Server};

struct Cluster {
    /// Kept for as long as the process lives; PostgreSQL stops with it.
    server: Option<Server>,
    given: Option<String>,
    template: String,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let given = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let server = given.is_none().then(start_private);
        let template = format!("test_{}_template", std::process::id());
        let cluster = Cluster { server, given, template };
        let mut conn = cluster.connect("postgres");
        drop_leftovers(&mut conn);
        conn.batch_execute(&format!("CREATE DATABASE {}", cluster.template)).unwrap();
        migrate::migrate(&cluster.url(&cluster.template)).unwrap();
        // For `.ci/mutants`: what the first lock lets through, the second does not hold back.
        if std::env::var("RICOLLOCA_TEST_SECOND_LOCK").as_deref() == Ok("open") {
            let mut template = cluster.connect(&cluster.template);
            for table in ["participant", "action", "outcome", "outcome_revision"] {
                template.batch_execute(&format!("ALTER POLICY seen_rows ON {table} USING (true)")).unwrap();
            }
        }
        cluster
    })
}

/// The cluster of the last run is used again: making one costs a second. Where another run holds it, the next one.
fn start_private() -> Server {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let start = |number: u32| {
        let data_dir = base.join(format!("postgres-{number}"));
        std::fs::create_dir_all(&data_dir).unwrap();
        Server::start(&Options { data_dir, durability: Durability::Disposable, install_if_missing: true })
    };
    (0..8).find_map(|number| start(number).ok()).unwrap_or_else(|| start(8).unwrap())
}

/// Databases that runs left behind whose process is gone.
fn drop_leftovers(conn: &mut PgConnection) {
    let names: Vec<String> =
        diesel::sql_query("SELECT datname::text AS name FROM pg_database WHERE datname LIKE 'test\\_%'")
            .load::<Named>(conn)
            .unwrap()
            .into_iter()
            .map(|row| row.name)
            .collect();
    for name in names {
        let pid = name.split('_').nth(1).unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let _ = conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

impl Cluster {
    fn url(&self, database: &str) -> String {
        match (&self.server, &self.given) {
            (Some(server), _) => server.url(database),
            (None, given) => with_database(given.as_deref().unwrap_or_default(), database),
        }
    }

    fn connect(&self, database: &str) -> PgConnection {
        PgConnection::establish(&self.url(database)).unwrap()
    }
}

/// The URL with another database.
fn with_database(url: &str, database: &str) -> String {
    let (rest, query) = url.split_once('?').map_or((url, String::new()), |(rest, query)| (rest, format!("?{query}")));
    let authority = rest.find("://").map_or(0, |at| at + 3);
    let path = rest[authority..].find('/').map_or(rest.len(), |at| authority + at);
    format!("{}/{database}{query}", &rest[..path])
}

/// A migrated database that is dropped with this value.
pub struct Database {
    pub name: String,
    pub url: String,
    /// Somebody else's, who drops it.
    borrowed: bool,
}

impl Database {
    pub fn new() -> Self {
        Self::from_template(true)
    }

    /// One without any table.
    pub fn empty() -> Self {
        Self::from_template(false)
    }

    fn from_template(migrated: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let cluster = cluster();
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let template = if migrated { cluster.template.as_str() } else { "template0" };
        // Two clones of one template cannot be made at the same moment.
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cluster.connect("postgres").batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        drop(turn);
        Self { url: cluster.url(&name), name, borrowed: false }
    }

    /// The same database, for another service on it.
    pub fn again(&self) -> Self {
        Self { name: self.name.clone(), url: self.url.clone(), borrowed: true }
    }

    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.borrowed {
            return;
        }
        let _ =
            cluster().connect("postgres").batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

#[test]
fn a_url_keeps_everything_but_its_database() {
    assert_eq!(
        with_database("postgres://u:p@h:5/old?sslmode=require", "new"),
        "postgres://u:p@h:5/new?sslmode=require"
    );
    assert_eq!(with_database("postgresql://h", "new"), "postgresql://h/new");
}
