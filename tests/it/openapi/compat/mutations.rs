//! That the comparison sees what breaks a client, and nothing else.

use serde_json::{Map, Value, json};

use super::{breaking, members};

fn base() -> Value {
    json!({
        "paths": {
            "/things": {
                "get": {
                    "operationId": "list_things",
                    "security": [{"oauth2": ["things.read"]}],
                    "parameters": [
                        {"in": "query", "name": "limit", "required": false,
                         "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}},
                        {"in": "query", "name": "kind", "required": false, "style": "form", "explode": false,
                         "schema": {"type": "array", "minItems": 1, "maxItems": 10, "items": {"$ref": "#/components/schemas/Kind"}}},
                    ],
                    "responses": {
                        "200": {
                            "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                            "content": {"application/json": {"schema": {"type": "array", "maxItems": 100, "items": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"$ref": "#/components/schemas/Part"}]}}}},
                        },
                        "404": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
                    },
                },
                "post": {
                    "operationId": "create_thing",
                    "security": [{"oauth2": ["things.write"]}],
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}}},
                    "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Made"}}}}},
                },
            },
        },
        "components": {
            "headers": {"ETag": {"required": true, "schema": {"type": "string", "maxLength": 40}}},
            "schemas": {
                "Kind": {"type": "string", "enum": ["a", "b"]},
                "NewThing": {
                    "type": "object", "additionalProperties": false, "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[a-z]*$"},
                        "kind": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Kind"}]},
                        "born_on": {"type": ["string", "null"], "format": "date"},
                        "parts": {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/NewThing"}},
                    },
                },
                "Thing": {
                    "type": "object", "additionalProperties": false, "required": ["id", "name"],
                    "properties": {
                        "id": {"type": "integer", "minimum": 1},
                        "name": {"type": "string", "maxLength": 40},
                        "note": {"type": "string", "maxLength": 40},
                        "inner": {"oneOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
                    },
                },
                // Takes whatever a thing is, and promises nothing.
                "Part": {
                    "type": "object",
                    "properties": {"id": {}, "name": {}, "note": {}, "inner": {}},
                },
                "Made": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1}}},
                "Problem": {"type": "object", "properties": {"code": {"type": "string", "enum": ["gone"]}}},
            },
        },
    })
}

const LIST: &str = "/paths/~1things/get";
const CREATE: &str = "/paths/~1things/post";
const NEW: &str = "/components/schemas/NewThing";
const THING: &str = "/components/schemas/Thing";

