//! What a reader takes of the records: `fields` (which members) and `embed` (which records that they refer to).
//!
//! Both are the same for lists and single reads. What is embedded is what a single read of it would show to the same caller:
//! the same sight, the same views, and it takes the same scope. It is read with one set of queries a kind, however many
//! records the page has.

use std::any::TypeId;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema};
use uuid::Uuid;

use super::crud::Exposed;
use super::endpoint::{Described, Operation};
use super::query::query_document;
use crate::batch::{Context, refs};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Stored};
use crate::error::{Problem, Violation};
use crate::identity::Caller;
use crate::identity::scopes::{Scope, ScopeInfo, ScopeSet};
use crate::kind::Kind;
use crate::shape;
use crate::text;

/// The member under which embedded records stand.
const EMBEDDED: &str = "_embedded";

/// Members that are always shown: what a record is, and as of which version.
const ALWAYS: [&str; 2] = ["id", "version"];

/// A record that others refer to and that can be read along with them.
pub struct Embed<R: Exposed> {
    /// The name of the reference, without `_id`.
    name: &'static str,
    kind: Kind,
    scope: Option<&'static ScopeInfo>,
    id: fn(&R::Record) -> Option<Uuid>,
    load: Load,
    schema: fn(&mut Operation) -> Value,
}

type Load = fn(&mut Conn, &[Option<Uuid>], &Caller, &Context) -> Result<HashMap<Uuid, Value>, Fault>;

impl<R: Exposed> Embed<R> {
    /// The record of kind `T` that `id` refers to.
    pub const fn one<T: Exposed>(name: &'static str, id: fn(&R::Record) -> Option<Uuid>) -> Self {
        Self {
            name,
            kind: T::KIND,
            scope: <T::Read as Scope>::INFO,
            id,
            load: load::<T>,
            schema: Operation::schema::<T::View>,
        }
    }
}

