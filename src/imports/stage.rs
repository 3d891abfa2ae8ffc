//! Stages of a large import, and chunks as they are kept.

use uuid::Uuid;

use super::item::{self, Item};
use crate::batch::Context;
use crate::kind::Kind;

/// Deletions come first, children before parents; then what is written, parents before children; then the deletions again that
/// other records stood against.
const WRITES: i32 = 10;
const AGAIN: i32 = 20;

/// When an item is carried out.
pub fn of(item: &Item) -> i32 {
    let place = place(item.kind);
    if item.data.is_some() { WRITES + place } else { 7 - place }
}

/// When a deletion is tried again.
pub fn again(item: &Item) -> i32 {
    AGAIN + 7 - place(item.kind)
}

/// Whether a deletion that fails in this stage is tried again.
pub const fn is_first(stage: i32) -> bool {
    stage < WRITES
}

fn place(kind: Kind) -> i32 {
    Kind::ALL.iter().position(|one| *one == kind).and_then(|place| i32::try_from(place).ok()).unwrap_or_default()
}

/// What chunks are sealed for.
const PLACE: &str = "import.items";

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

    #[test]
    fn children_are_deleted_first_and_written_last() {
        let item = |kind: Kind, data: Option<&str>| {
            let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or(r#","delete":true"#.to_owned());
            item::read(1, format!(r#"{{"type":"{kind}","external_id":"x"{data}}}"#).as_bytes()).unwrap()
        };
        let deleted: Vec<i32> = Kind::ALL.into_iter().rev().map(|kind| of(&item(kind, None))).collect();
        let written: Vec<i32> = Kind::ALL.into_iter().map(|kind| of(&item(kind, Some("{}")))).collect();
        let again: Vec<i32> = Kind::ALL.into_iter().rev().map(|kind| self::again(&item(kind, None))).collect();
        let all = [deleted, written, again].concat();
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        assert!(is_first(all[7]) && !is_first(all[8]));
    }
}
