//! Client secrets: kept only as an argon2id hash.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::ids::Ids;

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

/// A hash could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("the secret's hash could not be made: {0}")]
pub struct HashError(String);

/// The hash to keep, in the PHC string format.
pub fn hash(secret: &str, ids: &Ids) -> Result<String, HashError> {
    let mut salt = [0_u8; 16];
    ids.fill(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|error| HashError(error.to_string()))?;
    argon2()
        .hash_password(secret.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

/// The hash of a secret nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5aGFzdGhpcw$RdescudvJCsgt3ub+b+dWRWJTmaaJObG3h5Xk+gKzUs";

/// Whether this is the secret of the hash. Takes as long for a client that does not exist, so that a wrong id and a wrong
/// secret cannot be told apart by a watch.
pub fn verify(secret: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        return false;
    };
    argon2().verify_password(secret.as_bytes(), &parsed).is_ok() && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_is_accepted() {
        let hash = hash("demo", &Ids::seeded(1)).unwrap();
        assert!(verify("demo", Some(&hash)));
        assert!(!verify("Demo", Some(&hash)));
        assert!(!verify("demo", None));
        assert!(!verify("demo", Some("nonsense")));
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_takes_as_long() {
        let cost = |hash: &str| Params::try_from(&PasswordHash::new(hash).unwrap()).unwrap();
        let cost = |hash: &str| (cost(hash).m_cost(), cost(hash).t_cost(), cost(hash).p_cost());
        assert_eq!(cost(NOBODY), cost(&hash("demo", &Ids::seeded(1)).unwrap()));
        assert_eq!(cost(NOBODY), (19 * 1024, 2, 1));
    }
}
