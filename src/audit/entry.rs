//! An entry as its leaf is made of it.

use chrono::SecondsFormat;
use serde_json::json;

use super::store::Event;

/// The entry as canonical JSON (RFC 8785): members in the order of their names, nothing between them. What has no value is null,
/// but for `tracking`, which is left out.
pub fn content(event: &Event) -> Vec<u8> {
    let Event {
        id,
        at,
        client_id,
        organisation_id,
        purpose,
        tracking,
        operation,
        request_id,
        kinds,
        record_ids,
        effects,
        versions,
        ..
    } = event;
    let mut entry = json!({
        "at": at.to_rfc3339_opts(SecondsFormat::Micros, true), "client_id": client_id, "effects": effects, "id": id, "kinds": kinds,
        "operation": operation, "organisation_id": organisation_id, "purpose": purpose, "record_ids": record_ids,
        "request_id": request_id, "versions": versions,
    });
    // Entries from before there was such a thing are what they were.
    if let (Some(entry), Some(tracking)) = (entry.as_object_mut(), tracking) {
        entry.insert("tracking".to_owned(), tracking.clone());
    }
    entry.to_string().into_bytes()
}
