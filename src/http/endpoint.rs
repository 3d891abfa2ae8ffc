//! Operations that document themselves. [`Api::operation`] registers a handler once; path, scope, parameters, bodies,
//! answers and problems of the OpenAPI document come from the handler's own argument and result types. So the router and the
//! document cannot list different operations, and a scope cannot be enforced and not documented.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::guard::{Any, Get, Head, fn_guard};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpResponse, Responder, Route, web};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::deprecation::Deprecation;
use super::permit::Permission;
use super::{extract, headers};
use crate::error::{Code, Problem};
use crate::identity::scopes::ScopeInfo;
use crate::openapi::schemas;

/// An argument or a result of a handler that says what it means for the operation.
pub trait Described {
    /// Adds it to the operation's description.
    fn describe(operation: &mut Operation);
}

/// What people read about an operation.
#[derive(Clone, Debug)]
pub struct About {
    /// `snake_case`, without the name of a method.
    pub id: String,
    /// The section it stands in.
    pub tag: &'static str,
    /// One line.
    pub summary: String,
    /// The rest: what it does, what it needs, what happens on a retry.
    pub description: String,
}

/// One operation as the document shows it.
#[derive(Debug)]
pub struct Operation {
    /// Upper-case method.
    pub method: Method,
    /// Path with its parameters in braces.
    pub path: String,
    about: About,
    scope: Option<&'static ScopeInfo>,
    parameters: Vec<Value>,
    request: Option<Value>,
    responses: BTreeMap<u16, Value>,
    problems: BTreeSet<Code>,
    schemas: BTreeMap<String, Value>,
    /// Names under which more than one schema was added.
    ambiguous: Vec<String>,
    deprecation: Option<Deprecation>,
}

impl Operation {
    fn new(method: Method, path: &str, about: About) -> Self {
        Self {
            method,
            path: path.to_owned(),
            about,
            scope: None,
            parameters: Vec::new(),
            request: None,
            responses: BTreeMap::new(),
            problems: [
                Code::MalformedRequest,
                Code::UriTooLong,
                Code::TooManyRequests,
                Code::HeadersTooLarge,
                Code::Internal,
                Code::Unavailable,
            ]
            .into(),
            schemas: BTreeMap::new(),
            ambiguous: Vec::new(),
            deprecation: None,
        }
    }

    /// States the scope.
    pub fn scope(&mut self, scope: Option<&'static ScopeInfo>) {
        self.scope = scope;
    }

    /// Adds a parameter object.
    pub fn parameter(&mut self, parameter: Value) {
        self.parameters.push(parameter);
    }

    /// Adds problems that it may answer with.
    pub fn problems(&mut self, codes: &[Code]) {
        self.problems.extend(codes);
    }

    /// Sets the request body of a media type.
    pub fn body<T: ToSchema>(&mut self, media: &str) {
        let schema = self.schema::<T>();
        self.body_of(&schema, media);
    }

    /// Sets the request body of a schema and media type.
    pub fn body_of(&mut self, schema: &Value, media: &str) {
        self.request = Some(json!({"required": true, "content": {media: {"schema": schema}}}));
    }

    /// The schema of a merge-patch to another, which is added to the components.
    pub fn merge_patch(&mut self, whole: &Value) -> Value {
        let mut patches = BTreeMap::new();
        let reference = schemas::merge_patch(whole, &self.schemas, &mut patches);
        self.schemas.extend(patches);
        reference
    }

    /// Adds an answer without a body.
    pub fn empty_response(&mut self, status: u16, description: &str) {
        self.responses.insert(status, json!({"description": description}));
    }

    /// Adds an answer with a JSON body.
    pub fn response<T: ToSchema>(&mut self, status: u16, description: &str) {
        let schema = self.schema::<T>();
        self.raw_response(status, description, &schema, "application/json");
    }

    /// Adds an answer with a body of this schema and media type.
    pub fn raw_response(&mut self, status: u16, description: &str, schema: &Value, media: &str) {
        self.responses.insert(status, json!({"description": description, "content": {media: {"schema": schema}}}));
    }

    /// Adds a media type to an answer that is there.
    pub fn also(&mut self, status: u16, schema: &Value, media: &str) {
        if let Some(content) = self.responses.get_mut(&status).and_then(|response| response.get_mut("content")) {
            put(content, media, json!({"schema": schema}));
        }
    }

