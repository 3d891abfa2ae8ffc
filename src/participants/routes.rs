//! Operations on participants.

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Participant;
use super::subject::Act;
use super::wire::{
    Participant as View, ParticipantFilter, ParticipantLookup, ParticipantRectification, ParticipantRestriction,
};
use super::{Participants, store, views};
use crate::audit;
use crate::batch::Resource as _;
use crate::cohorts::Cohorts;
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem, Violation};
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api};
use crate::http::extract::Body;
use crate::http::page::{MAX_LIMIT, Page};
use crate::http::permit::Permit;
use crate::http::respond::Items;
use crate::http::select::Embed;
use crate::http::step::{Step, Stepped};
use crate::identifiers::PersonTaxCode;
use crate::identity::Caller;
use crate::identity::scopes::{ParticipantsProtect, ParticipantsRead, ParticipantsWrite};
use crate::kind::Kind;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;

impl Exposed for Participants {
    type Read = ParticipantsRead;
    type Write = ParticipantsWrite;
    type Filter = ParticipantFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "dote_valid_to"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Partnerships>("partnership", |record: &Participant| Some(record.partnership_id.uuid())),
        Embed::one::<Cohorts>("cohort", |record: &Participant| Some(record.cohort_id.uuid())),
        Embed::one::<Organisations>("operator_organisation", |record: &Participant| {
            Some(record.operator_organisation_id.uuid())
        }),
    ];
    const MEANING: &'static str = "A participant (lavoratore destinatario): one worker with a Dote ricollocazione in a cohort. Tax code and names are shown to the operator in \
        charge, the region and the Dote system; other members see a pseudonym.";
    const WRITING: &'static str = "The operator in charge writes it, from the partnership's draft to its end. A worker has at most one active Dote and is in at most one \
        partnership at a time. From the submission on, a partnership keeps at least one worker in charge.";
    const CONFLICTS: &'static [Code] = &[Code::WorkerTaken];

    fn list(
        conn: &mut Conn,
        filter: &ParticipantFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Participant>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn sort_value(record: &Participant, sort: &str) -> Value {
        match sort {
            "dote_valid_to" => json!(record.dote_to),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Participants>(api);
    api.operation(
        Method::POST,
        "/v1/participants/lookup",
        About {
            id: "find_participants".to_owned(),
            tag: "participants",
            summary: "Find a worker's records by tax code".to_owned(),
            description: "The worker's participants for whom the caller is shown personal data, newest first, on one page: all for the region and the Dote system, those in its \
                own charge for an operator. Whoever may not see the worker gets the same empty page as for a worker who is not known. By POST, since a tax code must not \
                stand in a URL; nothing is changed."
                .to_owned(),
        },
        lookup,
    );
    let about = |id: &str, summary: &str, description: &str| About {
        id: id.to_owned(),
        tag: "participants",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    api.operation(
        Method::POST,
        "/v1/participants/{id}/rectification",
        about(
            "rectify_participant",
            "Correct who a worker is, on the worker's request",
            "For the region (rettifica, art. 16 GDPR), in whatever state the partnership is, and also while the data is restricted. What the body leaves out stays. Operators \
             correct the records of their workers by PUT and PATCH. All records of a worker: `export_worker`.",
        ),
        rectify,
    )
    .refuses(&[Code::WorkerTaken]);
    api.operation(
        Method::POST,
        "/v1/participants/{id}/restriction",
        about(
            "restrict_participant",
            "Restrict a worker's data, or no more",
            "For the region (limitazione, art. 18 GDPR). While it is restricted the record is kept as it is: operators neither change it nor record actions or outcomes of the \
             worker, tax code and names are shown to the region alone, and the feed tells readers to forget them. What outcomes are proven by can still be verified.",
        ),
        restrict,
    );
}

async fn rectify(
    permit: Permit<ParticipantsProtect>,
    step: Step,
    body: Body<ParticipantRectification>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Participants, _>(&permit, &body.digest, Act::Rectify(body.value)).await
}

async fn restrict(
    permit: Permit<ParticipantsProtect>,
    step: Step,
    body: Body<ParticipantRestriction>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Participants, _>(&permit, &body.digest, Act::Restrict(body.value.restricted)).await
}

async fn lookup(permit: Permit<ParticipantsRead>, body: Body<ParticipantLookup>) -> Result<Items<View>, Problem> {
    let caller = permit.caller().clone();
    let reading = permit.request().as_ref().clone();
    let code = PersonTaxCode::parse(&body.value.tax_code)
        .map_err(|reason| Problem::invalid(vec![Violation::new("/tax_code", reason.code(), reason.text())]))?;
    permit
        .database()
        .query(move |conn, context| {
            let index = context.vault.index(code.as_str());
            let mut found = store::of_worker(conn, &index, caller.sight(), MAX_LIMIT)?;
            // Whoever is not shown who it is does not find it by that.
            found.retain(|record| views::shows_person(record, &caller));
            let shown: Vec<(&Participant, &Caller)> = found.iter().map(|record| (record, caller.as_ref())).collect();
            let views = Participants::views(conn, &shown, context)?;
            let read = found.iter().map(|record| (Kind::Participant, record.meta.id));
            // One that finds nobody is noted as well: whoever tries tax codes leaves a trace.
            if found.is_empty() {
                audit::note_request(conn, &caller, &reading, context)?;
            } else {
                audit::note(conn, &caller, &reading, read, context)?;
            }
            Ok(Items::new(views, None))
        })
        .await
}
