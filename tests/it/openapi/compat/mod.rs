//! What is released stays as it was promised: a client written against a released document goes on working.
//!
//! In requests, whatever the released document allowed is allowed still. In answers of success, nothing comes that it did not
//! promise, except members of objects that were not known then, which clients ignore; nor does a promised member go away.
//! Where the comparison cannot tell, it objects: a person decides by changing the document, or this test and the reason.

mod mutations;
mod schemas;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use self::schemas::Comparison;
use super::METHODS;

/// Everything by which a client of `old` could fail with `new`, one line each.
fn breaking(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    // One each for all operations: what they share is compared once.
    let (mut request, mut response) = (Comparison::request(old, new), Comparison::response(old, new));
    for (path, method, before) in operations(old) {
        let at = format!("{method} {path}");
        match new["paths"].get(path).and_then(|item| item.get(method)) {
            Some(after) => {
                let operation = Operation { old, new, before, after, at };
                operation.identity(&mut found);
                operation.parameters(&mut request, &mut found);
                operation.body(&mut request, &mut found);
                operation.responses(&mut response, &mut found);
                operation.security(&mut found);
            }
            None => found.push(format!("{at}: removed")),
        }
    }
    // Generated clients have a class of each name.
    let names = |document: &Value| -> BTreeSet<String> { keys(&document["components"]["schemas"]) };
    found.extend(names(old).difference(&names(new)).map(|name| format!("schema {name}: removed or renamed")));
    found
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    members(&document["paths"])
        .flat_map(|(path, item)| METHODS.iter().filter_map(move |method| Some((path, *method, item.get(*method)?))))
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, member)| (name.as_str(), member))
}

fn keys(value: &Value) -> BTreeSet<String> {
    members(value).map(|(name, _)| name.to_owned()).collect()
}

/// What a reference leads to.
fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a reference leads somewhere"),
        None => value,
    }
}

struct Operation<'a> {
    old: &'a Value,
    new: &'a Value,
    before: &'a Value,
    after: &'a Value,
    at: String,
}

impl<'a> Operation<'a> {
    fn identity(&self, found: &mut Vec<String>) {
        if self.before["operationId"] != self.after["operationId"] {
            // It is the name of a function in generated clients.
            found.push(format!("{}: another operationId", self.at));
        }
    }

    fn parameters(&self, request: &mut Comparison<'a>, found: &mut Vec<String>) {
        let of = |document: &'a Value, operation: &'a Value| -> Vec<(String, &'a Value)> {
            let all = operation["parameters"].as_array().into_iter().flatten().map(|one| follow(document, one));
            all.map(|one| (format!("{} {}", one["in"], one["name"]).replace('"', ""), one)).collect()
        };
        let (before, after) = (of(self.old, self.before), of(self.new, self.after));
        for (name, parameter) in &before {
            let at = format!("{}, parameter {name}", self.at);
            let Some((_, other)) = after.iter().find(|(known, _)| known == name) else {
                found.push(format!("{at}: removed"));
                continue;
            };
            if other["required"] == true && parameter["required"] != true {
                found.push(format!("{at}: now required"));
            }
            for how in ["style", "explode"] {
                if parameter[how] != other[how] {
                    found.push(format!("{at}: another {how}"));
                }
            }
            found.extend(request.compare(&parameter["schema"], &other["schema"], &at));
        }
        for (name, parameter) in &after {
            if parameter["required"] == true && before.iter().all(|(known, _)| known != name) {
                found.push(format!("{}, parameter {name}: new and required", self.at));
            }
        }
    }

    fn body(&self, request: &mut Comparison<'a>, found: &mut Vec<String>) {
        let (before, after) = (&self.before["requestBody"], &self.after["requestBody"]);
        if after["required"] == true && before["required"] != true {
            found.push(format!("{}, body: now required", self.at));
        }
        for (media, content) in members(&before["content"]) {
            let at = format!("{}, body {media}", self.at);
            match after["content"].get(media) {
                Some(other) => found.extend(request.compare(&content["schema"], &other["schema"], &at)),
                None => found.push(format!("{at}: no longer taken")),
            }
        }
    }

