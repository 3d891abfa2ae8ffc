//! The form of request bodies. The schema that the OpenAPI document shows is the one that bodies are checked against, so the
//! document cannot promise something else than the service does; and every violation is found at once, each with a pointer.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::error::Violation;
use crate::text;
use crate::text::Text;

/// Turns JSON into a `T`, or into every reason why it is none.
pub fn parse<T: DeserializeOwned + ToSchema + 'static>(document: Value) -> Result<T, Vec<Violation>> {
    // Nearly every document is in order, and to find out that it is takes a fraction of what looking for every violation takes.
    let shape = shape_of::<T>();
    if !has_control_characters(&document)
        && shape.validator.is_valid(&document)
        && let Ok(parsed) = T::deserialize(&document)
    {
        return Ok(parsed);
    }
    let mut violations = Vec::new();
    refuse_control_characters(&document, "", &mut violations);
    violations.extend(shape.validator.iter_errors(&document).flat_map(|error| violations_of(&error, &shape.names)));
    if !violations.is_empty() {
        violations.sort_by(|a, b| (&a.pointer, a.code).cmp(&(&b.pointer, b.code)));
        violations.dedup();
        return Err(violations);
    }
    serde_path_to_error::deserialize(document).map_err(|error| {
        let pointer: String = error.path().iter().map(|segment| format!("/{segment}")).collect();
        vec![Violation::new(
            pointer,
            "wrong_form",
            text!(
                "The value does not have the form that the schema describes."
                    / "Il valore non ha la forma che lo schema descrive."
            ),
        )]
    })
}

/// A compiled schema.
struct Shape {
    validator: Validator,
    /// The names of all fields that occur in it, to tell a misspelt one from a strange one.
    names: Vec<String>,
}

static SHAPES: LazyLock<RwLock<HashMap<TypeId, Arc<Shape>>>> = LazyLock::new(Default::default);

fn shape_of<T: ToSchema + 'static>() -> Arc<Shape> {
    let id = TypeId::of::<T>();
    if let Some(shape) = SHAPES.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(shape);
    }
    let shape = Arc::new(build::<T>());
    SHAPES.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&shape));
    shape
}

fn build<T: ToSchema>() -> Shape {
    let mut components = Vec::new();
    T::schemas(&mut components);
    let schemas: serde_json::Map<String, Value> =
        components.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    let root = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [T::schema()], "components": {"schemas": schemas}});
    let mut names = Vec::new();
    collect_names(&root, &mut names);
    names.sort_unstable();
    names.dedup();
    match jsonschema::options().should_validate_formats(true).build(&root) {
        Ok(validator) => Shape { validator, names },
        // A schema that does not compile is a slip in the code; the test `openapi` builds every one of them.
        Err(error) => panic!("the schema of {} does not compile: {error}", type_name::<T>()),
    }
}

fn collect_names(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "properties"
                    && let Some(properties) = member.as_object()
                {
                    names.extend(properties.keys().cloned());
                }
                collect_names(member, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

fn has_control_characters(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(char::is_control),
        Value::Array(items) => items.iter().any(has_control_characters),
        Value::Object(members) => members.values().any(has_control_characters),
        _ => false,
    }
}

/// PostgreSQL cannot keep NUL, and no field of ours has a use for other control characters.
fn refuse_control_characters(value: &Value, pointer: &str, violations: &mut Vec<Violation>) {
    match value {
        Value::String(text) if text.chars().any(char::is_control) => {
            violations.push(Violation::new(
                pointer,
                "control_character",
                text!("Control characters are not allowed." / "I caratteri di controllo non sono ammessi."),
            ));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_control_characters(item, &format!("{pointer}/{index}"), violations);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                refuse_control_characters(member, &format!("{pointer}/{}", escape(name)), violations);
            }
        }
        _ => {}
    }
}

