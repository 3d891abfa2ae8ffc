//! Whether the log is still what its checkpoints say.

use p256::ecdsa::SigningKey;

use super::checkpoint::{self, Statement, hex};
use super::log::{Frontier, Node, leaf};

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its place.
    pub position: u64,
    /// What its leaf is made of; `None` where the entry is gone.
    pub content: Option<Vec<u8>>,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A place is empty or taken twice.
    #[error("the leaf at {0} is missing, or another is in its place")]
    Misplaced(u64),
    /// An entry is gone.
    #[error("the entry of the leaf at {0} was deleted")]
    Deleted(u64),
    /// Entries before this size are not those that were sealed.
    #[error("the first {0} entries are not those that were sealed: one was changed, moved, inserted or deleted")]
    Changed(u64),
    /// A node that proofs are made of, and the log goes on from, is another than its leaves make.
    #[error("the node {position} of level {level} is missing, or not what its leaves make")]
    Node {
        /// Its leaves are two to the power of this.
        level: u32,
        /// Its place among those of its level.
        position: u64,
    },
    /// A checkpoint was not made by this service, or was changed.
    #[error("the checkpoint of {0} entries is not signed by the service's key")]
    Forged(u64),
    /// A checkpoint before this one is missing or another.
    #[error("the checkpoint of {0} entries does not follow the one before it: one was deleted, inserted or moved")]
    Unchained(u64),
    /// There are leaves after the last checkpoint, or a checkpoint of more leaves than there are.
    #[error("the log has {entries} leaves, its last checkpoint {checkpoint}: it was cut off or added to")]
    Length {
        /// Leaves there are.
        entries: u64,
        /// Leaves there were.
        checkpoint: u64,
    },
    /// The checkpoint that somebody kept is not among those of the log.
    #[error("the checkpoint that was kept is not in the log: it was cut off, or written anew")]
    Unknown,
    /// Entries that no leaf stands for, and that do not wait to be sealed.
    #[error("{0} entries were inserted that were never sealed")]
    Inserted(u64),
}

/// Compares the log with its checkpoints, both in their order, and answers its size. `is_kept` tells whether a complete subtree is what is
/// kept of it. `kept` is a checkpoint that somebody has kept outside:
/// without one, a log that was cut off together with its last checkpoints looks like an earlier one.
pub fn verify<E>(
    key: &SigningKey,
    checkpoints: &[(u64, String)],
    leaves: impl IntoIterator<Item = Result<Sealed, E>>,
    is_kept: impl Fn(&Node) -> bool,
    kept: Option<&str>,
) -> Result<Result<u64, Finding>, E> {
    let statements = match chain(key, checkpoints) {
        Ok(statements) => statements,
        Err(finding) => return Ok(Err(finding)),
    };
    if kept.is_some_and(|kept| !checkpoints.iter().any(|(_, known)| known == kept)) {
        return Ok(Err(Finding::Unknown));
    }
    let mut ahead = statements.iter().peekable();
    let mut frontier = Frontier::default();
    // An entry that was changed says more than the nodes above it.
    let mut unkept = None;
    for sealed in leaves {
        let Sealed { position, content } = sealed?;
        if position != frontier.size() {
            return Ok(Err(Finding::Misplaced(frontier.size())));
        }
        let Some(content) = content else { return Ok(Err(Finding::Deleted(position))) };
        let mut wrong = None;
        frontier.push(leaf(&content), |node| {
            if !is_kept(&node) {
                wrong = wrong.or(Some(node));
            }
        });
        if let Some(statement) = ahead.next_if(|statement| statement.size == frontier.size())
            && statement.root != hex(&frontier.root())
        {
            return Ok(Err(Finding::Changed(statement.size)));
        }
        if let Some(Node { level, position, .. }) = wrong {
            unkept = unkept.or(Some(Finding::Node { level, position }));
        }
    }
    let (entries, checkpoint) = (frontier.size(), statements.last().map_or(0, |statement| statement.size));
    if entries != checkpoint {
        return Ok(Err(Finding::Length { entries, checkpoint }));
    }
    Ok(unkept.map_or(Ok(entries), Err))
}

