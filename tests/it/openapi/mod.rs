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
fn the_committed_documents_are_the_generated_ones() {
    let texts = openapi::texts(openapi::DEFAULT_URL);
    assert_eq!(texts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["v1", "push", "pull"]);
    for (name, generated) in texts {
        let path = format!("{}/openapi/{name}.json", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "openapi/{name}.json is not current: UPDATE_OPENAPI=1 cargo test --test it openapi"
        );
    }
}

/// The whole document, and its parts.
pub fn documents() -> Vec<(&'static str, Value)> {
    let whole = openapi::document(openapi::DEFAULT_URL);
    let parts: Vec<_> = openapi::cuts::CUTS.iter().map(|cut| (cut.name, cut.of(&whole))).collect();
    std::iter::once(("v1", whole)).chain(parts).collect()
}

#[test]
fn the_parts_hold_what_their_readers_may_call_and_nothing_else() {
    let ids = |document: &Value| -> BTreeSet<String> {
        let items = document["paths"].as_object().unwrap().values();
        items
            .flat_map(|item| item.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str().map(str::to_owned))
            .collect()
    };
    let documents = documents();
    let [(_, whole), (_, push), (_, pull)] = documents.as_slice() else { panic!() };
    let (all, push, pull) = (ids(whole), ids(push), ids(pull));
    assert!(push.is_subset(&all) && pull.is_subset(&all));
    let has = |part: &BTreeSet<String>, id: &str| part.contains(id);
    for id in
        ["send_import", "create_action", "create_participant", "submit_partnership", "show_status", "show_probing"]
    {
        assert!(has(&push, id), "push lacks {id}");
    }
    for id in ["list_changes", "export_outcomes", "verify_outcome", "list_outcomes", "show_status", "show_probing"] {
        assert!(has(&pull, id), "pull lacks {id}");
    }
    for id in ["list_changes", "export_outcomes", "verify_outcome", "create_call", "obtain_token"] {
        assert!(!has(&push, id), "push has {id}");
    }
    for id in ["send_import", "create_action", "create_participant", "create_call", "obtain_token"] {
        assert!(!has(&pull, id), "pull has {id}");
    }
    for id in push.iter().chain(&pull).chain(&all) {
        assert!(all.contains(id));
    }
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
fn every_reference_leads_somewhere_and_every_component_is_used() {
    for (part, document) in documents() {
        let mut references = BTreeSet::new();
        collect(&document, &mut references);
        for reference in &references {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{part}: {reference} leads nowhere");
        }
        let scheme = "securitySchemes";
        for (kind, components) in document["components"].as_object().unwrap().iter().filter(|(kind, _)| *kind != scheme)
        {
            for name in components.as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(references.contains(&reference), "{part}: {reference} is not used");
            }
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name} is not PascalCase");
        }
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
        let used: BTreeSet<&str> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .filter_map(|operation| operation["tags"][0].as_str())
            .collect();
        assert_eq!(tags, used, "{part}");
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
    for (name, part) in documents() {
        assert_eq!(anyone.get(&format!("/openapi/{name}.json")).expect(200).json()["info"], part["info"]);
    }
    anyone.get("/openapi/other.json").expect(404);
    assert_eq!(anyone.get("/docs").expect(302).header("location"), Some("/docs/"));
    let page = String::from_utf8(anyone.get("/docs/").expect(200).body).unwrap();
    assert!(page.contains("swagger-ui"), "{page}");
    for asset in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        assert!(anyone.get(&format!("/docs/{asset}")).expect(200).body.len() > 10_000, "{asset}");
    }
}