/// What is put (or, where it is null, removed) at a pointer, and what is then found; nothing where clients go on.
fn mutations() -> Vec<(String, &'static str, Value, &'static str)> {
    let at = |root: &str, rest: &str| format!("{root}{rest}");
    vec![
        // Operations.
        (at("/paths/~1things", ""), "get", Value::Null, "get /things: removed"),
        (at(LIST, ""), "operationId", json!("things"), "another operationId"),
        (at("/paths/~1things", ""), "delete", json!({"operationId": "remove", "responses": {}}), ""),
        (at("/paths", ""), "/others", json!({"get": {"operationId": "others", "responses": {}}}), ""),
        (at(LIST, ""), "summary", json!("In other words"), ""),
        // Security.
        (at(LIST, ""), "security", json!([{"oauth2": ["things.read", "more"]}]), "no longer suffices"),
        (at(LIST, ""), "security", json!([{"oauth2": ["other"]}, {"oauth2": ["things.read"]}]), ""),
        (at(LIST, ""), "security", json!([]), ""),
        // Parameters.
        (at(LIST, "/parameters/0"), "required", json!(true), "now required"),
        (at(LIST, "/parameters/0"), "name", json!("size"), "query limit: removed"),
        (at(LIST, "/parameters/1"), "explode", json!(true), "another explode"),
        (at(LIST, "/parameters/0/schema"), "maximum", json!(99), "maximum 100 where 99"),
        (at(LIST, "/parameters/0/schema"), "maximum", json!(101), ""),
        (at(LIST, "/parameters/0/schema"), "minimum", json!(2), "minimum 1 where 2"),
        (at(LIST, "/parameters/0/schema"), "default", json!(10), "another default"),
        (at(LIST, "/parameters/0/schema"), "type", json!("string"), "integer where string"),
        (at(LIST, "/parameters/0/schema"), "type", json!("number"), ""),
        (at(LIST, "/parameters/1/schema"), "maxItems", json!(9), "maxItems 10 where 9"),
        // Bodies.
        (at(CREATE, "/requestBody/content"), "application/json", Value::Null, "no longer taken"),
        (at(CREATE, "/requestBody/content"), "application/x-ndjson", json!({"schema": {}}), ""),
        (at(LIST, ""), "requestBody", json!({"required": true, "content": {}}), "body: now required"),
        (at(CREATE, "/requestBody"), "required", json!(false), ""),
        (at(NEW, "/properties"), "kind", Value::Null, "/kind: no longer taken"),
        (at(NEW, "/properties"), "colour", json!({"type": "string"}), ""),
        (at(NEW, ""), "required", json!(["name", "born_on"]), "/born_on: required"),
        (at(NEW, ""), "required", json!([]), ""),
        (at(NEW, ""), "allOf", json!([{}]), "cannot tell"),
        (at(NEW, ""), "maxProperties", json!(3), "maxProperties"),
        (at(NEW, "/properties/name"), "pattern", json!("^[a-y]*$"), "another pattern"),
        (at(NEW, "/properties/name"), "pattern", Value::Null, ""),
        (at(NEW, "/properties/name"), "minLength", json!(2), "minLength 1 where 2"),
        (at(NEW, "/properties/born_on"), "format", json!("date-time"), "another format"),
        (at(NEW, "/properties/born_on"), "type", json!("string"), "null where string"),
        (at(NEW, "/properties/kind/oneOf/0"), "type", json!("integer"), "null where"),
        (at(NEW, "/properties/parts"), "items", json!({"type": "string"}), "object where string"),
        (at(NEW, "/properties/parts/items"), "$ref", json!("#/components/schemas/Thing"), "/id: required"),
        // A vocabulary that grows is taken where it is sent; where it comes, clients do not know what it means.
        ("/components/schemas/Kind".to_owned(), "enum", json!(["a", "b", "c"]), ""),
        ("/components/schemas/Kind".to_owned(), "enum", json!(["a"]), "\"b\" is not known"),
        (at(THING, "/properties/name"), "enum", json!(["x", "y"]), ""),
        // Answers.
        (at(LIST, "/responses"), "200", Value::Null, "200: no longer given"),
        (at(LIST, "/responses"), "202", json!({}), "202: not known to clients"),
        (at(LIST, "/responses"), "404", Value::Null, ""),
        (at(LIST, "/responses"), "409", json!({}), ""),
        (at(LIST, "/responses/200/content"), "application/json", Value::Null, "no longer given"),
        (at(LIST, "/responses/200/headers"), "ETag", Value::Null, "header ETag: removed"),
        (at(LIST, "/responses/200/headers"), "Link", json!({"schema": {}}), ""),
        ("/components/headers/ETag".to_owned(), "required", json!(false), "no longer sure"),
        ("/components/headers/ETag/schema".to_owned(), "maxLength", json!(41), "maxLength 41 where 40"),
        (at(LIST, "/responses/200/content/application~1json/schema"), "maxItems", json!(200), "maxItems 200 where 100"),
        (at(THING, "/properties"), "note", Value::Null, "/note: no longer comes"),
        (at(THING, "/properties"), "colour", json!({"type": "string"}), ""),
        (at(THING, ""), "required", json!(["id"]), "/name: required, but need not come"),
        (at(THING, ""), "required", json!(["id", "name", "note"]), ""),
        (at(THING, "/properties/id"), "type", json!(["integer", "null"]), "null where integer"),
        (at(THING, "/properties/id"), "type", json!("string"), "string where integer"),
        (at(THING, "/properties/name"), "maxLength", json!(20), ""),
        (at(THING, "/properties/name"), "maxLength", Value::Null, "maxLength inf where 40"),
        (at(THING, "/properties/name"), "format", json!("uuid"), ""),
        (at(THING, "/properties/inner/oneOf/1"), "type", json!("boolean"), "boolean where"),
        ("/components/schemas/Problem/properties/code".to_owned(), "enum", json!(["gone", "lost"]), ""),
        // Names of generated classes.
        ("/components/schemas".to_owned(), "Problem", Value::Null, "schema Problem: removed"),
        ("/components/schemas".to_owned(), "Another", json!({"type": "string"}), ""),
    ]
}

fn object<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")).as_object_mut().unwrap()
}

#[test]
fn each_kind_of_change_is_told_apart() {
    let old = base();
    assert_eq!(breaking(&old, &old), [""; 0], "nothing changed");
    for (pointer, name, value, expected) in mutations() {
        let mut new = old.clone();
        let place = object(&mut new, &pointer);
        let before = if value.is_null() { place.remove(name) } else { place.insert(name.to_owned(), value.clone()) };
        assert_ne!(before, Some(value), "{pointer}/{name} changes nothing");
        // What refers to a removed schema is removed with it.
        if name == "Problem" {
            object(&mut new, &format!("{LIST}/responses")).remove("404");
        }
        let found = breaking(&old, &new);
        if expected.is_empty() {
            assert_eq!(found, [""; 0], "{pointer}/{name}");
        } else {
            assert!(found.iter().any(|line| line.contains(expected)), "{pointer}/{name}: {found:?} lacks {expected:?}");
        }
    }
}

/// On the real document: what is taken away from it is missed, and what is added harms nobody.
#[test]
fn nothing_can_be_taken_away_from_the_document() {
    let old = ricolloca::openapi::document(ricolloca::openapi::DEFAULT_URL);
    assert_eq!(breaking(&old, &old), [""; 0], "nothing changed");

    let (mut grown, mut shrunk) = (old.clone(), old.clone());
    let (mut members_seen, mut taken) = (0, 0);
    for (name, schema) in members(&old["components"]["schemas"]) {
        let pointer = format!("/components/schemas/{name}/properties");
        for (member, _) in members(&schema["properties"]) {
            members_seen += 1;
            // A problem is judged by its status, not by its members. Of the others every third, for the time it takes.
            if name == "Problem" || members_seen % 3 != 0 {
                continue;
            }
            let removed = object(&mut shrunk, &pointer).remove(member);
            let found = breaking(&old, &shrunk);
            object(&mut shrunk, &pointer).extend(removed.map(|removed| (member.to_owned(), removed)));
            assert!(!found.is_empty(), "{name} lost {member}, and nobody noticed");
            taken += 1;
        }
        if let Some(properties) = grown.pointer_mut(&pointer) {
            properties.as_object_mut().unwrap().insert("news".to_owned(), json!({"type": "string"}));
        }
    }
    assert!(taken > 100, "{taken} members were taken away");
    assert_eq!(breaking(&old, &grown), [""; 0], "each object has one member more");
}
