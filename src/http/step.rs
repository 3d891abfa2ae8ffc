//! Steps of a lifecycle: POSTs on a sub-resource of one record.

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use utoipa::ToSchema;

use super::crud;
use super::endpoint::{Described, Operation};
use super::extract::{IdempotencyKey, MayMatch, PathId};
use super::permit::Permit;
use super::respond::Changed;
use crate::batch::{Item, Resource, Target, Verb, Wants};
use crate::error::{Code, Problem};
use crate::identity::scopes::Scope;

/// What every step comes with: which record, the version it was read in, the key of the request.
pub struct Step {
    id: PathId,
    version: MayMatch,
    key: IdempotencyKey,
}

impl FromRequest for Step {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut read = || {
            Ok(Self {
                id: PathId::from_request(request, payload).into_inner()?,
                version: MayMatch::from_request(request, payload).into_inner()?,
                key: IdempotencyKey::from_request(request, payload).into_inner()?,
            })
        };
        ready(read())
    }
}

impl Described for Step {
    fn describe(operation: &mut Operation) {
        PathId::describe(operation);
        MayMatch::describe(operation);
        IdempotencyKey::describe(operation);
    }
}

impl Step {
    /// Takes the step; `digest` is that of the body, empty where the step has none.
    pub async fn take<R: Resource, S: Scope>(
        self,
        permit: &Permit<S>,
        digest: &[u8],
        act: R::Act,
    ) -> Result<Stepped<R::View>, Problem> {
        let item = Item::<R> {
            caller: permit.caller().clone(),
            request: permit.request().clone(),
            target: Target::Id(self.id.0),
            verb: Verb::Act(act),
            if_version: self.version.0,
            idempotency: self.key.over(&permit.caller().client_id, digest),
            wants: Wants::Record,
        };
        crud::apply(permit, item).await.map(Stepped)
    }
}

/// The record after a step.
pub struct Stepped<V>(Changed<V>);

impl<V> Responder for Stepped<V> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.respond_to(request)
    }
}

impl<V: ToSchema> Described for Stepped<V> {
    fn describe(operation: &mut Operation) {
        Changed::<V>::describe(operation);
        operation.problems(&[Code::NotYours, Code::WrongState, Code::Invalid]);
    }
}
