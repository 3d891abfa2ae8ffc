//! What senders of imports ask and get.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::verdict::ImportEffect;
use crate::actions::wire::ActionInput;
use crate::calls::wire::CallInput;
use crate::code_enum;
use crate::cohorts::wire::CohortInput;
use crate::kind::Kind;
use crate::members::wire::MemberInput;
use crate::organisations::wire::OrganisationInput;
use crate::outcomes::wire::OutcomeInput;
use crate::participants::wire::ParticipantInput;
use crate::partnerships::wire::PartnershipInput;

code_enum! {
    /// What happens to the rest of an import when an item is refused.
    pub enum ImportMode {
        /// The rest is carried out.
        Partial = "partial",
        /// Nothing is.
        Atomic = "atomic",
    }
}

/// The same, by the name that it has in here.
pub type Mode = ImportMode;

code_enum! {
    /// How far an import is.
    pub enum ImportState {
        /// It is being carried out.
        Running = "running",
        /// It was carried out, or, a dry run, would have been: see what became of each item.
        Completed = "completed",
        /// Nothing of it was carried out; `reason` says why.
        Rejected = "rejected",
        /// It was stopped; what had been carried out stays.
        Cancelled = "cancelled",
    }
}

code_enum! {
    /// Why an import was not carried out to its end.
    pub enum ImportReason {
        /// It is all or nothing, and an item was refused.
        RefusedItems = "refused_items",
        /// It would not come to the plan that it demands.
        PlanChanged = "plan_changed",
        /// Its sender cancelled it.
        Cancelled = "cancelled",
        /// Its client was revoked.
        ClientRevoked = "client_revoked",
        /// The service failed at it, more than once: a fault of ours.
        ServiceFailed = "service_failed",
    }
}

code_enum! {
    /// Who can mend what an item was refused for.
    pub enum MendedBy {
        /// Whoever writes the software: the form is wrong.
        Vendor = "vendor",
        /// The operator: the data is wrong, or something has to be sent first.
        Operator = "operator",
        /// The region: an organisation has to be registered, a call or a decision to be made, or the service to be mended.
        Region = "region",
    }
}

/// How an import is to be carried out.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// `partial` (default): every item by itself. `atomic`: all or nothing; at most 50,000 lines.
    pub mode: Option<ImportMode>,
    /// Nothing is carried out; the answer is the plan: what would become of each item. At most 50,000 lines.
    pub dry_run: Option<bool>,
    /// The `plan_hash` of a dry run: carried out only if it comes to the same, else 409 `plan_changed`. At most 50,000 lines.
    #[schema(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
    pub plan_hash: Option<String>,
    /// Days for which an item waits for what it refers to; 0: it is refused at once. 7 where nothing is said.
    #[schema(minimum = 0, maximum = 30)]
    pub wait_days: Option<i32>,
}

/// Numbers of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportItems {
    /// Lines that were read, empty ones not counted.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub read: i64,
    /// Records that were made.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub created: i64,
    /// Records that were changed.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub changed: i64,
    /// Items that were so already.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub unchanged: i64,
    /// Records that were deleted.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub deleted: i64,
    /// Items that wait for what they refer to.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub waiting: i64,
    /// Items that were refused.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub refused: i64,
    /// Items that waited until something later took their place.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub superseded: i64,
    /// Items that could have been carried out, had the import as a whole been.
    #[schema(minimum = 0, maximum = 2_000_000)]
    pub skipped: i64,
}

/// An import (importazione): many changes that were sent together.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Its id.
    pub id: Uuid,
    /// How far it is.
    pub state: ImportState,
    /// Why it was not carried out to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ImportReason>,
    /// What happens to the rest when an item is refused.
    pub mode: ImportMode,
    /// Whether nothing is carried out in any case.
    pub dry_run: bool,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// What became of its items, so far.
    pub items: ImportItems,
    /// Items a second, so far.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub rate: f64,
    /// Digest of the plan, where it was carried out as a whole: demand it to carry out just that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
    pub plan_hash: Option<String>,
    /// In the report: why items were not carried out, most blocking first; of more than a hundred reasons the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 0, max_items = 100)]
    pub causes: Option<Vec<ImportCause>>,
}

/// What a line refers to and was not found: exactly one of the three names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReference {
    /// Kind of record.
    #[serde(rename = "type")]
    #[schema(value_type = Kind)]
    pub kind: String,
    /// The sender's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub external_id: Option<String>,
    /// Its tax code, of an organisation; never a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub tax_code: Option<String>,
    /// The service's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// A line, by way of example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportExample {
    /// Its number, from 1.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub line: i64,
    /// Kind of record.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Kind>)]
    pub kind: Option<String>,
    /// The sender's name for the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub external_id: Option<String>,
}

