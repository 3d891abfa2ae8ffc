//! What was recorded of an outcome.

use uuid::Uuid;

use super::wire::OutcomeRevision;
use super::{Outcomes, store};
use crate::batch::{Context, Resource as _, refs};
use crate::db::Conn;
use crate::db::history::{Past, read};
use crate::db::threads::QueryError;
use crate::error::{Code, Problem};
use crate::identity::Caller;

/// The revisions of an outcome that come after a version, each as it was known when it was recorded, and the version after which more
/// come. Who may not see the outcome now is not told that there are any.
pub fn revisions(
    conn: &mut Conn,
    id: Uuid,
    after: i64,
    limit: i64,
    caller: &Caller,
    context: &Context,
) -> Result<(Vec<OutcomeRevision>, Option<i64>), QueryError> {
    let seen = refs::visible::<Outcomes>(conn, &[caller], &[Some(id)])?;
    if seen.into_iter().flatten().next().is_none() {
        return Err(Problem::new(Code::NotFound).into());
    }
    let mut revisions = Vec::new();
    let mut recorded = store::recorded(conn, id, after, limit + 1)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = recorded.len() > shown;
    recorded.truncate(shown);
    let next = recorded.last().filter(|_| more).map(|(version, _)| *version);
    for (version, recorded_at) in recorded {
        let past = Past { known_at: Some(recorded_at), as_of: None };
        let view = read(conn, past, |conn| {
            let found = refs::visible::<Outcomes>(conn, &[caller], &[Some(id)])?;
            let shown: Vec<_> = found.iter().flatten().map(|record| (record, caller)).collect();
            Ok(Outcomes::views(conn, &shown, context)?.pop())
        })?;
        // One that was overwritten at the very instant was never known.
        if let Some(record) = view.filter(|view| view.version == version) {
            revisions.push(OutcomeRevision { version, recorded_at, record });
        }
    }
    Ok((revisions, next))
}
