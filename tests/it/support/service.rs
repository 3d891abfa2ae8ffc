//! A service in this process, on a free port, with clients of every role.

use std::sync::mpsc;

use clap::Parser as _;
use ricolloca::admin::{self, Credentials, Registration};
use ricolloca::batch::Context;
use ricolloca::clock::Clock;
use ricolloca::config::Cli;
use ricolloca::identifiers::synthetic;
use ricolloca::identity::Role;
use ricolloca::ids::Ids;
use ricolloca::serve;
use ricolloca::vault::Vault;
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::postgres::Database;

/// The service under test. Stops with this value.
pub struct Service {
    pub url: String,
    pub database: Database,
    pub clock: Clock,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub fn context(clock: Clock) -> Context {
    Context::new(clock, Ids::random(), Vault::new(&[42; 32]))
}

impl Service {
    /// A service with clients `operator-1`, `operator-2`, `operator-3`, `region`, `dote`, `auditor`, and the system's clock.
    pub fn start() -> Self {
        Self::start_with(Clock::System)
    }

    pub fn start_with(clock: Clock) -> Self {
        Self::serve(Self::populated(&clock), clock, &[])
    }

    /// A service with settings of its own.
    pub fn start_with_flags(flags: &[&str]) -> Self {
        Self::serve(Self::populated(&Clock::System), Clock::System, flags)
    }

    fn populated(clock: &Clock) -> Database {
        let database = Database::new();
        for (number, (id, role)) in CLIENTS.iter().enumerate() {
            let tax_code = synthetic::organisation(1_000_001 + u32::try_from(number).unwrap(), 15);
            let mut conn = database.connect();
            let new = Registration::new(id, *role, &tax_code, id, Credentials::Secret("secret"));
            admin::register(&mut conn, &context(clock.clone()), new).unwrap();
        }
        database
    }

    /// A service with the demo data and its clients.
    pub fn demo() -> Self {
        let database = Database::new();
        ricolloca::seed::load(&database.url, &context(Clock::System)).unwrap();
        Self::serve(database, Clock::System, &[])
    }

    /// Another process's worth of service on the same database; ends first.
    pub fn another(&self, flags: &[&str]) -> Self {
        Self::serve(self.database.again(), self.clock.clone(), flags)
    }

    fn serve(database: Database, clock: Clock, flags: &[&str]) -> Self {
        let settings = Cli::try_parse_from(
            [&["ricolloca", "--bind", "127.0.0.1:0", "--public-url", "http://test.invalid"], flags].concat(),
        )
        .unwrap()
        .settings;
        let state = serve::state(&database.url, &settings, context(clock.clone())).unwrap();
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let mut settings = settings;
                settings.workers = Some(2);
                settings.shutdown_seconds = 1;
                let (server, addresses) = serve::listen(&settings, state, serve::Signals::Left).unwrap();
                send.send((server.handle(), addresses[0])).unwrap();
                server.await.unwrap();
            });
        });
        let (handle, address) = receive.recv().unwrap();
        Self { url: format!("http://{address}"), database, clock, handle, thread: Some(thread) }
    }

    /// A client with all the scopes of its role.
    pub fn client(&self, id: &str) -> Client {
        let answer =
            self.token(&[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "secret")]);
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        self.bearer(&token)
    }

    /// A demo client with all the scopes of its role.
    pub fn demo_client(&self, id: &str) -> Client {
        let answer = self.token(&[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "demo")]);
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        self.bearer(&token)
    }

    /// A client with only these scopes.
    pub fn client_with(&self, id: &str, scope: &str) -> Client {
        let answer = self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", "secret"),
            ("scope", scope),
        ]);
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        self.bearer(&token)
    }

    /// A client with this token.
    pub fn bearer(&self, token: &str) -> Client {
        Client { url: self.url.clone(), token: Some(token.to_owned()), agent: http::agent() }
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client { url: self.url.clone(), token: None, agent: http::agent() }
    }

    /// Asks for a token.
    pub fn token(&self, form: &[(&str, &str)]) -> Answer {
        let body = form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        http::send(&http::agent(), "POST", &format!("{}/oauth/token", self.url), &headers, body.into_bytes())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let stopped = self.handle.stop(false);
        actix_web::rt::System::new().block_on(stopped);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const CLIENTS: &[(&str, Role)] = &[
    ("operator-1", Role::Operator),
    ("operator-2", Role::Operator),
    ("operator-3", Role::Operator),
    ("region", Role::Region),
    ("dote", Role::Dote),
    ("auditor", Role::Auditor),
];

/// Whoever sends requests.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub token: Option<String>,
    pub agent: ureq::Agent,
}

impl Client {
    /// A request with headers of its own.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        all.extend_from_slice(headers);
        http::send(&self.agent, method, &format!("{}{path}", self.url), &all, body.into())
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string())
    }

    /// A POST without a body.
    #[track_caller]
    pub fn act(&self, path: &str) -> Answer {
        self.post(path, json!({}))
    }

    #[track_caller]
    pub fn put(&self, path: &str, version: Option<i64>, body: Value) -> Answer {
        let tag = version.map(|version| format!("\"{version}\""));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(tag.iter().map(|tag| ("if-match", tag.as_str())));
        self.send("PUT", path, &headers, body.to_string())
    }

    #[track_caller]
    pub fn patch(&self, path: &str, version: i64, body: Value) -> Answer {
        let tag = format!("\"{version}\"");
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.as_str())];
        self.send("PATCH", path, &headers, body.to_string())
    }

    #[track_caller]
    pub fn delete(&self, path: &str, version: i64) -> Answer {
        self.send("DELETE", path, &[("if-match", format!("\"{version}\"").as_str())], "")
    }

    /// All items of a list, over all its pages.
    #[track_caller]
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.get(&path).expect(200).json();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            next = page["_links"]["next"].as_str().map(str::to_owned);
        }
        items
    }

    /// Everything in the feed, from the beginning.
    #[track_caller]
    pub fn changes(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut path = "/v1/changes?limit=1000".to_owned();
        loop {
            let page = self.get(&path).expect(200).json();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            if page["has_more"] == false {
                return items;
            }
            path = format!("/v1/changes?limit=1000&cursor={}", page["next"].as_str().unwrap());
        }
    }
}