/// A member name as a part of a JSON Pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn violations_of(error: &ValidationError<'_>, names: &[String]) -> Vec<Violation> {
    let pointer = error.instance_path().to_string();
    let one = |code, detail: Text| vec![Violation::new(pointer.clone(), code, detail)];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                let detail = match closest(name, names) {
                    Some(close) => text!(
                        "The field is not known; did you mean `{close}`?"
                            / "Il campo non è noto; si intendeva `{close}`?"
                    ),
                    None => text!("The field is not known." / "Il campo non è noto."),
                };
                Violation::new(format!("{pointer}/{}", escape(name)), "unknown_field", detail)
            })
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Violation::new(
                format!("{pointer}/{}", escape(name)),
                "required",
                text!("The field is required." / "Il campo è obbligatorio."),
            )]
        }
        ValidationErrorKind::Type { .. } => {
            one("wrong_type", text!("The value has the wrong JSON type." / "Il valore ha il tipo JSON sbagliato."))
        }
        ValidationErrorKind::Enum { options } => one("unknown_code", unknown_code(error.instance(), options)),
        ValidationErrorKind::Constant { expected_value } => one(
            "unknown_code",
            text!(
                "The only value allowed here is {expected_value}." / "L'unico valore ammesso qui è {expected_value}."
            ),
        ),
        ValidationErrorKind::MaxLength { limit } => one(
            "too_long",
            text!("At most {limit} characters are allowed." / "Sono ammessi al massimo {limit} caratteri."),
        ),
        ValidationErrorKind::MinLength { limit } => {
            one("too_short", text!("At least {limit} characters are needed." / "Servono almeno {limit} caratteri."))
        }
        ValidationErrorKind::Pattern { pattern } => one(
            "wrong_format",
            text!(
                "The value does not match the pattern {pattern}." / "Il valore non corrisponde al modello {pattern}."
            ),
        ),
        ValidationErrorKind::Format { format } => one(
            "wrong_format",
            text!("The value is not a valid {format}." / "Il valore non è valido nel formato {format}."),
        ),
        ValidationErrorKind::Maximum { limit } => one(
            "out_of_range",
            text!("The value must be at most {limit}." / "Il valore deve essere al massimo {limit}."),
        ),
        ValidationErrorKind::Minimum { limit } => {
            one("out_of_range", text!("The value must be at least {limit}." / "Il valore deve essere almeno {limit}."))
        }
        ValidationErrorKind::MaxItems { limit } => one(
            "too_many_items",
            text!("At most {limit} items are allowed." / "Sono ammessi al massimo {limit} elementi."),
        ),
        ValidationErrorKind::MinItems { limit } => {
            one("too_few_items", text!("At least {limit} items are needed." / "Servono almeno {limit} elementi."))
        }
        ValidationErrorKind::MinProperties { limit } => one(
            "too_few_members",
            text!("At least {limit} of the members is needed." / "Serve almeno {limit} dei membri."),
        ),
        ValidationErrorKind::MaxProperties { limit } => one(
            "too_many_members",
            text!("At most {limit} of the members is allowed." / "È ammesso al massimo {limit} dei membri."),
        ),
        ValidationErrorKind::UniqueItems => one(
            "repeated_item",
            text!("The items must differ from each other." / "Gli elementi devono essere diversi tra loro."),
        ),
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            nearest(context, &pointer, names)
        }
        _ => one(
            "wrong_form",
            text!(
                "The value does not have the form that the schema describes."
                    / "Il valore non ha la forma che lo schema descrive."
            ),
        ),
    }
}

/// Of several forms none of which fits, the one that the value was most likely meant to have: the fewest violations, and
/// rather one that objects to a part than one that objects to the whole.
fn nearest(context: &[Vec<ValidationError<'static>>], pointer: &str, names: &[String]) -> Vec<Violation> {
    let mut best: Option<Vec<Violation>> = None;
    let weight = |violations: &[Violation]| {
        let whole = violations.iter().any(|v| v.pointer == pointer && v.code == "wrong_type");
        let tag = violations
            .iter()
            .any(|v| v.code == "unknown_code" && (v.pointer.ends_with("/kind") || v.pointer.ends_with("/basis")));
        (whole, tag, violations.len())
    };
    for form in context {
        let violations: Vec<Violation> = form.iter().flat_map(|error| violations_of(error, names)).collect();
        if best.as_ref().is_none_or(|best| weight(&violations) < weight(best)) {
            best = Some(violations);
        }
    }
    best.filter(|violations| !violations.is_empty()).unwrap_or_else(|| {
        vec![Violation::new(
            pointer,
            "wrong_form",
            text!(
                "The value has none of the forms that the schema allows."
                    / "Il valore non ha nessuna delle forme che lo schema ammette."
            ),
        )]
    })
}

fn unknown_code(value: &Value, options: &Value) -> Text {
    let options: Vec<String> = options
        .as_array()
        .map(|options| options.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    match value.as_str().and_then(|text| closest(text, &options)) {
        Some(close) => {
            text!("The code is not known; did you mean `{close}`?" / "Il codice non è noto; si intendeva `{close}`?")
        }
        None => text!(
            "The code is not known; allowed are: {}." / "Il codice non è noto; sono ammessi: {}.",
            options.join(", ")
        ),
    }
}

/// The candidate that a slip of the pen may have been meant for.
pub fn closest<'a>(text: &str, candidates: &'a [String]) -> Option<&'a String> {
    let text = text.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&text, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
