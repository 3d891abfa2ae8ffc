//! Permission as a type. A handler that takes a `Permit<ActionsWrite>` is called only with a token that has the scope
//! `actions.write`, and a permit is the only way to the database:
//!
//! ```compile_fail
//! async fn handler(state: actix_web::web::Data<ricolloca::http::State>) {
//!     let _ = &state.database; // private: there is no way past the permit
//! }
//! ```
//!
//! The OpenAPI document takes the operation's scope from the same type.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use super::State;
use super::endpoint::{Described, Operation, OperationId};
use super::finish::RequestId;
use super::limits::{self, Subject};
use crate::audit::Request;
use crate::db::Database;
use crate::db::session::Reach;
use crate::error::{Code, Problem};
use crate::exports::Readers;
use crate::feed::watch::Watch;
use crate::identity::Caller;
use crate::identity::external::Refusal;
use crate::identity::scopes::{Scope, ScopeInfo, ScopeSet};
use crate::identity::token::Authority;
use crate::imports::worker::Imports;
use crate::text;

/// The first argument of every handler: what it may do.
pub trait Permission: FromRequest + Described {
    /// The scope it stands for; `None` for what is open to all.
    const SCOPE: Option<&'static ScopeInfo>;
}

/// Proof that the caller's token has the scope `S`.
pub struct Permit<S: Scope> {
    state: web::Data<State>,
    database: Database,
    caller: Arc<Caller>,
    request: Arc<Request>,
    scope: PhantomData<S>,
}

impl<S: Scope> Permit<S> {
    /// Who calls.
    pub const fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// What is asked for, for the audit log.
    pub const fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// The way to the database, as far as the caller reaches.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The way to the threads that read for long.
    pub fn readers(&self) -> &Readers {
        &self.state.readers
    }

    /// Refuses a caller whose client was revoked or changed since the request began, where that takes long.
    pub fn check_standing(&self) -> Result<(), Problem> {
        if self.state.is_current(&self.caller) { Ok(()) } else { Err(Problem::new(Code::Unauthenticated)) }
    }

    /// The same, to be asked from another thread.
    pub fn standing(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let (state, caller) = (self.state.clone(), Arc::clone(&self.caller));
        move || state.is_current(&caller)
    }

    /// Counts what a request has turned out to cost beside what it cost to send it.
    pub fn charge(&self, units: u32) {
        for subject in [Subject::Client(self.caller.client_id.clone()), Subject::Organisation(self.caller.organisation)]
        {
            self.state.meter.add(&subject, units, limits::now());
        }
    }

    /// Where readers of the feed wait.
    pub fn feed(&self) -> &Watch {
        self.state.feed()
    }

    /// The way to the threads that carry out imports.
    pub fn imports(&self) -> &Imports {
        &self.state.imports
    }
}

impl<S: Scope> Permission for Permit<S> {
    const SCOPE: Option<&'static ScopeInfo> = S::INFO;
}

impl<S: Scope> FromRequest for Permit<S> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(permit(request).and_then(|(state, caller)| match S::INFO {
            Some(scope) if !caller.scopes.has(scope) => Err(Problem::insufficient_scope(
                ScopeSet::of([scope]),
                text!("The operation needs the scope `{}`." / "L'operazione richiede lo scope `{}`.", scope.name),
            )),
            _ => {
                let database = state.database.acting_for(Reach::of(caller.sight()));
                let request = Arc::new(requested(request));
                Ok(Self { state, database, caller, request, scope: PhantomData })
            }
        }))
    }
}

fn requested(request: &HttpRequest) -> Request {
    let known = request.extensions();
    let operation = known.get::<OperationId>().map(|id| id.0.to_string()).unwrap_or_default();
    Request {
        operation: operation.into(),
        request_id: known.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
    }
}

fn permit(request: &HttpRequest) -> Result<(web::Data<State>, Arc<Caller>), Problem> {
    let known = request.extensions();
    let caller = known.get::<Arc<Caller>>().cloned().ok_or_else(|| match known.get::<IssuerAway>() {
        Some(_) => Problem::because(
            Code::Unavailable,
            text!(
                "The keys of the token's issuer cannot be obtained at the moment."
                    / "Le chiavi dell'emittente del token non sono al momento ottenibili."
            ),
        ),
        None => Problem::new(Code::Unauthenticated),
    });
    Ok((state(request)?, caller?))
}

/// Who sends a request, by its token; `None` without a valid one. Asked once a request, before anything else is done for it.
pub async fn caller(request: &ServiceRequest, state: &State) -> Option<Arc<Caller>> {
    let token = token(request.headers())?.to_owned();
    let now = state.database.context().now();
    let error = match state.authority.verify(&token, now) {
        Ok(caller) => return Some(caller),
        Err(error) => error,
    };
    if state.federation.is_empty() {
        tracing::debug!(%error, "a token was refused");
        return None;
    }
    match state.federation.verify(&token, now).await {
        Ok(caller) => Some(caller),
        Err(refusal) => {
            tracing::debug!(%error, %refusal, "a token was refused");
            if refusal == Refusal::Unavailable {
                request.extensions_mut().insert(IssuerAway);
            }
            None
        }
    }
}

/// The token's authority cannot be asked for its keys: neither the token nor the client is to blame.
#[derive(Clone, Copy)]
struct IssuerAway;

fn token(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION);
    let (Some(header), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn state(request: &HttpRequest) -> Result<web::Data<State>, Problem> {
    request.app_data::<web::Data<State>>().cloned().ok_or(Problem::new(Code::Internal))
}

impl<S: Scope> Described for Permit<S> {
    fn describe(operation: &mut Operation) {
        operation.scope(S::INFO);
        operation.problems(&[
            Code::Unauthenticated,
            Code::InsufficientScope,
            Code::InvalidSignature,
            Code::InvalidTrackingEvidence,
        ]);
    }
}

/// For the few operations that are open to all: obtaining a token, the keys, the health of the service, reference data.
/// The test `authz_matrix` keeps the list of them.
pub struct Public(web::Data<State>);

impl Public {
    /// The way to the database: to nobody's rows.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// What issues tokens.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// What all handlers share.
    pub fn state(&self) -> &State {
        &self.0
    }
}

impl Permission for Public {
    const SCOPE: Option<&'static ScopeInfo> = None;
}

impl FromRequest for Public {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(state(request).map(Self))
    }
}

impl Described for Public {
    fn describe(operation: &mut Operation) {
        operation.scope(None);
    }
}
