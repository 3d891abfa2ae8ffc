//! The OpenAPI document: committed as generated, in the style that the contract asks for, with examples that hold.

mod compat;
mod examples;
mod style;

use std::collections::BTreeSet;

use ricolloca::{app, openapi};
use serde_json::Value;

use crate::support::Service;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/v1.json");
    let generated = openapi::text(openapi::DEFAULT_URL);
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "openapi/v1.json is not current: UPDATE_OPENAPI=1 cargo test --test it openapi");
}

/// Every operation of the document: path, method, content.
pub fn operations() -> Vec<(String, String, Value)> {
    let document = openapi::document(openapi::DEFAULT_URL);
    document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(|method| Some((path.clone(), (*method).to_owned(), item.get(*method)?.clone())))
        })
        .collect()
}

#[test]
fn operations_are_named_described_and_tagged() {
    let mut ids = BTreeSet::new();
    let document = openapi::document(openapi::DEFAULT_URL);
    let tags: Vec<&str> = document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    for (path, method, operation) in operations() {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{name}: the id {id} is taken");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}: {id} is not snake_case");
        assert!(id.split('_').all(|word| !METHODS.contains(&word)), "{name}: {id} names a method");
        for text in ["summary", "description"] {
            assert!(!operation[text].as_str().unwrap_or_default().is_empty(), "{name}: no {text}");
        }
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(&tag.as_str().unwrap()), "{name}: the tag {tag} is not described in openapi.rs");
        }
        assert!(operation.get("security").is_some(), "{name}: no security");
        assert!(method != "get" && method != "delete" || operation.get("requestBody").is_none(), "{name} has a body");
    }
    assert_eq!(ids.len(), app::api().operations().len());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = openapi::document(openapi::DEFAULT_URL);
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(references.contains(&format!("#/components/schemas/{name}")), "the schema {name} is not used");
        assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name} is not PascalCase");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn the_service_shows_its_document_and_swagger_ui() {
    let service = Service::start();
    let anyone = service.anonymous();
    let served = anyone.get("/openapi/v1.json").expect(200).json();
    assert_eq!(served["paths"], openapi::document(openapi::DEFAULT_URL)["paths"]);
    assert_eq!(anyone.get("/docs").expect(302).header("location"), Some("/docs/"));
    let page = String::from_utf8(anyone.get("/docs/").expect(200).body).unwrap();
    assert!(page.contains("swagger-ui"), "{page}");
    for asset in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        assert!(anyone.get(&format!("/docs/{asset}")).expect(200).body.len() > 10_000, "{asset}");
    }
}
