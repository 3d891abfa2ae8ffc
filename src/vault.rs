//! Personal data at rest: sealed with AES-256-GCM, found by a keyed blind index, shown to others as a pseudonym.
//!
//! Four keys are derived from one secret, so that who learns one of them does not learn the others. The associated data
//! names the place a value belongs to: a sealed value that is moved to another row does not open.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hmac::{Hmac, Mac};
use p256::ecdsa::SigningKey;
use sha2::Sha256;
use uuid::Uuid;

use crate::ids::Ids;

/// Length of the secret in bytes.
pub const SECRET_LEN: usize = 32;

const NONCE_LEN: usize = 12;

/// A sealed value cannot be opened: another key, another place, or not as it was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value cannot be opened")]
pub struct Unsealable;

/// Seals, opens and indexes personal data.
pub struct Vault {
    cipher: Aes256Gcm,
    index: [u8; 32],
    pseudonym: [u8; 32],
    signer: SigningKey,
}

impl Vault {
    /// A vault whose keys are derived from `secret`.
    pub fn new(secret: &[u8; SECRET_LEN]) -> Self {
        let seal = derive(secret, b"ricolloca/seal/1");
        Self {
            cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(seal)),
            index: derive(secret, b"ricolloca/index/1"),
            pseudonym: derive(secret, b"ricolloca/pseudonym/1"),
            signer: signer(secret),
        }
    }

    /// Signs the checkpoints of the audit log: not with a key that the database has.
    pub const fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// Seals `plain` for one column of one record.
    pub fn seal(&self, ids: &Ids, place: &str, record: Uuid, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0_u8; NONCE_LEN];
        ids.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: &associated(place, record) };
        // AES-GCM only refuses messages of 64 GiB and more.
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, place: &str, record: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        let payload = Payload { msg: sealed, aad: &associated(place, record) };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| Unsealable)
    }

    /// The blind index of a value: equal for equal values, and of no use without the key.
    pub fn index(&self, value: &str) -> Vec<u8> {
        mac(&self.index, value.as_bytes()).to_vec()
    }

    /// A name for a person that tells nothing but that it is the same person: `W-` and 16 hexadecimal digits.
    pub fn pseudonym(&self, value: &str) -> String {
        use std::fmt::Write as _;
        mac(&self.pseudonym, value.as_bytes()).iter().take(8).fold(String::from("W-"), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
    }
}

fn associated(place: &str, record: Uuid) -> Vec<u8> {
    [place.as_bytes(), b"/", record.as_bytes()].concat()
}

fn derive(secret: &[u8; SECRET_LEN], label: &[u8]) -> [u8; 32] {
    mac(secret, label)
}

/// Nearly every number of 32 bytes is a private key; the first that is one is taken.
fn signer(secret: &[u8; SECRET_LEN]) -> SigningKey {
    let candidates = (1_u32..).map(|number| derive(secret, format!("ricolloca/checkpoint/{number}").as_bytes()));
    #[expect(clippy::expect_used, reason = "one in four thousand million is none")]
    candidates.filter_map(|bytes| SigningKey::from_slice(&bytes).ok()).next().expect("a private key")
}

fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let (vault, ids) = (Vault::new(&[7; 32]), Ids::seeded(1));
        let sealed = vault.seal(&ids, "participant.person", record(1), b"VRFLFA70A01F205B");
        assert_eq!(vault.open("participant.person", record(1), &sealed).unwrap(), b"VRFLFA70A01F205B");
        assert_eq!(vault.open("participant.person", record(2), &sealed), Err(Unsealable));
        assert_eq!(vault.open("outcome.employer", record(1), &sealed), Err(Unsealable));
        assert_eq!(Vault::new(&[8; 32]).open("participant.person", record(1), &sealed), Err(Unsealable));
        assert_eq!(vault.open("participant.person", record(1), &sealed[..5]), Err(Unsealable));
    }

    #[test]
    fn sealing_twice_looks_different_and_indexing_twice_the_same() {
        let (vault, ids) = (Vault::new(&[7; 32]), Ids::seeded(1));
        assert_ne!(vault.seal(&ids, "p", record(1), b"x"), vault.seal(&ids, "p", record(1), b"x"));
        assert_eq!(vault.index("x"), vault.index("x"));
        assert_ne!(vault.index("x"), vault.index("y"));
        assert_ne!(vault.index("x"), Vault::new(&[8; 32]).index("x"));
        assert_eq!(vault.pseudonym("x").len(), 18);
    }
}
