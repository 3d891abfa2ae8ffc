//! The service as the clients `push` and `pull` see it, over an unreliable network: a token where one is needed, and what got no answer
//! asked again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use rand::Rng as _;
use serde_json::Value;
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

/// Which service, and as whom.
#[derive(Clone, Debug, Args)]
pub struct Service {
    /// The service.
    #[arg(long, env = "RICOLLOCA_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The client's id.
    #[arg(long, env = "RICOLLOCA_CLIENT_ID")]
    pub client_id: String,
    /// File with the client's secret; else it is taken from the environment variable RICOLLOCA_CLIENT_SECRET.
    #[arg(long)]
    pub client_secret_file: Option<PathBuf>,
    /// File with the certificates (PEM) of the authorities to be trusted, instead of those of the public ones.
    #[arg(long, env = "RICOLLOCA_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// How often a request that got no answer, or was told to come later, is sent again.
    #[arg(long, default_value_t = 10)]
    pub retries: u32,
}

/// Why a client could not do, or not finish, what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input cannot be read, or is not what it should be.
    #[error("{0}")]
    Input(String),
    /// The service refuses, or cannot be reached.
    #[error("{0}")]
    Service(String),
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
}

impl Failure {
    /// About a file.
    pub fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File(path.display().to_string(), error)
    }

    /// What a problem says, without anything that was sent.
    pub fn refusal(what: &str, answer: &Answer) -> Self {
        let problem = answer.json();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        let told = format!("{what}: {} {} {}", answer.status.as_u16(), text("code"), text("detail"));
        Self::Service(told.trim_end().to_owned())
    }
}

/// An answer, read to its end.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, where it is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection to the service.
pub struct Remote {
    agent: Agent,
    url: String,
    id: String,
    secret: String,
    retries: u32,
    token: Option<(String, Instant)>,
}

/// The first pause before a retry; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest pause before a retry that nobody asked for.
const LONGEST: Duration = Duration::from_secs(30);

/// The longest pause that the service may ask for.
const MOST: Duration = Duration::from_secs(300);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of an answer that is read to its end.
const ANSWER: u64 = 64 * 1024 * 1024;

