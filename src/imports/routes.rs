//! Imports over HTTP.

use std::pin::Pin;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use serde_json::{Value, json};

use super::body::Encoding;
use super::ops::{self, MOST};
use super::upload::{Options, receive};
use super::wire::{
    Import, ImportLine, ImportOptions, ImportResult, ImportState, Mode, PageQuery, ResultsQuery, WaitingItem,
};
use super::{MAX_BYTES, WAIT_DAYS};
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::extract::{IdempotencyKey, PathId};
use crate::http::headers;
use crate::http::permit::Permit;
use crate::http::query::Query;
use crate::http::reader::Reader;
use crate::http::respond::{Document, Items};
use crate::identity::scopes::{ImportsRead, ImportsWrite};
use crate::text;

/// Registers the operations.
pub fn register(api: &mut Api) {
    let about = |id: &str, summary: &str, description: &str| About {
        id: id.to_owned(),
        tag: "imports",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    api.operation(
        Method::POST,
        "/v1/imports",
        about(
            "send_import",
            "Send many changes at once",
            "Items of every kind, one a line (NDJSON), in any order, referring to each other by external id; deletions, too. Parents are carried out before children. \
             Every item passes the very same rules and permissions as a single request, and its result is kept with its effect: the same import again changes nothing and says `unchanged`. \
             At most 1,000 lines and 1 MiB are answered at once with the report; more with 202, and are carried out whatever becomes of the connection. \
             Items whose parent has not come wait for it. Look at `causes` before single items: they are few.",
        ),
        send,
    )
    .refuses(&[Code::Unavailable, Code::PlanChanged]);
    api.operation(
        Method::GET,
        "/v1/imports",
        about("list_imports", "List imports", "The organisation's imports of the last 30 days, newest first."),
        list,
    )
    .refuses(&[Code::InvalidCursor]);
    api.operation(
        Method::GET,
        "/v1/imports/{id}",
        about(
            "show_import",
            "Follow an import",
            "How far it is; ask again after `Retry-After`. Once it has ended, 303 leads to its report.",
        ),
        show,
    );
    api.operation(
        Method::GET,
        "/v1/imports/{id}/report",
        about(
            "show_import_report",
            "Read the report of an import",
            "Why items were not carried out: the causes at the root, most blocking first, with who can mend each. While the import runs: so far.",
        ),
        report,
    );
    api.operation(
        Method::GET,
        "/v1/imports/{id}/results",
        about(
            "list_import_results",
            "List what became of each item",
            "In the order of the lines. Of a dry run: what would have become of it.",
        ),
        results,
    )
    .refuses(&[Code::InvalidCursor]);
    api.operation(
        Method::GET,
        "/v1/imports/{id}/waiting",
        about(
            "list_import_waiting",
            "List the items of an import that wait",
            "Each with what it waits for, and until when.",
        ),
        waiting_of_one,
    )
    .refuses(&[Code::InvalidCursor]);
    api.operation(
        Method::POST,
        "/v1/imports/{id}/cancellation",
        about(
            "cancel_import",
            "Cancel an import",
            "What was carried out stays, and items that wait go on waiting. An import that has ended stays as it is.",
        ),
        cancel,
    );
    api.operation(
        Method::GET,
        "/v1/waiting-items",
        about(
            "list_waiting_items",
            "List all items that wait",
            "Those of all imports of the organisation, each with what it waits for, and until when.",
        ),
        waiting,
    )
    .refuses(&[Code::InvalidCursor]);
}

/// The body of an import, with what its headers say of it.
pub struct Upload {
    payload: Payload,
    encoding: Encoding,
    respond_async: bool,
}

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let media = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
            let encoding = match header(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
                "" | "identity" => Some(Encoding::Identity),
                "gzip" | "x-gzip" => Some(Encoding::Gzip),
                "zstd" => Some(Encoding::Zstd),
                _ => None,
            };
            let (true, Some(encoding)) = (media.eq_ignore_ascii_case(MEDIA), encoding) else {
                return Err(Problem::because(
                    Code::UnsupportedMediaType,
                    text!(
                        "The body must be {MEDIA}, as it is or compressed with gzip or zstd."
                            / "Il corpo deve essere {MEDIA}, così com'è o compresso con gzip o zstd."
                    ),
                ));
            };
            let respond_async = headers::prefers(request.headers(), "respond-async");
            Ok(Self { payload, encoding, respond_async })
        })
    }
}

