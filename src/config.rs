//! Settings: flags and environment variables, checked once. Nothing needs to be set for a first run.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::db::threads::Sizes;
use crate::http::limits::Quotas;
use crate::http::peer::Network;
use crate::pull::Pull;
use crate::push::Push;

/// Ricolloca: the API of Lombardy's territorial partnerships for re-employment.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// What to do; serves where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// With what.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API (default).
    Serve,
    /// Bring the database to the current schema and end.
    Migrate,
    /// Print the OpenAPI document.
    Openapi {
        /// The whole of it, or the part that is pushed or pulled (PDND).
        #[arg(default_value = "v1", value_parser = ["v1", "push", "pull"])]
        document: String,
    },
    /// Push a file or a directory of items to a service, as an operator's software would.
    Push(Push),
    /// Keep a copy of all that a client may see, and prove it right, as the regional system would.
    Pull(Pull),
    /// Register an organisation's client and print its secret, once; or register the public keys that it signs with.
    AddClient(AddClient),
    /// Remove a key that a client signs with: from then on it obtains no token with it.
    RemoveClientKey(RemoveClientKey),
    /// Revoke a client: it obtains no token any more, and those that it has are refused within seconds. `add-client` admits it again.
    RevokeClient(RevokeClient),
    /// The audit log.
    #[command(subcommand)]
    Audit(Audit),
    /// The keys that personal data is sealed with.
    #[command(subcommand)]
    Keys(Keys),
    /// What is kept of workers, and for how long.
    #[command(subcommand)]
    Retention(Retention),
    /// Make a new key that signs tokens, while the service runs. Tokens of the one before stay good until they expire.
    RotateSigningKey(RotateSigningKey),
}

/// A client to revoke.
#[derive(Debug, Args)]
pub struct RevokeClient {
    /// The client's id.
    pub id: String,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that it is what was sealed: every entry, every checkpoint. Ends with 1 where it is not.
    Verify(AuditVerify),
}

/// How the audit log is proven.
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// File with a checkpoint that was kept outside (`statement` of `/v1/audit-checkpoints`): without one, a log that was cut off together
    /// with its last checkpoints looks like an earlier one.
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
}

/// What to do with the keys that personal data is sealed with.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a new key and seal everything with it, while the service runs. Can be repeated where it was cut off.
    Rotate(RotateKeys),
}

/// How the key that seals is replaced.
#[derive(Debug, Args)]
pub struct RotateKeys {
    /// Seconds for which the new key is known before it seals. Every process has to look at the keys in that time, which it does once a second.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(3..=3_600))]
    pub announce: u32,
}

/// What to do about what is kept of workers.
#[derive(Debug, Subcommand)]
pub enum Retention {
    /// Make the records of workers nobody's under the calls whose retention has ended, while the service runs, and empty what is left of
    /// deleted ones. Can be repeated where it was cut off; meant to be run every night.
    Run(RunRetention),
}

/// How retention ends.
#[derive(Debug, Args)]
pub struct RunRetention {
    /// Only tell what it would come to.
    #[arg(long)]
    pub dry_run: bool,
}

/// How the key that signs tokens is replaced.
#[derive(Debug, Args)]
pub struct RotateSigningKey {
    /// Seconds for which the new key is published before it signs, so that whoever verifies tokens knows it by then.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(5..=86_400))]
    pub announce: u32,
    /// Somebody else may have the keys: the new one signs at once, the ones before are destroyed, and every token has to be obtained anew.
    #[arg(long)]
    pub compromised: bool,
}

/// A client to register.
#[derive(Debug, Args)]
pub struct AddClient {
    /// Its id.
    pub id: String,
    /// What it is to the service: operator, region, dote or auditor.
    #[arg(long)]
    pub role: String,
    /// Tax code of the organisation it acts for; it is registered where it is not known.
    #[arg(long)]
    pub organisation: String,
    /// Name of that organisation, for one that is not known.
    #[arg(long, default_value = "(not named)")]
    pub name: String,
    /// File with the client's public keys, a JWK set (RFC 7517), each with `kid` and `alg`: RSA with RS256 or PS256, P-256 with
    /// ES256. The client then signs assertions (RFC 7523) and gets no secret; one that it has stays. Keys of other names stay. A client of
    /// another authority signs its messages with them.
    #[arg(long)]
    pub jwks: Option<PathBuf>,
    /// The authority that issues the client's tokens instead of this service, as the file of `--issuers-file` names it.
    #[arg(long, requires = "subject")]
    pub issuer: Option<String>,
    /// What that authority calls the client: `consumerId` of a PDND voucher, `client_id` of other tokens.
    #[arg(long, requires = "issuer")]
    pub subject: Option<String>,
    /// What the client's profile demands of its messages beside a token, which it signs with the keys that it has here. Where nothing is said, a
    /// client that is there already keeps what it has.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub demands: Option<Vec<Demand>>,
}

