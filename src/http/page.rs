//! Lists, page by page: keyset paging, so that the hundredth page costs what the first does and nothing is shown twice or
//! left out because something was inserted meanwhile.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::crud::Exposed;
use super::endpoint::{Described, Operation};
use super::filter;
use super::query::{cached_properties, describe_query, query_document, query_problem};
use super::select::{self, Selection};
use crate::error::{Code, Problem, Violation};
use crate::shape;
use crate::text;

/// Records on a page where the client does not say.
pub const DEFAULT_LIMIT: i64 = 50;

/// Records on a page at most; more is refused rather than cut.
pub const MAX_LIMIT: i64 = 200;

/// Where a page begins and how it is ordered.
#[derive(Clone, Debug)]
pub struct Page {
    /// Records at most.
    pub limit: i64,
    /// The field it is ordered by; ties are ordered by id.
    pub sort: &'static str,
    /// From high to low.
    pub descending: bool,
    /// The sort value and id of the last record of the page before.
    pub after: Option<(Value, Uuid)>,
}

impl Page {
    /// The sort value to go on from, typed as its column.
    pub fn after<T: serde::de::DeserializeOwned>(&self) -> Result<Option<(T, Uuid)>, Problem> {
        self.after
            .as_ref()
            .map(|(value, id)| {
                serde_json::from_value(value.clone())
                    .map(|value| (value, *id))
                    .map_err(|_| Problem::new(Code::InvalidCursor))
            })
            .transpose()
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Sort order, as in the query.
    s: String,
    /// Sort value of the last record.
    v: Value,
    /// Its id.
    i: Uuid,
    /// Digest of path and filters: a cursor belongs to one list.
    f: String,
}

/// The query of a list: filters, order, page.
pub struct Listing<R: Exposed> {
    /// What to show.
    pub filter: R::Filter,
    /// Which part of it.
    pub page: Page,
    /// What of each record.
    pub selection: Selection<R>,
    base: String,
    digest: String,
}

impl<R: Exposed> Listing<R> {
    /// The path and query of the next page, which goes on after `last`.
    pub fn next(&self, last: &R::Record) -> String {
        let sort = format!("{}{}", if self.page.descending { "-" } else { "" }, self.page.sort);
        let cursor = Cursor {
            s: sort,
            v: R::sort_value(last, self.page.sort),
            i: crate::db::Stored::meta(last).id,
            f: self.digest.clone(),
        };
        let cursor = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default());
        let join = if self.base.contains('?') { '&' } else { '?' };
        format!("{}{join}cursor={cursor}", self.base)
    }
}

impl<R: Exposed> FromRequest for Listing<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(listing(request.path(), request.query_string()))
    }
}

fn listing<R: Exposed>(path: &str, query: &str) -> Result<Listing<R>, Problem> {
    let properties = cached_properties::<R::Filter>();
    let mut document = query_document(query, &properties)?;
    let mut take = |name: &str| document.as_object_mut().and_then(|document| document.remove(name));
    let (limit, sort, cursor) = (take("limit"), take("sort"), take("cursor"));
    let (fields, embed) = (take("fields"), if R::EMBEDS.is_empty() { None } else { take("embed") });
    let mut violations = Vec::new();
    let selection = Selection::<R>::read(fields, embed, &mut violations);

    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(limit) => limit
            .as_str()
            .and_then(|limit| limit.parse().ok())
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .unwrap_or_else(|| {
                violations.push(Violation::new(
                    "limit",
                    "out_of_range",
                    text!("A number from 1 to {MAX_LIMIT}." / "Un numero da 1 a {MAX_LIMIT}."),
                ));
                DEFAULT_LIMIT
            }),
    };
    let default = R::SORTS.first().copied().unwrap_or("created_at");
    let sort = sort.as_ref().and_then(Value::as_str).unwrap_or(default);
    let (descending, name) = sort.strip_prefix('-').map_or((false, sort), |name| (true, name));
    let known = R::SORTS.iter().copied().find(|known| *known == name).unwrap_or_else(|| {
        violations.push(Violation::new(
            "sort",
            "unknown_code",
            text!(
                "One of {}; with - in front for the other direction."
                    / "Uno tra {}; con - davanti per l'ordine inverso.",
                R::SORTS.join(", ")
            ),
        ));
        default
    });
    violations.extend(filter::check(&document, &properties));
    let filter = match shape::parse::<R::Filter>(document) {
        Ok(filter) => Some(filter),
        Err(found) => {
            let mut known = select::parameters::<R>();
            known.extend(["limit", "sort", "cursor"].map(str::to_owned));
            // That a code does not look like one is said by what it could have been.
            let unknown: Vec<String> = violations.iter().map(|violation| violation.pointer.clone()).collect();
            let found = query_problem(found).errors.into_iter();
            let found = found.filter(|found| found.code != "wrong_format" || !unknown.contains(&found.pointer));
            violations.extend(found.map(|violation| match violation.code {
                // The filters know of each other only.
                "unknown_parameter" if shape::closest(&violation.pointer, &known).is_some() => {
                    select::unknown_parameter(&violation.pointer, &known)
                }
                _ => violation,
            }));
            None
        }
    };
    let (Some(filter), true) = (filter, violations.is_empty()) else {
        return Err(Problem::malformed(violations));
    };

    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let filters: Vec<&str> = rest.iter().copied().filter(|pair| !pair.starts_with("limit=")).collect();
    let digest = BASE64_URL_SAFE_NO_PAD
        .encode(Sha256::digest(format!("{path}?{}", filters.join("&"))).get(..9).unwrap_or_default());
    let after = cursor.as_ref().and_then(Value::as_str).map(|cursor| decode(cursor, sort, &digest)).transpose()?;
    let base = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    Ok(Listing { filter, page: Page { limit, sort: known, descending, after }, selection, base, digest })
}

