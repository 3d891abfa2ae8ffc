//! A copy of what is kept of a worker.

use actix_web::http::Method;

use super::ops;
use super::wire::{WorkerExport, WorkerExportRequest};
use crate::audit;
use crate::error::{Code, Problem, Violation};
use crate::http::endpoint::{About, Api};
use crate::http::extract::Body;
use crate::http::permit::Permit;
use crate::http::reader::Reader;
use crate::http::respond::Document;
use crate::identifiers::PersonTaxCode;
use crate::identity::scopes::ParticipantsProtect;

/// Registers the operation.
pub fn register(api: &mut Api) {
    api.operation(
        Method::POST,
        "/v1/workers/export",
        About {
            id: "export_worker".to_owned(),
            tag: "participants",
            summary: "Give a worker a copy of what is kept".to_owned(),
            description: "For the region (accesso, art. 15 GDPR): all records of a worker in all partnerships, what was done for the worker, what became of it, as it is and as it was \
                recorded before, until when it is kept, and who was shown it. Data of others is left out. By POST, since a tax code must not stand in a URL; nothing is changed."
                .to_owned(),
        },
        export,
    )
    .refuses(&[Code::NotFound]);
}

async fn export(
    permit: Permit<ParticipantsProtect>,
    body: Body<WorkerExportRequest>,
    reader: Reader,
) -> Result<Document<WorkerExport>, Problem> {
    let (caller, request) = (permit.caller().clone(), permit.request().clone());
    let code = PersonTaxCode::parse(&body.value.tax_code)
        .map_err(|reason| Problem::invalid(vec![Violation::new("/tax_code", reason.code(), reason.text())]))?;
    let found = permit.database().query(move |conn, context| {
        let found = ops::export(conn, &code, &caller, reader.language, context)?;
        match &found {
            Some((_, read)) => audit::note(conn, &caller, &request, read.iter().copied(), context)?,
            None => audit::note_request(conn, &caller, &request, context)?,
        }
        Ok(found)
    });
    found.await?.map(|(export, _)| Document(export)).ok_or(Problem::new(Code::NotFound))
}
