//! Lines that wait for each other.

use std::collections::{HashMap, HashSet};

use super::store::{self, Counts, Import, items};
use super::verdict::{Effect, Reason, Verdict};
use crate::db::{Conn, Fault};
use crate::kind::Kind;
use crate::text;

/// Links that are followed at most.
const LINKS: i64 = 100_000;

/// Refuses lines that wait for each other in a circle, and so for ever.
pub fn refuse(conn: &mut Conn, import: &Import) -> Result<(), Fault> {
    let links = store::waiting::links(conn, import.id, LINKS)?;
    let found = in_circles(&links);
    if found.is_empty() {
        return Ok(());
    }
    let detail = text!(
        "The record refers to itself, by way of others or directly."
            / "Il record fa riferimento a sé stesso, direttamente o tramite altri."
    );
    let lines: HashSet<i64> = found.iter().copied().collect();
    let verdicts: Vec<Verdict> = links
        .iter()
        .filter(|link| lines.contains(&link.line))
        .map(|link| {
            let others: Vec<i64> = found.iter().copied().filter(|line| *line != link.line).take(10).collect();
            let reason = Reason::new("", "circle", &detail, None).with_lines(others);
            Verdict {
                line: link.line,
                kind: Kind::from_name(&link.kind),
                external_id: Some(link.external_id.clone()),
                digest: None,
                effect: Effect::Refused,
                record: None,
                changed: Vec::new(),
                reasons: vec![reason],
                blocked_by: None,
            }
        })
        .collect();
    items::put(conn, import.id, import.organisation_id, &verdicts)?;
    store::waiting::remove(conn, &found.iter().map(|line| (import.id, *line)).collect::<Vec<_>>())?;
    let mut counts = Counts::of(&verdicts);
    counts.add(Effect::Waiting, -i64::try_from(verdicts.len()).unwrap_or_default());
    store::count(conn, import.id, &["running"], &counts, None).map(drop)
}

/// The lines that lie in circles: each waits for one other at most.
fn in_circles(links: &[store::waiting::Link]) -> Vec<i64> {
    let by_name: HashMap<(&str, &str), usize> = links
        .iter()
        .enumerate()
        .map(|(index, link)| ((link.kind.as_str(), link.external_id.as_str()), index))
        .collect();
    let next = |index: usize| {
        let link = links.get(index)?;
        by_name.get(&(link.kind.as_str(), link.parent_name.as_str())).copied()
    };
    // The walk in which a link was met first; a walk that meets itself has found a circle.
    let mut met: Vec<Option<usize>> = vec![None; links.len()];
    let mut found = Vec::new();
    for start in 0..links.len() {
        let mut at = Some(start);
        while let Some(index) = at.filter(|index| met.get(*index).is_some_and(Option::is_none)) {
            if let Some(slot) = met.get_mut(index) {
                *slot = Some(start);
            }
            at = next(index);
        }
        if let Some(first) = at.filter(|index| met.get(*index).is_some_and(|walk| *walk == Some(start))) {
            let mut index = first;
            loop {
                found.extend(links.get(index).map(|link| link.line));
                match next(index) {
                    Some(following) if following != first => index = following,
                    _ => break,
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::in_circles;
    use crate::imports::store::waiting::Link;

    #[test]
    fn lines_that_wait_for_each_other_are_found_and_those_behind_them_are_not() {
        let link = |line: i64, name: &str, parent: &str| Link {
            line,
            kind: "action".to_owned(),
            external_id: name.to_owned(),
            parent_name: parent.to_owned(),
        };
        let links = [
            link(1, "a", "b"),
            link(2, "b", "c"),
            link(3, "c", "b"),
            link(4, "d", "d"),
            link(5, "e", "f"),
            link(6, "f", "absent"),
        ];
        let mut found = in_circles(&links);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
    }
}
