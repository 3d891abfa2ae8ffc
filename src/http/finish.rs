//! The first and the last word on every request: who sends it and whether that is within the quota; the request's id, the
//! language of problems, limits, caching, the log line.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, ResponseError as _, web};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::extract::IfNoneMatch;
use super::limits::{self, Standing, Subject};
use super::message::{self, Checked};
use super::reader::language;
use super::{State, cost, peer, permit};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::identity::metadata::RESOURCE_PATH;
use crate::text;

static CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The id of a request, for what is noted of it elsewhere than in the log.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Where a request comes from, behind whatever proxies of ours.
#[derive(Clone, Copy, Debug)]
pub struct Origin(pub IpAddr);

/// The path of a request as it is routed: what is written with escapes is no other path.
pub fn routed(request: &ServiceRequest) -> &str {
    request.match_info().as_str()
}

/// Wraps every request.
pub async fn finish(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let state = request.app_data::<web::Data<State>>().cloned();
    let id = correlation_id(request.headers(), state.as_ref().map(|state| state.as_ref()));
    let language = language(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let peer = request.peer_addr().map(|address| address.ip());
    let proxies = state.as_ref().map_or(&[][..], |state| state.proxies());
    if let Some(origin) = peer::origin(peer, request.headers(), proxies) {
        request.extensions_mut().insert(Origin(origin));
    }
    let standing = match &state {
        Some(state) => admit(&request, state).await,
        None => None,
    };
    let known = match *request.method() {
        Method::GET | Method::HEAD => IfNoneMatch::of(request.headers()).map(Some),
        _ => Ok(None),
    };
    let mut checked = Checked::default();
    let refused = if standing.is_some_and(|standing| !standing.allowed) {
        Some(Problem::new(Code::TooManyRequests))
    } else {
        oversized(&request).or(known.as_ref().err().cloned())
    };
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    let refused = match (refused, &state, &caller) {
        (None, Some(state), Some(caller)) => match message::check(&mut request, state, caller).await {
            Ok((caller, found)) => {
                request.extensions_mut().insert(caller);
                checked = found;
                None
            }
            Err(problem) => Some(problem),
        },
        (refused, ..) => refused,
    };
    let mut response = match &refused {
        Some(problem) => request.into_response(HttpResponse::build(problem.status_code()).finish()),
        // Nothing below answers with an error of its own; if something does, it has no request to answer any more.
        None => next.call(request).await?.map_into_boxed_body(),
    };
    if let Some(problem) = refused.or_else(|| checked.problem()).or_else(|| problem_of(&response)) {
        let base = state.as_ref().map_or("", |state| state.public_url());
        let body = problem.to_json(base, Some(&id), language);
        let asked = Asked {
            patching: response.request().method() == Method::PATCH,
            authenticated: response.request().headers().contains_key(header::AUTHORIZATION),
        };
        response = response.map_body(|head, _| {
            head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
            head.status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            problem_headers(&problem, asked, base, head.headers_mut());
            head.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
            head.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Language"));
            BoxBody::new(body)
        });
    }
    if let Ok(Some(known)) = &known {
        response = tagged(response, known);
    }
    if let (Some(state), Some(caller)) = (&state, &caller) {
        response = message::answer(response, state, caller, &checked);
    }
    let headers = response.headers_mut();
    if let Some(standing) = standing {
        limit_headers(standing, headers);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(CORRELATION_ID.clone(), value);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if state.as_ref().is_some_and(|state| state.public_url().starts_with("https://")) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Nothing that a client could make a browser take for a page does anything there. Pages of ours have a policy of their own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
    let voucher = caller.as_ref().and_then(|caller| caller.voucher.as_ref());
    // The pattern of the path rather than the path: ids are not for the log, and a client may put anything into a URL.
    tracing::info!(
        request_id = %id,
        // What the authority of the token knows the request by, where it is not ours.
        purpose = voucher.and_then(|voucher| voucher.purpose.as_deref()),
        jti = voucher.and_then(|voucher| voucher.jti.as_deref()),
        method = %response.request().method(),
        route = response.request().match_pattern().as_deref().unwrap_or("(none)"),
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    Ok(response)
}

/// An answer with an entity tag: of a document or a list, which have no version, the digest. Who has it already gets no body.
fn tagged(response: ServiceResponse<BoxBody>, known: &IfNoneMatch) -> ServiceResponse<BoxBody> {
    let headers = response.headers();
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|media| media == "application/json");
    if response.status() != StatusCode::OK || !json || headers.contains_key(header::ETAG) {
        return response;
    }
    response.map_body(|head, body| {
        let bytes = match body.try_into_bytes() {
            Ok(bytes) => bytes,
            Err(body) => return body,
        };
        let digest = Sha256::digest(&bytes);
        let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default()));
        if let Ok(value) = HeaderValue::from_str(&tag) {
            head.headers.insert(header::ETAG, value);
        }
        if !head.headers.contains_key(header::CACHE_CONTROL) {
            head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
        if !known.names(&tag) {
            return BoxBody::new(bytes);
        }
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(header::CONTENT_TYPE);
        BoxBody::new(())
    })
}

/// Finds out who sends a request, and counts it. What asks whether the service lives is not counted: it must not be told that
/// it asks too often.
async fn admit(request: &ServiceRequest, state: &State) -> Option<Standing> {
    let caller = permit::caller(request, state).await;
    let address = request.extensions().get::<Origin>().map(|origin| origin.0);
    let path = routed(request);
    let mut subjects = Vec::with_capacity(3);
    match (&caller, address) {
        (Some(caller), _) => {
            let cost = cost::cost(request.method(), path);
            subjects.push((Subject::Client(caller.client_id.clone()), cost));
            subjects.push((Subject::Organisation(caller.organisation), cost));
            let lookup = Subject::Lookup(caller.client_id.clone());
            let told = cost::may_probe(request.method(), path) && state.meter.is_spent(&lookup, limits::now());
            if cost::is_lookup(path) || told {
                subjects.push((lookup, 1));
            }
        }
        (None, Some(address)) if path == "/oauth/token" => subjects.push((Subject::token(address), 1)),
        (None, Some(address)) => subjects.push((Subject::address(address), 1)),
        (None, None) => return None,
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    let mut standing = state.meter.charge(&subjects, limits::now())?;
    standing.allowed |= path == "/health/live";
    Some(standing)
}

/// The longest request target, in bytes: every list with every filter fits.
pub const URI_LIMIT: usize = 8 * 1024;

/// Names and values of all headers together, in bytes, and their number. The server itself would take more.
pub const HEADERS_LIMIT: (usize, usize) = (32 * 1024, 64);

/// What is wrong with the size of the request line or the headers. (The body's size is judged while it is read.)
fn oversized(request: &ServiceRequest) -> Option<Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > URI_LIMIT {
        return Some(Problem::because(
            Code::UriTooLong,
            text!(
                "A request target has at most {URI_LIMIT} bytes."
                    / "L'URI di una richiesta ha al massimo {URI_LIMIT} byte."
            ),
        ));
    }
    let (bytes, number) = HEADERS_LIMIT;
    let headers = request.headers();
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (size > bytes || headers.len() > number).then(|| {
        let detail = text!(
            "At most {number} headers of {bytes} bytes in all."
                / "Al massimo {number} intestazioni per {bytes} byte in tutto."
        );
        Problem::because(Code::HeadersTooLarge, detail)
    })
}

/// The names of the headers that say how a caller stands.
pub static LIMIT_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("ratelimit"),
];