impl Remote {
    /// Prepares to talk to a service; nothing is sent yet.
    pub fn new(service: &Service) -> Result<Self, Failure> {
        let url = service.url.trim_end_matches('/').to_owned();
        let uri: Uri = url.parse().map_err(|_| Failure::Input(format!("{url}: this is no URL")))?;
        if uri.scheme_str() != Some("https") && !(uri.scheme_str() == Some("http") && is_here(&uri)) {
            return Err(Failure::Input(format!("{url}: personal data goes over https, or to this machine")));
        }
        let mut agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("ricolloca/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(PATIENCE));
        if let Some(file) = &service.ca_file {
            agent = agent.tls_config(TlsConfig::builder().root_certs(authorities(file)?).build());
        }
        Ok(Self {
            agent: agent.build().new_agent(),
            url,
            id: service.client_id.clone(),
            secret: secret(service)?,
            retries: service.retries,
            token: None,
        })
    }

    /// Where the service is, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As whom.
    pub fn client_id(&self) -> &str {
        &self.id
    }

    /// Obtains a token, where there is none that is good for a while.
    pub fn login(&mut self) -> Result<String, Failure> {
        if let Some((token, until)) = &self.token
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let url = format!("{}/oauth/token", self.url);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.as_str()),
        ];
        let answer = self.until_answered(|agent| agent.post(&url).send_form(form), read)?;
        let body = answer.json();
        let token = body.get("access_token").and_then(Value::as_str);
        let (StatusCode::OK, Some(token)) = (answer.status, token) else {
            return Err(Failure::refusal("no token was given", &answer));
        };
        let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or(60);
        self.token = Some((token.to_owned(), Instant::now() + Duration::from_secs(seconds.saturating_sub(60))));
        Ok(token.to_owned())
    }

    /// Sends a request with a token until it is answered. The request is told the value of `Authorization`.
    pub fn ask(
        &mut self,
        request: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Answer, Failure> {
        self.authorized(request, read, |answer| answer.status)
    }

    /// The same for an answer that is too long to be kept: it comes without its body, which is read from the response.
    pub fn open(
        &mut self,
        request: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        self.authorized(request, Ok, Response::status)
    }

    fn authorized<T>(
        &mut self,
        request: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>,
        taken: impl Fn(Response<Body>) -> Result<T, ureq::Error>,
        status: impl Fn(&T) -> StatusCode,
    ) -> Result<T, Failure> {
        let token = format!("Bearer {}", self.login()?);
        let answer = self.until_answered(|agent| request(agent, &token), &taken)?;
        if status(&answer) != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // It may have been revoked, or the service's keys changed.
        self.token = None;
        let token = format!("Bearer {}", self.login()?);
        self.until_answered(|agent| request(agent, &token), &taken)
    }

    /// Sends a request until there is an answer that is none of *later*.
    fn until_answered<T>(
        &self,
        request: impl Fn(&Agent) -> Result<Response<Body>, ureq::Error>,
        taken: impl Fn(Response<Body>) -> Result<T, ureq::Error>,
    ) -> Result<T, Failure> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let (asked, why) = match request(&self.agent) {
                Ok(answer) => match answer.status().as_u16() {
                    429 | 500 | 502 | 503 | 504 => (retry_after(&answer), format!("answered {}", answer.status())),
                    // 409 only while the same request is being received; everything else is told to the caller.
                    409 if retry_after(&answer).is_some() => (retry_after(&answer), "is still at it".to_owned()),
                    _ => match taken(answer) {
                        Ok(answer) => return Ok(answer),
                        Err(error) => (None, error.to_string()),
                    },
                },
                Err(error) => (None, error.to_string()),
            };
            if tries >= self.retries {
                return Err(Failure::Service(format!("{}: {why}, {} times", self.url, tries + 1)));
            }
            tries += 1;
            // Some chance in it, so that clients that were cut off together do not come back together.
            let chance = rand::thread_rng().gen_range(0.5..1.5);
            sleep(asked.map_or_else(|| pause.mul_f64(chance), |asked| asked.min(MOST) + PAUSE.mul_f64(chance)));
            pause = (pause * 2).min(LONGEST);
        }
    }
}

fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn read(mut answer: Response<Body>) -> Result<Answer, ureq::Error> {
    let body = answer.body_mut().with_config().limit(ANSWER).read_to_vec()?;
    Ok(Answer { status: answer.status(), headers: answer.headers().clone(), body })
}

fn secret(service: &Service) -> Result<String, Failure> {
    match &service.client_secret_file {
        Some(file) => {
            std::fs::read_to_string(file).map(|text| text.trim().to_owned()).map_err(|error| Failure::file(file, error))
        }
        None => std::env::var("RICOLLOCA_CLIENT_SECRET").map_err(|_| {
            Failure::Input("the client's secret is missing: --client-secret-file or RICOLLOCA_CLIENT_SECRET".to_owned())
        }),
    }
}

/// Whether what is sent there does not leave this machine.
pub fn is_here(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The certificates of a file.
pub fn authorities(file: &Path) -> Result<RootCerts, Failure> {
    let pem = std::fs::read(file).map_err(|error| Failure::file(file, error))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(Failure::Input(format!("{}: this is no PEM", file.display()))),
        }
    }
    if certificates.is_empty() {
        return Err(Failure::Input(format!("{}: there is no certificate in it", file.display())));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(url: &str) -> Service {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        Service {
            url: url.to_owned(),
            client_id: "x".to_owned(),
            client_secret_file: Some(file),
            ca_file: None,
            retries: 0,
        }
    }

    #[test]
    fn nothing_goes_unencrypted_to_another_machine() {
        for url in ["http://127.0.0.1:8080/", "http://localhost", "http://[::1]:80", "https://example.org/api"] {
            assert!(Remote::new(&service(url)).is_ok(), "{url}");
        }
        for url in [
            "http://example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://localhost",
            "",
            "x",
        ] {
            assert!(matches!(Remote::new(&service(url)), Err(Failure::Input(_))), "{url}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_none_of_authorities() {
        let here = service("https://example.org");
        let with = Service { ca_file: here.client_secret_file.clone(), ..here };
        assert!(matches!(Remote::new(&with), Err(Failure::Input(_))));
    }
}
