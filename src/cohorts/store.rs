//! Cohorts in the database.

use chrono::NaiveDate;

use super::model::Cohort;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;
use crate::stored;

stored! {
    cohort => Cohort {
        partnership_id: Id<Partnerships>,
        operator_organisation_id: Id<Organisations>,
        name: String,
        crisis_company_id: Option<Id<Organisations>>,
        ateco: Option<String>,
        province: Option<String>,
        agreement_on: Option<NaiveDate>,
    }
}