/// What the caller may see of these ids, as a single read would show it.
fn load<T: Exposed>(
    conn: &mut Conn,
    ids: &[Option<Uuid>],
    caller: &Caller,
    context: &Context,
) -> Result<HashMap<Uuid, Value>, Fault> {
    let callers = vec![caller; ids.len()];
    let records: Vec<T::Record> = refs::visible::<T>(conn, &callers, ids)?.into_iter().flatten().collect();
    let shown: Vec<(&T::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
    let views = T::views(conn, &shown, context)?;
    records.iter().zip(views).map(|(record, view)| Ok((record.meta().id, value(&view)?))).collect()
}

fn value(view: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(view).map_err(|error| Fault::SerializationError(Box::new(error)))
}

/// The parameters `fields` and `embed` of a request.
pub struct Selection<R: Exposed> {
    fields: Option<Vec<String>>,
    embeds: Vec<&'static Embed<R>>,
}

impl<R: Exposed> Selection<R> {
    /// Reads what stands in the query; `None` and violations where it names what there is not.
    pub(super) fn read(fields: Option<Value>, embed: Option<Value>, violations: &mut Vec<Violation>) -> Self {
        let members = members_of::<R::View>();
        let fields = fields.map(|list| known("fields", &list, &members, violations));
        let names: Vec<String> = R::EMBEDS.iter().map(|embed| embed.name.to_owned()).collect();
        let wanted = embed.map(|list| known("embed", &list, &names, violations)).unwrap_or_default();
        let embeds = R::EMBEDS.iter().filter(|embed| wanted.iter().any(|name| name == embed.name)).collect();
        Self { fields, embeds }
    }

    /// Whether the records are shown as they are.
    pub const fn is_whole(&self) -> bool {
        self.fields.is_none() && self.embeds.is_empty()
    }

    /// Whether other records are shown with them.
    pub const fn embeds(&self) -> bool {
        !self.embeds.is_empty()
    }

    /// Whether the caller may read what is to be embedded.
    pub fn permit(&self, caller: &Caller) -> Result<(), Problem> {
        match self.embeds.iter().find(|embed| embed.scope.is_some_and(|scope| !caller.scopes.has(scope))) {
            None => Ok(()),
            Some(embed) => Err(Problem::insufficient_scope(
                ScopeSet::of(self.embeds.iter().filter_map(|embed| embed.scope).chain(<R::Read as Scope>::INFO)),
                text!(
                    "To embed `{}` takes the scope `{}`." / "Per includere `{}` serve lo scope `{}`.",
                    embed.name,
                    embed.scope.map(|scope| scope.name).unwrap_or_default()
                ),
            )),
        }
    }

    /// The members that were asked for, of a record as it is shown.
    pub fn cut(&self, view: Value) -> Value {
        match (view, &self.fields) {
            (Value::Object(mut members), Some(fields)) => {
                members.retain(|name, _| {
                    ALWAYS.contains(&name.as_str()) || name == EMBEDDED || fields.iter().any(|field| field == name)
                });
                Value::Object(members)
            }
            (view, _) => view,
        }
    }

    /// The records of a page with what was asked for. What is embedded is added to what was read.
    pub fn apply(
        &self,
        conn: &mut Conn,
        records: &[R::Record],
        caller: &Caller,
        context: &Context,
        views: &[R::View],
        read: &mut Vec<(Kind, Uuid)>,
    ) -> Result<Vec<Value>, QueryError> {
        let mut shown = views.iter().map(value).collect::<Result<Vec<Value>, Fault>>()?;
        if self.embeds() {
            let mut embedded = vec![Map::new(); records.len()];
            for embed in &self.embeds {
                let ids: Vec<Option<Uuid>> = records.iter().map(embed.id).collect();
                let found = (embed.load)(conn, &ids, caller, context)?;
                read.extend(found.keys().map(|id| (embed.kind, *id)));
                for (members, id) in embedded.iter_mut().zip(ids) {
                    let record = id.and_then(|id| found.get(&id)).cloned();
                    members.insert(embed.name.to_owned(), record.unwrap_or(Value::Null));
                }
            }
            for (view, embedded) in shown.iter_mut().zip(embedded) {
                if let Value::Object(members) = view {
                    members.insert(EMBEDDED.to_owned(), Value::Object(embedded));
                }
            }
        }
        Ok(shown.into_iter().map(|view| self.cut(view)).collect())
    }

    /// The schema of a record of which members may be left out and to which others may be added.
    pub(super) fn schema(operation: &mut Operation) -> Value {
        let whole = operation.schema::<R::View>();
        let mut schema = serde_json::to_value(R::View::schema()).unwrap_or_default();
        let mut embedded = Map::new();
        for embed in R::EMBEDS {
            let record = (embed.schema)(operation);
            embedded.insert(embed.name.to_owned(), json!({"oneOf": [{"type": "null"}, record]}));
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("required".to_owned(), json!(ALWAYS));
            schema.insert(
                "description".to_owned(),
                "The same with `fields` or `embed`: the members that were asked for, and what they refer to.".into(),
            );
            if !embedded.is_empty()
                && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
            {
                properties.insert(
                    EMBEDDED.to_owned(),
                    json!({"type": "object", "additionalProperties": false, "properties": embedded,
                        "description": "The records asked for by `embed`; null where there is none that the caller may see."}),
                );
            }
        }
        let part = operation.named_schema(&format!("{}Selection", R::View::name()), schema);
        json!({"anyOf": [whole, part]})
    }

    /// Documents the parameters.
    pub(super) fn parameters(operation: &mut Operation) {
        let list = |name: &str, description: String, names: &[String]| {
            json!({"name": name, "in": "query", "required": false, "description": description, "style": "form", "explode": false,
                "schema": {"type": "array", "minItems": 1, "maxItems": names.len(),
                    "items": {"type": "string", "enum": names}}})
        };
        operation.parameter(list(
            "fields",
            "Only these members of each record, and `id` and `version`.".to_owned(),
            &members_of::<R::View>(),
        ));
        if !R::EMBEDS.is_empty() {
            let scopes: Vec<String> = R::EMBEDS
                .iter()
                .map(|embed| format!("`{}` takes `{}`", embed.name, embed.scope.map_or("no scope", |scope| scope.name)))
                .collect();
            let names: Vec<String> = R::EMBEDS.iter().map(|embed| embed.name.to_owned()).collect();
            let description = format!(
                "Records that each record refers to, shown with it under `_embedded` as a single read would show them. Takes \
                 the scope to read them: {}.",
                scopes.join(", ")
            );
            operation.parameter(list("embed", description, &names));
        }
    }
}

/// The names of a list, each checked.
fn known(parameter: &'static str, list: &Value, names: &[String], violations: &mut Vec<Violation>) -> Vec<String> {
    let wanted: Vec<String> = list.as_str().unwrap_or_default().split(',').map(str::to_owned).collect();
    if wanted.len() > names.len() {
        violations.push(Violation::new(
            parameter,
            "too_many_items",
            text!("There are {} names in all." / "I nomi sono {} in tutto.", names.len()),
        ));
    }
    for name in wanted.iter().filter(|name| !names.contains(name)) {
        let detail = match shape::closest(name, names) {
            Some(close) => text!(
                "There is no such name here; did you mean `{close}`?"
                    / "Qui non c'è questo nome; si intendeva `{close}`?"
            ),
            None => text!(
                "There is no such name here; there are: {}." / "Qui non c'è questo nome; ci sono: {}.",
                names.join(", ")
            ),
        };
        violations.push(Violation::new(parameter, "unknown_code", detail));
    }
    wanted
}

/// The members of a view.
fn members_of<V: ToSchema + 'static>() -> Arc<Vec<String>> {
    static MEMBERS: LazyLock<RwLock<HashMap<TypeId, Arc<Vec<String>>>>> = LazyLock::new(Default::default);
    let id = TypeId::of::<V>();
    if let Some(members) = MEMBERS.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(members);
    }
    let schema = serde_json::to_value(V::schema()).unwrap_or_default();
    let members = schema.get("properties").and_then(Value::as_object);
    let members = Arc::new(members.map(|members| members.keys().cloned().collect()).unwrap_or_default());
    MEMBERS.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&members));
    members
}

