//! Who calls: clients, their roles and scopes, the tokens they hold and the keys that sign these.

pub mod assertion;
pub mod audience;
pub mod external;
pub mod flaw;
pub mod issuers;
pub mod jwk;
pub mod jwks;
pub mod keys;
pub mod lockout;
pub mod message;
pub mod metadata;
pub mod numeric_date;
pub mod routes;
pub mod scopes;
pub mod secret;
pub mod standing;
pub mod store;
pub mod token;

use message::{Demands, Tracking};
use uuid::Uuid;

pub use scopes::{Role, ScopeSet};

/// Who makes a request: what a valid token says.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's id.
    pub client_id: String,
    /// The organisation it acts for.
    pub organisation: Uuid,
    /// What it is to the service.
    pub role: Role,
    /// What the token allows.
    pub scopes: ScopeSet,
    /// The generation of the client that the token was issued to; that of other authorities' clients is not known.
    pub generation: i64,
    /// What a token of another authority says beside.
    pub voucher: Option<Voucher>,
    /// On whose behalf, where its profile has it say so.
    pub tracking: Option<Tracking>,
}

/// What a token of another authority is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voucher {
    /// The purpose that was declared to the authority (PDND: `purposeId`).
    pub purpose: Option<String>,
    /// The token's name, by which the authority knows it. It may come again: a token serves many requests.
    pub jti: Option<String>,
    /// What the authority calls the client and its organisation: what they sign may name them so.
    pub names: Vec<String>,
    /// This API's name at that authority.
    pub audience: String,
    /// What the e-service demands of messages.
    pub demands: Demands,
    /// SHA-256 of the evidence that comes with it (AUDIT_REST_02).
    pub digest: Option<[u8; 32]>,
}

impl Caller {
    /// What for, where the token says it.
    pub fn purpose(&self) -> Option<&str> {
        let voucher = self.voucher.as_ref().and_then(|voucher| voucher.purpose.as_deref());
        voucher.or_else(|| self.tracking.as_ref().map(|tracking| tracking.purpose.as_str()))
    }

    /// Whether it sees every partnership, or only those its organisation takes part in.
    pub const fn sees_all(&self) -> bool {
        !matches!(self.role, Role::Operator)
    }

    /// The organisation whose sight limits what it may see; `None` where nothing does.
    pub const fn sight(&self) -> Option<Uuid> {
        if self.sees_all() { None } else { Some(self.organisation) }
    }
}
