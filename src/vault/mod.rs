//! Personal data at rest: sealed with AES-256-GCM, found by a keyed blind index, shown to others as a pseudonym.
//!
//! From one secret keys are derived, so that who learns one of them does not learn the others. One of them wraps the keys that seal,
//! which have versions and are kept in the database. The associated data names the place a value belongs to: a sealed value that is
//! moved to another row does not open.

pub mod rotate;
pub mod store;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

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

/// Length of a key in bytes.
const KEY_LEN: usize = 32;

/// What a value begins with that is sealed with a key of the database: this, and the key's version in two bytes. Values from before there
/// were versions begin with their nonce; one that looks like a version opens as what it is, since only that opens.
const MARK: u8 = 1;

/// A sealed value cannot be opened: another key, another place, or not as it was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value cannot be opened")]
pub struct Unsealable;

/// The keys that seal.
struct Keys {
    /// By version. 0 is derived from the secret: it sealed before there were versions.
    ciphers: HashMap<u16, Aes256Gcm>,
    /// The one that seals now.
    current: u16,
}

/// A key that seals, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// Its version.
    pub version: u16,
    /// The key, sealed with one that is derived from the secret.
    pub wrapped: Vec<u8>,
    /// Whether its time has come.
    pub seals: bool,
}

/// Seals, opens and indexes personal data.
pub struct Vault {
    wrapping: Aes256Gcm,
    keys: RwLock<Keys>,
    index: [u8; 32],
    pseudonym: [u8; 32],
    usage: [u8; 32],
    signer: SigningKey,
}

impl Vault {
    /// A vault whose keys are derived from `secret`.
    pub fn new(secret: &[u8; SECRET_LEN]) -> Self {
        let seal = derive(secret, b"ricolloca/seal/1");
        Self {
            wrapping: cipher(derive(secret, b"ricolloca/wrap/1")),
            keys: RwLock::new(Keys { ciphers: HashMap::from([(0, cipher(seal))]), current: 0 }),
            index: derive(secret, b"ricolloca/index/1"),
            pseudonym: derive(secret, b"ricolloca/pseudonym/1"),
            usage: derive(secret, b"ricolloca/usage/1"),
            signer: signer(secret),
        }
    }

    /// Signs the checkpoints of the audit log: not with a key that the database has.
    pub const fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// A new key that seals, wrapped.
    pub fn new_key(&self, ids: &Ids, version: u16) -> Vec<u8> {
        let mut key = [0_u8; KEY_LEN];
        // From the system's randomness in any case: ids may come from a seed.
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut key);
        encrypt(&self.wrapping, ids, &named(version), &key)
    }

    /// These are the keys that seal. One that does not unwrap leaves those that are known as they are.
    pub fn know(&self, kept: &[DataKey]) -> Result<(), Unsealable> {
        let known: Vec<u16> = self.keys().ciphers.keys().copied().collect();
        let mut found = Vec::new();
        for key in kept.iter().filter(|key| !known.contains(&key.version)) {
            let plain = decrypt(&self.wrapping, &named(key.version), &key.wrapped)?;
            found.push((key.version, cipher(plain.try_into().map_err(|_| Unsealable)?)));
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.ciphers.extend(found);
        keys.ciphers.retain(|version, _| *version == 0 || kept.iter().any(|key| key.version == *version));
        keys.current = kept.iter().filter(|key| key.seals).map(|key| key.version).max().unwrap_or_default();
        drop(keys);
        Ok(())
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What everything begins with that is sealed now; nothing where there are no versions yet.
    pub fn mark(&self) -> Vec<u8> {
        match self.keys().current {
            0 => Vec::new(),
            version => [[MARK].as_slice(), &version.to_be_bytes()].concat(),
        }
    }

    /// Seals `plain` for one column of one record.
    pub fn seal(&self, ids: &Ids, place: &str, record: Uuid, plain: &[u8]) -> Vec<u8> {
        let keys = self.keys();
        let version = keys.current;
        // The current key is always there: they are known together.
        let Some(cipher) = keys.ciphers.get(&version) else { return Vec::new() };
        match version {
            0 => encrypt(cipher, ids, &associated(place, record), plain),
            _ => {
                let sealed = encrypt(cipher, ids, &versioned(place, record, version), plain);
                [[MARK].as_slice(), &version.to_be_bytes(), &sealed].concat()
            }
        }
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, place: &str, record: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let keys = self.keys();
        if let [MARK, high, low, rest @ ..] = sealed {
            let version = u16::from_be_bytes([*high, *low]);
            let opened = keys.ciphers.get(&version).filter(|_| version > 0);
            if let Some(Ok(plain)) = opened.map(|cipher| decrypt(cipher, &versioned(place, record, version), rest)) {
                return Ok(plain);
            }
        }
        keys.ciphers.get(&0).ok_or(Unsealable).and_then(|cipher| decrypt(cipher, &associated(place, record), sealed))
    }

    /// The blind index of a value: equal for equal values, and of no use without the key.
    pub fn index(&self, value: &str) -> Vec<u8> {
        mac(&self.index, value.as_bytes()).to_vec()
    }

    /// What the processes tell each other of whom, without saying who it is: network addresses are few enough to try them all.
    pub fn usage_name(&self, subject: &str) -> Uuid {
        let name = mac(&self.usage, subject.as_bytes());
        Uuid::from_bytes(name.first_chunk().copied().unwrap_or_default())
    }

    /// A name for a person that tells nothing but that it is the same person: `W-` and 16 hexadecimal digits.
    pub fn pseudonym(&self, value: &str) -> String {
        format!("W-{}", hexadecimal(&mac(&self.pseudonym, value.as_bytes()), 8))
    }
}

/// A key that is thrown away with the last use of this value: what it masks is the same for the same person, and leads back to nobody.
pub struct Mask([u8; KEY_LEN]);

impl Mask {
    /// A new one, from the system's randomness in any case.
    pub fn new() -> Self {
        let mut key = [0_u8; KEY_LEN];
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut key);
        Self(key)
    }

    /// What takes a value's place.
    pub fn of(&self, label: &str, value: &[u8]) -> [u8; 32] {
        mac(&self.0, &[label.as_bytes(), b"/", value].concat())
    }

    /// The same as a name: 16 hexadecimal digits.
    pub fn name(&self, label: &str, value: &[u8]) -> String {
        hexadecimal(&self.of(label, value), 8)
    }
}