fn limit_headers(standing: Standing, headers: &mut HeaderMap) {
    let Standing { policy, limit, remaining, reset, allowed } = standing;
    let window = limits::WINDOW.as_secs();
    let values = [
        limit.to_string(),
        remaining.to_string(),
        reset.to_string(),
        format!("\"{policy}\";q={limit};w={window}"),
        format!("\"{policy}\";r={remaining};t={reset}"),
    ];
    for (name, value) in LIMIT_HEADERS.iter().zip(values) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name.clone(), value);
        }
    }
    if !allowed {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(reset));
    }
}

/// The problem that an answer stands for, whoever made it.
fn problem_of(response: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    if let Some(problem) = response.response().error().and_then(|error| error.as_error::<Problem>()) {
        return Some(problem.clone());
    }
    // An operation that wrote its own error body, as the token endpoint does, keeps it.
    if response.headers().contains_key(header::CONTENT_TYPE) && response.response().error().is_none() {
        return None;
    }
    Some(Problem::new(match status.as_u16() {
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        413 => Code::BodyTooLarge,
        414 => Code::UriTooLong,
        415 => Code::UnsupportedMediaType,
        431 => Code::HeadersTooLarge,
        _ if status.is_client_error() => Code::MalformedRequest,
        _ => Code::Internal,
    }))
}

/// What of a request decides on the headers of a problem.
#[derive(Clone, Copy)]
struct Asked {
    /// It was a PATCH.
    patching: bool,
    /// It came with credentials, right or wrong.
    authenticated: bool,
}

fn problem_headers(problem: &Problem, asked: Asked, base: &str, headers: &mut HeaderMap) {
    let resource = format!("resource_metadata=\"{base}{RESOURCE_PATH}\"");
    let challenge = match problem.code {
        // Who came without a token did nothing wrong yet (RFC 6750, section 3.1).
        Code::Unauthenticated if !asked.authenticated => Some(format!("Bearer realm=\"ricolloca\", {resource}")),
        Code::Unauthenticated => Some(format!("Bearer realm=\"ricolloca\", error=\"invalid_token\", {resource}")),
        // Which scopes a token needs to be good for the same request (RFC 6750, section 3.1).
        Code::InsufficientScope => Some(format!(
            "Bearer realm=\"ricolloca\", error=\"insufficient_scope\", scope=\"{}\", {resource}",
            problem.scopes.to_list()
        )),
        Code::InvalidClient => Some("Basic realm=\"ricolloca\"".to_owned()),
        _ => None,
    };
    if let Some(Ok(challenge)) = challenge.map(|challenge| HeaderValue::from_str(&challenge)) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = problem.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if asked.patching && problem.code == Code::UnsupportedMediaType {
        headers
            .insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static("application/merge-patch+json"));
    }
}

/// The caller's own id for the request where it is fit for a log, else a new one.
fn correlation_id(headers: &HeaderMap, state: Option<&State>) -> String {
    headers
        .get(&CORRELATION_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| super::extract::is_external_id(id))
        .map(str::to_owned)
        .or_else(|| state.map(|state| state.database.context().ids.next(state.database.context().now()).to_string()))
        .unwrap_or_default()
}

/// For whatever no route answers.
pub async fn nothing_here() -> HttpResponse {
    HttpResponse::from_error(Problem::new(Code::NotFound))
}
