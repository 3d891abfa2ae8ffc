//! Pulling the feed.

use actix_web::http::Method;

use super::ops;
use super::wire::{Changes, ChangesQuery};
use crate::app::feed_sources;
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::permit::Permit;
use crate::http::query::Query;
use crate::http::respond::Document;
use crate::identity::scopes::ChangesRead;

/// Registers the operation.
pub fn register(api: &mut Api) {
    api.operation(
        Method::GET,
        "/v1/changes",
        About {
            id: "list_changes".to_owned(),
            tag: "changes",
            summary: "Pull the feed of changes".to_owned(),
            description: "Every committed change of every record that the caller may see, in one total order: nothing is missed, the versions of one record come in order, \
                the changes of one transaction come together, deletions included. Apply a page and keep its `next` in the same transaction of your own; ask again with it. \
                An event embeds the record as it is now: apply what is newer than what you have."
                .to_owned(),
        },
        changes,
    );
}

/// A page with the refusals that come with cursors.
pub struct ChangesPage(Document<Changes>);

impl actix_web::Responder for ChangesPage {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, request: &actix_web::HttpRequest) -> actix_web::HttpResponse {
        self.0.respond_to(request)
    }
}

impl Described for ChangesPage {
    fn describe(operation: &mut Operation) {
        Document::<Changes>::describe(operation);
        operation.problems(&[Code::InvalidCursor, Code::CursorExpired]);
    }
}

async fn changes(permit: Permit<ChangesRead>, query: Query<ChangesQuery>) -> Result<ChangesPage, Problem> {
    let caller = permit.caller().clone();
    permit
        .database()
        .query(move |conn, context| ops::page(conn, &query.0, &caller, feed_sources(), context))
        .await
        .map(|page| ChangesPage(Document(page)))
}