fn chain(key: &SigningKey, checkpoints: &[(u64, String)]) -> Result<Vec<Statement>, Finding> {
    let mut statements: Vec<Statement> = Vec::with_capacity(checkpoints.len());
    let mut before: Option<&str> = None;
    for (size, text) in checkpoints {
        let statement = checkpoint::read(key, text).filter(|said| said.size == *size).ok_or(Finding::Forged(*size))?;
        let grows = statements.last().map_or(0, |last| last.size) < statement.size;
        if !grows || statement.previous != before.map(checkpoint::digest) {
            return Err(Finding::Unchained(*size));
        }
        before = Some(text);
        statements.push(statement);
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::vault::Vault;

    #[derive(Clone, PartialEq)]
    struct Log {
        checkpoints: Vec<(u64, String)>,
        leaves: Vec<Sealed>,
    }

    fn log(key: &SigningKey, sizes: &[u64]) -> Log {
        let (mut frontier, mut log) = (Frontier::default(), Log { checkpoints: Vec::new(), leaves: Vec::new() });
        for size in sizes {
            while frontier.size() < *size {
                let content = format!("{{\"id\":{},\"operation\":\"show_participant\"}}", frontier.size()).into_bytes();
                log.leaves.push(Sealed { position: frontier.size(), content: Some(content.clone()) });
                frontier.push(leaf(&content), |_| {});
            }
            let before = log.checkpoints.last().map(|(_, text)| text.as_str());
            let statement = Statement::new(*size, &frontier.root(), chrono::DateTime::UNIX_EPOCH, before);
            log.checkpoints.push((*size, checkpoint::sign(key, &statement)));
        }
        log
    }

    fn judge(key: &SigningKey, log: &Log, kept: Option<&str>) -> Result<u64, Finding> {
        verify(key, &log.checkpoints, log.leaves.iter().cloned().map(Ok::<_, Infallible>), |_| true, kept).unwrap()
    }

    /// Leaves are numbered anew, as somebody would who covers his tracks.
    fn renumber(log: &mut Log) {
        for (position, sealed) in log.leaves.iter_mut().enumerate() {
            sealed.position = u64::try_from(position).unwrap();
        }
    }

    fn mutate(log: &mut Log, rng: &mut impl rand::RngCore) {
        let (leaves, checkpoints) = (log.leaves.len(), log.checkpoints.len());
        let (one, other) = (rng.gen_range(0..leaves), rng.gen_range(0..leaves));
        match rng.gen_range(0..14) {
            0 => {
                let content = log.leaves[one].content.as_mut().unwrap();
                let at = rng.gen_range(0..content.len());
                content[at] ^= 1 << rng.gen_range(0..8);
            }
            1 => log.leaves[one].content = None,
            2 => drop(log.leaves.remove(one)),
            3 => {
                log.leaves.remove(one);
                renumber(log);
            }
            4 => {
                let inserted = log.leaves[other].clone();
                log.leaves.insert(one, inserted);
                renumber(log);
            }
            5 => {
                log.leaves.swap(one, other);
                renumber(log);
            }
            6 => log.leaves.swap(one, other),
            7 => log.leaves.truncate(one),
            // Cut off as a whole, at a checkpoint: it looks like an earlier log.
            8 => {
                let keep = rng.gen_range(0..checkpoints);
                log.checkpoints.truncate(keep);
                let size = log.checkpoints.last().map_or(0, |(size, _)| *size);
                log.leaves.truncate(usize::try_from(size).unwrap());
            }
            9 => {
                let at = rng.gen_range(0..checkpoints);
                let text = &mut log.checkpoints[at].1;
                let place = rng.gen_range(0..text.len());
                let mut bytes = text.clone().into_bytes();
                bytes[place] =
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."[rng.gen_range(0..65)];
                *text = String::from_utf8(bytes).unwrap();
            }
            10 => drop(log.checkpoints.remove(rng.gen_range(0..checkpoints))),
            11 => log.checkpoints.swap(rng.gen_range(0..checkpoints), rng.gen_range(0..checkpoints)),
            12 => log.checkpoints[rng.gen_range(0..checkpoints)].0 ^= 1 << rng.gen_range(0..6),
            // Signed with another key.
            _ => {
                let mut secret = [0; 32];
                rng.fill_bytes(&mut secret);
                let forger = Vault::new(&secret);
                let (size, text) = log.checkpoints.last_mut().unwrap();
                let statement = Statement::new(*size, &[7; 32], chrono::DateTime::UNIX_EPOCH, None);
                *text = checkpoint::sign(forger.signer(), &statement);
            }
        }
    }

    #[test]
    fn ten_thousand_mutations_are_all_found() {
        let vault = Vault::new(&[7; 32]);
        let whole = log(vault.signer(), &[3, 4, 11, 16, 23]);
        let kept = whole.checkpoints.last().unwrap().1.clone();
        assert_eq!(judge(vault.signer(), &whole, Some(&kept)), Ok(23));
        let mut rng = StdRng::seed_from_u64(9);
        let (mut tried, mut found) = (0, std::collections::BTreeMap::<String, u32>::new());
        while tried < 10_000 {
            let mut log = whole.clone();
            (0..rng.gen_range(1..3)).for_each(|_| {
                if log.leaves.len() > 1 && log.checkpoints.len() > 1 {
                    mutate(&mut log, &mut rng)
                }
            });
            // Some change nothing: two that are alike change places.
            if log == whole {
                continue;
            }
            tried += 1;
            let finding = judge(vault.signer(), &log, Some(&kept)).expect_err("a change went unnoticed");
            *found.entry(format!("{finding:?}").split(['(', ' ']).next().unwrap().to_owned()).or_default() += 1;
        }
        assert!(found.len() >= 6 && found.values().all(|count| *count > 20), "{found:?}");
    }

    #[test]
    fn a_log_that_was_cut_off_is_told_by_a_checkpoint_that_was_kept() {
        let vault = Vault::new(&[7; 32]);
        let (long, short) = (log(vault.signer(), &[3, 8]), log(vault.signer(), &[3]));
        assert_eq!(judge(vault.signer(), &short, None), Ok(3));
        assert_eq!(judge(vault.signer(), &short, Some(&long.checkpoints[1].1)), Err(Finding::Unknown));
        assert_eq!(judge(vault.signer(), &long, Some(&short.checkpoints[0].1)), Ok(8), "an older one is in it");
        assert_eq!(judge(vault.signer(), &log(vault.signer(), &[]), None), Ok(0));
    }
}
