//! Operations on calls.

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Call;
use super::wire::{CallBudget, CallFilter, CallRule};
use super::{Calls, store};
use crate::db::threads::QueryError;
use crate::db::{Conn, Stored};
use crate::error::{Code, Problem};
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::{About, Api};
use crate::http::extract::PathId;
use crate::http::page::Page;
use crate::http::permit::Permit;
use crate::http::respond::{Document, Items};
use crate::identity::scopes::{CallsRead, CallsWrite};
use crate::rules_catalogue::RULES;

impl Exposed for Calls {
    type Read = CallsRead;
    type Write = CallsWrite;
    type Filter = CallFilter;
    const SORTS: &'static [&'static str] =
        &["created_at", "updated_at", "code", "title", "applications_from", "reporting_deadline"];
    const MEANING: &'static str =
        "A call (avviso): one edition of the funding, with its allocation, windows and the parameters of its rules.";
    const WRITING: &'static str = "The region publishes calls.";
    const CONFLICTS: &'static [Code] = &[Code::AllocationExceeded];

    fn list(conn: &mut Conn, filter: &CallFilter, page: &Page, _: Option<Uuid>) -> Result<Vec<Call>, QueryError> {
        store::list(conn, filter, page)
    }

    fn sort_value(record: &Call, sort: &str) -> Value {
        match sort {
            "code" => json!(record.code),
            "title" => json!(record.title),
            "applications_from" => json!(record.applications_from),
            "reporting_deadline" => json!(record.reporting_deadline),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Calls>(api);
    api.operation(
        Method::GET,
        "/v1/calls/{id}/budget",
        About {
            id: "show_call_budget".to_owned(),
            tag: "calls",
            summary: "Read what was granted under a call, and what is left".to_owned(),
            description: "What is granted never adds up to more than the allocation (dotazione). A partnership that is withdrawn after its approval gives its grant back."
                .to_owned(),
        },
        budget,
    );
    api.operation(
        Method::GET,
        "/v1/calls/{id}/rules",
        About {
            id: "list_call_rules".to_owned(),
            tag: "calls",
            summary: "List the rules as they stand under a call".to_owned(),
            description: "Every rule as data: its code, as violations name it in `rule`, where it comes from, when it is judged, what the call sets it to, \
                and facts that it accepts and refuses. One page holds all."
                .to_owned(),
        },
        rules,
    );
}

async fn budget(permit: Permit<CallsRead>, id: PathId) -> Result<Document<CallBudget>, Problem> {
    permit
        .database()
        .query(move |conn, _| {
            find(conn, id.0)?;
            let budget = store::budget(conn, id.0)?.ok_or(Problem::new(Code::NotFound))?;
            Ok(Document(CallBudget {
                call_id: id.0,
                allocation_cents: budget.allocation_cents,
                granted_cents: budget.granted_cents,
                remaining_cents: budget.remaining_cents(),
            }))
        })
        .await
}

async fn rules(permit: Permit<CallsRead>, id: PathId) -> Result<Items<CallRule>, Problem> {
    permit
        .database()
        .query(move |conn, _| {
            let call = find(conn, id.0)?;
            let items = RULES
                .iter()
                .map(|rule| {
                    let (passing_example, failing_example) = (rule.examples)(&call);
                    CallRule {
                        code: rule.code,
                        invariant: rule.invariant,
                        title_en: rule.title_en,
                        title_it: rule.title_it,
                        citation: rule.citation,
                        valid_from: call.applications_from.min(call.activities_from),
                        valid_to: call.reporting_deadline,
                        in_force: (rule.in_force)(&call.rules),
                        parameters: (rule.parameters)(&call),
                        passing_example,
                        failing_example,
                    }
                })
                .collect();
            Ok(Items::new(items, None))
        })
        .await
}

fn find(conn: &mut Conn, id: Uuid) -> Result<Call, QueryError> {
    Ok(Call::fetch(conn, &[id])?.pop().ok_or(Problem::new(Code::NotFound))?)
}