const MEDIA: &str = "application/x-ndjson";

impl Described for Upload {
    fn describe(operation: &mut Operation) {
        operation.parameter(json!({"name": "Content-Encoding", "in": "header", "required": false,
            "description": "How the body is compressed.", "example": "identity",
            "schema": {"type": "string", "enum": ["identity", "gzip", "x-gzip", "zstd"]}}));
        operation.parameter(json!({"name": "Prefer", "in": "header", "required": false,
            "description": "`respond-async` (RFC 7240): 202 also for a small import.", "example": "respond-async",
            "schema": {"type": "string", "maxLength": 200}}));
        let line = operation.schema::<ImportLine>();
        operation.body_of(&json!({"type": "string", "minLength": 1, "maxLength": MAX_BYTES, "contentMediaType": MEDIA, "contentSchema": line,
            "description": "One `ImportLine` a line, at most 1 MiB each; 2,000,000 lines and 2 GiB in all, after decompression.",
            "example": "{\"type\":\"cohort\",\"external_id\":\"C-1\",\"delete\":true}\n"}), MEDIA);
        operation.problems(&[Code::MalformedBody, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::Invalid]);
    }
}

/// The answer to an import: its report where it is over, else where to follow it.
pub enum Accepted {
    /// It is over.
    Over(Box<Import>, bool),
    /// It is being carried out.
    Running(Box<Import>, bool),
}

impl Responder for Accepted {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let (mut response, id, replayed) = match &self {
            Self::Over(report, replayed) => (HttpResponse::Ok(), report.id, *replayed),
            Self::Running(import, replayed) => {
                let mut response = HttpResponse::Accepted();
                response.insert_header((RETRY_AFTER, "1"));
                (response, import.id, *replayed)
            }
        };
        response.insert_header((LOCATION, format!("/v1/imports/{id}")));
        if replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        match self {
            Self::Over(report, _) => response.json(report),
            Self::Running(import, _) => response.json(import),
        }
    }
}

fn location(description: &str) -> Value {
    json!({"description": description, "schema": {"type": "string", "format": "uri-reference"}})
}

impl Described for Accepted {
    fn describe(operation: &mut Operation) {
        let replayed = json!({"description": "`true`: the answer to an earlier request with the same key.", "schema": {"type": "string", "enum": ["true"]}});
        operation.response::<Import>(200, "The import is over: its report.");
        operation.response_headers(
            200,
            json!({"Location": location("Where the import is found."), "Idempotent-Replayed": replayed}),
        );
        operation.response::<Import>(202, "The import was received and is being carried out.");
        operation.response_headers(
            202,
            json!({"Location": location("Where to follow it."), "Retry-After": headers::reference("Retry-After"), "Idempotent-Replayed": replayed}),
        );
    }
}

/// Items of an import that cost a unit of the quota, beside what every import costs. An item costs a twentieth of a read by id or so: they are
/// carried out together.
const ITEMS_OF_A_UNIT: i64 = 20;

async fn send(
    permit: Permit<ImportsWrite>,
    options: Query<ImportOptions>,
    key: IdempotencyKey,
    reader: Reader,
    upload: Upload,
) -> Result<Accepted, Problem> {
    let caller = permit.caller().clone();
    let stated = options.0;
    let options = Options {
        mode: stated.mode.unwrap_or(Mode::Partial),
        dry_run: stated.dry_run.unwrap_or_default(),
        wanted_plan: stated.plan_hash,
        wait_days: stated.wait_days.unwrap_or(WAIT_DAYS),
        respond_async: upload.respond_async,
    };
    // Whether the sender waits makes no other import of it.
    let asked = format!("{:?}", Options { respond_async: false, ..options.clone() });
    let client = caller.client_id.clone();
    let digest = |body: &[u8]| key.over(&client, &[asked.as_bytes(), body].concat());
    let received =
        receive(permit.database(), permit.imports(), caller.clone(), options, upload.encoding, upload.payload, digest);
    let (kept, _) = received.await?;
    let language = reader.language;
    let report =
        permit.database().query(move |conn, context| ops::report(conn, kept.id, &caller, language, context)).await?;
    if !kept.replayed {
        permit.charge(u32::try_from(report.items.read / ITEMS_OF_A_UNIT).unwrap_or(u32::MAX));
    }
    Ok(if report.state == ImportState::Running {
        Accepted::Running(Box::new(report), kept.replayed)
    } else {
        Accepted::Over(Box::new(report), kept.replayed)
    })
}

