//! Chunks as imports of the service.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::chunk::Chunk;
use super::{Mode, Push};
use crate::remote::{Failure, Remote};

/// Sends chunks.
pub struct Client {
    remote: Remote,
    query: String,
}

impl Client {
    /// A client of the service that `push` names.
    pub fn new(push: &Push) -> Result<Self, Failure> {
        let mode = if push.mode == Mode::Atomic { "atomic" } else { "partial" };
        let query = format!("mode={mode}&dry_run={}&wait_days={}", push.dry_run, push.wait_days);
        Ok(Self { remote: Remote::new(&push.service)?, query })
    }

    /// What makes the same content another import: to whom, by whom and how it is sent.
    pub fn scope(&self) -> String {
        format!("{}\n{}\n{}\n", self.remote.url(), self.remote.client_id(), self.query)
    }

    /// Obtains a token.
    pub fn login(&mut self) -> Result<(), Failure> {
        self.remote.login().map(drop)
    }

    /// Sends a chunk under a key, follows the import to its end, and answers its report. `tell` is told how many items are done.
    pub fn send(&mut self, chunk: &Chunk, key: &str, tell: impl Fn(i64)) -> Result<Value, Failure> {
        let url = format!("{}/v1/imports?{}", self.remote.url(), self.query);
        let answer = self.remote.ask(|agent, token| {
            agent
                .post(&url)
                .header("authorization", token)
                .header("content-type", "application/x-ndjson")
                .header("content-encoding", "zstd")
                .header("idempotency-key", key)
                .send(&chunk.body)
        })?;
        match answer.status.as_u16() {
            200 => Ok(answer.json()),
            202 => {
                let import = answer.json();
                self.follow(import.get("id").and_then(Value::as_str).unwrap_or_default(), tell)
            }
            _ => Err(Failure::refusal(&format!("the lines to {} were refused", chunk.last_place()), &answer)),
        }
    }

    fn follow(&mut self, id: &str, tell: impl Fn(i64)) -> Result<Value, Failure> {
        let path = format!("{}/v1/imports/{id}", self.remote.url());
        let mut pause = Duration::from_millis(100);
        loop {
            let answer = self.remote.ask(|agent, token| agent.get(&path).header("authorization", token).call())?;
            match answer.status.as_u16() {
                200 => {
                    let import = answer.json();
                    let number = |name: &str| import.pointer(&format!("/items/{name}")).and_then(Value::as_i64);
                    let done = ["created", "changed", "unchanged", "deleted", "waiting", "refused", "superseded"];
                    tell(done.iter().filter_map(|name| number(name)).sum());
                    sleep(pause);
                    // As often as `Retry-After` says, once it is clear that it takes longer.
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                303 => {
                    let report = format!("{path}/report");
                    let report =
                        self.remote.ask(|agent, token| agent.get(&report).header("authorization", token).call())?;
                    return if report.status.as_u16() == 200 {
                        Ok(report.json())
                    } else {
                        Err(Failure::refusal("the report cannot be read", &report))
                    };
                }
                _ => return Err(Failure::refusal("the import cannot be followed", &answer)),
            }
        }
    }
}
