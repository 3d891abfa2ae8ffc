//! How query strings and forms are read: as objects whose schema says what each parameter is.

use std::any::TypeId;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::endpoint::{Described, Operation};
use crate::error::{Code, Problem, Violation};
use crate::shape;
use crate::text;

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
    let whole = serde_json::to_value(T::schema()).unwrap_or_default();
    let required = whole.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, mut schema) in properties_of::<T>() {
        let mut take = |part: &str| schema.as_object_mut().and_then(|schema| schema.remove(part));
        let (description, example) = (take("description").unwrap_or_default(), take("example"));
        let required = required.iter().any(|one| *one == name);
        let mut parameter =
            json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema});
        if let (Some(example), Some(parameter)) = (example, parameter.as_object_mut()) {
            parameter.insert("example".to_owned(), example);
        }
        if is_list(parameter.get("schema"))
            && let Some(parameter) = parameter.as_object_mut()
        {
            // Several values in one parameter, separated by commas.
            parameter.insert("style".to_owned(), "form".into());
            parameter.insert("explode".to_owned(), false.into());
        }
        operation.parameter(parameter);
    }
}

/// Violations of a query, whose fields are parameters rather than members of a body.
pub fn query_problem(mut violations: Vec<Violation>) -> Problem {
    for violation in &mut violations {
        // Of a list of values, the parameter is named rather than the place in the list.
        violation.pointer = violation.pointer.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        if violation.code == "unknown_field" {
            violation.code = "unknown_parameter";
            violation.detail = violation.detail.with_word(["The field", "The parameter"], ["Il campo", "Il parametro"]);
        }
    }
    Problem::malformed(violations)
}

/// The schemas of parameters by their names.
pub type Properties = Arc<Map<String, Value>>;

/// The same as [`properties_of`], worked out once for each type: every request of a list needs them.
pub fn cached_properties<T: ToSchema + 'static>() -> Properties {
    static PROPERTIES: LazyLock<RwLock<HashMap<TypeId, Properties>>> = LazyLock::new(Default::default);
    let id = TypeId::of::<T>();
    if let Some(properties) = PROPERTIES.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(properties);
    }
    let properties = Arc::new(properties_of::<T>());
    PROPERTIES.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&properties));
    properties
}

/// The properties of a schema, with its optional ones stripped of null: a parameter is there or not. References are replaced
/// by what they refer to, also in the items of lists.
pub fn properties_of<T: ToSchema>() -> Map<String, Value> {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    let schemas: HashMap<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    let mut properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for property in properties.values_mut() {
        strip_null(property);
        inline(property, &schemas);
        if let Some(items) = property.get_mut("items") {
            inline(items, &schemas);
        }
    }
    properties
}

/// Replaces a reference by what it refers to; a description beside it stays.
fn inline(schema: &mut Value, schemas: &HashMap<String, Value>) {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    if let Some(found) = name.and_then(|name| schemas.get(name)) {
        let description = schema.get("description").cloned();
        *schema = found.clone();
        if let (Some(description), Some(schema)) = (description, schema.as_object_mut()) {
            schema.insert("description".to_owned(), description);
        }
    }
}

fn is_list(schema: Option<&Value>) -> bool {
    schema.and_then(|schema| schema.get("type")).is_some_and(|name| name == "array")
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

/// A query string as a JSON object, each value of the type that its property has; lists are separated by commas.
pub fn query_document(query: &str, properties: &Map<String, Value>) -> Result<Value, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| {
        Problem::because(
            Code::MalformedRequest,
            text!("The query string cannot be read." / "La query string non è leggibile."),
        )
    })?;
    let mut document = Map::new();
    let mut repeated = Vec::new();
    for (name, text) in pairs {
        let value = match properties.get(&name).and_then(|property| property.get("type")).and_then(Value::as_str) {
            Some("integer") => text.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from),
            Some("array") => text.split(',').map(Value::from).collect(),
            Some("boolean") => text.parse::<bool>().map_or_else(|_| Value::String(text.clone()), Value::from),
            _ => Value::String(text),
        };
        if document.insert(name.clone(), value).is_some() {
            repeated.push(Violation::new(
                name,
                "repeated_parameter",
                text!("The parameter may stand only once." / "Il parametro può comparire una sola volta."),
            ));
        }
    }
    if repeated.is_empty() { Ok(Value::Object(document)) } else { Err(Problem::malformed(repeated)) }
}
