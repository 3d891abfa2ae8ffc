//! From settings to a running service: database, migrations, keys, demo data, threads, HTTP.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Context;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{self, Conn, Database, migrate};
use crate::embedded::{self, Durability};
use crate::exports::Readers;
use crate::http::{State, finish, limits, message};
use crate::identity::external::Federation;
use crate::identity::message::Signatories;
use crate::identity::standing::Known;
use crate::identity::token::Authority;
use crate::identity::{self, issuers, keys};
use crate::ids::Ids;
use crate::imports::worker::Imports;
use crate::vault::{SECRET_LEN, Vault, rotate};
use crate::{app, audit, feed, housekeeping, openapi};
use actix_cors::Cors;
use actix_web::dev::Server;
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};

/// Something at the start went wrong; the message says what.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// The name of the database within the private PostgreSQL.
const DATABASE: &str = "ricolloca";

/// A database to work with, and the private PostgreSQL it is in, where it is one.
pub struct Ground {
    /// Connection URL.
    pub url: String,
    /// Where the keys are kept where no file is named.
    data_dir: std::path::PathBuf,
    /// Stops when dropped.
    server: Option<embedded::Server>,
}

impl Ground {
    /// The database of the settings, or a private PostgreSQL.
    pub fn lay(settings: &Settings) -> Result<Self, StartError> {
        let data_dir = settings.data_dir.clone().unwrap_or_else(embedded::default_data_dir);
        let named = settings
            .named_database()
            .map_err(|error| format!("the file of the database URL cannot be read: {error}"))?;
        if let Some(url) = named {
            return Ok(Self { url, data_dir, server: None });
        }
        let options = embedded::Options { data_dir, durability: Durability::Durable, install_if_missing: true };
        let server = embedded::Server::start(&options)?;
        server.create_database_if_missing(DATABASE)?;
        Ok(Self { url: server.url(DATABASE), data_dir: server.data_dir().to_path_buf(), server: Some(server) })
    }

    /// Stops the private PostgreSQL, where there is one.
    pub fn leave(self) {
        if let Some(server) = self.server {
            server.stop();
        }
    }

    /// Clock, ids and the vault with its secret.
    pub fn context(&self, settings: &Settings) -> Result<Context, StartError> {
        let ids = Ids::random();
        let secret = match (&settings.secret_file, &settings.secret) {
            (Some(file), _) => read_secret(file)?,
            (None, Some(text)) => secret_of(text).ok_or("RICOLLOCA_SECRET does not hold 64 hexadecimal digits")?,
            (None, None) => {
                fs::create_dir_all(&self.data_dir)?;
                let file = self.data_dir.join("secret.key");
                make_secret(&file, &ids)?;
                read_secret(&file)?
            }
        };
        Ok(Context::new(Clock::System, ids, Vault::new(&secret)))
    }
}

fn read_secret(file: &Path) -> Result<[u8; SECRET_LEN], StartError> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("the secret file {name} cannot be read: {error}"))?;
    secret_of(&text)
        .ok_or_else(|| format!("the secret file {name} does not hold {} hexadecimal digits", SECRET_LEN * 2).into())
}

fn secret_of(text: &str) -> Option<[u8; SECRET_LEN]> {
    let digits = text.trim();
    let bytes: Option<Vec<u8>> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// Makes the secret, unless it is there. Losing it means losing every tax code: it belongs into the backup.
fn make_secret(file: &Path, ids: &Ids) -> Result<(), StartError> {
    let mut secret = [0_u8; SECRET_LEN];
    ids.fill(&mut secret);
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut file) => {
            file.write_all(digits.as_bytes())?;
            Ok(file.sync_all()?)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("the secret file {} cannot be written: {error}", file.display()).into()),
    }
}

/// The authority that issues tokens, with a key of its own where the database has none yet.
pub fn authority(conn: &mut Conn, context: &Context, public_url: &str) -> Result<Authority, StartError> {
    if identity::store::signing_keys(conn)?.is_empty() {
        identity::store::add_first_key(conn, &keys::generate(context, context.now())?, context.now())?;
    }
    for kept in identity::store::signing_keys(conn)? {
        if let Some(sealed) = keys::sealed(&kept, context)? {
            identity::store::seal_key(conn, &kept.kid, &sealed)?;
        }
    }
    let kept = identity::store::signing_keys(conn)?;
    let loaded: Result<Vec<_>, _> = kept.iter().map(|key| keys::load(key, &context.vault)).collect();
    let authority = Authority::new(public_url, loaded?);
    authority.know_generations(identity::store::generations(conn)?);
    Ok(authority)
}

/// Refuses a secret that is not the one the database's personal data is sealed with: under it nothing could be read, and a
/// worker who is there already would not be recognised.
fn check_secret(conn: &mut Conn, context: &Context) -> Result<(), StartError> {
    const PLACE: &str = "vault_check";
    let id = context.ids.next(context.now());
    let first = context.vault.seal(&context.ids, PLACE, id, b"ricolloca");
    let (id, sealed) = identity::store::vault_check(conn, (id, &first))?;
    context
        .vault
        .open(PLACE, id, &sealed)
        .map(drop)
        .map_err(|_| "the secret file is not the one that this database's personal data is sealed with".into())
}

