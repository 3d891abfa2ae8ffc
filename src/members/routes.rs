//! Operations on members.

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Member;
use super::wire::MemberFilter;
use super::{Members, store};
use crate::db::Conn;
use crate::db::threads::QueryError;
use crate::error::Code;
use crate::http::crud::{self, Exposed};
use crate::http::endpoint::Api;
use crate::http::page::Page;
use crate::http::select::Embed;
use crate::identity::scopes::{MembersRead, MembersWrite};
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;

impl Exposed for Members {
    type Read = MembersRead;
    type Write = MembersWrite;
    type Filter = MemberFilter;
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "joined_on"];
    const EMBEDS: &'static [Embed<Self>] = &[
        Embed::one::<Partnerships>("partnership", |record: &Member| Some(record.partnership_id.uuid())),
        Embed::one::<Organisations>("organisation", |record: &Member| Some(record.organisation_id.uuid())),
    ];
    const MEANING: &'static str = "A member (soggetto della rete): an organisation's place in a partnership, with its category and the time it takes part.";
    const WRITING: &'static str = "The partnership's lead edits the members, itself included, until the partnership is at its end. From the submission on no change may break \
        the composition (invariants 1 to 3).";
    const CONFLICTS: &'static [Code] = &[Code::StillReferenced];

    fn list(
        conn: &mut Conn,
        filter: &MemberFilter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Member>, QueryError> {
        store::list(conn, filter, page, sight)
    }

    fn sort_value(record: &Member, sort: &str) -> Value {
        match sort {
            "joined_on" => json!(record.joined_on),
            other => crud::common_sort_value(record, other),
        }
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    crud::register::<Members>(api);
}
