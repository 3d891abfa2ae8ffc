//! How requests are read: paths, headers, bodies, queries. Each extractor refuses what it cannot read and documents itself.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::read_body;
use super::endpoint::{Described, Operation};
use super::query::{properties_of, query_document, query_problem};
use crate::error::{Code, Problem, Violation};
use crate::identifiers::PersonTaxCode;
use crate::shape;
use crate::text;
use crate::text::Text;

/// The form of external ids: what fits into a path without being escaped.
pub const EXTERNAL_ID_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$";

/// The `{id}` of the path.
pub struct PathId(pub Uuid);

impl FromRequest for PathId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Only the hyphenated form is an id: a record has one URL.
        let text = request.match_info().get("id").unwrap_or_default();
        let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string().eq_ignore_ascii_case(text));
        ready(id.map(Self).ok_or_else(|| {
            Problem::malformed(vec![Violation::new(
                "id",
                "wrong_format",
                text!("The id is a UUID." / "L'identificativo è un UUID."),
            )])
        }))
    }
}

impl Described for PathId {
    fn describe(operation: &mut Operation) {
        operation.parameter(
            json!({"name": "id", "in": "path", "required": true, "description": "The service's id of the record.",
            "schema": {"type": "string", "format": "uuid"}}),
        );
        operation.problems(&[Code::NotFound]);
    }
}

/// The `{external_id}` of the path.
pub struct PathExternalId(pub String);

impl FromRequest for PathExternalId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("external_id").unwrap_or_default();
        ready(if is_external_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::malformed(vec![Violation::new(
                "external_id",
                "wrong_format",
                text!(
                    "1 to 100 letters, digits and . _ : -, beginning with a letter or digit; never a tax code."
                        / "Da 1 a 100 lettere, cifre e . _ : -, iniziando con una lettera o una cifra; mai un codice fiscale."
                ),
            )]))
        })
    }
}

impl Described for PathExternalId {
    fn describe(operation: &mut Operation) {
        operation.parameter(json!({"name": "external_id", "in": "path", "required": true,
            "description": "The caller's organisation's own name for the record; never a tax code.",
            "schema": {"type": "string", "pattern": EXTERNAL_ID_PATTERN, "maxLength": 100}}));
    }
}

/// Whether a text may name a record. Tax codes are refused: external ids stand in URLs and logs.
pub fn is_external_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 100
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        && !PersonTaxCode::looks_like(text)
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// A JSON body.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
}

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Boxed<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (document, digest) = read_json(&request, payload, "application/json").await?;
            let value = shape::parse(document).map_err(Problem::invalid)?;
            Ok(Self { value, digest })
        })
    }
}

impl<T: ToSchema> Described for Body<T> {
    fn describe(operation: &mut Operation) {
        operation.body::<T>("application/json");
        operation.problems(&[Code::MalformedJson, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::Invalid]);
    }
}

/// A merge-patch (RFC 7396) to the representation `T`.
pub struct MergePatch<T> {
    /// The patch as it came; it is judged once it is applied.
    pub patch: Value,
    of: PhantomData<T>,
}

impl<T: 'static> FromRequest for MergePatch<T> {
    type Error = Problem;
    type Future = Boxed<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (patch, _) = read_json(&request, payload, "application/merge-patch+json").await?;
            Ok(Self { patch, of: PhantomData })
        })
    }
}

impl<T: ToSchema> Described for MergePatch<T> {
    fn describe(operation: &mut Operation) {
        let whole = operation.schema::<T>();
        let reference = operation.merge_patch(&whole);
        operation.body_of(&reference, "application/merge-patch+json");
        operation.problems(&[Code::MalformedJson, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::Invalid]);
    }
}

async fn read_json(request: &HttpRequest, payload: Payload, media: &str) -> Result<(Value, [u8; 32]), Problem> {
    let bytes = read(request, payload, media).await?;
    let document = serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::because(
            Code::MalformedJson,
            text!(
                "The JSON cannot be read at line {line}, column {column}."
                    / "Il JSON non è leggibile alla riga {line}, colonna {column}."
            ),
        )
    })?;
    Ok((document, Sha256::digest(&bytes).into()))
}

async fn read(request: &HttpRequest, payload: Payload, media: &str) -> Result<web::BytesMut, Problem> {
    let stated = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let stated = stated.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case(stated) {
        return Err(Problem::because(
            Code::UnsupportedMediaType,
            text!("The body must be {media}." / "Il corpo deve essere {media}."),
        ));
    }
    read_body(payload).await
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name);
    let malformed = |detail: Text| Problem::malformed(vec![Violation::new(name.as_str(), "wrong_format", detail)]);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| {
            malformed(text!(
                "The header holds other than visible ASCII characters."
                    / "L'intestazione contiene caratteri diversi dagli ASCII visibili."
            ))
        }),
        _ => Err(malformed(text!("The header may stand only once." / "L'intestazione può comparire una sola volta."))),
    }
}

/// The version in an entity tag; `None` in `Some` stands for `*`.
fn version_of(tag: &str, name: &HeaderName) -> Result<Option<i64>, Problem> {
    if tag.trim() == "*" {
        return Ok(None);
    }
    tag.trim()
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|version| version.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            Problem::malformed(vec![Violation::new(
                name.as_str(),
                "wrong_format",
                text!(
                    "One strong entity tag, as it came in ETag, or *."
                        / "Un solo entity tag forte, come ricevuto in ETag, oppure *."
                ),
            )])
        })
}

/// `If-Match`, which a change by id cannot do without.
pub struct IfMatch(pub Option<i64>);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            header(request.headers(), &IF_MATCH)
                .and_then(|tag| version_of(tag.ok_or(Problem::new(Code::PreconditionRequired))?, &IF_MATCH).map(Self)),
        )
    }
}

