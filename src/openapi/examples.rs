//! Examples: requests that were sent to a service with the demo data, and its answers, as the test `openapi::examples` recorded
//! them. So each example works when it is tried on such a service.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::DEFAULT_URL;
use crate::error::{Code, Problem, Violation};
use crate::exports::lines::{cells, table_row};
use crate::http::reader::NDJSON;
use crate::text;
use crate::text::Language;

/// What was sent to an operation, and what came back.
#[derive(Debug, Deserialize)]
pub struct Example {
    /// The operation's id.
    pub operation: String,
    /// The demo client that sent it; null where no token is needed.
    pub client: Option<String>,
    /// Values of parameters by name.
    pub parameters: Map<String, Value>,
    /// The body, where it has one.
    pub body: Option<Value>,
    /// The status of the answer.
    pub status: u16,
    /// Its body; null where it has none.
    pub answer: Value,
}

/// Every example, in the order in which they were recorded.
pub fn all() -> &'static [Example] {
    static ALL: LazyLock<Vec<Example>> =
        LazyLock::new(|| serde_json::from_str(include_str!("../../openapi/examples.json")).unwrap_or_default());
    &ALL
}

/// Writes them into the operations of the document.
pub fn illustrate(paths: &mut Map<String, Value>) {
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let Some(example) =
            all().iter().find(|example| operation.get("operationId").is_some_and(|id| *id == *example.operation))
        else {
            continue;
        };
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let value = parameter.get("name").and_then(Value::as_str).and_then(|name| example.parameters.get(name));
            if let (Some(value), Some(parameter)) = (value.cloned(), parameter.as_object_mut()) {
                parameter.insert("example".to_owned(), value);
            }
        }
        if let Some(body) = &example.body {
            show(operation.get_mut("requestBody"), body);
        }
        for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            if status.starts_with('2') {
                show(Some(response), &example.answer);
            }
        }
    }
}

fn show(message: Option<&mut Value>, example: &Value) {
    let content = message.and_then(|message| message.get_mut("content")).and_then(Value::as_object_mut);
    for (name, media) in content.into_iter().flatten() {
        let example = match name.as_str() {
            NDJSON => as_lines(example),
            "text/csv" => as_table(example),
            _ => example.clone(),
        };
        if let Some(media) = media.as_object_mut() {
            media.insert("example".to_owned(), example);
        }
    }
}

/// An answer that was recorded as a page, as the lines that it may be read as: its items, and a last line of the rest.
fn as_lines(example: &Value) -> Value {
    let Some(page) = example.as_object() else { return example.clone() };
    let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let rest: Map<String, Value> =
        page.iter().filter(|(name, _)| *name != "items").map(|(name, value)| (name.clone(), value.clone())).collect();
    let lines: Vec<String> = items.cloned().chain([rest.into()]).map(|line| format!("{line}\n")).collect();
    lines.concat().into()
}

/// An export that was recorded as lines, as the table that it may be read as.
fn as_table(example: &Value) -> Value {
    let lines = example.as_str().unwrap_or_default().lines();
    let records: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let records: Vec<&Value> = records.iter().filter(|record| record.get("id").is_some()).collect();
    let columns: Vec<String> = records
        .first()
        .and_then(|record| record.as_object())
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    let rows = std::iter::once(columns.clone()).chain(records.iter().map(|record| cells(record, &columns)));
    let table: Result<Vec<Vec<u8>>, _> = rows.map(|row| table_row(row.iter().map(String::as_str))).collect();
    String::from_utf8(table.unwrap_or_default().concat()).unwrap_or_default().into()
}

/// `components.examples`: what a problem of each code looks like.
pub fn problems() -> Value {
    let example = |code: Code| {
        let problem = match code {
            Code::Invalid => Problem::invalid(vec![Violation::new(
                "/starts_on",
                "required",
                text!("The field is required." / "Il campo è obbligatorio."),
            )]),
            Code::MalformedRequest => Problem::malformed(vec![Violation::new(
                "limit",
                "out_of_range",
                text!("A number from 1 to 200." / "Un numero da 1 a 200."),
            )]),
            _ => Problem::new(code),
        };
        let body = problem.to_json(DEFAULT_URL, Some("0190f1a2-5b7c-7d1e-9a55-0c9b5d1f2e3a"), Language::English);
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        json!({"summary": code.title(), "value": body})
    };
    // 405 stands in no operation: it is the answer to a method that a path does not have.
    let declared = Code::ALL.iter().filter(|code| **code != Code::MethodNotAllowed);
    declared.map(|code| (code.as_str().to_owned(), example(*code))).collect::<Map<String, Value>>().into()
}
