//! What a reader of the feed asks and gets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::actions::wire::Action;
use crate::calls::wire::Call;
use crate::cohorts::wire::Cohort;
use crate::kind::Kind;
use crate::members::wire::Member;
use crate::organisations::wire::Organisation;
use crate::outcomes::wire::Outcome;
use crate::participants::wire::Participant;
use crate::partnerships::wire::Partnership;

/// What a reader asks for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// Where to go on: `next` of the page before. Left out, the feed begins at its beginning.
    #[schema(max_length = 500)]
    pub cursor: Option<String>,
    /// Changes on a page.
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// Only these kinds of record.
    #[schema(min_items = 1, max_items = 8)]
    pub types: Option<Vec<Kind>>,
    /// Seconds for which the answer waits for a change where there is none yet. Left out: it does not wait.
    #[schema(minimum = 0, maximum = 30)]
    pub wait: Option<i32>,
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    /// The changes, in the order in which they were committed; those of one transaction together.
    #[schema(min_items = 0, max_items = 1000)]
    pub items: Vec<Change>,
    /// Keep this with what was applied, and ask with it next time: now, or whenever.
    #[schema(max_length = 500)]
    pub next: String,
    /// Whether there was more when the page was read.
    pub has_more: bool,
    /// Everything that was committed before this instant is on this page or on an earlier one.
    pub complete_through: DateTime<Utc>,
    /// How far that instant lies behind the one at which the page was read, in seconds.
    #[schema(minimum = 0, maximum = 3_153_600_000_i64)]
    pub lag_seconds: f64,
}

/// What stands on the last line of a page that is read as lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangesEnd {
    /// Keep this with what was applied, and ask with it next time.
    #[schema(max_length = 500)]
    pub next: String,
    /// Whether there was more when the page was read.
    pub has_more: bool,
    /// Everything that was committed before this instant is on this page or on an earlier one.
    pub complete_through: DateTime<Utc>,
    /// How far that instant lies behind the one at which the page was read, in seconds.
    #[schema(minimum = 0, maximum = 3_153_600_000_i64)]
    pub lag_seconds: f64,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Kind of record.
    #[schema(value_type = Kind)]
    pub r#type: String,
    /// Which record.
    pub id: Uuid,
    /// The version that the change made.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
    /// What happened.
    pub operation: Operation,
    /// The record as it is *now*, which may be newer than this change: it takes the place of what you have. Null after a deletion and
    /// a revocation, and where the record is gone by now: what says so comes later in the feed.
    #[schema(value_type = Option<ChangedRecord>)]
    pub record: Option<Box<RawValue>>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangeOperation)]
pub enum Operation {
    /// It was made or changed.
    Upsert,
    /// It was deleted.
    Delete,
    /// You see it from now on: it was there before.
    Grant,
    /// You no longer see this partnership and all that belongs to it: forget them.
    Revoke,
}

impl Operation {
    /// What the log calls it.
    pub fn of(word: &str) -> Self {
        match word {
            "delete" => Self::Delete,
            "grant" => Self::Grant,
            "revoke" => Self::Revoke,
            _ => Self::Upsert,
        }
    }

    /// Whether the record comes with it.
    pub const fn shows(self) -> bool {
        matches!(self, Self::Upsert | Self::Grant)
    }
}

/// The record of a change, as the kind's own operations show it. For the document: what is embedded is JSON already.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ChangedRecord {
    /// Soggetto.
    Organisation(Organisation),
    /// Avviso.
    Call(Call),
    /// Partenariato.
    Partnership(Partnership),
    /// Membro.
    Member(Member),
    /// Gruppo di lavoratori.
    Cohort(Cohort),
    /// Destinatario.
    Participant(Participant),
    /// Azione.
    Action(Action),
    /// Esito.
    Outcome(Outcome),
}