fn decode(cursor: &str, sort: &str, digest: &str) -> Result<(Value, Uuid), Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Problem::new(Code::InvalidCursor))?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| Problem::new(Code::InvalidCursor))?;
    if cursor.s != sort || cursor.f != digest || cursor.v.as_str().is_some_and(|text| text.contains('\0')) {
        return Err(Problem::because(
            Code::InvalidCursor,
            text!(
                "The cursor belongs to another list, order or filter."
                    / "Il cursore appartiene a un'altra lista, a un altro ordine o filtro."
            ),
        ));
    }
    Ok((cursor.v, cursor.i))
}

impl<R: Exposed> Described for Listing<R> {
    fn describe(operation: &mut Operation) {
        describe_query::<R::Filter>(operation);
        let sorts: Vec<String> = R::SORTS.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]).collect();
        operation.parameter(json!({"name": "sort", "in": "query", "required": false,
            "description": "The field to order by, from low to high; with `-` from high to low.", "schema": {"type": "string", "enum": sorts}}));
        operation.parameter(json!({"name": "limit", "in": "query", "required": false, "description": "Records on a page.",
            "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}}));
        operation.parameter(json!({"name": "cursor", "in": "query", "required": false,
            "description": "Where the page begins: as it stands in `_links.next` of the page before.", "schema": {"type": "string", "maxLength": 1000}}));
        Selection::<R>::parameters(operation);
        operation.problems(&[Code::InvalidCursor]);
    }
}

/// Applies order and keyset of a [`Page`] to a boxed query, for the columns that may be sorted by: none of them nullable.
/// The bound on the column alone is implied by the other, and lets PostgreSQL begin its index scan there.
#[macro_export]
macro_rules! keyset {
    ($query:ident, $page:ident, $table:ident, { $($name:literal => $column:ident: $ty:ty),+ $(,)? }) => {
        match $page.sort {
            // Not offered by lists: the order of exports.
            "id" => {
                if let Some((_, id)) = $page.after {
                    $query = $query.filter($table::id.gt(id));
                }
                $query = $query.order($table::id.asc());
            }
            $($name => {
                let after = $page.after::<$ty>()?;
                if $page.descending {
                    if let Some((value, id)) = after {
                        $query = $query.filter($table::$column.le(value.clone())).filter($table::$column.lt(value).or($table::id.lt(id)));
                    }
                    $query = $query.order(($table::$column.desc(), $table::id.desc()));
                } else {
                    if let Some((value, id)) = after {
                        $query = $query.filter($table::$column.ge(value.clone())).filter($table::$column.gt(value).or($table::id.gt(id)));
                    }
                    $query = $query.order(($table::$column.asc(), $table::id.asc()));
                }
            })+
            other => return Err($crate::error::Problem::because($crate::error::Code::Internal, $crate::text!("no column to sort by {other}" / "nessuna colonna con cui ordinare per {other}")).into()),
        }
        $query = $query.limit($page.limit + 1);
    };
}
