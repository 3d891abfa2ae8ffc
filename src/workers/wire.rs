//! What the region gets, to hand it to the worker.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::actions::wire::Action;
use crate::audit::wire::AuditedAs;
use crate::outcomes::wire::{Outcome, OutcomeRevision};
use crate::participants::wire::Participant;

/// Whose data is wanted. In a body, since a tax code must not stand in a URL.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerExportRequest {
    /// Codice fiscale of the worker.
    #[schema(pattern = "^([A-Z0-9]{16}|[0-9]{11})$", max_length = 16)]
    pub tax_code: String,
}

/// Everything that is kept of one worker, as it is at one instant.
#[derive(Serialize, ToSchema)]
pub struct WorkerExport {
    /// When it was put together.
    pub exported_at: DateTime<Utc>,
    /// What for, on what ground and from whom the data is, and what the worker can ask for (art. 15(1) GDPR); in the language of `Accept-Language`.
    #[schema(max_length = 4000)]
    pub notice: String,
    /// The worker's records: one for each time in a partnership, newest first.
    #[schema(min_items = 1, max_items = 200)]
    pub participants: Vec<Participant>,
    /// Until when each of them is kept.
    #[schema(min_items = 1, max_items = 200)]
    pub kept: Vec<WorkerRetention>,
    /// Actions that the worker attended, or was to; of other workers nothing is said.
    #[schema(min_items = 0, max_items = 10_000)]
    pub actions: Vec<Action>,
    /// What became of the worker.
    #[schema(min_items = 0, max_items = 10_000)]
    pub outcomes: Vec<Outcome>,
    /// The same as it was recorded before, oldest first.
    #[schema(min_items = 0, max_items = 10_000)]
    pub revisions: Vec<OutcomeRevision>,
    /// Who was shown what of it and who changed it, newest first.
    #[schema(min_items = 0, max_items = 1000)]
    pub disclosures: Vec<WorkerDisclosure>,
    /// Whether there are more of these than a thousand: the audit log (`/v1/audit-events?pseudonym=`) has all.
    pub more_disclosures: bool,
}

/// Until when a record tells who it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerRetention {
    /// The participant.
    pub participant_id: Uuid,
    /// Last day; null while the call states none.
    pub until: Option<NaiveDate>,
}

/// That somebody was shown something of the worker, or changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerDisclosure {
    /// When.
    pub at: DateTime<Utc>,
    /// The organisation; of those in no partnership with the worker it is the region or the Dote system.
    pub organisation_id: Uuid,
    /// By which operation of this API.
    #[schema(max_length = 100)]
    pub operation: String,
    /// What for, where the request said it.
    #[schema(max_length = 100)]
    pub purpose: Option<String>,
    /// Whether something was shown or changed.
    pub action: AuditedAs,
}
