//! Stages of a large import, and chunks as they are kept.

use uuid::Uuid;

use super::item::{self, Item};
use super::verdict::Verdict;
use crate::batch::Context;
use crate::kind::Kind;

/// Deletions come first, children before parents; then what is written, parents before children; then what refers to its own kind
/// and came before it; then the deletions again that other records stood against.
const WRITES: i32 = 10;
const ONCE_MORE: i32 = 18;
const AGAIN: i32 = 20;

/// When an item is carried out.
pub fn of(item: &Item) -> i32 {
    let place = place(item.kind);
    if item.data.is_some() { WRITES + place } else { 7 - place }
}

/// When an item is tried again which came to this verdict in this stage, if it is: the rest of the import may make what it refers
/// to, or take away what stands against it.
pub fn later(stage: i32, item: &Item, verdict: &Verdict) -> Option<i32> {
    if stage < WRITES {
        verdict.is_still_referenced().then(|| AGAIN + 7 - place(item.kind))
    } else {
        let own_kind = verdict.lacks().is_some_and(|lacked| lacked.kind == item.kind.name());
        (stage < ONCE_MORE && own_kind).then_some(ONCE_MORE)
    }
}

fn place(kind: Kind) -> i32 {
    Kind::ALL.iter().position(|one| *one == kind).and_then(|place| i32::try_from(place).ok()).unwrap_or_default()
}

/// What chunks are sealed for.
pub const PLACE: &str = "import.items";

/// Items as they are kept: compressed, then sealed.
pub fn seal(context: &Context, import_id: Uuid, items: &[Item]) -> Vec<u8> {
    let packed = item::pack(items);
    // Compressing into memory does not fail; were it to, the chunk would not open, and its items be refused.
    let small = zstd::encode_all(packed.as_slice(), 1).unwrap_or_default();
    context.vault.seal(&context.ids, PLACE, import_id, &small)
}

/// Items that were kept; `None` where they cannot be read any more.
pub fn open(context: &Context, import_id: Uuid, sealed: &[u8]) -> Option<Vec<Item>> {
    let small = context.vault.open(PLACE, import_id, sealed).ok()?;
    item::unpack(&zstd::decode_all(small.as_slice()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Problem, Violation};
    use crate::text;

    #[test]
    fn children_are_deleted_first_and_written_last() {
        let item = |kind: Kind, data: Option<&str>| {
            let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or(r#","delete":true"#.to_owned());
            item::read(1, format!(r#"{{"type":"{kind}","external_id":"x"{data}}}"#).as_bytes()).unwrap()
        };
        let refused = |item: &Item, code: Code| Verdict::of(item, Some(&Err(Problem::new(code))));
        let deleted: Vec<i32> = Kind::ALL.into_iter().rev().map(|kind| of(&item(kind, None))).collect();
        let written: Vec<i32> = Kind::ALL.into_iter().map(|kind| of(&item(kind, Some("{}")))).collect();
        let again: Vec<i32> = Kind::ALL
            .into_iter()
            .rev()
            .map(|kind| item(kind, None))
            .map(|item| later(of(&item), &item, &refused(&item, Code::StillReferenced)).unwrap())
            .collect();
        let all = [deleted, written, vec![ONCE_MORE], again].concat();
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    }

    #[test]
    fn nothing_is_tried_again_for_ever() {
        let deletion = item::read(1, br#"{"type":"cohort","external_id":"x","delete":true}"#).unwrap();
        let referenced = Verdict::of(&deletion, Some(&Err(Problem::new(Code::StillReferenced))));
        let again = later(of(&deletion), &deletion, &referenced).unwrap();
        assert_eq!(later(again, &deletion, &referenced), None);
        let line = br#"{"type":"action","external_id":"x","data":{"rectifies":{"external_id":"y"},"cohort":{"external_id":"z"}}}"#;
        let action = item::read(1, line).unwrap();
        let lacks = |pointer: &str| {
            let violation = Violation::new(pointer, "unknown_reference", text!("lacking" / "mancante"));
            Verdict::of(&action, Some(&Err(Problem::new(Code::Invalid).with(vec![violation]))))
        };
        assert_eq!(later(of(&action), &action, &lacks("/rectifies")), Some(ONCE_MORE));
        assert_eq!(later(ONCE_MORE, &action, &lacks("/rectifies")), None);
        assert_eq!(later(of(&action), &action, &lacks("/cohort")), None);
    }
}
