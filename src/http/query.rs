//! How query strings and forms are read: as objects whose schema says what each parameter is.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::endpoint::{Described, Operation};
use crate::error::{Code, Problem, Violation};
use crate::shape;

/// Query parameters. Unknown ones are refused, as are those that stand twice.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            query_document(request.query_string(), &properties_of::<T>())
                .and_then(|document| shape::parse(document).map_err(query_problem))
                .map(Self),
        )
    }
}

impl<T: ToSchema> Described for Query<T> {
    fn describe(operation: &mut Operation) {
        describe_query::<T>(operation);
    }
}

/// Documents the fields of `T` as query parameters.
pub fn describe_query<T: ToSchema>(operation: &mut Operation) {
    for (name, mut schema) in properties_of::<T>() {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
        operation.parameter(
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema}),
        );
    }
}

/// Violations of a query, whose fields are parameters rather than members of a body.
pub fn query_problem(mut violations: Vec<Violation>) -> Problem {
    for violation in &mut violations {
        violation.pointer = violation.pointer.trim_start_matches('/').to_owned();
        if violation.code == "unknown_field" {
            violation.code = "unknown_parameter";
            violation.detail = violation.detail.replace("The field", "The parameter");
        }
    }
    Problem::malformed(violations)
}

/// The properties of a schema, with its optional ones stripped of null: a parameter is there or not.
pub fn properties_of<T: ToSchema>() -> serde_json::Map<String, Value> {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    let mut properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for property in properties.values_mut() {
        strip_null(property);
        let name = property
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.rsplit('/').next())
            .map(str::to_owned);
        if let Some((_, schema)) = name.and_then(|name| schemas.iter().find(|(other, _)| *other == name)) {
            let description = property.get("description").cloned();
            *property = serde_json::to_value(schema).unwrap_or_default();
            if let (Some(description), Some(property)) = (description, property.as_object_mut()) {
                property.insert("description".to_owned(), description);
            }
        }
    }
    properties
}

fn strip_null(property: &mut Value) {
    if let Some(types) = property.get_mut("type").filter(|types| types.is_array()) {
        let kept = types.as_array().and_then(|types| types.iter().find(|name| *name != "null").cloned());
        *types = kept.unwrap_or_default();
    }
    if let Some(forms) = property.get("oneOf").and_then(Value::as_array)
        && let Some(form) = forms.iter().find(|form| form.get("type").is_none_or(|name| name != "null")).cloned()
    {
        let description = property.get("description").cloned();
        *property = form;
        if let (Some(description), Some(property)) = (description, property.as_object_mut()) {
            property.insert("description".to_owned(), description);
        }
    }
}

/// A query string as a JSON object, each value of the type that its property has.
pub fn query_document(query: &str, properties: &serde_json::Map<String, Value>) -> Result<Value, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|_| Problem::because(Code::MalformedRequest, "The query string cannot be read."))?;
    let mut document = serde_json::Map::new();
    let mut repeated = Vec::new();
    for (name, text) in pairs {
        let value = match properties.get(&name).and_then(|property| property.get("type")).and_then(Value::as_str) {
            Some("integer") => text.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from),
            Some("boolean") => text.parse::<bool>().map_or_else(|_| Value::String(text.clone()), Value::from),
            _ => Value::String(text),
        };
        if document.insert(name.clone(), value).is_some() {
            repeated.push(Violation::new(name, "repeated_parameter", "The parameter may stand only once."));
        }
    }
    if repeated.is_empty() { Ok(Value::Object(document)) } else { Err(Problem::malformed(repeated)) }
}
