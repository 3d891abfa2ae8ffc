//! Signing keys: ES256, kept in the database, so that every process signs with the same.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use serde_json::json;

use super::store::KeptKey;
use super::token::SigningKey;

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("a signing key cannot be used: {0}")]
pub struct KeyError(String);

/// A new private key, as PEM (PKCS #8). From the system's randomness in any case: a seed would let anyone sign.
pub fn generate() -> Result<String, KeyError> {
    let secret = SecretKey::random(&mut rand::rngs::OsRng);
    secret.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|error| KeyError(error.to_string()))
}

/// The key of a PEM, ready for use.
pub fn load(kept: &KeptKey) -> Result<SigningKey, KeyError> {
    let KeptKey { kid, pem, signs_from } = kept;
    let secret = SecretKey::from_pkcs8_pem(pem).map_err(|error| KeyError(error.to_string()))?;
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
