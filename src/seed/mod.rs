//! Demo data: the same at every run, and through the rules like everything else.

mod actions;
mod people;
mod pusher;
mod world;

use pusher::Pusher;

use crate::admin::{self, Credentials, Registration};
use crate::batch::Context;
use crate::db;
use crate::identifiers::synthetic;
use crate::identity::{Role, store};
use crate::serve::StartError;

/// The secret of the demo clients, which everybody knows.
pub const SECRET: &str = "demo";

/// A demo client.
#[derive(Debug)]
pub struct DemoClient {
    /// Its id.
    pub id: &'static str,
    /// What it is to the service.
    pub role: Role,
    /// Serial number of its organisation's synthetic tax code.
    pub serial: u32,
    /// Name of its organisation.
    pub organisation: &'static str,
    /// What it can do.
    pub meaning: &'static str,
}

/// The demo clients.
pub const CLIENTS: &[DemoClient] = &[
    DemoClient {
        id: "demo-operator-1",
        role: Role::Operator,
        serial: 9_999_901,
        organisation: "Ricollocazione Ambrosiana S.r.l. (demo)",
        meaning: "an accredited operator's software: pushes",
    },
    DemoClient {
        id: "demo-operator-2",
        role: Role::Operator,
        serial: 9_999_902,
        organisation: "Lavoro Orobico Soc. coop. (demo)",
        meaning: "another operator's software: pushes",
    },
    DemoClient {
        id: "demo-region",
        role: Role::Region,
        serial: 9_999_903,
        organisation: "Regione (demo)",
        meaning: "the region: calls, organisations, decisions",
    },
    DemoClient {
        id: "demo-dote",
        role: Role::Dote,
        serial: 9_999_904,
        organisation: "Sistema Dote (demo)",
        meaning: "the regional Dote system: pulls and verifies",
    },
    DemoClient {
        id: "demo-auditor",
        role: Role::Auditor,
        serial: 9_999_905,
        organisation: "Autorità di audit (demo)",
        meaning: "an auditor: no personal data",
    },
];

/// Whether the database holds demo clients.
pub fn is_loaded(url: &str) -> Result<bool, StartError> {
    let mut conn = db::connect(url)?;
    Ok(store::live_client(&mut conn, "demo-operator-1")?.is_some())
}

/// Loads the demo data, unless it is there; all of it or nothing.
pub fn load(url: &str, context: &Context) -> Result<(), StartError> {
    if is_loaded(url)? {
        return Ok(());
    }
    tracing::info!("loading demo data");
    let told = world::context(context);
    let mut pusher = Pusher::begin(url, &told)?;
    let mut ids = Vec::with_capacity(CLIENTS.len());
    for client in CLIENTS {
        let tax_code = synthetic::organisation(client.serial, 15);
        let secret = Credentials::Secret(SECRET);
        let new = Registration::new(client.id, client.role, &tax_code, client.organisation, secret);
        admin::register(pusher.conn(), &told, new)?;
        ids.push(admin::organisation(pusher.conn(), &told, &tax_code, client.organisation)?);
    }
    let [first, second, region, dote, _] = ids[..] else { return Err("the demo has five clients".into()) };
    let actors = world::Actors { operators: [first, second], region, dote };
    world::Story::new(pusher, &told, actors).tell()?.finish()
}