/// A reason that items have in common, at the root: items that only lack what another line failed to make are counted there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportCause {
    /// Kind of record at the root.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Kind>)]
    pub kind: Option<String>,
    /// Code of the violation or problem.
    #[schema(max_length = 100)]
    pub code: String,
    /// The domain rule that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub rule: Option<String>,
    /// The field, in `data`; `*` for any place in a list.
    #[schema(max_length = 1000)]
    pub pointer: String,
    /// In words.
    #[schema(max_length = 10_000)]
    pub detail: String,
    /// What was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImportReference>,
    /// Items that are refused or wait for this, directly or through others.
    #[schema(minimum = 1, maximum = 2_000_000)]
    pub items: i64,
    /// Who can mend it.
    pub mended_by: MendedBy,
    /// The first of them.
    #[schema(min_items = 0, max_items = 3)]
    pub examples: Vec<ImportExample>,
}

/// The number of a line, from 1.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
pub struct LineNumber(pub i64);

/// The name of a field.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(max_length = 100)]
pub struct FieldName(pub String);

/// A line of an import: a record as `PUT /v1/{type}s/by-external-id/{external_id}` takes it, or its deletion. For the document:
/// what is read is [`super::item::Envelope`].
#[derive(ToSchema)]
pub struct ImportLine {
    /// Kind of record.
    #[schema(rename = "type")]
    pub kind: Kind,
    /// The organisation's own name for the record; never a tax code.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: String,
    /// True to delete the record; `data` is left out then.
    pub delete: Option<bool>,
    /// The record, of the kind that `type` names.
    pub data: Option<ImportData>,
}

/// A record, as the kind's own operations take it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImportData {
    /// Soggetto.
    Organisation(OrganisationInput),
    /// Avviso.
    Call(CallInput),
    /// Partenariato.
    Partnership(PartnershipInput),
    /// Membro.
    Member(MemberInput),
    /// Gruppo di lavoratori.
    Cohort(CohortInput),
    /// Destinatario.
    Participant(ParticipantInput),
    /// Azione.
    Action(ActionInput),
    /// Esito.
    Outcome(OutcomeInput),
}

/// A reason why an item was not carried out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportError {
    /// The field, in `data`; empty for the whole item.
    #[schema(max_length = 1000)]
    pub pointer: String,
    /// Code of the violation or problem.
    #[schema(max_length = 100)]
    pub code: String,
    /// In words.
    #[schema(max_length = 10_000)]
    pub detail: String,
    /// The domain rule that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub rule: Option<String>,
    /// What was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImportReference>,
    /// Other lines that it has to do with: those that say something about the same record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<LineNumber>, min_items = 0, max_items = 10)]
    pub lines: Vec<i64>,
}

/// What became of one item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportResult {
    /// Its line, from 1.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub line: i64,
    /// Kind of record, where the line names one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Kind>)]
    pub kind: Option<String>,
    /// The sender's name for the record, where the line gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub external_id: Option<String>,
    /// What became of it.
    pub effect: ImportEffect,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The record's version after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: Option<i64>,
    /// The fields that are other than before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldName>, min_items = 0, max_items = 100)]
    pub changed: Vec<String>,
    /// Why it was not carried out; of more than a hundred reasons the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 0, max_items = 100)]
    pub errors: Vec<ImportError>,
    /// The line of the same import whose failure is the reason for this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub blocked_by_line: Option<i64>,
}

/// Which results are shown.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultsQuery {
    /// Only these effects.
    #[schema(min_items = 1, max_items = 8)]
    pub effect: Option<Vec<ImportEffect>>,
    /// Only the record of this name.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", max_length = 100)]
    pub external_id: Option<String>,
    /// Results on a page.
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// Where the page begins: as it stands in `_links.next` of the page before.
    #[schema(max_length = 100)]
    pub cursor: Option<String>,
}

/// Which page is shown.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Entries on a page.
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// Where the page begins: as it stands in `_links.next` of the page before.
    #[schema(max_length = 100)]
    pub cursor: Option<String>,
}

/// An item that waits for what it refers to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WaitingItem {
    /// The import it came with.
    pub import_id: Uuid,
    /// Its line there.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub line: i64,
    /// Kind of record.
    #[serde(rename = "type")]
    #[schema(value_type = Kind)]
    pub kind: String,
    /// The sender's name for the record.
    #[schema(max_length = 100)]
    pub external_id: String,
    /// When it came.
    pub since: DateTime<Utc>,
    /// When it is refused, should what it waits for not have come.
    pub until: DateTime<Utc>,
    /// What it waits for.
    pub reference: ImportReference,
}
