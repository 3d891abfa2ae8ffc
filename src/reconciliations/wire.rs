//! What a reader sends of what it has, and what it is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kind::Kind;

/// What a reader has of a kind of record: digests of all its buckets, or of all records of some buckets.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconciliationInput {
    /// Kind of record.
    pub r#type: Kind,
    /// A bucket holds the records whose ids end in the same so many hexadecimal digits. 0: one bucket holds all.
    #[schema(minimum = 0, maximum = 3)]
    pub depth: i32,
    /// All buckets in which the reader has records.
    #[schema(min_items = 0, max_items = 4096)]
    pub buckets: Option<Vec<BucketInput>>,
    /// Instead of `buckets`: the buckets whose records are compared one by one.
    #[schema(min_items = 1, max_items = 4096)]
    pub within: Option<Vec<BucketName>>,
    /// With `within`: all records that the reader has in these buckets.
    #[schema(min_items = 0, max_items = 5000)]
    pub records: Option<Vec<RecordDigest>>,
}

/// The end of the ids in a bucket, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9a-f]{0,3}$", max_length = 3)]
pub struct BucketName(pub String);

/// SHA-256, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$", max_length = 64)]
pub struct HexDigest(pub String);

/// A bucket of the reader's.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketInput {
    /// Which.
    pub bucket: BucketName,
    /// How many records it holds.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub count: i64,
    /// SHA-256 over the digests of its records (32 bytes each), in the order of their ids.
    pub digest: HexDigest,
}

/// A record of the reader's.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDigest {
    /// Which.
    pub id: Uuid,
    /// SHA-256 over its JSON in canonical form (RFC 8785).
    pub digest: HexDigest,
}

/// A bucket that is not the same on both sides.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DifferingBucket {
    /// Which.
    pub bucket: BucketName,
    /// How many records the reader sees in it.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub count: i64,
    /// Their digest.
    pub digest: HexDigest,
}

/// Whether what a reader has is what it sees.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reconciliation {
    /// Kind of record.
    #[schema(value_type = Kind)]
    pub r#type: &'static str,
    /// Whether it is.
    pub equal: bool,
    /// How many records were compared, on this side.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub items: i64,
    /// The buckets that are not the same. Send their records next.
    #[schema(min_items = 0, max_items = 8192)]
    pub differing: Vec<DifferingBucket>,
    /// Records that the reader lacks, where records were compared.
    #[schema(min_items = 0, max_items = 10_000_000)]
    pub missing: Vec<Uuid>,
    /// Records that it has otherwise.
    #[schema(min_items = 0, max_items = 5000)]
    pub different: Vec<Uuid>,
    /// Records that it has and does not see.
    #[schema(min_items = 0, max_items = 5000)]
    pub extra: Vec<Uuid>,
    /// The place in the feed at which the comparison was made: differences that the feed brings before it are none.
    #[schema(max_length = 500)]
    pub cursor: String,
}