/// The query of a single read: `fields` and `embed`, and nothing else.
impl<R: Exposed> FromRequest for Selection<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query_document(request.query_string(), &Map::new()).and_then(|mut document| {
            let mut violations = Vec::new();
            let mut take = |name: &str| document.as_object_mut().and_then(|document| document.remove(name));
            let (fields, embed) = (take("fields"), if R::EMBEDS.is_empty() { None } else { take("embed") });
            let selection = Self::read(fields, embed, &mut violations);
            let names = parameters::<R>();
            for name in document.as_object().into_iter().flat_map(Map::keys) {
                violations.push(unknown_parameter(name, &names));
            }
            if violations.is_empty() { Ok(selection) } else { Err(Problem::malformed(violations)) }
        }))
    }
}

/// The parameters that select.
pub(super) fn parameters<R: Exposed>() -> Vec<String> {
    let embed = if R::EMBEDS.is_empty() { None } else { Some("embed") };
    std::iter::once("fields").chain(embed).map(str::to_owned).collect()
}

/// What is told of a parameter that there is not.
pub(super) fn unknown_parameter(name: &str, known: &[String]) -> Violation {
    let detail = match shape::closest(name, known) {
        Some(close) => text!(
            "The parameter is not known; did you mean `{close}`?" / "Il parametro non è noto; si intendeva `{close}`?"
        ),
        None => text!("The parameter is not known." / "Il parametro non è noto."),
    };
    Violation::new(name, "unknown_parameter", detail)
}

impl<R: Exposed> Described for Selection<R> {
    fn describe(operation: &mut Operation) {
        Self::parameters(operation);
    }
}

/// An answer whose records were selected: the same as `A`, described with what `fields` and `embed` make of it.
pub struct Selected<R, A> {
    /// The answer.
    pub answer: A,
    of: PhantomData<R>,
}

impl<R, A> Selected<R, A> {
    /// Says of an answer that it was selected.
    pub const fn new(answer: A) -> Self {
        Self { answer, of: PhantomData }
    }
}

impl<R, A: actix_web::Responder> actix_web::Responder for Selected<R, A> {
    type Body = A::Body;

    fn respond_to(self, request: &HttpRequest) -> actix_web::HttpResponse<Self::Body> {
        self.answer.respond_to(request)
    }
}