impl Default for Mask {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask(secret)")
    }
}

/// So many of the first bytes, as hexadecimal digits.
fn hexadecimal(bytes: &[u8], first: usize) -> String {
    use std::fmt::Write as _;
    bytes.iter().take(first).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn cipher(key: [u8; KEY_LEN]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))
}

fn encrypt(cipher: &Aes256Gcm, ids: &Ids, associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_LEN];
    ids.fill(&mut nonce);
    // AES-GCM only refuses messages of 64 GiB and more.
    let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: associated }).unwrap_or_default();
    [nonce.as_slice(), &sealed].concat()
}

fn decrypt(cipher: &Aes256Gcm, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: associated }).map_err(|_| Unsealable)
}

/// What a wrapped key belongs to.
fn named(version: u16) -> Vec<u8> {
    format!("data_key.wrapped/{version}").into_bytes()
}

fn versioned(place: &str, record: Uuid, version: u16) -> Vec<u8> {
    [associated(place, record).as_slice(), b"/", &version.to_be_bytes()].concat()
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
    fn keys_have_versions_and_each_opens_what_it_sealed() {
        let (vault, ids) = (Vault::new(&[7; 32]), Ids::seeded(1));
        let key = |version, seals| DataKey { version, wrapped: vault.new_key(&ids, version), seals };
        let (first, second) = (key(1, true), key(2, false));
        let sealed = || vault.seal(&ids, "p", record(1), b"x");
        let open = |sealed: &[u8]| vault.open("p", record(1), sealed);
        let mut all = vec![sealed()];
        assert!(vault.mark().is_empty());
        vault.know(std::slice::from_ref(&first)).unwrap();
        all.push(sealed());
        assert_eq!(vault.mark(), [1, 0, 1]);
        // Known before it seals.
        vault.know(&[first.clone(), second.clone()]).unwrap();
        all.push(sealed());
        assert!(all[2].starts_with(&[1, 0, 1]));
        vault.know(&[first, DataKey { seals: true, ..second.clone() }]).unwrap();
        all.push(sealed());
        assert!(all[3].starts_with(&[1, 0, 2]));
        assert!(all.iter().all(|sealed| open(sealed).as_deref() == Ok(b"x")));
        // The version is part of what is sealed, and a key that is gone opens nothing.
        let mut moved = all[3].clone();
        moved[2] = 1;
        assert_eq!(open(&moved), Err(Unsealable));
        vault.know(std::slice::from_ref(&second)).unwrap();
        assert_eq!(all.iter().map(|sealed| open(sealed).is_ok()).collect::<Vec<_>>(), [true, false, false, true]);
        // A key of another secret, or under another name, is none.
        assert_eq!(Vault::new(&[8; 32]).know(std::slice::from_ref(&second)), Err(Unsealable));
        assert_eq!(vault.know(&[DataKey { version: 3, ..second }]), Err(Unsealable));
    }

    #[test]
    fn what_looks_like_a_version_and_is_none_opens() {
        let (vault, ids) = (Vault::new(&[7; 32]), Ids::seeded(1));
        let old: Vec<Vec<u8>> = (0..2000).map(|_| vault.seal(&ids, "p", record(1), b"x")).collect();
        let key = DataKey { version: 1, wrapped: vault.new_key(&ids, 1), seals: true };
        vault.know(&[key]).unwrap();
        assert!(old.iter().any(|sealed| sealed[0] == MARK), "the seed makes one");
        assert!(old.iter().all(|sealed| vault.open("p", record(1), sealed).is_ok()));
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
