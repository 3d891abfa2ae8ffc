//! Signing keys: ES256, kept in the database, so that every process signs with the same.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use serde_json::json;
use uuid::Uuid;

use super::store::KeptKey;
use super::token::SigningKey;
use crate::batch::Context;
use crate::vault::Vault;

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("a signing key cannot be used: {0}")]
pub struct KeyError(String);

/// What a key is sealed for.
pub const PLACE: &str = "signing_key.private";

/// A new private key, sealed. From the system's randomness in any case: a seed would let anyone sign.
pub fn generate(context: &Context, signs_from: DateTime<Utc>) -> Result<KeptKey, KeyError> {
    let secret = SecretKey::random(&mut rand::rngs::OsRng);
    let pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(|error| KeyError(error.to_string()))?;
    let kid = context.ids.next(context.now());
    let sealed = context.vault.seal(&context.ids, PLACE, kid, pem.as_bytes());
    Ok(KeptKey { kid: kid.to_string(), sealed: Some(sealed), pem: None, signs_from })
}

/// A key that was kept in clear, sealed; `None` where it is sealed already.
pub fn sealed(kept: &KeptKey, context: &Context) -> Result<Option<Vec<u8>>, KeyError> {
    let Some(pem) = kept.pem.as_ref().filter(|_| kept.sealed.is_none()) else { return Ok(None) };
    Ok(Some(context.vault.seal(&context.ids, PLACE, record(kept)?, pem.as_bytes())))
}

/// The id that a key is sealed for: its name.
fn record(kept: &KeptKey) -> Result<Uuid, KeyError> {
    Uuid::try_parse(&kept.kid).map_err(|_| KeyError("its name is no id".to_owned()))
}

fn pem(kept: &KeptKey, vault: &Vault) -> Result<String, KeyError> {
    match (&kept.sealed, &kept.pem) {
        (Some(sealed), _) => {
            let plain = vault.open(PLACE, record(kept)?, sealed).map_err(|error| KeyError(error.to_string()))?;
            String::from_utf8(plain).map_err(|error| KeyError(error.to_string()))
        }
        (None, Some(pem)) => Ok(pem.clone()),
        (None, None) => Err(KeyError("there is none".to_owned())),
    }
}

/// A key, ready for use.
pub fn load(kept: &KeptKey, vault: &Vault) -> Result<SigningKey, KeyError> {
    let KeptKey { kid, signs_from, .. } = kept;
    let secret = SecretKey::from_pkcs8_pem(&pem(kept, vault)?).map_err(|error| KeyError(error.to_string()))?;
    let point = secret.public_key().to_encoded_point(false);
    let coordinate = |bytes: Option<&p256::FieldBytes>| {
        bytes.map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes)).ok_or_else(|| KeyError("no point".to_owned()))
    };
    let (x, y) = (coordinate(point.x())?, coordinate(point.y())?);
    let der = secret.to_pkcs8_der().map_err(|error| KeyError(error.to_string()))?;
    Ok(SigningKey {
        kid: kid.clone(),
        signs_from: *signs_from,
        encoding: EncodingKey::from_ec_der(der.as_bytes()),
        decoding: DecodingKey::from_ec_components(&x, &y).map_err(|error| KeyError(error.to_string()))?,
        jwk: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"}),
    })
}
