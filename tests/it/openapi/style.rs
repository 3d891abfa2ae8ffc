//! The style that the Italian guidelines ask of a REST descriptor (`docs/api-conventions.md`), each rule restated as a test
//! of the generated document. Every finding is told at once.

use ricolloca::openapi;
use serde_json::{Map, Value, json};

use super::operations;

fn document() -> Value {
    openapi::document(openapi::DEFAULT_URL)
}

#[track_caller]
fn none(mut findings: Vec<String>) {
    findings.sort_unstable();
    findings.dedup();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Every schema of the document, with the place where it stands.
fn schemas(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    let Some(members) = value.as_object() else {
        if let Some(items) = value.as_array() {
            items.iter().enumerate().for_each(|(index, item)| schemas(item, &format!("{place}/{index}"), found));
        }
        return;
    };
    for (name, member) in members {
        let here = format!("{place}/{name}");
        match name.as_str() {
            "example" | "examples" | "default" | "enum" | "const" => {}
            "schema" | "items" | "additionalProperties" if member.is_object() => {
                found.push((here.clone(), member.clone()));
                schemas(member, &here, found);
            }
            "properties" | "schemas" => {
                for (property, schema) in member.as_object().into_iter().flatten() {
                    found.push((format!("{here}/{property}"), schema.clone()));
                    schemas(schema, &format!("{here}/{property}"), found);
                }
            }
            "oneOf" | "anyOf" | "allOf" => {
                for (index, schema) in member.as_array().into_iter().flatten().enumerate() {
                    found.push((format!("{here}/{index}"), schema.clone()));
                    schemas(schema, &format!("{here}/{index}"), found);
                }
            }
            _ => schemas(member, &here, found),
        }
    }
}

fn all_schemas() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    schemas(&document(), "", &mut found);
    assert!(found.len() > 500, "the walk found only {}", found.len());
    found
}

fn has(schema: &Value, names: &[&str]) -> bool {
    names.iter().any(|name| schema.get(name).is_some())
}

#[test]
fn each_document_says_what_it_is() {
    for (_, document) in super::documents() {
        says_what_it_is(&document);
    }
}

fn says_what_it_is(document: &Value) {
    let info = &document["info"];
    for pointer in [
        "/title",
        "/version",
        "/description",
        "/termsOfService",
        "/x-summary",
        "/x-api-id",
        "/license/name",
        "/contact/name",
        "/contact/url",
        "/contact/email",
    ] {
        assert!(info.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty()), "info{pointer}");
    }
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let version = info["version"].as_str().unwrap();
    assert_eq!(
        version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(),
        3,
        "{version} is no semantic version"
    );
    assert!(info["x-summary"].as_str().unwrap().len() <= 80);
    for server in document["servers"].as_array().unwrap() {
        let private = server["url"].as_str().unwrap().starts_with("https://") || server["x-sandbox"] == true;
        assert!(private && server["description"].is_string(), "{server}");
    }
    for (name, scheme) in document["components"]["securitySchemes"].as_object().unwrap() {
        assert!(scheme["description"].as_str().unwrap().contains("RFC8725"), "{name}");
    }
}

#[test]
fn names_are_cased_as_the_guidelines_ask() {
    let mut findings = Vec::new();
    let document = document();
    for path in document["paths"].as_object().unwrap().keys() {
        for segment in path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{')) {
            let kebab = segment
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte));
            if !kebab {
                findings.push(format!("{path}: {segment} is not kebab-case"));
            }
        }
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        if !name.starts_with(|first: char| first.is_ascii_uppercase())
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            findings.push(format!("the schema {name} is not PascalCase"));
        }
    }
    for (place, schema) in all_schemas() {
        for name in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
            let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !snake
                || ["first_name", "last_name", "surname", "fiscal_code", "codice_fiscale"].contains(&name.as_str())
            {
                findings.push(format!("{place}: the property {name} is not named as the guidelines ask"));
            }
        }
    }
    for (path, method, operation) in operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let (header, lower) = (parameter["in"] == "header", name.to_ascii_lowercase());
            if header && ["authorization", "content-type", "accept"].contains(&lower.as_str()) {
                findings.push(format!("{method} {path}: {name} is not for parameters"));
            }
            if header && lower.starts_with("x-") && lower != "x-correlation-id" {
                findings.push(format!("{method} {path}: {name} is a new X- header"));
            }
            if !header && lower != name {
                findings.push(format!("{method} {path}: {name} is not snake_case"));
            }
            if ["password", "secret", "token", "tax_code"].iter().any(|word| lower.contains(word))
                // The tax code of a company is public; that of a person has letters.
                && parameter["schema"]["items"]["pattern"] != "^[0-9]{11}$"
            {
                findings.push(format!("{method} {path}: {name} does not belong into a URL"));
            }
        }
    }
    none(findings);
}

