//! Sealing: entries that were committed become leaves of the log, a second or so later. Those who write them wait for nobody; several
//! processes take turns.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::checkpoint::{self, Statement, hex};
use super::log::{Frontier, leaf};
use super::{entry, store};
use crate::batch::Context;
use crate::db::{Conn, Database, Fault};

/// How often entries are looked for.
const PERIOD: Duration = Duration::from_secs(1);

/// Entries that are sealed together, under one checkpoint.
const AT_ONCE: i64 = 1000;

/// The last checkpoint that this process signed: the database cannot take it back.
pub type Witness = Arc<Mutex<Option<(i64, String)>>>;

/// Seals until the service stops.
pub async fn run(database: Database) {
    let witness = Witness::default();
    loop {
        tokio::time::sleep(PERIOD).await;
        loop {
            let seen = Arc::clone(&witness);
            match database.query(move |conn, context| Ok(seal(conn, context, &seen)?)).await {
                Ok(sealed) if i64::try_from(sealed).is_ok_and(|sealed| sealed == AT_ONCE) => {}
                Ok(_) => break,
                Err(problem) => {
                    tracing::error!(%problem, "the audit log could not be sealed");
                    break;
                }
            }
        }
    }
}

/// Seals some entries; answers how many.
pub fn seal(conn: &mut Conn, context: &Context, witness: &Witness) -> Result<usize, Fault> {
    let sealed = store::together(conn, |conn| {
        if !store::take_turn(conn)? {
            return Ok((0, None));
        }
        let events = store::take_pending(conn, AT_ONCE)?;
        if events.is_empty() {
            return Ok((0, None));
        }
        let last = store::last_checkpoint(conn)?;
        let position = last.as_ref().map_or(0, |(size, _)| *size);
        let size = u64::try_from(position).unwrap_or_default();
        let roots: Result<Vec<_>, Fault> =
            Frontier::places(size).into_iter().map(|(level, position)| store::node(conn, level, position)).collect();
        let (mut frontier, mut nodes) = (Frontier::new(size, roots?), Vec::new());
        // What was signed before must be what is there: else somebody has rewritten history, and a new signature would bless it.
        let seen = witness.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !holds(conn, &frontier, last.as_ref(), seen.as_ref(), context)? {
            tracing::error!(
                "the audit log is not what was sealed: nothing more is sealed; `ricolloca audit verify` tells where"
            );
            return Err(Fault::RollbackTransaction);
        }
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
        Ok((events.len(), Some((size, signed))))
    });
    let (sealed, last) = sealed?;
    if last.is_some() {
        *witness.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
    Ok(sealed)
}

/// Whether the log that is there is the one that was signed: its root is what the last checkpoint says, and the checkpoint that this process
/// has seen last is still there.
fn holds(
    conn: &mut Conn,
    frontier: &Frontier,
    last: Option<&(i64, String)>,
    seen: Option<&(i64, String)>,
    context: &Context,
) -> Result<bool, Fault> {
    let signed = last.is_none_or(|(_, text)| {
        let said = checkpoint::read(context.vault.signer(), text);
        said.is_some_and(|said| said.size == frontier.size() && said.root == hex(&frontier.root()))
    });
    let kept = match seen {
        None => true,
        Some((size, text)) => store::checkpoint_of(conn, *size)?.is_some_and(|(at, kept)| at == *size && kept == *text),
    };
    Ok(signed && kept)
}
