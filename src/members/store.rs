//! Members in the database.

use chrono::NaiveDate;

use super::model::Member;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::stored;
use crate::vocabularies::terms::MemberCategory;

stored! {
    member => Member {
        partnership_id: Id<Partnerships>,
        organisation_id: Id<Organisations>,
        category: MemberCategory,
        joined_on: NaiveDate,
        left_on: Option<NaiveDate>,
        own_resources_cents: i64,
    }
}
