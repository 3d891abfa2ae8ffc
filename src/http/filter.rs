//! What lists are narrowed to: the filters that every list has, and how filters become conditions.
//!
//! One naming style: a filter has the name of the member it looks at, without `_id` and `_on`. A filter of codes or ids takes
//! several values, separated by commas, and finds what has one of them. Dates are bounded by `{date}_from` and `{date}_to`,
//! instants by `{instant}_since` and `{instant}_until`; both ends are included. A filter that ends in `_on` looks for what
//! holds on that day.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::Violation;
use crate::text;
use crate::text::Text;
use crate::vocabularies;

/// Declares the filters of a list: its own, and those that every list has.
#[macro_export]
macro_rules! list_filter {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// Only the records of these ids.
            #[schema(min_items = 1, max_items = 100)]
            pub id: Option<Vec<uuid::Uuid>>,
            /// Only those that their sources call by one of these names. Two sources may use one name for two records: see
            /// `source_organisation`.
            #[schema(min_items = 1, max_items = 100)]
            pub external_id: Option<Vec<$crate::http::filter::ExternalName>>,
            /// Only those that clients of these organisations made, by their ids.
            #[schema(min_items = 1, max_items = 100)]
            pub source_organisation: Option<Vec<uuid::Uuid>>,
            /// First written at or after this instant.
            pub created_since: Option<chrono::DateTime<chrono::Utc>>,
            /// First written at or before this instant.
            pub created_until: Option<chrono::DateTime<chrono::Utc>>,
            /// Last written at or after this instant.
            pub updated_since: Option<chrono::DateTime<chrono::Utc>>,
            /// Last written at or before this instant.
            pub updated_until: Option<chrono::DateTime<chrono::Utc>>,
        }
    };
}

/// Adds filters to a boxed query: `narrow!(query, table, { word column filter, ... })`, where `word` is
/// `text` or `uuid` for a list of values of which one has to be the column's, `from` and `to` for bounds. The filters
/// that every list has are added by `narrow!(query, table, filter)`.
#[macro_export]
macro_rules! narrow {
    ($query:ident, $table:ident, $filter:ident) => {
        $crate::narrow!($query, $table, {
            uuid id $filter.id, text external_id $filter.external_id, uuid source_organisation_id $filter.source_organisation,
            from created_at $filter.created_since, to created_at $filter.created_until,
            from updated_at $filter.updated_since, to updated_at $filter.updated_until,
        })
    };
    ($query:ident, $table:ident, { $($word:ident $column:ident $given:expr),+ $(,)? }) => {
        $($crate::narrow!(@$word $query, $table, $column, $given);)+
    };
    // One value is no list of one: PostgreSQL reads an index in its order only behind an equality.
    (@text $query:ident, $table:ident, $column:ident, $given:expr) => {
        if let Some(values) = &$given {
            let mut values = $crate::http::filter::texts(values);
            $query = if values.len() == 1 {
                $query.filter($table::$column.eq(values.pop().unwrap_or_default()))
            } else {
                $query.filter($table::$column.eq_any(values))
            };
        }
    };
    (@uuid $query:ident, $table:ident, $column:ident, $given:expr) => {
        if let Some(values) = &$given {
            $query = match values.as_slice() {
                [one] => $query.filter($table::$column.eq(*one)),
                several => $query.filter($table::$column.eq_any(several.to_vec())),
            };
        }
    };
    (@from $query:ident, $table:ident, $column:ident, $given:expr) => {
        if let Some(first) = $given {
            $query = $query.filter($table::$column.ge(first));
        }
    };
    (@to $query:ident, $table:ident, $column:ident, $given:expr) => {
        if let Some(last) = $given {
            $query = $query.filter($table::$column.le(last));
        }
    };
}

/// The texts that codes are stored as.
pub fn texts<T: AsRef<str>>(values: &[T]) -> Vec<String> {
    values.iter().map(|value| value.as_ref().to_owned()).collect()
}

/// Declares texts that a filter takes.
macro_rules! filter_text {
    ($(#[doc = $doc:literal])* $name:ident, pattern $pattern:literal, max $length:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, serde::Deserialize)]
        pub struct $name(String);

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .max_length(Some($length))
                    .build()
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

filter_text! {
    /// A name that a source gave its record.
    ExternalName, pattern "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max 100
}

filter_text! {
    /// The short code of a call.
    CallCode, pattern "^[A-Z0-9][A-Z0-9._-]{0,39}$", max 40
}

filter_text! {
    /// The codice fiscale of an organisation that is no person.
    LegalEntityCode, pattern "^[0-9]{11}$", max 11
}

/// What the schema of the filters cannot say: that codes are of their vocabulary where that is long, and that no period ends before it begins.
pub fn check(document: &Value, properties: &Map<String, Value>) -> Vec<Violation> {
    let Some(given) = document.as_object() else { return Vec::new() };
    let mut violations = Vec::new();
    for (name, value) in given {
        let Some(property) = properties.get(name) else { continue };
        let schema = property.get("items").unwrap_or(property);
        let vocabulary = schema.get("x-vocabulary").and_then(Value::as_str);
        // Where the schema lists the codes, it is what checks them.
        if schema.get("enum").is_none()
            && let Some(vocabulary) = vocabulary.and_then(vocabularies::get)
        {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for code in values.iter().filter_map(Value::as_str) {
                if vocabulary.latest(code).is_none() {
                    violations.push(Violation::new(name.as_str(), "unknown_code", unknown(vocabulary, code)));
                }
            }
        }
        for (first, last) in [("_from", "_to"), ("_since", "_until")] {
            let end = name.strip_suffix(first).map(|stem| format!("{stem}{last}"));
            if let Some(end) = end
                && let (Some(from), Some(to)) = (value.as_str(), given.get(&end).and_then(Value::as_str))
                && is_reversed(from, to)
            {
                violations.push(Violation::new(
                    end,
                    "ends_before_start",
                    text!("The end lies before `{name}`." / "La fine precede `{name}`."),
                ));
            }
        }
    }
    violations
}

fn unknown(vocabulary: &vocabularies::Vocabulary, code: &str) -> Text {
    match vocabulary.suggest(code) {
        Some(close) => {
            text!("The code is not known; did you mean `{close}`?" / "Il codice non è noto; si intendeva `{close}`?")
        }
        None => text!(
            "The code is not known; see `/v1/vocabularies/{}/entries`."
                / "Il codice non è noto; vedere `/v1/vocabularies/{}/entries`.",
            vocabulary.name
        ),
    }
}

/// Dates compare as they are written; instants may be written with more or fewer digits, and in any zone.
fn is_reversed(from: &str, to: &str) -> bool {
    match (DateTime::parse_from_rfc3339(from), DateTime::parse_from_rfc3339(to)) {
        (Ok(from), Ok(to)) => from.with_timezone(&Utc) > to.with_timezone(&Utc),
        _ => from.len() == to.len() && from > to,
    }
}
