//! The audit log as it is shown.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::identity::message::Tracking;
use crate::kind::Kind;

/// Which entries are wanted.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Only this entry.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: Option<i64>,
    /// Only what this client did.
    #[schema(max_length = 100)]
    pub client: Option<String>,
    /// Only what clients of this organisation did.
    pub organisation: Option<Uuid>,
    /// Only this operation, by its id.
    #[schema(max_length = 100)]
    pub operation: Option<String>,
    /// Only this request, by its `X-Correlation-ID`; of an import by the import's id.
    #[schema(max_length = 100)]
    pub request: Option<String>,
    /// Only what this record was read or changed by.
    pub record: Option<Uuid>,
    /// Only what concerns this worker.
    #[schema(pattern = "^W-[0-9a-f]{16}$", max_length = 18)]
    pub pseudonym: Option<String>,
    /// Only from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Only before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Entries on a page; 50 where nothing is said.
    #[schema(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// Where the page begins: as it stands in `_links.next` of the page before.
    #[schema(max_length = 100)]
    pub cursor: Option<String>,
}

/// What was done with the records of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditedAs {
    /// They were shown.
    Read,
    /// They were changed.
    Write,
}

/// A record that was shown or changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditedRecord {
    /// Kind of record.
    #[serde(rename = "type")]
    #[schema(value_type = Kind)]
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// Whose it is, where it is a worker's.
    #[schema(pattern = "^W-[0-9a-f]{16}$", max_length = 18)]
    pub pseudonym: Option<String>,
    /// What became of it, where it was changed.
    #[schema(max_length = 20)]
    pub effect: Option<String>,
    /// Its version since then, where it was changed.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: Option<i64>,
}

/// On whose behalf a request was, as its client said and signed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditedUser {
    /// Who, as the client's organisation knows them (`userID`).
    #[schema(max_length = 100)]
    pub user: String,
    /// From where (`userLocation`).
    #[schema(max_length = 100)]
    pub location: String,
    /// How sure the client was that it was them (`LoA`).
    #[schema(max_length = 100)]
    pub assurance: String,
}

impl From<Tracking> for AuditedUser {
    fn from(Tracking { user, location, assurance, purpose: _ }: Tracking) -> Self {
        Self { user, location, assurance }
    }
}

/// An entry of the audit log: what one request showed or changed at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// Number of the entry.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Which client.
    #[schema(max_length = 100)]
    pub client_id: String,
    /// Of which organisation.
    pub organisation_id: Uuid,
    /// What for (`purposeId` of a PDND voucher), where the request said it.
    #[schema(max_length = 100)]
    pub purpose: Option<String>,
    /// On whose behalf, where the client's profile has it say so (`Agid-JWT-TrackingEvidence`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<AuditedUser>,
    /// By which operation.
    #[schema(max_length = 100)]
    pub operation: String,
    /// In which request: its `X-Correlation-ID`.
    #[schema(max_length = 100)]
    pub request_id: String,
    /// Whether something was shown or changed.
    pub action: AuditedAs,
    /// Which records.
    #[schema(min_items = 0, max_items = 10_000)]
    pub records: Vec<AuditedRecord>,
    /// Its leaf in the log, counted from 0; absent until it is sealed, a second or so later.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub position: Option<i64>,
}

/// Which page of checkpoints is shown.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointsQuery {
    /// Checkpoints on a page; 50 where nothing is said.
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// Where the page begins: as it stands in `_links.next` of the page before.
    #[schema(max_length = 100)]
    pub cursor: Option<String>,
}

/// The root of the log at one size, signed. Whoever keeps one can tell whether the log was cut off or written anew.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditCheckpoint {
    /// Leaves.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub size: i64,
    /// Root of the Merkle tree (RFC 6962), in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub root: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// All this and the SHA-256 of the checkpoint before, signed: a JWS in its compact form (RFC 7515), by the key of `/v1/audit-key`.
    #[schema(max_length = 2000)]
    pub statement: String,
}

/// Which entry is to be proven to be in which log.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofQuery {
    /// The entry.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub event: i64,
    /// Size of the checkpoint; the first one that has the entry where nothing is said.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub size: Option<i64>,
}

/// A proof that an entry is in the log (RFC 6962, section 2.1.1).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditProof {
    /// The entry.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub event: i64,
    /// Its leaf, counted from 0.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub position: i64,
    /// What the leaf is made of, as text: the entry as canonical JSON (RFC 8785).
    #[schema(max_length = 1_000_000)]
    pub content: String,
    /// Hashes from the leaf's neighbour to the root's, in hexadecimal digits.
    #[schema(min_items = 0, max_items = 64, value_type = Vec<NodeHash>)]
    pub path: Vec<String>,
    /// The checkpoint whose root they lead to.
    pub checkpoint: AuditCheckpoint,
}

/// SHA-256 of a node of the log, in hexadecimal digits.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
#[expect(dead_code, reason = "only describes")]
pub struct NodeHash(String);

/// Two sizes of the log.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyQuery {
    /// Size of the older checkpoint.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub first: i64,
    /// Size of the newer one.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 2)]
    pub second: i64,
}

/// A proof that the log was only added to (RFC 6962, section 2.1.2).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditConsistency {
    /// Size of the older checkpoint.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub first: i64,
    /// Size of the newer one.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub second: i64,
    /// The nodes that prove it, in hexadecimal digits.
    #[schema(min_items = 0, max_items = 128, value_type = Vec<NodeHash>)]
    pub path: Vec<String>,
}

/// The key that checkpoints are signed with (RFC 7517).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditKey {
    /// Algorithm.
    #[schema(max_length = 10)]
    pub alg: &'static str,
    /// Its thumbprint (RFC 7638).
    #[schema(max_length = 100)]
    pub kid: String,
    /// Kind of key.
    #[schema(max_length = 10)]
    pub kty: String,
    /// Curve.
    #[schema(max_length = 10)]
    pub crv: String,
    /// A coordinate.
    #[schema(max_length = 100)]
    pub x: String,
    /// The other.
    #[schema(max_length = 100)]
    pub y: String,
}
