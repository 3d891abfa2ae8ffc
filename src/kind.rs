//! The kinds of record the service keeps, in the order in which they depend on each other.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A kind of record. The order is that of dependency: a record refers only to records of its own or an earlier kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A legal entity (soggetto).
    Organisation,
    /// One edition of the funding (avviso).
    Call,
    /// A network under one call (partenariato territoriale).
    Partnership,
    /// An organisation's place in a partnership (soggetto della rete).
    Member,
    /// Workers accompanied together (gruppo di lavoratori).
    Cohort,
    /// One worker with a Dote in a cohort (lavoratore destinatario).
    Participant,
    /// Something done for a cohort or for the territory (azione).
    Action,
    /// What became of a participant (esito).
    Outcome,
}

impl Kind {
    /// All kinds, parents first.
    pub const ALL: [Self; 8] = [
        Self::Organisation,
        Self::Call,
        Self::Partnership,
        Self::Member,
        Self::Cohort,
        Self::Participant,
        Self::Action,
        Self::Outcome,
    ];

    /// The name in events, imports and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Call => "call",
            Self::Partnership => "partnership",
            Self::Member => "member",
            Self::Cohort => "cohort",
            Self::Participant => "participant",
            Self::Action => "action",
            Self::Outcome => "outcome",
        }
    }

    /// The collection's path segment.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Organisation => "organisations",
            Self::Call => "calls",
            Self::Partnership => "partnerships",
            Self::Member => "members",
            Self::Cohort => "cohorts",
            Self::Participant => "participants",
            Self::Action => "actions",
            Self::Outcome => "outcomes",
        }
    }

    /// The kind of a name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| D::Error::custom("no kind of record"))
    }
}

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.map(Self::name)));
        names.description(Some("A kind of record.")).build().into()
    }
}

impl ToSchema for Kind {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("RecordKind")
    }
}
