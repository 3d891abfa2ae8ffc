//! The audit log over HTTP, for auditors.

use actix_web::http::Method;

use super::ops::{self, MOST_CHECKPOINTS, MOST_EVENTS};
use super::wire::{
    AuditCheckpoint, AuditConsistency, AuditEvent, AuditKey, AuditProof, CheckpointsQuery, ConsistencyQuery,
    EventsQuery, ProofQuery,
};
use super::{Request, note_request};
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api};
use crate::http::permit::Permit;
use crate::http::query::Query;
use crate::http::reader::Reader;
use crate::http::respond::{Document, Items};
use crate::identity::scopes::AuditRead;

/// Registers the operations.
pub fn register(api: &mut Api) {
    let about = |id: &str, summary: &str, description: &str| About {
        id: id.to_owned(),
        tag: "audit",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    api.operation(
        Method::GET,
        "/v1/audit-events",
        about(
            "list_audit_events",
            "List who did what",
            "Every read of workers and outcomes and every change, newest first: which client, when, by which operation, which records, and whose, by pseudonym. Reading the log is noted in it.",
        ),
        events,
    )
    .refuses(&[Code::InvalidCursor]);
    api.operation(
        Method::GET,
        "/v1/audit-checkpoints",
        about(
            "list_audit_checkpoints",
            "List the signed roots of the audit log",
            "The log is a Merkle tree (RFC 6962). A second or so after entries are written they are sealed under a checkpoint: the tree's root, signed with a key that the database does not have. \
             Keep one outside, and `show_audit_consistency` proves that the log was only added to since then.",
        ),
        checkpoints,
    )
    .refuses(&[Code::InvalidCursor]);
    api.operation(
        Method::GET,
        "/v1/audit-proofs",
        about(
            "show_audit_proof",
            "Prove that an entry is in the audit log",
            "The leaf and the path from it to the root of a checkpoint (RFC 6962, section 2.1.1).",
        ),
        proof,
    )
    .refuses(&[Code::NotFound]);
    api.operation(
        Method::GET,
        "/v1/audit-consistency",
        about(
            "show_audit_consistency",
            "Prove that the audit log was only added to",
            "Between two of its checkpoints (RFC 6962, section 2.1.2).",
        ),
        consistency,
    )
    .refuses(&[Code::NotFound]);
    api.operation(
        Method::GET,
        "/v1/audit-key",
        about(
            "show_audit_key",
            "Read the key that signs the audit log",
            "Derived from the service's secret file: it stays the same, and is in no backup of the database.",
        ),
        key,
    );
}

async fn events(
    permit: Permit<AuditRead>,
    query: Query<EventsQuery>,
    reader: Reader,
) -> Result<Items<AuditEvent, MOST_EVENTS>, Problem> {
    let (caller, request): (_, Request) = (permit.caller().clone(), permit.request().as_ref().clone());
    let answer = permit.database().query(move |conn, context| {
        let found = ops::events(conn, &query.0)?;
        note_request(conn, &caller, &request, context)?;
        Ok(found)
    });
    let (found, cursor) = answer.await?;
    Ok(Items::new(found, cursor.map(|cursor| reader.page(&cursor))))
}

async fn checkpoints(
    permit: Permit<AuditRead>,
    query: Query<CheckpointsQuery>,
    reader: Reader,
) -> Result<Items<AuditCheckpoint, MOST_CHECKPOINTS>, Problem> {
    let answer = permit.database().query(move |conn, context| ops::checkpoints(conn, &query.0, context));
    let (found, cursor) = answer.await?;
    Ok(Items::new(found, cursor.map(|cursor| reader.page(&cursor))))
}

async fn proof(permit: Permit<AuditRead>, query: Query<ProofQuery>) -> Result<Document<AuditProof>, Problem> {
    let (caller, request) = (permit.caller().clone(), permit.request().clone());
    let answer = permit.database().query(move |conn, context| {
        let proof = ops::proof(conn, &query.0, context)?;
        // It shows an entry.
        note_request(conn, &caller, &request, context)?;
        Ok(proof)
    });
    answer.await.map(Document)
}

async fn consistency(
    permit: Permit<AuditRead>,
    query: Query<ConsistencyQuery>,
) -> Result<Document<AuditConsistency>, Problem> {
    permit.database().query(move |conn, _| ops::consistency(conn, &query.0)).await.map(Document)
}

async fn key(permit: Permit<AuditRead>) -> Result<Document<AuditKey>, Problem> {
    Ok(Document(ops::key(permit.database().context())))
}