/// What a profile can demand of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Demand {
    /// Requests with an effect are signed with their payload (`Agid-JWT-Signature`, INTEGRITY_REST_02).
    Integrity,
    /// Every request says on whose behalf it is (`Agid-JWT-TrackingEvidence`, AUDIT_REST_01 or AUDIT_REST_02).
    Audit,
    /// Nothing.
    None,
}

/// A key to remove.
#[derive(Debug, Args)]
pub struct RemoveClientKey {
    /// The client's id.
    pub id: String,
    /// The key's name.
    pub kid: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Whether the demo data is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Demo {
    /// On the embedded database, when listening on a loopback address.
    Auto,
    /// Always; refused on other than a loopback address.
    On,
    /// Never.
    Off,
}

/// Every setting, with its environment variable and default.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Address and port to listen on.
    #[arg(long, env = "RICOLLOCA_BIND", default_value = "127.0.0.1:8080", global = true)]
    pub bind: SocketAddr,
    /// The PostgreSQL to use; a private one is started where none is given.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// File that holds the same URL, for a secret that must not stand in the environment.
    #[arg(long, env = "RICOLLOCA_DATABASE_URL_FILE", conflicts_with = "database_url", global = true)]
    pub database_url_file: Option<PathBuf>,
    /// Where the private PostgreSQL and the key for personal data are kept; `.ricolloca` in the current directory.
    #[arg(long, env = "RICOLLOCA_DATA_DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// The URL by which clients know the service; it stands in tokens. `http://` and the address where none is given.
    #[arg(long, env = "RICOLLOCA_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,
    /// File with the secret that personal data is sealed with: 64 hexadecimal digits. Made in the data directory where none
    /// is given.
    #[arg(long, env = "RICOLLOCA_SECRET_FILE", global = true)]
    pub secret_file: Option<PathBuf>,
    /// The same secret itself, where it comes in the environment.
    #[arg(long, env = "RICOLLOCA_SECRET", hide_env_values = true, conflicts_with = "secret_file", global = true)]
    pub secret: Option<String>,
    /// Whether demo data and demo clients are loaded.
    #[arg(long, env = "RICOLLOCA_DEMO", value_enum, default_value_t = Demo::Auto, global = true)]
    pub demo: Demo,
    /// What is logged: a level, or a filter as of the crate tracing-subscriber. By default not what comes over the wire that is
    /// no HTTP: anyone could fill the log with it.
    #[arg(
        long,
        env = "RICOLLOCA_LOG",
        default_value = "warn,actix_http::h1::dispatcher=off,ricolloca=info",
        global = true
    )]
    pub log: String,
    /// How the log is written.
    #[arg(long, env = "RICOLLOCA_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// Threads that serve HTTP; as many as there are processors where none is given.
    #[arg(long, env = "RICOLLOCA_WORKERS", global = true)]
    pub workers: Option<usize>,
    /// Database threads for reads by id.
    #[arg(long, env = "RICOLLOCA_LOOKUP_THREADS", default_value_t = Sizes::default().lookups, global = true)]
    pub lookup_threads: usize,
    /// Database threads for lists and the feed.
    #[arg(long, env = "RICOLLOCA_QUERY_THREADS", default_value_t = Sizes::default().queries, global = true)]
    pub query_threads: usize,
    /// Database threads for writes.
    #[arg(long, env = "RICOLLOCA_WRITE_THREADS", default_value_t = Sizes::default().writes, global = true)]
    pub write_threads: usize,
    /// Threads that carry out imports, each with a connection of its own.
    #[arg(long, env = "RICOLLOCA_IMPORT_THREADS", default_value_t = 2, global = true)]
    pub import_threads: usize,
    /// Requests that may wait for each kind of database thread.
    #[arg(long, env = "RICOLLOCA_QUEUE", default_value_t = Sizes::default().queue, global = true)]
    pub queue: usize,
    /// Units a minute that a client may use; a read by id costs one, an export a hundred (`docs/api-conventions.md`).
    #[arg(long, env = "RICOLLOCA_RATE_CLIENT", default_value_t = 60_000, value_parser = value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub rate_client: u32,
    /// Units a minute that all clients of an organisation may use together; three times a client's where nothing is said.
    #[arg(long, env = "RICOLLOCA_RATE_ORGANISATION", value_parser = value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub rate_organisation: Option<u32>,
    /// Look-ups by tax code a minute that a client may make.
    #[arg(long, env = "RICOLLOCA_RATE_LOOKUP", default_value_t = 1_200, value_parser = value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub rate_lookup: u32,
    /// Requests a minute that an address may send without a token.
    #[arg(long, env = "RICOLLOCA_RATE_ADDRESS", default_value_t = 6_000, value_parser = value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub rate_address: u32,
    /// Requests a minute for a token that an address may send.
    #[arg(long, env = "RICOLLOCA_RATE_TOKEN", default_value_t = 600, value_parser = value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub rate_token: u32,
    /// Days for which the feed keeps changes; readers that stay away for longer make their copy anew. 0: for ever.
    #[arg(long, env = "RICOLLOCA_FEED_DAYS", default_value_t = 400, value_parser = value_parser!(u16), global = true)]
    pub feed_days: u16,
    /// Origins whose pages may call the API from a browser, separated by commas (`https://portal.example.org`). Swagger UI needs none.
    #[arg(long, env = "RICOLLOCA_CORS_ORIGINS", value_delimiter = ',', value_parser = origin, global = true)]
    pub cors_origins: Vec<String>,
    /// File with the other authorities whose tokens are accepted, PDND say (`docs/operations.md`).
    #[arg(long, env = "RICOLLOCA_ISSUERS_FILE", global = true)]
    pub issuers_file: Option<PathBuf>,
    /// Proxies in front of the service, addresses or networks, separated by commas: they are believed when they say in `X-Forwarded-For`
    /// where a request comes from. Without them everybody behind a proxy shares its quota and its failures.
    #[arg(long, env = "RICOLLOCA_TRUSTED_PROXIES", value_delimiter = ',', global = true)]
    pub trusted_proxies: Vec<Network>,
    /// Connections that each HTTP thread holds at the same time; those that come on top wait to be accepted.
    #[arg(long, env = "RICOLLOCA_CONNECTIONS", default_value_t = 2048, value_parser = connections, global = true)]
    pub connections: usize,
    /// Seconds that requests in progress are given when the service stops.
    #[arg(long, env = "RICOLLOCA_SHUTDOWN_SECONDS", default_value_t = 20, global = true)]
    pub shutdown_seconds: u64,
}

