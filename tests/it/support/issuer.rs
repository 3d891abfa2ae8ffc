//! Another authority: it has keys, publishes them, and gives out vouchers as PDND does. It can also misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ricolloca::clock::Clock;
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::signing::rsa_key;

pub const NAME: &str = "https://interop.test.invalid";
pub const ESERVICE: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7001";
pub const DESCRIPTOR: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7002";
pub const PRODUCER: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7003";
pub const CONSUMER: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7004";
pub const PURPOSE: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7005";
/// The client of the consumer at the authority: not what we know it by.
pub const CLIENT: &str = "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7006";
pub const AUDIENCE: &str = "http://test.invalid/v1";

/// How it answers who asks for its keys.
#[derive(Clone, Debug)]
pub enum Reply {
    Keys,
    /// Status, headers and body as they stand here.
    Raw(u16, String, Vec<u8>),
    /// Hangs up.
    Closed,
    /// Says nothing, and keeps the connection.
    Silence,
}

struct Inner {
    reply: Mutex<Reply>,
    keys: Mutex<Vec<(EncodingKey, Value)>>,
    /// The key that its client signs with.
    client: Value,
    asked: AtomicUsize,
    over: AtomicBool,
}

pub struct Issuer {
    pub url: String,
    inner: Arc<Inner>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

impl Issuer {
    /// With one key, `k1`; its client signs with this one.
    pub fn start(client: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            reply: Mutex::new(Reply::Keys),
            keys: Mutex::new(vec![rsa_key("k1", "RS256", 2048)]),
            client,
            asked: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let served = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.answer(stream.unwrap()));
            }
        });
        Self { url, inner }
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }

    pub fn reply(&self, reply: Reply) {
        *self.inner.reply.lock().unwrap() = reply;
    }

    /// The keys that it publishes.
    pub fn set(&self) -> Value {
        self.inner.set()
    }

    /// From now on these are its keys; the last one signs.
    pub fn use_keys(&self, keys: Vec<(EncodingKey, Value)>) {
        *self.inner.keys.lock().unwrap() = keys;
    }

    /// The file that makes it known.
    pub fn file(&self, folder: &Path, changes: Value) -> String {
        let mut issuer = json!({
            "issuer": NAME, "jwks_url": format!("{}/jwks.json", self.url), "profile": "pdnd",
            "eservices": [{"eservice_id": ESERVICE, "descriptor_ids": [DESCRIPTOR], "producer_id": PRODUCER}],
            "cooldown_seconds": 1, "refresh_seconds": 2,
        });
        for (name, value) in changes.as_object().unwrap() {
            issuer[name] = value.clone();
        }
        let file = folder.join("issuers.json");
        std::fs::write(&file, json!({"issuers": [issuer]}).to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// What a voucher says.
    pub fn claims() -> Value {
        let now = Clock::System.now().timestamp();
        json!({
            "iss": NAME, "aud": AUDIENCE, "sub": CLIENT, "client_id": CLIENT, "iat": now, "nbf": now, "exp": now + 600,
            "jti": "0b6f5a44-6f5a-4e62-9d0e-9c3f1d0a7099", "purposeId": PURPOSE, "consumerId": CONSUMER,
            "producerId": PRODUCER, "eserviceId": ESERVICE, "descriptorId": DESCRIPTOR,
        })
    }

    pub fn header(kid: &str) -> Header {
        Header { typ: Some("at+jwt".to_owned()), kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) }
    }

    /// Signs with its key.
    pub fn sign(&self, claims: &Value) -> String {
        let keys = self.inner.keys.lock().unwrap();
        let (key, jwk) = keys.last().unwrap();
        encode(&Self::header(jwk["kid"].as_str().unwrap()), claims, key).unwrap()
    }

    /// A voucher, as its client obtains it: for an assertion that says what for.
    pub fn voucher(&self, assertion: &str) -> Answer {
        let body = format!("grant_type=client_credentials&client_id={CLIENT}&client_assertion={assertion}");
        http::send(&http::agent(), "POST", &format!("{}/token.oauth2", self.url), &[], body.into_bytes())
    }
}

impl Inner {
    fn set(&self) -> Value {
        let keys: Vec<Value> = self.keys.lock().unwrap().iter().map(|(_, jwk)| jwk.clone()).collect();
        json!({"keys": keys})
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap_or_default();
        let (mut length, mut header) = (0, String::new());
        while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            header.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap_or_default();
        if line.starts_with("POST /token.oauth2 ") {
            let (status, told) = self.issue(&String::from_utf8(body).unwrap());
            return say(stream, status, "content-type: application/json\r\n", told.to_string().as_bytes());
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let reply = self.reply.lock().unwrap().clone();
        match reply {
            Reply::Keys => say(stream, 200, "content-type: application/json\r\n", self.set().to_string().as_bytes()),
            Reply::Raw(status, headers, body) => say(stream, status, &headers, &body),
            Reply::Closed => {}
            Reply::Silence => std::thread::sleep(Duration::from_secs(20)),
        }
    }

    fn issue(&self, form: &str) -> (u16, Value) {
        let assertion = form.split('&').find_map(|pair| pair.strip_prefix("client_assertion=")).unwrap_or_default();
        let jwk: Jwk = serde_json::from_value(self.client.clone()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_aud = false;
        let claims = decode::<Value>(assertion, &DecodingKey::from_jwk(&jwk).unwrap(), &validation);
        let Ok(claims) = claims.map(|data| data.claims) else { return (400, json!({"error": "invalid_client"})) };
        let mut voucher = Issuer::claims();
        voucher["purposeId"] = claims["purposeId"].clone();
        let keys = self.keys.lock().unwrap();
        let (key, jwk) = keys.last().unwrap();
        let token = encode(&Issuer::header(jwk["kid"].as_str().unwrap()), &voucher, key).unwrap();
        (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 600}))
    }
}

fn say(mut stream: TcpStream, status: u16, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // Whoever asks may have enough before the end.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}
