//! Comparing a copy.

use actix_web::http::Method;
use tokio::sync::oneshot;

use super::ops::{Comparison, claim};
use super::wire::{Reconciliation, ReconciliationInput};
use crate::app::comparisons;
use crate::db::constraints;
use crate::db::session::Reach;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api};
use crate::http::extract::Body;
use crate::http::permit::Permit;
use crate::http::respond::Document;
use crate::identity::scopes::{ChangesRead, Scope as _, ScopeSet};
use crate::text;

/// Registers the operation.
pub fn register(api: &mut Api) {
    api.operation(
        Method::POST,
        "/v1/reconciliations",
        About {
            id: "reconcile".to_owned(),
            tag: "reconciliations",
            summary: "Compare a copy with what it is a copy of".to_owned(),
            description: "Send digests of what you have; learn whether it is what you see. First of buckets of records, which tells which of them differ; then of the records in these, \
                which tells what you lack, have otherwise, and should not have. A bucket holds the records whose ids end in the same digits. The digest of a record is SHA-256 over its \
                JSON in canonical form (RFC 8785), that of a bucket SHA-256 over the digests of its records, in the order of their ids. It changes nothing, and needs no key."
                .to_owned(),
        },
        reconcile,
    )
    .refuses(&[Code::Invalid]);
}

async fn reconcile(
    permit: Permit<ChangesRead>,
    body: Body<ReconciliationInput>,
) -> Result<Document<Reconciliation>, Problem> {
    let kind = body.value.r#type;
    let comparison: &'static Comparison =
        comparisons().iter().find(|comparison| comparison.kind == kind).ok_or(Problem::new(Code::Internal))?;
    if let Some(scope) = comparison.scope.filter(|scope| !permit.caller().scopes.has(scope)) {
        return Err(Problem::insufficient_scope(
            ScopeSet::of(ChangesRead::INFO.into_iter().chain([scope])),
            text!("These records need the scope `{}`." / "Questi record richiedono lo scope `{}`.", scope.name),
        ));
    }
    let (depth, claim) = claim(body.value)?;
    let caller = permit.caller().clone();
    let (reply, answer) = oneshot::channel();
    let reach = Reach::of(caller.sight());
    permit.readers().start(reach, caller.organisation, move |session, opener| {
        let compared = session.and_then(|session| {
            (comparison.compare)(&mut session.conn, depth, &claim, &caller, &opener.context).map_err(
                |error| match error {
                    QueryError::Problem(problem) => problem,
                    QueryError::Fault(fault) => constraints::problem_of(&fault),
                },
            )
        });
        // Whoever asked may be gone.
        let _ = reply.send(compared);
    })?;
    answer.await.unwrap_or_else(|_| Err(Problem::new(Code::Internal))).map(Document)
}
