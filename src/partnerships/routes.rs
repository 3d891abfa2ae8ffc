//! Operations on partnerships.

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Partnership;
use super::ops::{self, Act};
use super::wire::{Composition, Decision, Partnership as View, PartnershipFilter, Withdrawal};
use super::{Partnerships, store};
use crate::calls::Calls;
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::extract::{Body, PathId};
use crate::http::page::Page;
use crate::http::permit::Permit;
use crate::http::respond::Document;
use crate::http::select::Embed;
use crate::http::step::{Step, Stepped};
use crate::identity::scopes::{PartnershipsDecide, PartnershipsRead, PartnershipsWrite};
use crate::organisations::Organisations;

impl Exposed for Partnerships {
    type Read = PartnershipsRead;
    type Write = PartnershipsWrite;
    type Filter = PartnershipFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "title", "starts_on", "ends_on"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Calls>("call", |record: &Partnership| Some(record.call_id.uuid())),
        Embed::one::<Organisations>("lead_organisation", |record: &Partnership| {
            Some(record.lead_organisation_id.uuid())
        }),
    ];
    const MEANING: &'static str = "A partnership (partenariato territoriale): a network of subjects under one call.";
    const WRITING: &'static str = "The organisation whose client creates a partnership leads it (capofila); only the lead changes it, and only while it is a draft.";

    fn list(
        conn: &mut Conn,
        filter: &PartnershipFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Partnership>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn sort_value(record: &Partnership, sort: &str) -> Value {
        match sort {
            "title" => json!(record.title),
            "starts_on" => json!(record.starts_on),
            "ends_on" => json!(record.ends_on),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Partnerships>(api);
    api.operation(
        Method::GET,
        "/v1/partnerships/{id}/composition",
        about(
            "show_partnership_composition",
            "Judge a partnership by the rules of its submission",
            "Every rule that a submission is judged by, as it stands today: satisfied, violated with what is missing, or not applicable under this call. At any time and in \
             any state; the submission itself uses the same rules on the same facts.",
        ),
        composition,
    );
    api.operation(
        Method::POST,
        "/v1/partnerships/{id}/submission",
        about(
            "submit_partnership",
            "Submit a partnership",
            "The lead submits a draft (presentazione) on a day on which the call takes applications. All rules of composition, money and time are judged, and every broken one is reported.",
        ),
        submit,
    );
    api.operation(
        Method::POST,
        "/v1/partnerships/{id}/decision",
        about(
            "decide_partnership",
            "Approve or reject a partnership",
            "The region decides on a partnership that was submitted (istruttoria). A grant lies within what was requested and within what is left of the call's allocation. \
             A rejection lets the workers go.",
        ),
        decide,
    );
    api.operation(
        Method::POST,
        "/v1/partnerships/{id}/activation",
        about(
            "activate_partnership",
            "Activate a partnership",
            "The lead begins the work of an approved partnership (avvio). Its composition has to hold.",
        ),
        activate,
    );
    api.operation(
        Method::POST,
        "/v1/partnerships/{id}/conclusion",
        about(
            "conclude_partnership",
            "Conclude a partnership",
            "The lead ends an active partnership (conclusione), not before its first day. Workers who are still there leave it today and are free for others.",
        ),
        conclude,
    );
    api.operation(
        Method::POST,
        "/v1/partnerships/{id}/withdrawal",
        about(
            "withdraw_partnership",
            "Withdraw a partnership",
            "The lead gives up a partnership that is not at its end yet (ritiro). What was granted goes back to the call; the workers are free for others. An empty object will do as body.",
        ),
        withdraw,
    );
}

fn about(id: &str, summary: &str, description: &str) -> About {
    About { id: id.to_owned(), tag: "partnerships", summary: summary.to_owned(), description: description.to_owned() }
}

/// The partnership after the decision.
pub struct Decided(Stepped<View>);

impl actix_web::Responder for Decided {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, request: &actix_web::HttpRequest) -> actix_web::HttpResponse {
        self.0.respond_to(request)
    }
}

impl Described for Decided {
    fn describe(operation: &mut Operation) {
        Stepped::<View>::describe(operation);
        operation.problems(&[Code::AllocationExceeded]);
    }
}

async fn composition(permit: Permit<PartnershipsRead>, id: PathId) -> Result<Document<Composition>, Problem> {
    let caller = permit.caller().clone();
    permit.database().query(move |conn, context| ops::composition(conn, &caller, id.0, context).map(Document)).await
}

async fn submit(permit: Permit<PartnershipsWrite>, step: Step) -> Result<Stepped<View>, Problem> {
    step.take::<Partnerships, _>(&permit, &[], Act::Submit).await
}

async fn decide(permit: Permit<PartnershipsDecide>, step: Step, body: Body<Decision>) -> Result<Decided, Problem> {
    step.take::<Partnerships, _>(&permit, &body.digest, Act::Decide(body.value)).await.map(Decided)
}

async fn activate(permit: Permit<PartnershipsWrite>, step: Step) -> Result<Stepped<View>, Problem> {
    step.take::<Partnerships, _>(&permit, &[], Act::Activate).await
}

async fn conclude(permit: Permit<PartnershipsWrite>, step: Step) -> Result<Stepped<View>, Problem> {
    step.take::<Partnerships, _>(&permit, &[], Act::Conclude).await
}

async fn withdraw(
    permit: Permit<PartnershipsWrite>,
    step: Step,
    body: Body<Withdrawal>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Partnerships, _>(&permit, &body.digest, Act::Withdraw(body.value)).await
}
