//! Operations on actions.

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Action;
use super::ops::Act;
use super::wire::{Action as View, ActionAccounting, ActionFilter};
use super::{Actions, store};
use crate::cohorts::Cohorts;
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::Problem;
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api};
use crate::http::extract::Body;
use crate::http::page::Page;
use crate::http::permit::Permit;
use crate::http::select::Embed;
use crate::http::step::{Step, Stepped};
use crate::identity::scopes::{ActionsAccount, ActionsRead, ActionsWrite};
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;

impl Exposed for Actions {
    type Read = ActionsRead;
    type Write = ActionsWrite;
    type Filter = ActionFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "planned_on"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Partnerships>("partnership", |record: &Action| Some(record.partnership_id.uuid())),
        Embed::one::<Cohorts>("cohort", |record: &Action| record.cohort_id.map(Id::uuid)),
        Embed::one::<Organisations>("performer_organisation", |record: &Action| {
            Some(record.performer_organisation_id.uuid())
        }),
    ];
    const MEANING: &'static str = "An action (azione): something done for a cohort or for the territory, in ten kinds.";
    const WRITING: &'static str = "Each member of an active partnership writes the actions that it performs; once the partnership is concluded or the call closed, \
         they can be corrected until the reporting deadline. An accounted action is corrected by a new one that `rectifies` it and takes its place.";

    fn list(
        conn: &mut Conn,
        filter: &ActionFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Action>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn sort_value(record: &Action, sort: &str) -> Value {
        match sort {
            "planned_on" => json!(record.planned_on),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Actions>(api);
    api.operation(
        Method::POST,
        "/v1/actions/{id}/accounting",
        About {
            id: "account_action".to_owned(),
            tag: "actions",
            summary: "Account for a completed action: approve and liquidate its cost".to_owned(),
            description: "The region approves at most what was requested and liquidates at most what is approved (rendicontazione); the action is `accounted` \
                and no longer changes. Sent again, the sum liquidated may rise; what was approved stays."
                .to_owned(),
        },
        account,
    );
}

async fn account(
    permit: Permit<ActionsAccount>,
    step: Step,
    body: Body<ActionAccounting>,
) -> Result<Stepped<View>, Problem> {
    step.take::<Actions, _>(&permit, &body.digest, Act::Account(body.value)).await
}