#[test]
fn every_value_is_bounded() {
    let mut findings = Vec::new();
    for (place, schema) in all_schemas() {
        if schema["type"].is_array() {
            findings.push(format!("{place}: several types; null is a form of its own (oneOf)"));
        }
        // What a rule is told of: a whole number is a number as well, and nothing is none of them.
        let of_facts = place.starts_with("/components/schemas/Fact/") || place.ends_with("/schemas/Fact");
        let nullable = schema["anyOf"].as_array().is_some_and(|forms| forms.contains(&json!({"type": "null"})));
        if nullable && !of_facts {
            findings.push(format!("{place}: null beside forms that may be alike; it is a form of its own (oneOf)"));
        }
        match schema["type"].as_str() {
            Some("string") if !has(&schema, &["maxLength", "enum", "const", "format"]) => {
                findings.push(format!("{place}: a string without maxLength, format or enum"))
            }
            Some("integer" | "number") => {
                if !has(&schema, &["format"]) {
                    findings.push(format!("{place}: a number without format"));
                }
                if !has(&schema, &["minimum", "exclusiveMinimum"]) || !has(&schema, &["maximum", "exclusiveMaximum"]) {
                    findings.push(format!("{place}: a number without bounds"));
                }
            }
            Some("array") => {
                if !has(&schema, &["minItems"]) || !has(&schema, &["maxItems"]) {
                    findings.push(format!("{place}: an array without bounds"));
                }
                if !has(&schema, &["items"]) {
                    findings.push(format!("{place}: an array of anything"));
                }
            }
            Some("object") => match &schema["additionalProperties"] {
                Value::Bool(false) => {}
                // A map of bounded values, bounded in size.
                Value::Object(_) if has(&schema, &["maxProperties"]) => {}
                _ => findings.push(format!("{place}: an object that is open")),
            },
            Some(_) => {}
            None if has(&schema, &["$ref", "oneOf", "anyOf", "allOf", "enum", "const"]) => {}
            None => findings.push(format!("{place}: a schema without a type")),
        }
    }
    none(findings);
}

#[test]
fn every_answer_is_declared_with_its_headers_and_problems() {
    let mut findings = Vec::new();
    for (path, method, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap();
        let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
        for needed in ["400", "429", "500", "503"] {
            if !statuses.contains(&needed) {
                findings.push(format!("{method} {path}: {needed} is not declared"));
            }
        }
        if !statuses.iter().any(|status| status.starts_with('2')) {
            findings.push(format!("{method} {path}: no success"));
        }
        for (status, response) in responses {
            let place = format!("{method} {path} {status}");
            let headers: Vec<&str> =
                response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let mut needed = vec![
                "X-Correlation-ID",
                "X-RateLimit-Limit",
                "X-RateLimit-Remaining",
                "X-RateLimit-Reset",
                "RateLimit-Policy",
                "RateLimit",
            ];
            if method == "get" {
                needed.push("Cache-Control");
            }
            if ["429", "503"].contains(&status.as_str()) {
                needed.push("Retry-After");
            }
            for name in needed {
                if !headers.contains(&name) {
                    findings.push(format!("{place}: {name} is not declared"));
                }
            }
            if headers.contains(&"Cache-Control") && headers.contains(&"Expires") {
                findings.push(format!("{place}: Cache-Control and Expires"));
            }
            let content: Vec<&String> = response["content"].as_object().into_iter().flat_map(Map::keys).collect();
            if status.starts_with(['4', '5']) && content != ["application/problem+json"] {
                findings.push(format!("{place}: {content:?} is not problem+json"));
            }
            if ["204", "205", "304"].contains(&status.as_str()) && !content.is_empty() {
                findings.push(format!("{place}: has content"));
            }
        }
        if operation["security"] != serde_json::json!([{}]) {
            for needed in ["401", "403"] {
                if !statuses.contains(&needed) {
                    findings.push(format!("{method} {path}: {needed} is not declared"));
                }
            }
        }
        if path.contains('{') && !statuses.contains(&"404") && method != "put" {
            findings.push(format!("{method} {path}: 404 is not declared"));
        }
    }
    none(findings);
}

#[test]
fn every_operation_has_examples() {
    let mut findings = Vec::new();
    for (path, method, operation) in operations() {
        let name = format!("{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["required"] == true && !has(parameter, &["example", "examples"]) {
                findings.push(format!("{name}: the parameter {} has no example", parameter["name"]));
            }
            if !parameter["description"].is_string() {
                findings.push(format!("{name}: the parameter {} has no description", parameter["name"]));
            }
        }
        for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            if !has(content, &["example", "examples"]) {
                findings.push(format!("{name}: the body {media} has no example"));
            }
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (media, content) in response["content"].as_object().into_iter().flatten() {
                if status.starts_with('2') && !has(content, &["example", "examples"]) {
                    findings.push(format!("{name}: the answer {status} {media} has no example"));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn a_page_holds_as_many_records_as_can_be_asked_for() {
    let document = document();
    let mut seen = 0;
    let mut findings = Vec::new();
    for (path, _, operation) in operations() {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let Some(limit) = parameters.iter().find(|parameter| parameter["name"] == "limit") else { continue };
        let reference =
            operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
        let page = document.pointer(reference.trim_start_matches('#')).unwrap();
        let (asked, held) = (&limit["schema"]["maximum"], &page["properties"]["items"]["maxItems"]);
        seen += 1;
        if asked.as_i64().is_none() || asked.as_i64() != held.as_i64() {
            findings.push(format!("{path}: {asked} can be asked for, and the page holds {held}"));
        }
    }
    assert!(seen >= 10, "only {seen} lists were found");
    none(findings);
}

#[test]
fn a_name_stands_for_one_schema() {
    none(ricolloca::app::api().ambiguous_schemas());
}
