//! An entry as its leaf is made of it.

use chrono::SecondsFormat;
use serde_json::json;

use super::store::Event;

/// The entry as canonical JSON (RFC 8785): members in the order of their names, nothing between them. What has no value is null.
pub fn content(event: &Event) -> Vec<u8> {
    let Event {
        id,
        at,
        client_id,
        organisation_id,
        purpose,
        operation,
        request_id,
        kinds,
        record_ids,
        effects,
        versions,
        ..
    } = event;
    json!({
        "at": at.to_rfc3339_opts(SecondsFormat::Micros, true), "client_id": client_id, "effects": effects, "id": id, "kinds": kinds,
        "operation": operation, "organisation_id": organisation_id, "purpose": purpose, "record_ids": record_ids,
        "request_id": request_id, "versions": versions,
    })
    .to_string()
    .into_bytes()
}
