//! The service over HTTP, for a client on an unreliable network: what got no answer is sent again with the same key.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::Rng as _;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::chunk::Chunk;
use super::{Failure, Mode, Push};

/// Sends chunks.
pub struct Client {
    agent: Agent,
    url: String,
    id: String,
    secret: String,
    query: String,
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

impl Client {
    /// A client of the service that `push` names.
    pub fn new(push: &Push, secret: String) -> Result<Self, Failure> {
        let url = push.url.trim_end_matches('/').to_owned();
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|start| url.starts_with(start));
        if !url.starts_with("https://") && !local {
            return Err(Failure::Input(format!("{url}: personal data goes over https, or to this machine")));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(PATIENCE))
            .build()
            .new_agent();
        let mode = if push.mode == Mode::Atomic { "atomic" } else { "partial" };
        let query = format!("mode={mode}&dry_run={}&wait_days={}", push.dry_run, push.wait_days);
        Ok(Self { agent, url, id: push.client_id.clone(), secret, query, retries: push.retries, token: None })
    }

    /// What makes the same content another import: to whom, by whom and how it is sent.
    pub fn scope(&self) -> String {
        format!("{}\n{}\n{}\n", self.url, self.id, self.query)
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
        let answer = self.until_answered(|agent| agent.post(&url).send_form(form))?;
        let (status, body) = read(answer)?;
        let token = body.get("access_token").and_then(Value::as_str);
        let (StatusCode::OK, Some(token)) = (status, token) else {
            return Err(refusal("no token was given", status, &body));
        };
        let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or(60);
        self.token = Some((token.to_owned(), Instant::now() + Duration::from_secs(seconds.saturating_sub(60))));
        Ok(token.to_owned())
    }

    /// Sends a chunk under a key, follows the import to its end, and answers its report. `tell` is told how many items are done.
    pub fn send(&mut self, chunk: &Chunk, key: &str, tell: impl Fn(i64)) -> Result<Value, Failure> {
        let url = format!("{}/v1/imports?{}", self.url, self.query);
        let (status, answer) = self.authorized(|agent, token| {
            agent
                .post(&url)
                .header("authorization", token)
                .header("content-type", "application/x-ndjson")
                .header("content-encoding", "zstd")
                .header("idempotency-key", key)
                .send(&chunk.body)
        })?;
        match status.as_u16() {
            200 => Ok(answer),
            202 => {
                let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
                self.follow(id, tell)
            }
            _ => Err(refusal(&format!("the lines to {} were refused", chunk.last_place()), status, &answer)),
        }
    }

    fn follow(&mut self, id: &str, tell: impl Fn(i64)) -> Result<Value, Failure> {
        let path = format!("{}/v1/imports/{id}", self.url);
        let mut pause = Duration::from_millis(100);
        loop {
            let (status, import) =
                self.authorized(|agent, token| agent.get(&path).header("authorization", token).call())?;
            match status.as_u16() {
                200 => {
                    let number = |name: &str| import.pointer(&format!("/items/{name}")).and_then(Value::as_i64);
                    let done = ["created", "changed", "unchanged", "deleted", "waiting", "refused", "superseded"];
                    tell(done.iter().filter_map(|name| number(name)).sum());
                    sleep(pause);
                    // As often as `Retry-After` says, once it is clear that it takes longer.
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                303 => {
                    let report = format!("{path}/report");
                    let (status, report) =
                        self.authorized(|agent, token| agent.get(&report).header("authorization", token).call())?;
                    return if status == StatusCode::OK {
                        Ok(report)
                    } else {
                        Err(refusal("the report cannot be read", status, &report))
                    };
                }
                _ => return Err(refusal("the import cannot be followed", status, &import)),
            }
        }
    }

    /// Sends a request with a token; with a new one where the old one is no longer good.
    fn authorized(
        &mut self,
        request: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<(StatusCode, Value), Failure> {
        let token = format!("Bearer {}", self.login()?);
        let answer = self.until_answered(|agent| request(agent, &token))?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return read(answer);
        }
        self.token = None;
        let token = format!("Bearer {}", self.login()?);
        read(self.until_answered(|agent| request(agent, &token))?)
    }

    /// Sends a request until there is an answer that is none of *later*.
    fn until_answered(
        &self,
        request: impl Fn(&Agent) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let result = request(&self.agent);
            let (asked, why) = match &result {
                Ok(answer) => match answer.status().as_u16() {
                    // 409 only while the same request is being received; everything else is told to the caller.
                    429 | 500 | 502 | 503 | 504 => (retry_after(answer), format!("answered {}", answer.status())),
                    409 if retry_after(answer).is_some() => (retry_after(answer), "is still at it".to_owned()),
                    _ => return result.map_err(|error| Failure::Service(error.to_string())),
                },
                Err(error) => (None, error.to_string()),
            };
            if tries >= self.retries {
                return Err(Failure::Service(format!("{} {why}, {} times", self.url, tries + 1)));
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

fn read(mut answer: Response<Body>) -> Result<(StatusCode, Value), Failure> {
    let body = answer
        .body_mut()
        .with_config()
        .limit(64 * 1024 * 1024)
        .read_to_vec()
        .map_err(|error| Failure::Service(format!("an answer was cut off: {error}")))?;
    Ok((answer.status(), serde_json::from_slice(&body).unwrap_or_default()))
}

/// What a problem says, without anything that was sent.
fn refusal(what: &str, status: StatusCode, body: &Value) -> Failure {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    Failure::Service(format!("{what}: {} {} {}", status.as_u16(), text("code"), text("detail")).trim_end().to_owned())
}
