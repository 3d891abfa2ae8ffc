//! Whom a JWT is for (`aud` of RFC 7519, section 4.1.3).

use serde::Deserialize;

/// One name, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Any of these.
    Several(Vec<String>),
}

impl Audience {
    /// Whether one of the names is ours.
    pub fn has(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(name) => is_ours(name),
            Self::Several(names) => names.iter().any(|name| is_ours(name)),
        }
    }
}
