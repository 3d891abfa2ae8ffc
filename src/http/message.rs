//! Message security (see [`crate::identity::message`]): what of a request is judged before its body is read, the body's digest while it is,
//! and the signature of an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpMessage as _;
use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::finish::routed;
use super::headers::prefers;
use super::{State, body};
use crate::error::{Code, Problem, Violation};
use crate::identity::flaw::Flaw;
use crate::identity::message::{AnswerClaims, Demands, Expected, Once, digests};
use crate::identity::store::{self, Use};
use crate::identity::{Caller, message};

static SIGNATURE: HeaderName = HeaderName::from_static("agid-jwt-signature");
static EVIDENCE: HeaderName = HeaderName::from_static("agid-jwt-trackingevidence");
static DIGEST: HeaderName = HeaderName::from_static("digest");
static CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preference (RFC 7240) of a client that wants its answer signed.
const PREFERENCE: &str = "agid-signature";

/// What pages of other origins may read of an answer beside what they may read of every one.
pub const EXPOSED: [&str; 4] = ["agid-jwt-signature", "digest", "content-digest", "preference-applied"];

/// What a message came to before its body was read.
#[derive(Default)]
pub struct Checked {
    /// The body turned out not to be what was signed.
    altered: Option<Arc<AtomicBool>>,
    /// `Digest` of a request that was signed.
    digest: Option<String>,
}

impl Checked {
    /// What is to be answered instead of whatever the handler made of a body that broke off where it turned out to be another.
    pub fn problem(&self) -> Option<Problem> {
        let altered = self.altered.as_ref().is_some_and(|altered| altered.load(Ordering::Relaxed));
        altered.then(|| refusal(Code::InvalidSignature, &SIGNATURE, Flaw::Content))
    }
}

fn refusal(code: Code, header: &HeaderName, flaw: Flaw) -> Problem {
    let name = if *header == EVIDENCE { "Agid-JWT-TrackingEvidence" } else { "Agid-JWT-Signature" };
    Problem::new(code).with(vec![Violation::new(name, flaw.code(), flaw.detail())])
}

