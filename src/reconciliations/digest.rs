//! What is compared: the digest of a record is SHA-256 over its JSON in canonical form (RFC 8785), that of a bucket is SHA-256 over the
//! digests of its records, one after the other in the order of their ids.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A digest.
pub type Digest = [u8; 32];

/// The digest of a record. Its canonical form is JSON without spaces, with the members of each object ordered by name. Records have
/// whole numbers and ASCII names only, so that this is RFC 8785 without its rules for fractions and for other alphabets.
pub fn of_record(view: &impl Serialize) -> serde_json::Result<Digest> {
    // A map of serde_json is ordered by name.
    let canonical = serde_json::to_vec(&serde_json::to_value(view)?)?;
    Ok(Sha256::digest(canonical).into())
}

/// The last `depth` hexadecimal digits of an id: those are random, while the first ones are a time.
pub fn bucket(id: Uuid, depth: usize) -> String {
    let digits = id.simple().to_string();
    digits.get(digits.len().saturating_sub(depth)..).unwrap_or_default().to_owned()
}

/// Records of one bucket, in the order of their ids.
#[derive(Clone, Default)]
pub struct Bucket {
    /// How many there are.
    pub count: u64,
    hash: Sha256,
}

impl Bucket {
    /// One more.
    pub fn add(&mut self, digest: &Digest) {
        self.count += 1;
        self.hash.update(digest);
    }

    /// Digest of all of them.
    pub fn digest(self) -> Digest {
        self.hash.finalize().into()
    }
}

/// Hexadecimal digits.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_canonical_form_knows_no_order_of_members() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"b": [1, {"z": null, "a": "é\u0007\"/"}], "a": true}"#).unwrap();
        assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"a":true,"b":[1,{"a":"é\u0007\"/","z":null}]}"#);
        assert_eq!(
            of_record(&one).unwrap(),
            of_record(&json!({"a": true, "b": [1, {"a": "é\u{7}\"/", "z": null}]})).unwrap()
        );
        assert_ne!(of_record(&one).unwrap(), of_record(&json!({"a": true})).unwrap());
        assert_eq!(
            hex(&of_record(&json!({})).unwrap()),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn a_bucket_is_the_end_of_an_id() {
        let id = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0a3f);
        assert_eq!(["", "f", "3f", "a3f"].map(str::len).map(|depth| bucket(id, depth)), ["", "f", "3f", "a3f"]);
        let mut some = Bucket::default();
        assert_eq!(hex(&some.clone().digest()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        some.add(&[1; 32]);
        let mut others = some.clone();
        others.add(&[2; 32]);
        assert_eq!((some.count, others.count), (1, 2));
        assert_ne!(some.digest(), others.digest());
    }
}