    /// Adds headers to an answer.
    pub fn response_headers(&mut self, status: u16, headers: Value) {
        if let Some(response) = self.responses.get_mut(&status) {
            put(response, "headers", headers);
        }
    }

    /// Refers to a schema, which is added to the components.
    pub fn schema<T: ToSchema>(&mut self) -> Value {
        let mut schemas = Vec::new();
        T::schemas(&mut schemas);
        schemas.push((T::name().into_owned(), T::schema()));
        for (name, schema) in schemas {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            if self.schemas.get(&name).is_some_and(|known| *known != schema) {
                self.ambiguous.push(name.clone());
            }
            self.schemas.insert(name, schema);
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// Adds a schema that is put together by hand.
    pub fn named_schema(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.insert(name.to_owned(), schema);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn document(&self) -> Value {
        let mut responses: Map<String, Value> =
            self.responses.iter().map(|(status, response)| (status.to_string(), response.clone())).collect();
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in &self.problems {
            by_status.entry(code.status()).or_default().push(*code);
        }
        for (status, codes) in by_status {
            let description = codes
                .iter()
                .map(|code| format!("`{}`: {}.", code.as_str(), code.title()))
                .collect::<Vec<_>>()
                .join(" ");
            let examples: Map<String, Value> = codes
                .iter()
                .map(|code| (code.as_str(), format!("#/components/examples/{}", code.as_str())))
                .map(|(code, path)| (code.to_owned(), json!({"$ref": path})))
                .collect();
            let mut response = json!({
                "description": description,
                "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
            });
            if self.method == Method::PATCH && status == Code::UnsupportedMediaType.status() {
                put(&mut response, "headers", json!({"Accept-Patch": headers::reference("Accept-Patch")}));
            }
            let retried = codes.iter().filter(|code| Problem::new(**code).retry_after().is_some()).count();
            if retried == codes.len() {
                put(&mut response, "headers", json!({"Retry-After": headers::reference("Retry-After")}));
            } else if retried > 0 {
                put(&mut response, "headers", json!({"Retry-After": headers::optional("Retry-After")}));
            }
            responses.insert(status.to_string(), response);
        }
        let mut parameters = self.parameters.clone();
        let is_json = |response: &Value| response.pointer("/content/application~1json").is_some();
        // Every document and every list can be asked for anew at the cost of its tag: see `finish`.
        if let Some(response) =
            responses.get_mut("200").filter(|response| self.method == Method::GET && is_json(response))
        {
            let mut own = response.get("headers").cloned().unwrap_or_else(|| json!({}));
            put(&mut own, "ETag", headers::reference("ETag"));
            put(response, "headers", own);
            let known = json!({"description": "The reader has what the answer would be.", "headers": {"ETag": headers::reference("ETag")}});
            responses.insert("304".to_owned(), known);
            parameters.push(extract::describe_if_none_match());
        }
        for response in responses.values_mut() {
            let mut all = headers::of_every_answer(&self.method);
            all.extend(self.deprecation.map(Deprecation::described).unwrap_or_default());
            if let Some(Value::Object(own)) = response.get("headers") {
                all.extend(own.clone());
            }
            put(response, "headers", Value::Object(all));
        }
        let mut document = json!({
            "operationId": self.about.id,
            "tags": [self.about.tag],
            "summary": self.about.summary,
            "description": self.about.description,
            "parameters": parameters,
            "responses": responses,
            "security": match self.scope {
                Some(scope) => json!([{"oauth2": [scope.name]}]),
                None => json!([{}]),
            },
        });
        if let Some(request) = &self.request {
            put(&mut document, "requestBody", request.clone());
        }
        if self.deprecation.is_some() {
            put(&mut document, "deprecated", Value::Bool(true));
        }
        document
    }
}

/// Sets a member of an object.
fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// The id of the operation that a request is for, once it is routed.
#[derive(Clone, Debug)]
pub struct OperationId(pub Arc<str>);

type Register = Arc<dyn Fn() -> Route + Send + Sync>;

/// All operations of the service.
#[derive(Default)]
pub struct Api {
    operations: Vec<Operation>,
    routes: BTreeMap<String, Vec<(Method, Register)>>,
}

impl Api {
    /// Registers and documents a handler whose first argument is a permission.
    pub fn operation<H, Args, T>(&mut self, method: Method, path: &str, about: About, handler: H) -> &mut Self
    where
        H: Handler<Args, Output = Result<T, Problem>> + Clone + Send + Sync,
        Args: FromRequest + Described + Permitted + 'static,
        T: Responder + Described + 'static,
    {
        let operation_id = about.id.clone();
        let mut operation = Operation::new(method.clone(), path, about);
        Args::describe(&mut operation);
        T::describe(&mut operation);
        self.operations.push(operation);
        let register: Register = {
            let method = method.clone();
            let id: Arc<str> = operation_id.into();
            Arc::new(move || {
                let id = Arc::clone(&id);
                // Not a condition: the last thing that is asked before the handler is the one.
                let named = fn_guard(move |asked| {
                    asked.req_data_mut().insert(OperationId(Arc::clone(&id)));
                    true
                });
                let route = match method {
                    // HEAD is GET without the body, which the server leaves out by itself.
                    Method::GET => web::route().guard(Any(Get()).or(Head())),
                    _ => web::method(method.clone()),
                };
                route.guard(named).to(handler.clone())
            })
        };
        self.routes.entry(path.to_owned()).or_default().push((method, register));
        self
    }

    /// Adds problems that the operation that was registered last may answer with.
    pub fn refuses(&mut self, codes: &[Code]) -> &mut Self {
        if let Some(operation) = self.operations.last_mut() {
            operation.problems(codes);
        }
        self
    }

    /// Announces the end of the operation that was registered last.
    pub fn deprecated(&mut self, deprecation: Deprecation) -> &mut Self {
        if let Some(operation) = self.operations.last_mut() {
            operation.deprecation = Some(deprecation);
            if let Some((_, register)) = self.routes.get_mut(&operation.path).and_then(|methods| methods.last_mut()) {
                let inner = Arc::clone(register);
                *register = Arc::new(move || inner().wrap(deprecation.headers()));
            }
        }
        self
    }

    /// What is registered, for the tests that walk every operation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Names that stand for one schema here and another there, for the tests: in the document the last one would be shown.
    pub fn ambiguous_schemas(&self) -> Vec<String> {
        let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut found: Vec<String> = self.operations.iter().flat_map(|operation| operation.ambiguous.clone()).collect();
        for (name, schema) in self.operations.iter().flat_map(|operation| &operation.schemas) {
            if known.insert(name, schema).is_some_and(|before| before != schema) {
                found.push(name.clone());
            }
        }
        found
    }

    /// Adds the routes to an application. A path that is asked with another method answers 405 and says which there are.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        // Fixed segments come before parameters, so that `/v1/x/by-external-id/{e}` is not read as `/v1/x/{id}/...`.
        let mut paths: Vec<(&String, &Vec<(Method, Register)>)> = self.routes.iter().collect();
        paths.sort_by_key(|(path, _)| path.replace('{', "\u{7f}"));
        for (path, methods) in paths {
            let mut resource = web::resource(path.as_str());
            for (_, register) in methods {
                resource = resource.route(register());
            }
            let allow = methods.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ");
            resource = resource.default_service(web::to(move || {
                let allow = allow.clone();
                async move {
                    let mut response = HttpResponse::from_error(Problem::new(Code::MethodNotAllowed));
                    if let Ok(value) = allow.parse() {
                        response.headers_mut().insert(actix_web::http::header::ALLOW, value);
                    }
                    response
                }
            }));
            config.service(resource);
        }
    }

    /// The `paths` and `components.schemas` of the document.
    pub fn document(&self) -> (Map<String, Value>, Map<String, Value>) {
        let mut paths = Map::new();
        let mut schemas = Map::new();
        for operation in &self.operations {
            let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
            put(path, &operation.method.as_str().to_lowercase(), operation.document());
            schemas.extend(operation.schemas.iter().map(|(name, schema)| (name.clone(), schema.clone())));
        }
        (paths, schemas)
    }
}

/// Arguments that begin with a permission.
pub trait Permitted {
    /// The scope that the permission stands for.
    const SCOPE: Option<&'static ScopeInfo>;
}

macro_rules! tuples {
    ($(($first:ident $($rest:ident)*))+) => { $(
        impl<$first: Described, $($rest: Described),*> Described for ($first, $($rest,)*) {
            fn describe(operation: &mut Operation) {
                $first::describe(operation);
                $($rest::describe(operation);)*
            }
        }
        impl<$first: Permission, $($rest),*> Permitted for ($first, $($rest,)*) {
            const SCOPE: Option<&'static ScopeInfo> = $first::SCOPE;
        }
    )+ };
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) }
