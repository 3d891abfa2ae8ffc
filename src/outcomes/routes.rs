//! Operations on outcomes.

use std::sync::Arc;

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Outcome;
use super::ops::Act;
use super::wire::{Outcome as View, OutcomeFilter, OutcomeRevision, OutcomeWithdrawal, RevisionsQuery, Verification};
use super::{Outcomes, history, store};
use crate::audit;
use crate::db::Conn;
use crate::db::history::Past;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api};
use crate::http::extract::{Body, PathId};
use crate::http::page::Page;
use crate::http::permit::Permit;
use crate::http::query::Query;
use crate::http::reader::Reader;
use crate::http::respond::Items;
use crate::http::select::Embed;
use crate::http::step::{Step, Stepped};
use crate::identity::scopes::{OutcomesRead, OutcomesVerify, OutcomesWrite};
use crate::kind::Kind;
use crate::participants::Participants;
use crate::partnerships::Partnerships;

impl Exposed for Outcomes {
    type Read = OutcomesRead;
    type Write = OutcomesWrite;
    type Filter = OutcomeFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "starts_on", "state_changed_on"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Partnerships>("partnership", |record: &Outcome| Some(record.partnership_id.uuid())),
        Embed::one::<Participants>("participant", |record: &Outcome| Some(record.participant_id.uuid())),
    ];
    const MEANING: &'static str = "An outcome (esito): what became of a participant, how far it is proven, and whether it counts as a placement under the call.";
    const WRITING: &'static str = "The operator in charge of the worker declares it, also after the partnership was concluded. A notice or a VAT number makes it evidenced. \
        A verified outcome is not changed but withdrawn; a change to a disputed one puts it up for verification again.";

    fn list(
        conn: &mut Conn,
        filter: &OutcomeFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Outcome>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn past(filter: &OutcomeFilter) -> Option<Past> {
        let past = Past { known_at: filter.as_known_at, as_of: filter.as_of };
        (past != Past::default()).then_some(past)
    }

    fn sort_value(record: &Outcome, sort: &str) -> Value {
        match sort {
            "starts_on" => json!(record.starts_on),
            "state_changed_on" => json!(record.state_changed_on),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Outcomes>(api);
    api.operation(
        Method::GET,
        "/v1/outcomes/{id}/revisions",
        about(
            "list_outcome_revisions",
            "List the revisions of an outcome",
            "Every version that was recorded, oldest first, each as it was known then, and with the placement as it was judged then. What all outcomes were at an instant: \
             `as_known_at` of their list.",
        ),
        revisions,
    )
    .refuses(&[Code::NotFound]);
    api.operation(
        Method::POST,
        "/v1/outcomes/{id}/verification",
        about(
            "verify_outcome",
            "Verify or dispute an outcome",
            "The Dote system compares it with the employers' notices (comunicazioni obbligatorie). What is evidenced, verified or disputed can be decided on, again too; what is \
             only declared cannot. A dispute states its reason.",
        ),
        verify,
    );
    api.operation(
        Method::POST,
        "/v1/outcomes/{id}/withdrawal",
        about(
            "withdraw_outcome",
            "Withdraw an outcome",
            "The operator in charge takes it back (ritiro), in whatever state it is. It stays on record, counts no more, and its notice is free for another outcome. An empty \
             object will do as body.",
        ),
        withdraw,
    );
}

/// Revisions on a page.
const PAGE: i64 = 50;

async fn revisions(
    permit: Permit<OutcomesRead>,
    id: PathId,
    query: Query<RevisionsQuery>,
    reader: Reader,
) -> Result<Items<OutcomeRevision>, Problem> {
    let caller = permit.caller().clone();
    let (after, request) = (query.0.cursor.unwrap_or_default(), Arc::clone(permit.request()));
    permit
        .database()
        .query(move |conn, context| {
            let (found, next) = history::revisions(conn, id.0, after, PAGE, &caller, context)?;
            audit::note(conn, &caller, &request, std::iter::once((Kind::Outcome, id.0)), context)?;
            Ok(Items::new(found, next.map(|version| reader.page(&version.to_string()))))
        })
        .await
}

fn about(id: &str, summary: &str, description: &str) -> About {
    About { id: id.to_owned(), tag: "outcomes", summary: summary.to_owned(), description: description.to_owned() }
}

async fn verify(
    permit: Permit<OutcomesVerify>,
    step: Step,
    body: Body<Verification>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Outcomes, _>(&permit, &body.digest, Act::Verify(body.value)).await
}

async fn withdraw(
    permit: Permit<OutcomesWrite>,
    step: Step,
    body: Body<OutcomeWithdrawal>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Outcomes, _>(&permit, &body.digest, Act::Withdraw(body.value)).await
}