impl Described for IfMatch {
    fn describe(operation: &mut Operation) {
        operation.parameter(json!({"name": "If-Match", "in": "header", "required": true,
            "description": "The `ETag` the record was read with, or `*` for whatever it is now.", "example": "*",
            "schema": {"type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$", "maxLength": 20}}));
        operation.problems(&[Code::PreconditionRequired, Code::StaleVersion]);
    }
}

/// `If-Match`, where it may be left out.
pub struct MayMatch(pub Option<i64>);

impl FromRequest for MayMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(header(request.headers(), &IF_MATCH).and_then(|tag| match tag {
            Some(tag) => version_of(tag, &IF_MATCH).map(Self),
            None => Ok(Self(None)),
        }))
    }
}

impl Described for MayMatch {
    fn describe(operation: &mut Operation) {
        operation.parameter(json!({"name": "If-Match", "in": "header", "required": false,
            "description": "The `ETag` the record was read with: the request is refused where the record has changed since.", "example": "*",
            "schema": {"type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$", "maxLength": 20}}));
        operation.problems(&[Code::StaleVersion]);
    }
}

/// `If-None-Match`: the version that the reader has already.
pub struct IfNoneMatch(Option<String>);

impl IfNoneMatch {
    /// Reads it from the headers of a request.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        header(headers, &IF_NONE_MATCH).and_then(|list| match list {
            Some(list) if !is_tag_list(list) => Err(Problem::malformed(vec![Violation::new(
                IF_NONE_MATCH.as_str(),
                "wrong_format",
                text!(
                    "Entity tags, as they came in ETag, separated by commas, or *."
                        / "Entity tag, come ricevuti in ETag, separati da virgole, oppure *."
                ),
            )])),
            list => Ok(Self(list.map(str::to_owned))),
        })
    }

    /// Whether the reader has this version.
    pub fn has(&self, version: i64) -> bool {
        self.names(&format!("\"{version}\""))
    }

    /// Whether the reader has what this entity tag stands for.
    pub fn names(&self, tag: &str) -> bool {
        self.0.as_deref().is_some_and(|list| {
            list.split(',').any(|entry| entry.trim().trim_start_matches("W/") == tag || entry.trim() == "*")
        })
    }
}

/// The parameter, as the document shows it.
pub fn describe_if_none_match() -> Value {
    json!({"name": "If-None-Match", "in": "header", "required": false,
            "description": "The `ETag` of what the reader has: 304 where it is still so.", "example": "\"0\"",
            "schema": {"type": "string", "pattern": "^(\\*|(W/)?\"[!#-+.-~-]*\"( *, *(W/)?\"[!#-+.-~-]*\")*)$", "maxLength": TAG_LIST_LIMIT}})
}

/// The longest `If-None-Match`: a handful of versions.
const TAG_LIST_LIMIT: usize = 200;

fn is_tag_list(list: &str) -> bool {
    let is_tag = |tag: &str| {
        let opaque = tag.trim().trim_start_matches("W/").strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        opaque.is_some_and(|opaque| opaque.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b','))
    };
    list.len() <= TAG_LIST_LIMIT && (list == "*" || list.split(',').all(is_tag))
}

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

impl Described for IfNoneMatch {
    fn describe(operation: &mut Operation) {
        // The parameter, and 304, are described for every GET: see `Operation::document`.
        let _ = operation;
    }
}

/// `Idempotency-Key`, with the request it belongs to.
pub struct IdempotencyKey {
    key: Option<String>,
    request: String,
}

impl IdempotencyKey {
    /// The key with the digest of method, path and body; `None` where the client sent no key.
    pub fn over(&self, client_id: &str, body: &[u8]) -> Option<crate::batch::Idempotency> {
        let digest =
            Sha256::new().chain_update(self.request.as_bytes()).chain_update([0]).chain_update(body).finalize();
        Some(crate::batch::Idempotency {
            client_id: client_id.to_owned(),
            key: self.key.clone()?,
            digest: digest.to_vec(),
        })
    }
}

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let line = format!("{} {}", request.method(), request.path());
        ready(header(request.headers(), &IDEMPOTENCY_KEY).and_then(|key| match key {
            Some(key) if key.is_empty() || key.len() > 255 || PersonTaxCode::looks_like(key) => {
                Err(Problem::malformed(vec![Violation::new(
                    "Idempotency-Key",
                    "wrong_format",
                    text!("1 to 255 characters; never a tax code." / "Da 1 a 255 caratteri; mai un codice fiscale."),
                )]))
            }
            key => Ok(Self { key: key.map(str::to_owned), request: line }),
        }))
    }
}

impl Described for IdempotencyKey {
    fn describe(operation: &mut Operation) {
        operation.parameter(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A name for this request, best a UUID: a retry with the same key gets the stored answer and has no second effect. Kept for 30 days.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255}}));
        operation.problems(&[Code::IdempotencyInProgress, Code::IdempotencyKeyReused]);
    }
}

/// A form-encoded body, as OAuth has it.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = Boxed<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload, "application/x-www-form-urlencoded").await?;
            let text = std::str::from_utf8(&bytes).map_err(|_| {
                Problem::because(Code::MalformedRequest, text!("The body is not UTF-8." / "Il corpo non è UTF-8."))
            })?;
            query_document(text, &properties_of::<T>())
                .and_then(|document| shape::parse(document).map_err(query_problem))
                .map(Self)
        })
    }
}

impl<T: ToSchema> Described for Form<T> {
    fn describe(operation: &mut Operation) {
        operation.body::<T>("application/x-www-form-urlencoded");
        operation.problems(&[Code::InvalidTokenRequest, Code::BodyTooLarge, Code::UnsupportedMediaType]);
    }
}
