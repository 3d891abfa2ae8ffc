//! What is done to the schemas before they are shown, and schemas that no Rust type has by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Writes `{"type": ["string", "null"], ...}` as `oneOf` null and the rest: tools know the second form, and the rules of the
/// official checker do not see into the first.
pub fn plain_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(plain_nulls),
        Value::Object(members) => {
            members.values_mut().for_each(plain_nulls);
            let Some(Value::Array(types)) = members.get("type") else { return };
            let Some(kept) = types.iter().find(|name| *name != "null").cloned() else { return };
            if types.len() == 2 {
                let description = members.remove("description");
                let mut inner = std::mem::take(members);
                inner.insert("type".to_owned(), kept);
                members.insert("oneOf".to_owned(), json!([{"type": "null"}, inner]));
                members.extend(description.map(|text| ("description".to_owned(), text)));
            }
        }
        _ => {}
    }
}

/// Members of an object that is a map, at most. There are fewer codes in any vocabulary that keys are taken from.
const MAP_SIZE: u32 = 1000;

/// Closes every object that names its members: an answer holds nothing that the document does not describe. Bounds those that
/// do not.
pub fn close(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("type").is_some_and(|name| name == "object") && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            if members.get("additionalProperties").is_some_and(Value::is_object) {
                members.remove("propertyNames");
                members.entry("maxProperties").or_insert(MAP_SIZE.into());
            }
        }
        _ => {}
    }
}

/// What a merge-patch (RFC 7396) to a schema looks like: every member may be left out or be null, in nested objects as well;
/// arrays are replaced whole. `all` holds the schemas that it refers to; those of nested patches are added to `patches`.
pub fn merge_patch(schema: &Value, all: &BTreeMap<String, Value>, patches: &mut BTreeMap<String, Value>) -> Value {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        let Some(target) = all.get(name).filter(|target| is_composite(target)) else { return schema.clone() };
        let patch = format!("{name}Patch");
        if !patches.contains_key(&patch) {
            patches.insert(patch.clone(), Value::Null);
            let loose = merge_patch(target, all, patches);
            patches.insert(patch.clone(), loose);
        }
        let mut reference = json!({"$ref": format!("#/components/schemas/{patch}")});
        if let (Some(members), Some(description)) = (reference.as_object_mut(), schema.get("description")) {
            members.insert("description".to_owned(), description.clone());
        }
        return reference;
    }
    let mut loose = schema.clone();
    let Some(members) = loose.as_object_mut() else { return loose };
    for name in ["oneOf", "anyOf"] {
        if let Some(Value::Array(forms)) = members.remove(name) {
            members.remove("discriminator");
            let nullable = forms.len() == 2 && forms.iter().any(|form| *form == json!({"type": "null"}));
            let forms = forms.iter().map(|form| merge_patch(form, all, patches)).collect();
            // Parts of several forms may look alike: any of them will do. Null is like no other.
            members.insert(if nullable { "oneOf" } else { "anyOf" }.to_owned(), forms);
        }
    }
    if let Some(Value::Object(properties)) = members.remove("properties") {
        members.remove("required");
        let properties: Map<String, Value> = properties
            .into_iter()
            .map(|(name, property)| (name, nullable(merge_patch(&property, all, patches))))
            .collect();
        members.insert("properties".to_owned(), properties.into());
    }
    loose
}

fn is_composite(schema: &Value) -> bool {
    ["properties", "oneOf", "anyOf"].iter().any(|name| schema.get(name).is_some())
}

fn nullable(schema: Value) -> Value {
    let is_null = |name: &Value| name == "null";
    let already = schema.get("type").and_then(Value::as_array).is_some_and(|types| types.iter().any(is_null))
        || ["oneOf", "anyOf"]
            .iter()
            .filter_map(|name| schema.get(name)?.as_array())
            .flatten()
            .any(|form| form.get("type").is_some_and(is_null));
    if already { schema } else { json!({"oneOf": [{"type": "null"}, schema]}) }
}

/// What a text of ours may hold: no control characters (see [`crate::shape`]).
const PLAIN_TEXT: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// Says of every text of no particular form that it holds no control characters.
pub fn plain_texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(plain_texts),
        Value::Object(members) => {
            members.values_mut().for_each(plain_texts);
            // How a password is shown says nothing about what may stand in it.
            let of_a_form = members.get("format").is_some_and(|format| format != "password");
            let bare = !of_a_form
                && !["enum", "const", "pattern", "example", "contentMediaType"]
                    .iter()
                    .any(|name| members.contains_key(*name));
            if bare && members.contains_key("maxLength") && members.get("type").is_some_and(|name| name == "string") {
                members.insert("pattern".to_owned(), PLAIN_TEXT.into());
            }
        }
        _ => {}
    }
}

/// An object with exactly one of these members.
pub fn one_of_members<const N: usize>(description: &str, members: [(&str, Object); N]) -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .description(Some(description))
        .min_properties(Some(1))
        .max_properties(Some(1))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.into_iter().fold(object, |object, (name, member)| object.property(name, member)).build().into()
}

/// Facts of a rule by name, and whatever else has members that differ from one to the next: an object whose size and values
/// are bounded.
pub struct Facts;

impl PartialSchema for Facts {
    fn schema() -> RefOr<Schema> {
        let schema = json!({
            "type": "object", "description": "Values by name.", "maxProperties": 100,
            "additionalProperties": {"$ref": "#/components/schemas/Fact"},
        });
        serde_json::from_value(schema).unwrap_or_else(|_| RefOr::T(Schema::default()))
    }
}

impl ToSchema for Facts {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Facts")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("Fact".to_owned(), Fact::schema()));
    }
}

/// One of them. Not recursive: generators of typed clients stumble over that, and no fact of ours is deeper.
struct Fact;

impl PartialSchema for Fact {
    fn schema() -> RefOr<Schema> {
        let scalar = || {
            let bound = 9_007_199_254_740_991_i64;
            vec![
                json!({"type": "null"}),
                json!({"type": "boolean"}),
                json!({"type": "number", "format": "double", "minimum": -bound, "maximum": bound}),
                json!({"type": "string", "maxLength": 2000}),
            ]
        };
        let list =
            |forms: Vec<Value>| json!({"type": "array", "items": {"anyOf": forms}, "minItems": 0, "maxItems": 1000});
        let map = |forms: Vec<Value>| json!({"type": "object", "additionalProperties": {"anyOf": forms}, "maxProperties": 100});
        let with = |more: Vec<Value>| [scalar(), more].concat();
        let record = map(with(vec![list(scalar())]));
        let schema = json!({
            "description": "A value: a text, a number, a list of values, values by name.",
            "anyOf": with(vec![list(with(vec![record.clone()])), record]),
        });
        serde_json::from_value(schema).unwrap_or_else(|_| RefOr::T(Schema::default()))
    }
}
