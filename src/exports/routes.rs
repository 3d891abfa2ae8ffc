//! Exporting.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, LINK, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use serde_json::{Value, json};
use std::future::{Ready, ready};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::lines::{Form, Packing};
use super::ops::{Asked, export};
use crate::batch::Resource;
use crate::db::session::Reach;
use crate::error::{Code, Problem, Violation};
use crate::http::crud::Exposed;
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::filter;
use crate::http::permit::Permit;
use crate::http::query::{cached_properties, describe_query, query_document, query_problem};
use crate::http::reader::NDJSON;
use crate::http::stream::{Body, pipe};
use crate::shape;
use crate::text;

const CSV: &str = "text/csv";

/// Registers the export of a kind.
pub fn register<R: Exposed>(api: &mut Api) {
    let many = R::KIND.plural();
    api.operation(
        Method::GET,
        &format!("/v1/exports/{many}"),
        About {
            id: format!("export_{many}"),
            tag: "exports",
            summary: format!("Export {many}"),
            description: format!(
                "All {many} that the caller may see, as they are at one instant, in the order of their ids, in one answer however many they are; filters as in the list. \
                 NDJSON: the first line is `{{\"_export\": ...}}` with the cursor from which `/v1/changes` goes on, then one record a line, and the last line is `{{\"_end\": ...}}`: \
                 without it, the export was cut off. Go on then with `from` (its cursor) and `after` (the id of the last whole line). \
                 With `Accept: text/csv` a table; the cursor stands in `Link`. Compressed with zstd or gzip where `Accept-Encoding` asks for it."
            ),
        },
        run::<R>,
    )
    .refuses(&[Code::InvalidCursor, Code::CursorExpired]);
}

/// What is to be exported, and how.
pub struct Export<R: Exposed> {
    filter: R::Filter,
    from: Option<(String, Option<Uuid>)>,
    form: Form,
    packing: Packing,
}

impl<R: Exposed> FromRequest for Export<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(asked::<R>(request))
    }
}

fn asked<R: Exposed>(request: &HttpRequest) -> Result<Export<R>, Problem> {
    let properties = cached_properties::<R::Filter>();
    let mut document = query_document(request.query_string(), &properties)?;
    let mut take = |name: &str| document.as_object_mut().and_then(|document| document.remove(name));
    let (from, after) = (take("from"), take("after"));
    let mut violations = filter::check(&document, &properties);
    let after = after.map(|after| after.as_str().and_then(|after| Uuid::parse_str(after).ok()));
    if after == Some(None) {
        violations.push(Violation::new("after", "wrong_format", text!("An id is a UUID." / "Un id è un UUID.")));
    }
    let from = match (from, after.flatten()) {
        (Some(from), after) => Some((from.as_str().unwrap_or_default().to_owned(), after)),
        (None, Some(_)) => {
            let detail = text!(
                "`after` goes on with an export: state `from`." / "`after` prosegue un'esportazione: indicare `from`."
            );
            violations.push(Violation::new("from", "required", detail));
            None
        }
        (None, None) => None,
    };
    let filter = match shape::parse::<R::Filter>(document) {
        Ok(filter) if violations.is_empty() => filter,
        Ok(_) => return Err(Problem::malformed(violations)),
        Err(found) => {
            violations.extend(query_problem(found).errors);
            return Err(Problem::malformed(violations));
        }
    };
    let header = |name| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.to_ascii_lowercase()
    };
    let form = match preferred(&header(ACCEPT), &[NDJSON, CSV]) {
        Some(CSV) => Form::Csv,
        _ => Form::Ndjson,
    };
    let packing = match preferred(&header(ACCEPT_ENCODING), &["zstd", "gzip"]) {
        Some("zstd") => Packing::Zstd,
        Some("gzip") => Packing::Gzip,
        _ => Packing::Identity,
    };
    Ok(Export { filter, from, form, packing })
}