type Entries<T> = Items<T, MOST>;

fn entries<T>((found, cursor): ops::Page<T>, reader: &Reader) -> Entries<T> {
    Items::new(found, cursor.map(|cursor| reader.page(&cursor)))
}

async fn list(
    permit: Permit<ImportsRead>,
    query: Query<PageQuery>,
    reader: Reader,
) -> Result<Entries<Import>, Problem> {
    let caller = permit.caller().clone();
    let found = permit.database().query(move |conn, context| ops::list(conn, &query.0, &caller, context)).await?;
    Ok(entries(found, &reader))
}

/// An import that runs, or the way to its report.
pub struct Progress(Import);

impl Responder for Progress {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        if self.0.state == ImportState::Running {
            return HttpResponse::Ok().insert_header((RETRY_AFTER, "1")).json(self.0);
        }
        HttpResponse::SeeOther().insert_header((LOCATION, format!("/v1/imports/{}/report", self.0.id))).finish()
    }
}

impl Described for Progress {
    fn describe(operation: &mut Operation) {
        operation.response::<Import>(200, "The import runs.");
        operation.response_headers(200, json!({"Retry-After": headers::reference("Retry-After")}));
        operation.empty_response(303, "The import has ended.");
        operation.response_headers(303, json!({"Location": location("Its report.")}));
    }
}

async fn show(permit: Permit<ImportsRead>, id: PathId) -> Result<Progress, Problem> {
    let caller = permit.caller().clone();
    permit.database().query(move |conn, context| ops::show(conn, id.0, &caller, context)).await.map(Progress)
}

async fn report(permit: Permit<ImportsRead>, id: PathId, reader: Reader) -> Result<Document<Import>, Problem> {
    let caller = permit.caller().clone();
    permit
        .database()
        .query(move |conn, context| ops::report(conn, id.0, &caller, reader.language, context))
        .await
        .map(Document)
}

async fn results(
    permit: Permit<ImportsRead>,
    id: PathId,
    query: Query<ResultsQuery>,
    reader: Reader,
) -> Result<Entries<ImportResult>, Problem> {
    let (caller, language) = (permit.caller().clone(), reader.language);
    let found = permit.database().query(move |conn, _| ops::results(conn, id.0, &query.0, &caller, language)).await?;
    Ok(entries(found, &reader))
}

async fn waiting_of_one(
    permit: Permit<ImportsRead>,
    id: PathId,
    query: Query<PageQuery>,
    reader: Reader,
) -> Result<Entries<WaitingItem>, Problem> {
    let caller = permit.caller().clone();
    let found = permit.database().query(move |conn, _| ops::waiting(conn, Some(id.0), &query.0, &caller)).await?;
    Ok(entries(found, &reader))
}

async fn waiting(
    permit: Permit<ImportsRead>,
    query: Query<PageQuery>,
    reader: Reader,
) -> Result<Entries<WaitingItem>, Problem> {
    let caller = permit.caller().clone();
    let found = permit.database().query(move |conn, _| ops::waiting(conn, None, &query.0, &caller)).await?;
    Ok(entries(found, &reader))
}

async fn cancel(permit: Permit<ImportsWrite>, id: PathId) -> Result<Document<Import>, Problem> {
    let caller = permit.caller().clone();
    permit.database().query(move |conn, context| ops::cancel(conn, id.0, &caller, context)).await.map(Document)
}
