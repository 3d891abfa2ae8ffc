//! A new key for what is sealed, while the service runs: announced, so that every process knows it before anything is sealed with it; then
//! everything that older keys sealed is sealed anew.

use std::thread::sleep;
use std::time::Duration;

use super::store::{self, Place};
use super::{Unsealable, Vault};
use crate::batch::{Context, idempotency};
use crate::db::{Conn, Fault};
use crate::identity::keys;
use crate::{imports, outcomes, participants};

/// Blocks that are read together.
const PIECE: i64 = 64;

/// Everything that is sealed.
pub const PLACES: [Place; 7] = [
    Place { table: "participant", column: "person_sealed", record: "id", name: participants::views::PLACE },
    Place { table: "outcome", column: "employer_sealed", record: "id", name: outcomes::views::PLACE },
    Place { table: "outcome_revision", column: "employer_sealed", record: "id", name: outcomes::views::PLACE },
    Place { table: "signing_key", column: "private_sealed", record: "kid::uuid", name: keys::PLACE },
    Place { table: "idempotency", column: "body", record: "record_id", name: idempotency::PLACE },
    Place { table: "import_chunk", column: "sealed", record: "import_id", name: imports::stage::PLACE },
    Place { table: "import_waiting", column: "sealed", record: "import_id", name: imports::stage::PLACE },
];

/// Why keys are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The database does not answer, or refuses.
    #[error("the database: {0}")]
    Database(#[from] Fault),
    /// Not the secret that the keys are wrapped with, or a value that no key opens.
    #[error("{0}; nothing was lost: it is as it was")]
    Sealed(#[from] Unsealable),
    /// There have been as many keys as there can be.
    #[error("there are no versions left")]
    Spent,
}

/// What came of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// The version of the new key.
    pub version: u16,
    /// Values that were sealed anew.
    pub values: usize,
    /// Values that no key opens. They stay as they are.
    pub unsealable: usize,
    /// Older keys that were destroyed.
    pub destroyed: usize,
}

/// Makes the keys of the database known to the vault, the first one where there is none yet.
pub fn prepare(conn: &mut Conn, context: &Context) -> Result<(), RotateError> {
    if store::keys(conn)?.is_empty() {
        store::add_first(conn, &context.vault.new_key(&context.ids, 1))?;
    }
    Ok(context.vault.know(&store::keys(conn)?)?)
}

/// Adds a key, waits until it seals, and seals everything anew.
pub fn rotate(conn: &mut Conn, context: &Context, announce: u32) -> Result<Rotated, RotateError> {
    prepare(conn, context)?;
    let wrapped = |version| context.vault.new_key(&context.ids, version);
    let version = store::add_next(conn, wrapped, announce)?.ok_or(RotateError::Spent)?;
    // Processes look once a second which key seals: what the last of them seals with the one before is to be found below.
    sleep(Duration::from_secs(u64::from(announce) + 2));
    context.vault.know(&store::keys(conn)?)?;
    let mut rotated = Rotated { version, ..Rotated::default() };
    loop {
        let (mut values, mut unsealable) = (0, 0);
        for place in PLACES {
            let (some, lost) = seal_anew(conn, context, place)?;
            (values, unsealable) = (values + some, unsealable + lost);
        }
        rotated.values += values;
        rotated.unsealable = unsealable;
        if values == 0 {
            break;
        }
    }
    rotated.destroyed = store::destroy_spent(conn, &PLACES)?;
    Ok(rotated)
}

/// Goes once through a table; answers how many values were sealed anew, and how many no key opens.
fn seal_anew(conn: &mut Conn, context: &Context, place: Place) -> Result<(usize, usize), Fault> {
    let (vault, mark): (&Vault, _) = (&context.vault, context.vault.mark());
    let (mut values, mut unsealable, mut from) = (0, 0, 0);
    while from < store::blocks(conn, place)? {
        let mut old = store::old(conn, place, &mark, from, from + PIECE)?;
        let mut new = Vec::with_capacity(old.len());
        old.retain(|one| match vault.open(place.name, one.record, &one.sealed) {
            Ok(plain) => {
                new.push(vault.seal(&context.ids, place.name, one.record, &plain));
                true
            }
            Err(Unsealable) => {
                unsealable += 1;
                false
            }
        });
        if !old.is_empty() {
            values += store::replace(conn, place, &old, &new)?;
        }
        from += PIECE;
    }
    Ok((values, unsealable))
}
