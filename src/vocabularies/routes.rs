//! The vocabularies over HTTP: open to all, since they are public reference data.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Vocabulary, all, get};
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::permit::Public;
use crate::http::query::Query;
use crate::http::respond::{Document, Items};
use crate::openapi::schemas::Facts;

/// A list of codes that records refer to.
#[derive(Serialize, ToSchema)]
#[schema(as = Vocabulary)]
pub struct VocabularyView {
    /// Its name.
    #[schema(max_length = 100)]
    name: &'static str,
    /// English title.
    #[schema(max_length = 200)]
    title_en: &'static str,
    /// Italian title.
    #[schema(max_length = 200)]
    title_it: &'static str,
    /// Who publishes it.
    #[schema(max_length = 500)]
    source: &'static str,
    /// Under which licence.
    #[schema(max_length = 200)]
    licence: &'static str,
    /// What to know when using it; may be empty.
    #[schema(max_length = 1000)]
    note: &'static str,
    /// How many entries it has, past ones included.
    #[schema(minimum = 0, maximum = 1_000_000)]
    entries: u32,
}

/// A code of a vocabulary.
#[derive(Serialize, ToSchema)]
#[schema(as = VocabularyEntry)]
pub struct EntryView {
    /// The code.
    #[schema(max_length = 100)]
    code: &'static str,
    /// Italian label.
    #[schema(max_length = 2000)]
    label_it: &'static str,
    /// English label, where the source has one.
    #[schema(max_length = 2000)]
    label_en: Option<&'static str>,
    /// First day on which it holds; null where the source does not say.
    valid_from: Option<NaiveDate>,
    /// First day on which it no longer holds; null while it does.
    valid_to: Option<NaiveDate>,
    /// The code above it.
    #[schema(max_length = 100)]
    parent: Option<&'static str>,
    /// What else the source says of it.
    #[schema(value_type = Facts)]
    attributes: Map<String, Value>,
}

/// What a list of entries can be narrowed to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryFilter {
    /// Only this code.
    #[schema(max_length = 100)]
    code: Option<String>,
    /// Text that the label contains, or that the code begins with; case and accents do not matter.
    #[schema(max_length = 100)]
    q: Option<String>,
    /// Only what holds on this day.
    valid_on: Option<NaiveDate>,
    /// Only what lies directly under this code.
    #[schema(max_length = 100)]
    parent: Option<String>,
    /// Entries on a page.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Number of the first entry of the page, as it stands in `_links.next`.
    #[schema(minimum = 0, maximum = 1_000_000)]
    cursor: Option<u32>,
}

/// Entries on a page at most: the bound of `limit` above, where the macro takes nothing but a number.
const MOST: i64 = 1000;

/// The `{name}` of the path.
pub struct Named(&'static Vocabulary);

impl FromRequest for Named {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.match_info().get("name").and_then(get);
        std::future::ready(found.map(Self).ok_or(Problem::new(Code::NotFound)))
    }
}

impl Described for Named {
    fn describe(operation: &mut Operation) {
        let names: Vec<&str> = all().iter().map(|vocabulary| vocabulary.name).collect();
        operation.parameter(json!({"name": "name", "in": "path", "required": true,
            "description": "The vocabulary's name.", "schema": {"type": "string", "enum": names}}));
        operation.problems(&[Code::NotFound]);
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    let about = |id: &str, summary: &str, description: &str| About {
        id: id.to_owned(),
        tag: "vocabularies",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    api.operation(
        Method::GET,
        "/v1/vocabularies",
        about(
            "list_vocabularies",
            "List vocabularies",
            "The lists of codes that records refer to, with source and licence.",
        ),
        list,
    );
    api.operation(
        Method::GET,
        "/v1/vocabularies/{name}",
        about("show_vocabulary", "Read one vocabulary", "Title, source, licence and size of a vocabulary."),
        show,
    );
    api.operation(
        Method::GET,
        "/v1/vocabularies/{name}/entries",
        about("list_vocabulary_entries", "List the entries of a vocabulary", "Codes with labels and dates of validity. A code is judged on a date: municipalities merge, and their codes end."),
        entries,
    );
}

fn view(vocabulary: &'static Vocabulary) -> VocabularyView {
    VocabularyView {
        name: vocabulary.name,
        title_en: vocabulary.title_en,
        title_it: vocabulary.title_it,
        source: vocabulary.source,
        licence: vocabulary.licence,
        note: vocabulary.note_en,
        entries: u32::try_from(vocabulary.entries().len()).unwrap_or(u32::MAX),
    }
}

async fn list(_: Public) -> Result<Items<VocabularyView>, Problem> {
    Ok(Items::new(all().iter().map(view).collect(), None))
}

async fn show(_: Public, name: Named) -> Result<Document<VocabularyView>, Problem> {
    Ok(Document(view(name.0)))
}

async fn entries(_: Public, name: Named, filter: Query<EntryFilter>) -> Result<Items<EntryView, MOST>, Problem> {
    let filter = filter.0;
    let vocabulary = name.0;
    let place =
        |number: Option<u32>, default| number.map_or(default, |number| usize::try_from(number).unwrap_or(default));
    let (limit, first) = (place(filter.limit, 100), place(filter.cursor, 0));
    let wanted = |entry: &&super::Entry| {
        filter.code.as_ref().is_none_or(|code| *code == entry.code)
            && filter.valid_on.is_none_or(|day| entry.holds_on(day))
            && filter.parent.as_ref().is_none_or(|parent| entry.parent.as_ref() == Some(parent))
    };
    let page = |matches: &mut dyn Iterator<Item = &'static super::Entry>| -> Vec<&'static super::Entry> {
        matches.filter(|entry| wanted(entry)).skip(first).take(limit + 1).collect()
    };
    let mut found = match &filter.q {
        Some(text) => page(&mut vocabulary.search(text)),
        None => page(&mut vocabulary.entries().iter()),
    };
    let next = (found.len() > limit).then(|| next_page(vocabulary.name, &filter, first + limit));
    found.truncate(limit);
    let items = found
        .into_iter()
        .map(|entry| EntryView {
            code: &entry.code,
            label_it: &entry.label_it,
            label_en: entry.label_en.as_deref(),
            valid_from: entry.valid_from,
            valid_to: entry.valid_to,
            parent: entry.parent.as_deref(),
            attributes: entry.attributes.clone(),
        })
        .collect();
    Ok(Items::new(items, next))
}

fn next_page(name: &str, filter: &EntryFilter, first: usize) -> String {
    let mut query = vec![("cursor", first.to_string())];
    query.extend(filter.code.clone().map(|code| ("code", code)));
    query.extend(filter.q.clone().map(|text| ("q", text)));
    query.extend(filter.valid_on.map(|day| ("valid_on", day.to_string())));
    query.extend(filter.parent.clone().map(|parent| ("parent", parent)));
    query.extend(filter.limit.map(|limit| ("limit", limit.to_string())));
    format!("/v1/vocabularies/{name}/entries?{}", serde_urlencoded::to_string(query).unwrap_or_default())
}