    fn responses(&self, comparison: &mut Comparison<'a>, found: &mut Vec<String>) {
        let successes = |operation: &'a Value| -> BTreeSet<String> {
            keys(&operation["responses"]).into_iter().filter(|status| status.as_str() < "400").collect()
        };
        let (before, after) = (successes(self.before), successes(self.after));
        for status in before.symmetric_difference(&after) {
            let what = if before.contains(status) { "no longer given" } else { "not known to clients" };
            found.push(format!("{}, {status}: {what}", self.at));
        }
        for (status, response) in members(&self.before["responses"]) {
            // An error that cannot come any more harms nobody, and clients know a new one by its class.
            if let Some(other) = self.after["responses"].get(status) {
                let (response, other) = (follow(self.old, response), follow(self.new, other));
                self.response(&format!("{}, {status}", self.at), (response, other), comparison, found);
            }
        }
    }

    fn response(
        &self,
        at: &str,
        (before, after): (&'a Value, &'a Value),
        comparison: &mut Comparison<'a>,
        found: &mut Vec<String>,
    ) {
        for (name, header) in members(&before["headers"]) {
            let at = format!("{at}, header {name}");
            let Some(other) = after["headers"].get(name) else {
                found.push(format!("{at}: removed"));
                continue;
            };
            let (header, other) = (follow(self.old, header), follow(self.new, other));
            if header["required"] == true && other["required"] != true {
                found.push(format!("{at}: no longer sure"));
            }
            found.extend(comparison.compare(&header["schema"], &other["schema"], &at));
        }
        for (media, content) in members(&before["content"]) {
            let at = format!("{at}, {media}");
            match after["content"].get(media) {
                // A problem has more codes as the service does more: the status is what clients decide by.
                Some(_) if media == "application/problem+json" => {}
                Some(other) => found.extend(comparison.compare(&content["schema"], &other["schema"], &at)),
                None => found.push(format!("{at}: no longer given")),
            }
        }
    }

    /// Each set of scopes that sufficed suffices still.
    fn security(&self, found: &mut Vec<String>) {
        let ways = |operation: &'a Value| operation["security"].as_array().cloned().unwrap_or_default();
        let needs = |way: &Value| -> BTreeSet<String> {
            members(way)
                .flat_map(|(scheme, scopes)| {
                    let scopes = scopes.as_array().into_iter().flatten().filter_map(Value::as_str);
                    std::iter::once(scheme.to_owned()).chain(scopes.map(move |scope| format!("{scheme} {scope}")))
                })
                .collect()
        };
        let (before, after) = (ways(self.before), ways(self.after));
        let open = vec![json!({})];
        let after = if after.is_empty() { &open } else { &after };
        for way in if before.is_empty() { &open } else { &before } {
            if !after.iter().any(|other| needs(other).is_subset(&needs(way))) {
                found.push(format!("{}: {way} no longer suffices", self.at));
            }
        }
    }
}

/// The released documents, with their names, as they were released.
fn released() -> Vec<(String, Value)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/released");
    let sums = fs::read_to_string(format!("{directory}/SHA256SUMS")).unwrap_or_default();
    let sums: Vec<(&str, &str)> = sums.lines().filter_map(|line| line.split_once("  ")).collect();
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort_unstable();
    let listed: BTreeSet<&str> = sums.iter().map(|(_, name)| *name).collect();
    assert_eq!(listed, names.iter().map(String::as_str).collect(), "SHA256SUMS lists what there is");
    names
        .into_iter()
        .map(|name| {
            let bytes = fs::read(format!("{directory}/{name}")).unwrap();
            let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let stated = sums.iter().find(|(_, other)| *other == name).map(|(sum, _)| *sum);
            assert_eq!(stated, Some(digest.as_str()), "{name} was changed after its release");
            (name, serde_json::from_slice(&bytes).unwrap())
        })
        .collect()
}

#[test]
fn no_client_of_a_released_document_is_broken() {
    let new = ricolloca::openapi::document(ricolloca::openapi::DEFAULT_URL);
    for (name, old) in released() {
        let found = breaking(&old, &new);
        assert!(found.is_empty(), "clients of {name} would break:\n{}", found.join("\n"));
    }
}

/// From version 1.0.0 on, the current document's version is one that was released, or comes after it.
#[test]
fn a_version_that_promises_something_is_kept() {
    let version = env!("CARGO_PKG_VERSION");
    let released = released();
    assert!(
        version.starts_with("0.") || released.iter().any(|(name, _)| name == &format!("v{version}.json")),
        "openapi/released/v{version}.json is missing: see the README there"
    );
    for (name, document) in released {
        assert_eq!(format!("v{}.json", document["info"]["version"].as_str().unwrap()), name);
    }
}
