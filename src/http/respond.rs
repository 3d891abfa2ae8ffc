//! How answers are written, and how they document themselves.

use std::marker::PhantomData;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use actix_web::{Either, HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::crud::Exposed;
use super::endpoint::{Described, Operation};
use super::headers;
use super::page::MAX_LIMIT;
use super::select::{Selected, Selection};
use crate::batch::{Effect, Fetched, Reply, Resource};
use crate::error::Problem;

/// A problem becomes an answer in [`super::finish`], which knows the request's id and language.
impl actix_web::ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::build(self.status_code()).finish()
    }
}

fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

fn etag_header() -> serde_json::Value {
    json!({"ETag": headers::reference("ETag")})
}

/// One record.
pub struct Shown<V> {
    fetched: Fetched,
    known: bool,
    of: PhantomData<V>,
}

impl<V> Shown<V> {
    /// A record; without its content where the reader has this version already.
    pub const fn new(fetched: Fetched, known: bool) -> Self {
        Self { fetched, known, of: PhantomData }
    }
}

impl<V> Responder for Shown<V> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = if self.known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((ETAG, etag(self.fetched.version))).insert_header((CACHE_CONTROL, "private, no-cache"));
        if self.known {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, "application/json")).body(self.fetched.body)
    }
}

/// The answer to a change.
pub struct Changed<V> {
    reply: Reply,
    location: Option<String>,
    of: PhantomData<V>,
}

impl<V> Changed<V> {
    /// What a change came to; `collection` is the path under which a new record is found.
    pub fn new(reply: Reply, collection: &str) -> Self {
        let location = (reply.effect == Effect::Created).then(|| format!("{collection}/{}", reply.id));
        Self { reply, location, of: PhantomData }
    }
}

impl<V> Responder for Changed<V> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = match self.reply.effect {
            Effect::Created => HttpResponse::Created(),
            Effect::Changed | Effect::Unchanged => HttpResponse::Ok(),
            Effect::Deleted => HttpResponse::NoContent(),
        };
        if self.reply.replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        if let Some(location) = self.location {
            response.insert_header((LOCATION, location));
        }
        if self.reply.effect == Effect::Deleted {
            return response.finish();
        }
        response
            .insert_header((ETAG, etag(self.reply.version)))
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(self.reply.body)
    }
}

impl<V: ToSchema> Described for Changed<V> {
    fn describe(operation: &mut Operation) {
        operation.response::<V>(200, "The record as it is now.");
        operation.response_headers(200, etag_header());
    }
}

/// The answer to a change that may make a record.
pub struct Written<V>(pub Changed<V>);

impl<V> Responder for Written<V> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.respond_to(request)
    }
}

impl<V: ToSchema> Described for Written<V> {
    fn describe(operation: &mut Operation) {
        Changed::<V>::describe(operation);
        describe_created::<V>(operation);
    }
}

fn describe_created<V: ToSchema>(operation: &mut Operation) {
    operation.response::<V>(201, "The record that was made.");
    operation.response_headers(
        201,
        json!({
            "ETag": headers::reference("ETag"),
            "Location": {"description": "Where the record is found.", "schema": {"type": "string", "format": "uri-reference"}},
        }),
    );
}

/// The answer to a request that makes a record.
pub struct Created<V>(pub Changed<V>);

impl<V> Responder for Created<V> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.respond_to(request)
    }
}

impl<V: ToSchema> Described for Created<V> {
    fn describe(operation: &mut Operation) {
        describe_created::<V>(operation);
    }
}

/// The answer to a deletion.
pub struct Removed(pub Reply);

impl Responder for Removed {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Described for Removed {
    fn describe(operation: &mut Operation) {
        operation.empty_response(204, "The record is deleted; a tombstone stays in the feed of changes.");
    }
}

/// A document of its own shape.
pub struct Document<T>(pub T);

impl<T: Serialize> Responder for Document<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: ToSchema> Described for Document<T> {
    fn describe(operation: &mut Operation) {
        operation.response::<T>(200, "The answer.");
    }
}

/// A page of `MOST` records or fewer.
#[derive(Serialize)]
pub struct Items<V, const MOST: i64 = MAX_LIMIT> {
    items: Vec<V>,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<V, const MOST: i64> Items<V, MOST> {
    /// A page, and the path of the next one where there is one.
    pub const fn new(items: Vec<V>, next: Option<String>) -> Self {
        Self { items, links: Links { next } }
    }
}

impl<V: Serialize, const MOST: i64> Responder for Items<V, MOST> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}

impl<V: ToSchema, const MOST: i64> Described for Items<V, MOST> {
    fn describe(operation: &mut Operation) {
        let item = operation.schema::<V>();
        // Not `...Page`: the pages of the same records in a list may hold parts of them.
        describe_page(operation, &format!("{}List", V::name()), &item, MOST);
    }
}

fn describe_page(operation: &mut Operation, name: &str, item: &Value, most: i64) {
    let schema = operation.named_schema(
        name,
        json!({
            "type": "object", "additionalProperties": false, "required": ["items", "_links"],
            "properties": {
                "items": {"type": "array", "items": item, "minItems": 0, "maxItems": most},
                "_links": {"type": "object", "additionalProperties": false, "properties": {
                    "next": {"type": "string", "format": "uri-reference", "description": "The next page; absent on the last."}}},
            },
        }),
    );
    operation.raw_response(200, "A page of records.", &schema, "application/json");
}

impl<R: Exposed> Described for Selected<R, Shown<R::View>> {
    fn describe(operation: &mut Operation) {
        let schema = Selection::<R>::schema(operation);
        operation.raw_response(200, "The record, or what was asked for of it.", &schema, "application/json");
        operation.response_headers(200, etag_header());
    }
}

/// A page of a list: records as they are, or what was selected of them.
pub type Listed<R> = Selected<R, Either<Items<<R as Resource>::View>, Items<Value>>>;

impl<R: Exposed> Described for Listed<R> {
    fn describe(operation: &mut Operation) {
        let item = Selection::<R>::schema(operation);
        describe_page(operation, &format!("{}Page", R::View::name()), &item, MAX_LIMIT);
    }
}