fn connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000).contains(number));
    number.ok_or_else(|| "1 to 100,000 connections".to_owned())
}

/// Scheme, host and port, and nothing else. A list of all origins is no list.
fn origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    };
    if rest.is_some_and(plain) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("an origin is a scheme, a host and maybe a port, without a path: https://portal.example.org".to_owned())
    }
}

/// Settings that do not go together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Everybody knows the secret of the demo clients.
    #[error(
        "demo data is refused on {0}: its clients have a public secret; listen on a loopback address or set RICOLLOCA_DEMO=off"
    )]
    DemoInPublic(SocketAddr),
    /// A thread pool of no threads serves nobody.
    #[error("every number of threads, and the queue, is at least 1")]
    NoThreads,
}

impl Settings {
    /// Whether the demo data is wanted; an error where it must not be.
    pub fn wants_demo(&self) -> Result<bool, ConfigError> {
        let private = self.bind.ip().is_loopback();
        match self.demo {
            Demo::Off => Ok(false),
            Demo::Auto => Ok(private
                && self.database_url.as_ref().is_none_or(String::is_empty)
                && self.database_url_file.is_none()),
            Demo::On if private => Ok(true),
            Demo::On => Err(ConfigError::DemoInPublic(self.bind)),
        }
    }

    /// The database that is named, by itself or in a file; `None` for a private one.
    pub fn named_database(&self) -> std::io::Result<Option<String>> {
        match &self.database_url_file {
            Some(file) => std::fs::read_to_string(file).map(|url| Some(url.trim().to_owned())),
            None => Ok(self.database_url.clone().filter(|url| !url.is_empty())),
        }
    }

    /// The database threads.
    pub fn sizes(&self) -> Result<Sizes, ConfigError> {
        let sizes = Sizes {
            lookups: self.lookup_threads,
            queries: self.query_threads,
            writes: self.write_threads,
            queue: self.queue,
        };
        if [sizes.lookups, sizes.queries, sizes.writes, sizes.queue, self.import_threads].contains(&0) {
            return Err(ConfigError::NoThreads);
        }
        Ok(sizes)
    }

    /// How many requests are taken.
    pub const fn quotas(&self) -> Quotas {
        Quotas {
            client: self.rate_client,
            organisation: match self.rate_organisation {
                Some(rate) => rate,
                None => self.rate_client.saturating_mul(3),
            },
            address: self.rate_address,
            token: self.rate_token,
            lookup: self.rate_lookup,
        }
    }

    /// The URL by which clients know the service.
    pub fn public_url(&self) -> String {
        self.public_url
            .as_deref()
            .map_or_else(|| format!("http://{}", self.bind), |url| url.trim_end_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        Cli::try_parse_from([&["ricolloca"], arguments].concat()).unwrap().settings
    }

    #[test]
    fn demo_data_never_meets_a_public_address() {
        assert_eq!(settings(&["--database-url", ""]).bind.ip().to_string(), "127.0.0.1");
        assert_eq!(settings(&["--bind", "0.0.0.0:80"]).wants_demo(), Ok(false));
        assert!(settings(&["--bind", "0.0.0.0:80", "--demo", "on"]).wants_demo().is_err());
        assert_eq!(settings(&["--bind", "[::1]:80", "--demo", "on"]).wants_demo(), Ok(true));
        assert_eq!(settings(&["--database-url", "postgres://x"]).wants_demo(), Ok(false));
    }

    #[test]
    fn a_pool_without_threads_is_refused() {
        assert_eq!(settings(&["--write-threads", "0"]).sizes().unwrap_err(), ConfigError::NoThreads);
    }
}
