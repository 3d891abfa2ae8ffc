//! Pulling the feed.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::ops;
use super::wire::{Change, Changes, ChangesEnd, ChangesQuery};
use crate::app::feed_sources;
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::permit::Permit;
use crate::http::query::Query;
use crate::http::reader::{NDJSON, Reader};
use crate::identity::scopes::ChangesRead;

/// Registers the operation.
pub fn register(api: &mut Api) {
    api.operation(
        Method::GET,
        "/v1/changes",
        About {
            id: ID.to_owned(),
            tag: "changes",
            summary: "Pull the feed of changes".to_owned(),
            description: "Every committed change of every record that the caller may see, in one total order: nothing is missed, the versions of one record come in order, \
                the changes of one transaction come together, deletions included, and what the caller gains or loses sight of. Apply a page and keep its `next` in the same \
                transaction of your own; ask again with it. A change embeds the record as it is now: it takes the place of what you have. \
                With `Accept: application/x-ndjson` a page is one change a line, and a last line with `next`."
                .to_owned(),
        },
        changes,
    );
}

const ID: &str = "list_changes";

/// A page, as a document or as lines.
pub struct ChangesPage {
    page: Changes,
    lines: bool,
}

impl Responder for ChangesPage {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        if !self.lines {
            return HttpResponse::Ok().json(self.page);
        }
        match lines(self.page) {
            Ok(body) => HttpResponse::Ok().content_type(NDJSON).body(body),
            Err(_) => HttpResponse::from_error(Problem::new(Code::Internal)),
        }
    }
}

fn lines(page: Changes) -> serde_json::Result<Vec<u8>> {
    let Changes { items, next, has_more, complete_through, lag_seconds } = page;
    let mut body = Vec::new();
    for item in items {
        serde_json::to_writer(&mut body, &item)?;
        body.push(b'\n');
    }
    serde_json::to_writer(&mut body, &ChangesEnd { next, has_more, complete_through, lag_seconds })?;
    body.push(b'\n');
    Ok(body)
}

impl Described for ChangesPage {
    fn describe(operation: &mut Operation) {
        operation.response::<Changes>(200, "A page of the feed.");
        let (change, end) = (operation.schema::<Change>(), operation.schema::<ChangesEnd>());
        operation.also(
            200,
            &json!({"type": "string", "minLength": 1, "maxLength": MOST_BYTES, "contentMediaType": NDJSON,
                "contentSchema": {"anyOf": [change, end]}, "description": "One `Change` a line, and a `ChangesEnd` on the last."}),
            NDJSON,
        );
        operation.problems(&[Code::InvalidCursor, Code::CursorExpired]);
    }
}

/// A page has at most a thousand records of at most a MiB.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// How often a reader that waits is looked at: whether its client may still be told anything.
const STANDING: Duration = Duration::from_secs(1);

async fn changes(
    permit: Permit<ChangesRead>,
    query: Query<ChangesQuery>,
    reader: Reader,
) -> Result<ChangesPage, Problem> {
    let mut query = query.0;
    let patience = u64::try_from(query.wait.unwrap_or_default()).unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(patience);
    let organisation = permit.caller().organisation;
    // Before the first look, so that nothing falls between looking and waiting. Where too many wait, the answer is what there is.
    let mut place = if patience > 0 { permit.feed().wait(organisation) } else { None };
    let mut pause = Duration::ZERO;
    loop {
        if let Some((news, _)) = &mut place {
            news.borrow_and_update();
        }
        let (caller, asked) = (permit.caller().clone(), query.clone());
        let reading = permit.request().as_ref().clone();
        let page = permit
            .database()
            .query(move |conn, context| ops::page(conn, &asked, &caller, feed_sources(), &reading, context))
            .await?;
        let over = Instant::now() >= until || !page.items.is_empty() || page.has_more;
        if let (false, Some((news, _))) = (over, &mut place) {
            query.cursor = Some(page.next);
            // Whether there is news or no more time: one more look. That nobody tells of news any more ends the waiting, too.
            while Instant::now() < until {
                let look = until.min(Instant::now() + STANDING);
                match timeout_at(look, news.changed()).await {
                    Ok(Ok(())) => break,
                    Ok(Err(_)) => return Err(Problem::new(Code::Unavailable)),
                    Err(_) => permit.check_standing()?,
                }
            }
            // What others commit is nothing to this reader, as it seems: it looks less often.
            sleep_until(until.min(Instant::now() + pause)).await;
            pause = (pause + Duration::from_millis(100)).min(Duration::from_secs(1));
            permit.check_standing()?;
            continue;
        }
        return Ok(ChangesPage { page, lines: reader.wants_lines });
    }
}
