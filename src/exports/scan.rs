//! All records of a kind that a reader sees, in the order of their ids, in pieces.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;

use serde_json::Value;
use uuid::Uuid;

use crate::batch::Context;
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem};
use crate::http::crud::Exposed;
use crate::http::page::Page;
use crate::identity::Caller;

/// Records that are read together.
const PIECE: i64 = 2_000;

/// Pieces that are read before the one in hand has been shown.
const AHEAD: usize = 1;

/// Reads from the record after `after` on, and hands over piece by piece, in a thread of its own: the next piece is read meanwhile.
pub fn scan<R: Exposed>(
    conn: &mut Conn,
    filter: &R::Filter,
    after: Option<Uuid>,
    caller: &Caller,
    context: &Context,
    mut piece: impl FnMut(&[Uuid], &[R::View]) -> Result<(), QueryError> + Send,
) -> Result<(), QueryError> {
    let (sender, pieces) = sync_channel::<(Vec<R::Record>, R::Around)>(AHEAD);
    std::thread::scope(|scope| {
        let shown = std::thread::Builder::new().name("export-show".to_owned()).spawn_scoped(scope, move || {
            for (records, around) in pieces {
                let ids: Vec<Uuid> = records.iter().map(|record| record.meta().id).collect();
                let views: Result<Vec<R::View>, Fault> =
                    records.iter().map(|record| R::view(record, caller, &around, context)).collect();
                piece(&ids, &views?)?;
            }
            Ok::<(), QueryError>(())
        });
        let shown = shown.map_err(|_| QueryError::Problem(Problem::new(Code::Unavailable)))?;
        let read =
            read::<R>(conn, filter, after, caller, context, |records, around| sender.send((records, around)).is_ok());
        drop(sender);
        // Where showing failed, reading was told to stop: what failed first is what is answered.
        shown.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        read
    })
}

/// Reads piece by piece, until `take` wants no more.
fn read<R: Exposed>(
    conn: &mut Conn,
    filter: &R::Filter,
    after: Option<Uuid>,
    caller: &Caller,
    context: &Context,
    mut take: impl FnMut(Vec<R::Record>, R::Around) -> bool,
) -> Result<(), QueryError> {
    let mut page = Page { limit: PIECE, sort: "id", descending: false, after: after.map(|id| (Value::Null, id)) };
    loop {
        let mut records = R::list(conn, filter, &page, caller.sight())?;
        let more = records.len() > usize::try_from(PIECE).unwrap_or(usize::MAX);
        if more {
            records.pop();
        }
        let Some(last) = records.last() else { return Ok(()) };
        page.after = Some((Value::Null, last.meta().id));
        let around = R::around(conn, &records.iter().collect::<Vec<_>>(), context)?;
        if !take(records, around) || !more {
            return Ok(());
        }
    }
}
