//! The headers that every answer carries, as the document describes them. That answers do carry them is tested by
//! `tests/it/contract.rs` for every operation.

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use serde_json::{Map, Value, json};

/// Name, what it says, schema, example.
fn table() -> [(&'static str, &'static str, Value, Value); 10] {
    let count = || json!({"type": "integer", "format": "int32", "minimum": 0, "maximum": 1_000_000_000});
    let seconds = || json!({"type": "integer", "format": "int32", "minimum": 0, "maximum": 86_400});
    let text = |length: u32| json!({"type": "string", "maxLength": length});
    [
        (
            "X-Correlation-ID",
            "The request's id: the caller's own, where it is fit for a log, else one of the service. Name it when asking for help.",
            text(100),
            json!("0190f1a2-5b7c-7d1e-9a55-0c9b5d1f2e3a"),
        ),
        (
            "X-RateLimit-Limit",
            "Units that the caller may use in a window: a read by id costs one, an export a hundred.",
            count(),
            json!(60_000),
        ),
        ("X-RateLimit-Remaining", "Units left in this window.", count(), json!(59_999)),
        ("X-RateLimit-Reset", "Seconds until the next window.", seconds(), json!(42)),
        (
            "RateLimit-Policy",
            "The quota: its name, units (q) and seconds of the window (w), as in draft-ietf-httpapi-ratelimit-headers.",
            text(100),
            json!("\"client\";q=60000;w=60"),
        ),
        (
            "RateLimit",
            "What is left of it (r), and seconds until the next window (t).",
            text(100),
            json!("\"client\";r=59999;t=42"),
        ),
        ("Retry-After", "Seconds after which a retry makes sense.", seconds(), json!(1)),
        (
            "ETag",
            "The version of a record, for `If-Match` and `If-None-Match`; of anything else the digest of the answer.",
            text(100),
            json!("\"1\""),
        ),
        (
            "Accept-Patch",
            "The media type that a patch comes in (RFC 5789).",
            text(100),
            json!("application/merge-patch+json"),
        ),
        (
            "Cache-Control",
            "How the answer may be kept: records are asked for anew with `If-None-Match`, everything else is not stored.",
            text(100),
            json!("no-store"),
        ),
    ]
}

/// Whether a client states this preference (RFC 7240).
pub fn prefers(headers: &HeaderMap, preference: &str) -> bool {
    let stated = headers.get_all("prefer").filter_map(|value| value.to_str().ok());
    stated.flat_map(|value| value.split(',')).any(|stated| stated.trim().eq_ignore_ascii_case(preference))
}

/// `components.headers` of the document.
pub fn components() -> Value {
    table()
        .into_iter()
        .map(|(name, description, schema, example)| {
            (
                name.to_owned(),
                json!({"description": description, "required": true, "schema": schema, "example": example}),
            )
        })
        .collect::<Map<String, Value>>()
        .into()
}

/// Those that every answer to a request of this method carries, as references.
pub fn of_every_answer(method: &Method) -> Map<String, Value> {
    table()
        .into_iter()
        .map(|(name, ..)| name)
        .filter(|name| {
            !["Retry-After", "Accept-Patch", "ETag"].contains(name)
                && (*name != "Cache-Control" || *method == Method::GET)
        })
        .map(|name| (name.to_owned(), reference(name)))
        .collect()
}

/// A reference to one of them.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// One of them, where only some answers of the status carry it.
pub fn optional(name: &str) -> Value {
    let mut header = components().get_mut(name).map(Value::take).unwrap_or_default();
    if let Some(members) = header.as_object_mut() {
        members.insert("required".to_owned(), Value::Bool(false));
    }
    header
}
