//! All records of a kind that a reader sees, in the order of their ids, in pieces.

use serde_json::Value;
use uuid::Uuid;

use crate::batch::Context;
use crate::db::threads::QueryError;
use crate::db::{Conn, Stored as _};
use crate::http::crud::Exposed;
use crate::http::page::Page;
use crate::identity::Caller;

/// Records that are read together.
const PIECE: i64 = 2_000;

/// Reads from the record after `after` on, and hands over piece by piece.
pub fn scan<R: Exposed>(
    conn: &mut Conn,
    filter: &R::Filter,
    after: Option<Uuid>,
    caller: &Caller,
    context: &Context,
    mut piece: impl FnMut(&[Uuid], &[R::View]) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let mut page = Page { limit: PIECE, sort: "id", descending: false, after: after.map(|id| (Value::Null, id)) };
    loop {
        let mut records = R::list(conn, filter, &page, caller.sight())?;
        let more = records.len() > usize::try_from(PIECE).unwrap_or(usize::MAX);
        if more {
            records.pop();
        }
        let ids: Vec<Uuid> = records.iter().map(|record| record.meta().id).collect();
        let shown: Vec<(&R::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
        let views = R::views(conn, &shown, context)?;
        if !ids.is_empty() {
            piece(&ids, &views)?;
        }
        match (more, ids.last()) {
            (true, Some(last)) => page.after = Some((Value::Null, *last)),
            _ => return Ok(()),
        }
    }
}