/// The one of `offered` that the header likes best; of equals the first.
fn preferred(accepted: &str, offered: &[&'static str]) -> Option<&'static str> {
    let quality = |wanted: &str| {
        let entry = accepted.split(',').find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            (parts.next() == Some(wanted)).then(|| parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()))
        });
        entry.map_or(0.0, |quality| quality.unwrap_or(1.0))
    };
    let mut best: (f32, Option<&'static str>) = (0.0, None);
    for &one in offered {
        let quality = quality(one);
        if quality > best.0 {
            best = (quality, Some(one));
        }
    }
    best.1
}

impl<R: Exposed> Described for Export<R> {
    fn describe(operation: &mut Operation) {
        describe_query::<R::Filter>(operation);
        operation.parameter(json!({"name": "from", "in": "query", "required": false,
            "description": "To go on with an export that was cut off: the cursor of its first line.", "schema": {"type": "string", "maxLength": 500}}));
        operation.parameter(json!({"name": "after", "in": "query", "required": false,
            "description": "With `from`: the id of the last record that was received whole.", "schema": {"type": "string", "format": "uuid"}}));
    }
}

/// An export that has begun.
pub struct Exported<R> {
    body: Body,
    cursor: String,
    form: Form,
    packing: Packing,
    of: PhantomData<R>,
}

impl<R> Responder for Exported<R> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        match self.packing {
            Packing::Identity => {}
            Packing::Gzip => drop(response.insert_header((CONTENT_ENCODING, "gzip"))),
            Packing::Zstd => drop(response.insert_header((CONTENT_ENCODING, "zstd"))),
        }
        response
            .content_type(if self.form == Form::Csv { CSV } else { NDJSON })
            .insert_header((VARY, "Accept, Accept-Encoding"))
            .insert_header((LINK, format!("</v1/changes?cursor={}>; rel=\"next\"", self.cursor)))
            .body(BoxBody::new(self.body))
    }
}

/// What an export may come to: 10 million records of a MiB.
const MOST_BYTES: u64 = 10_000_000 * 1024 * 1024;

impl<R: Resource> Described for Exported<R> {
    fn describe(operation: &mut Operation) {
        let record = operation.schema::<R::View>();
        let lines = json!({"type": "string", "minLength": 1, "maxLength": MOST_BYTES, "contentMediaType": NDJSON, "contentSchema": record,
            "description": "`{\"_export\": {\"resource\", \"cursor\", \"read_at\"}}`, one record a line, `{\"_end\": {\"items\", \"cursor\"}}`."});
        operation.raw_response(200, "The records, as they are at one instant.", &lines, NDJSON);
        let table = json!({"type": "string", "minLength": 1, "maxLength": MOST_BYTES, "contentMediaType": CSV,
            "description": "A table (RFC 4180) with a line of headers: the fields of a record. What is no text, number or date stands as JSON."});
        operation.also(200, &table, CSV);
        operation.response_headers(
            200,
            json!({
                "Link": {"description": "Where the feed goes on from (`rel=\"next\"`).", "schema": {"type": "string", "maxLength": 1000}},
            }),
        );
    }
}

async fn run<R: Exposed>(permit: Permit<R::Read>, asked: Export<R>) -> Result<Exported<R>, Problem> {
    let Export { filter, from, form, packing } = asked;
    let columns = match form {
        Form::Csv => columns::<R::View>(),
        Form::Ndjson => Vec::new(),
    };
    let reading = permit.request().as_ref().clone();
    let asked = Asked::<R> {
        filter,
        from,
        form,
        packing,
        columns,
        caller: Arc::clone(permit.caller()),
        reading,
        standing: Box::new(permit.standing()),
    };
    let (writer, body) = pipe();
    let (begun, answer) = oneshot::channel();
    let caller = permit.caller();
    permit.readers().start(Reach::of(caller.sight()), caller.organisation, move |session, opener| match session {
        Ok(session) => export(session, opener, &asked, writer, begun),
        Err(problem) => drop(begun.send(Err(problem))),
    })?;
    let cursor = answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))?;
    Ok(Exported { body, cursor, form, packing, of: PhantomData })
}

/// The fields of a record in the order in which the document shows them.
fn columns<V: utoipa::ToSchema>() -> Vec<String> {
    let schema = serde_json::to_value(V::schema()).unwrap_or_default();
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}