/// The state that handlers share, over a database that has been migrated.
pub fn state(url: &str, settings: &Settings, context: Context) -> Result<web::Data<State>, StartError> {
    let public_url = settings.public_url();
    let mut conn = db::connect(url)?;
    check_secret(&mut conn, &context)?;
    rotate::prepare(&mut conn, &context)?;
    let authority = authority(&mut conn, &context, &public_url)?;
    let trusted = settings.issuers_file.as_deref().map(issuers::read).transpose()?.unwrap_or_default();
    if trusted.iter().any(|issuer| issuer.issuer == public_url) {
        return Err("an issuer of the file has the name of this service".into());
    }
    let federation = Federation::new(trusted, &format!("{public_url}/v1"))?;
    federation.know_clients(identity::store::external_clients(&mut conn)?);
    let signatories = Signatories::default();
    signatories.know(identity::store::signatories(&mut conn)?);
    let context = Arc::new(context);
    let database = Database::start(url, settings.sizes()?, Arc::clone(&context))?;
    let imports = Imports::start(url, settings.import_threads, &context)?;
    let readers = Readers::new(url, &context);
    let state = State::new(
        database,
        imports,
        readers,
        authority,
        federation,
        signatories,
        &public_url,
        settings.trusted_proxies.clone(),
        settings.quotas(),
    );
    state.publish(openapi::texts(&public_url));
    Ok(web::Data::new(state))
}

/// Which other origins' pages may call the API from a browser: those of the list, with tokens of their own, never with cookies.
fn cors(origins: &[String]) -> Cors {
    let exposed =
        ["etag", "location", "link", "retry-after", "x-correlation-id", "content-language", "idempotent-replayed"];
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    origins
        .iter()
        .fold(Cors::default(), |cors, origin| cors.allowed_origin(origin))
        .allowed_methods(methods)
        .allow_any_header()
        .expose_headers(
            exposed.into_iter().chain(message::EXPOSED).chain(finish::LIMIT_HEADERS.iter().map(HeaderName::as_str)),
        )
        .max_age(3600)
}

/// What a server does with the signals that its process gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// SIGTERM, SIGINT and SIGQUIT stop it.
    Heeded,
    /// They are left to whoever it runs within: a test, say.
    Left,
}

/// Listens and serves. The returned server has to be awaited.
pub fn listen(
    settings: &Settings,
    state: web::Data<State>,
    signals: Signals,
) -> Result<(Server, Vec<std::net::SocketAddr>), StartError> {
    crate::vocabularies::all();
    actix_web::rt::spawn(feed::watch::run(Arc::clone(state.feed()), state.housekeeping().clone()));
    actix_web::rt::spawn(limits::exchange(state.clone()));
    actix_web::rt::spawn(audit::seal::run(state.housekeeping().clone()));
    let federation = state.federation();
    actix_web::rt::spawn(identity::standing::refresh(Arc::clone(federation)));
    let known = Known {
        authority: Arc::clone(state.authority()),
        federation: Arc::clone(federation),
        signatories: Arc::clone(state.signatories()),
    };
    actix_web::rt::spawn(identity::standing::run(known, state.housekeeping().clone()));
    let origins = settings.cors_origins.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(finish::finish))
            // Outermost, so that refusals can be read by pages as well.
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .configure(app::configure)
            .default_service(web::to(finish::nothing_here))
    })
    .workers(settings.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from)))
    .max_connections(settings.connections)
    .keep_alive(Duration::from_secs(75))
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(5))
    .shutdown_timeout(settings.shutdown_seconds)
    .bind(settings.bind)
    .map_err(|error| format!("cannot listen on {}: {error}", settings.bind))?;
    let addresses = server.addrs();
    let server = if signals == Signals::Left { server.disable_signals() } else { server };
    Ok((server.run(), addresses))
}

/// Serves until it is told to stop.
pub async fn serve(settings: &Settings) -> Result<(), StartError> {
    let wants_demo = settings.wants_demo()?;
    let ground = Ground::lay(settings)?;
    for migration in migrate::migrate(&ground.url)? {
        tracing::info!(%migration, "migrated");
    }
    let result = serve_on(settings, &ground, wants_demo).await;
    ground.leave();
    result
}

async fn serve_on(settings: &Settings, ground: &Ground, wants_demo: bool) -> Result<(), StartError> {
    let context = ground.context(settings)?;
    if wants_demo {
        crate::seed::load(&ground.url, &context)?;
    } else if !settings.bind.ip().is_loopback() && crate::seed::is_loaded(&ground.url)? {
        return Err(format!(
            "the database holds demo clients, whose secret is public: it is not served on {}",
            settings.bind
        )
        .into());
    }
    let state = state(&ground.url, settings, context)?;
    actix_web::rt::spawn(housekeeping::run(state.clone(), settings.feed_days));
    let (server, _) = listen(settings, state, Signals::Heeded)?;
    // Nobody may be reading: no reason not to serve.
    if let Err(error) = announce(settings, wants_demo) {
        tracing::warn!(%error, "the screen could not be printed");
    }
    server.await?;
    tracing::info!("stopped");
    Ok(())
}

fn announce(settings: &Settings, demo: bool) -> io::Result<()> {
    let url = settings.public_url();
    let mut out = io::stdout().lock();
    writeln!(out, "\nRicolloca {} is ready.\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  Swagger UI  {url}/docs/")?;
    writeln!(out, "  OpenAPI     {url}/openapi/v1.json")?;
    writeln!(out, "  Status      {url}/status")?;
    if demo {
        writeln!(out, "\n  Demo clients, each with the secret `{}`:", crate::seed::SECRET)?;
        for client in crate::seed::CLIENTS {
            writeln!(out, "    {:<16} {}", client.id, client.meaning)?;
        }
        writeln!(
            out,
            "\n  curl -s {url}/oauth/token -d grant_type=client_credentials -d client_id=demo-operator-1 -d client_secret=demo"
        )?;
    }
    writeln!(out, "\nCtrl-C stops it.")?;
    out.flush()
}