/// The value of a header that came once.
fn once(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

/// A header's value for the signature: what came more than once, or is no text, is nothing that could have been signed.
fn as_sent(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.contains_key(name).then(|| once(headers, name).unwrap_or_else(|| "\u{0}".to_owned()))
}

/// Judges a request by the profile of its client. From here on the caller says on whose behalf it is, and the body breaks off at its end
/// where it is not what was signed. Plain clients pass.
pub async fn check(
    request: &mut ServiceRequest,
    state: &State,
    caller: &Arc<Caller>,
) -> Result<(Arc<Caller>, Checked), Problem> {
    let voucher = caller.voucher.as_ref();
    let signatory = state.signatories.get(&caller.client_id);
    let own = signatory.as_ref().map_or_else(Demands::default, |signatory| signatory.demands);
    let demands = own.or(voucher.map_or_else(Demands::default, |voucher| voucher.demands));
    // Whoever asks for the documents, or for a token, sends no message.
    if demands.is_none() || !routed(request).starts_with("/v1/") {
        return Ok((Arc::clone(caller), Checked::default()));
    }
    let unknown = message::Signatory::default();
    let audience = format!("{}/v1", state.public_url());
    let expected = Expected {
        caller,
        signatory: signatory.as_deref().unwrap_or(&unknown),
        audience: voucher.map_or(audience.as_str(), |voucher| voucher.audience.as_str()),
        now: state.database.context().now(),
    };
    let headers = request.headers();
    let mut uses: Vec<(Use, Once)> = Vec::new();
    let mut told = Arc::clone(caller);
    if demands.audit {
        let flawed = |flaw| refusal(Code::InvalidTrackingEvidence, &EVIDENCE, flaw);
        let evidence = once(headers, EVIDENCE.as_str()).ok_or(Flaw::Missing);
        let evidence = evidence.and_then(|jwt| expected.evidence(&jwt)).map_err(flawed)?;
        uses.extend(evidence.once.map(|once| (Use::Evidence, once)));
        told = Arc::new(Caller { tracking: Some(evidence.tracking), ..Caller::clone(caller) });
    }
    let effective = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let mut signed = None;
    if demands.integrity && (effective || headers.contains_key(&SIGNATURE)) {
        let flawed = |flaw| refusal(Code::InvalidSignature, &SIGNATURE, flaw);
        let signature = once(headers, SIGNATURE.as_str()).ok_or(Flaw::Missing);
        let found = signature.and_then(|jwt| expected.signature(&jwt, |name| as_sent(headers, name)));
        let found = found.map_err(flawed)?;
        uses.push((Use::Signature, found.once));
        signed = Some(found.digest);
    }
    note(state, &caller.client_id, uses).await?;
    let digest = headers.get(&DIGEST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(signed) = signed else { return Ok((told, Checked::default())) };
    let payload = request.take_payload();
    // An import can be larger than memory: it is looked at while it comes, and taken back at its end. Every other body is small, and whoever
    // carries the request out may not even read it.
    if routed(request) == "/v1/imports" {
        let altered = Arc::new(AtomicBool::new(false));
        request.set_payload(watched(payload, signed, Arc::clone(&altered)));
        return Ok((told, Checked { altered: Some(altered), digest }));
    }
    let bytes = body::read_body(payload).await?.freeze();
    if <[u8; 32]>::from(Sha256::digest(&bytes)) != signed {
        return Err(refusal(Code::InvalidSignature, &SIGNATURE, Flaw::Content));
    }
    request.set_payload(Payload::from(bytes));
    Ok((told, Checked { altered: None, digest }))
}

/// Notes that these are used; refuses what was used before. One that is noted and not carried out after all is signed anew.
async fn note(state: &State, client_id: &str, uses: Vec<(Use, Once)>) -> Result<(), Problem> {
    if uses.is_empty() {
        return Ok(());
    }
    let client = client_id.to_owned();
    let uses: Vec<_> = uses.into_iter().map(|(kind, Once { jti, expires })| (kind, jti, expires)).collect();
    let replayed = state.database.query(move |conn, _| Ok(store::use_all(conn, &client, &uses)?));
    match replayed.await? {
        None => Ok(()),
        Some(Use::Evidence) => Err(refusal(Code::InvalidTrackingEvidence, &EVIDENCE, Flaw::Replayed)),
        Some(_) => Err(refusal(Code::InvalidSignature, &SIGNATURE, Flaw::Replayed)),
    }
}

/// A body that breaks off at its end unless its digest is this one: whoever reads it carries nothing out.
fn watched(payload: Payload, expected: [u8; 32], altered: Arc<AtomicBool>) -> Payload {
    let begun = Some((payload, Sha256::new(), altered));
    let body = stream::unfold(begun, move |state| async move {
        let (mut payload, mut digest, altered) = state?;
        match payload.next().await {
            Some(Ok(bytes)) => {
                digest.update(&bytes);
                Some((Ok(bytes), Some((payload, digest, altered))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if <[u8; 32]>::from(digest.finalize()) == expected => None,
            None => {
                altered.store(true, Ordering::Relaxed);
                Some((Err(PayloadError::Incomplete(None)), None))
            }
        }
    });
    Payload::Stream { payload: Box::pin(body) }
}

/// Signs an answer, where the client prefers it so. What is written while it is worked out cannot be: its signature would have to stand
/// before it.
pub fn answer(
    response: ServiceResponse<BoxBody>,
    state: &State,
    caller: &Caller,
    checked: &Checked,
) -> ServiceResponse<BoxBody> {
    if !prefers(response.request().headers(), PREFERENCE) {
        return response;
    }
    let context = state.database.context();
    let now = context.now();
    let id = context.ids.next(now).to_string();
    response.map_body(|head, body| match body.try_into_bytes() {
        Err(body) => body,
        Ok(bytes) => {
            if let Some(headers) = signature(&head.headers, &bytes, state, caller, checked, (now, id)) {
                for (name, value) in headers {
                    head.headers.insert(name, value);
                }
                head.headers.append(PREFERENCE_APPLIED.clone(), HeaderValue::from_static(PREFERENCE));
            }
            BoxBody::new(bytes)
        }
    })
}

fn signature(
    headers: &HeaderMap,
    body: &[u8],
    state: &State,
    caller: &Caller,
    checked: &Checked,
    (now, jti): (DateTime<Utc>, String),
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let (digest, content_digest) = digests(body);
    let mut signed = vec![BTreeMap::from([("digest", digest.clone())])];
    for (name, header) in [("content-type", header::CONTENT_TYPE), ("content-encoding", header::CONTENT_ENCODING)] {
        if let Some(value) = headers.get(&header).and_then(|value| value.to_str().ok()) {
            signed.push(BTreeMap::from([(name, value.to_owned())]));
        }
    }
    let claims = AnswerClaims {
        iss: state.authority.issuer(),
        aud: &caller.client_id,
        iat: now.timestamp(),
        exp: now.timestamp() + AnswerClaims::LIFETIME,
        jti,
        signed_headers: signed,
        request_digest: checked.digest.as_deref(),
    };
    let jwt = state.authority.sign_answer(&claims, now)?;
    let value = |text: &str| HeaderValue::from_str(text).ok();
    Some(vec![
        (DIGEST.clone(), value(&digest)?),
        (CONTENT_DIGEST.clone(), value(&content_digest)?),
        (SIGNATURE.clone(), value(&jwt)?),
    ])
}
