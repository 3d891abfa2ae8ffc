//! The two parts of the document that PDND knows as e-services, since one either receives or delivers: what operators push, and what the
//! regional Dote system pulls.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::identity::scopes::{Role, SCOPES};

/// A part of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its name, in URLs and of its file.
    pub name: &'static str,
    title: &'static str,
    summary: &'static str,
    /// Whoever has this role may call all of it.
    role: Role,
    /// Its operations have these tags. How tokens are obtained stands in the whole document: PDND has vouchers.
    tags: &'static [&'static str],
}

/// The parts.
pub const CUTS: [Cut; 2] = [
    Cut {
        name: "push",
        title: "Ricolloca: what operators push",
        summary: "Partnerships, workers, actions and outcomes, from operators' software",
        role: Role::Operator,
        tags: &[
            "health",
            "vocabularies",
            "organisations",
            "calls",
            "partnerships",
            "members",
            "cohorts",
            "participants",
            "actions",
            "outcomes",
            "imports",
        ],
    },
    Cut {
        name: "pull",
        title: "Ricolloca: what the Dote system pulls",
        summary: "The feed, exports, proofs, and the verification of outcomes",
        role: Role::Dote,
        tags: &[
            "health",
            "vocabularies",
            "organisations",
            "calls",
            "partnerships",
            "members",
            "cohorts",
            "participants",
            "actions",
            "outcomes",
            "changes",
            "exports",
            "reconciliations",
        ],
    },
];

impl Cut {
    fn has(&self, operation: &Value) -> bool {
        let tagged = operation.get("tags").and_then(Value::as_array).into_iter().flatten();
        let scope = operation.pointer("/security/0/oauth2/0").and_then(Value::as_str);
        tagged.filter_map(Value::as_str).any(|tag| self.tags.contains(&tag))
            && scope
                .is_none_or(|name| SCOPES.iter().any(|scope| scope.name == name && scope.roles.contains(&self.role)))
    }

    /// This part of the whole document, with what it refers to and nothing else.
    pub fn of(&self, whole: &Value) -> Value {
        let mut document = whole.clone();
        if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
            for (name, text) in [("title", self.title), ("summary", self.summary), ("x-summary", self.summary)] {
                info.insert(name.to_owned(), text.into());
            }
            info.insert("x-api-id".to_owned(), format!("ricolloca-{}", self.name).into());
        }
        if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
            for item in paths.values_mut().filter_map(Value::as_object_mut) {
                item.retain(|_, operation| operation.get("operationId").is_none() || self.has(operation));
            }
            paths.retain(|_, item| {
                item.as_object().is_some_and(|item| item.values().any(|part| part.get("operationId").is_some()))
            });
        }
        if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut) {
            tags.retain(|tag| tag.get("name").and_then(Value::as_str).is_some_and(|name| self.tags.contains(&name)));
        }
        prune(&mut document);
        document
    }
}

/// Drops the components that nothing leads to from the operations.
fn prune(document: &mut Value) {
    let mut reached = BTreeSet::new();
    let mut next: Vec<String> = references(document.get("paths").unwrap_or(&Value::Null));
    while let Some(reference) = next.pop() {
        if reached.insert(reference.clone())
            && let Some(target) = document.pointer(reference.trim_start_matches('#'))
        {
            next.extend(references(target));
        }
    }
    let components = document.get_mut("components").and_then(Value::as_object_mut);
    for (kind, members) in components.into_iter().flatten().filter(|(kind, _)| *kind != "securitySchemes") {
        if let Some(members) = members.as_object_mut() {
            members.retain(|name, _| reached.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}

fn references(value: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| walk(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut found);
    found
}
