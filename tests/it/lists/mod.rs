//! Lists: every filter of every resource, in every order, page by page; `fields` and `embed`; nobody sees more by any of them.

mod filters;
mod ground;
mod pages;
mod selection;
mod table;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ricolloca::openapi;
use serde_json::{Value, json};

use crate::openapi::operations;

/// The kinds that are listed.
pub const KINDS: [&str; 8] =
    ["organisations", "calls", "partnerships", "members", "cohorts", "participants", "actions", "outcomes"];

/// Parameters of a list that are no filters.
const PAGING: [&str; 5] = ["sort", "limit", "cursor", "fields", "embed"];

/// A parameter as the document has it.
fn parameter(path: &str, name: &str) -> Option<Value> {
    let (_, _, operation) = operations().into_iter().find(|(at, method, _)| at == path && method == "get").unwrap();
    operation["parameters"].as_array().unwrap().iter().find(|parameter| parameter["name"] == name).cloned()
}

/// The filters of a list that the document has.
fn documented_filters(kind: &str) -> BTreeSet<String> {
    let path = format!("/v1/{kind}");
    let (_, _, operation) = operations().into_iter().find(|(at, method, _)| *at == path && method == "get").unwrap();
    operation["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .filter(|name| !PAGING.contains(&name.as_str()))
        .collect()
}

/// The orders of a list that the document has.
fn documented_sorts(kind: &str) -> Vec<String> {
    names(&parameter(&format!("/v1/{kind}"), "sort").unwrap()["schema"]["enum"])
}

/// Whether an answer is what the document promises of a GET of this path.
#[track_caller]
fn conforms(path: &str, answer: &Value) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(openapi::DEFAULT_URL));
    let at = path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
    let schema = json!({
        "$ref": format!("#/paths/{at}/get/responses/200/content/application~1json/schema"),
        "paths": DOCUMENT["paths"], "components": DOCUMENT["components"],
    });
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{path}: {errors:?} in {answer}");
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}
