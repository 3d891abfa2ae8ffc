//! Partnerships in the database.

use chrono::NaiveDate;

use super::model::Partnership;
use crate::calls::Calls;
use crate::db::Json;
use crate::identifiers::Cup;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::stored;
use crate::vocabularies::terms::PartnershipState;

stored! {
    partnership => Partnership {
        call_id: Id<Calls>,
        lead_organisation_id: Id<Organisations>,
        title: String,
        ateco: Option<String>,
        provinces: Json<Vec<String>>,
        cup: Option<Cup>,
        starts_on: NaiveDate,
        ends_on: NaiveDate,
        budget_cents: i64,
        requested_cents: i64,
        granted_cents: Option<i64>,
        state: PartnershipState,
        submitted_on: Option<NaiveDate>,
        decided_on: Option<NaiveDate>,
        decision_reason: Option<String>,
        activated_on: Option<NaiveDate>,
        concluded_on: Option<NaiveDate>,
        withdrawn_on: Option<NaiveDate>,
    }
}
