//! Sealing: entries that were committed become leaves of the log, a second or so later. Those who write them wait for nobody; several
//! processes take turns.

use std::time::Duration;

use super::checkpoint::{self, Statement};
use super::log::{Frontier, leaf};
use super::{entry, store};
use crate::batch::Context;
use crate::db::{Conn, Database, Fault};

/// How often entries are looked for.
const PERIOD: Duration = Duration::from_secs(1);

/// Entries that are sealed together, under one checkpoint.
const AT_ONCE: i64 = 1000;

/// Seals until the service stops.
pub async fn run(database: Database) {
    loop {
        tokio::time::sleep(PERIOD).await;
        loop {
            match database.query(|conn, context| Ok(seal(conn, context)?)).await {
                Ok(sealed) if i64::try_from(sealed).is_ok_and(|sealed| sealed == AT_ONCE) => {}
                Ok(_) => break,
                Err(problem) => {
                    tracing::warn!(%problem, "the audit log could not be sealed");
                    break;
                }
            }
        }
    }
}

/// Seals some entries; answers how many.
pub fn seal(conn: &mut Conn, context: &Context) -> Result<usize, Fault> {
    store::together(conn, |conn| {
        if !store::take_turn(conn)? {
            return Ok(0);
        }
        let events = store::take_pending(conn, AT_ONCE)?;
        if events.is_empty() {
            return Ok(0);
        }
        let last = store::last_checkpoint(conn)?;
        let position = last.as_ref().map_or(0, |(size, _)| *size);
        let size = u64::try_from(position).unwrap_or_default();
        let roots: Result<Vec<_>, Fault> =
            Frontier::places(size).into_iter().map(|(level, position)| store::node(conn, level, position)).collect();
        let (mut frontier, mut nodes) = (Frontier::new(size, roots?), Vec::new());
        for event in &events {
            frontier.push(leaf(&entry::content(event)), |node| nodes.push(node));
        }
        let before = last.as_ref().map(|(_, text)| text.as_str());
        let statement = Statement::new(frontier.size(), &frontier.root(), context.now(), before);
        let signed = checkpoint::sign(context.vault.signer(), &statement);
        let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
        let size = i64::try_from(frontier.size()).unwrap_or(i64::MAX);
        store::append(conn, position, &ids, &nodes, (size, &signed))?;
        // Whoever keeps the log of the service keeps a witness that the database cannot change.
        tracing::info!(size, root = statement.root, "the audit log was sealed");
        Ok(events.len())
    })
}
