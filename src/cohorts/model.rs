//! What is known of a cohort.

use chrono::NaiveDate;

use crate::db::Meta;
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::partnerships::Partnerships;

/// Workers accompanied together, usually from one company or sector in crisis (gruppo di lavoratori).
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// Id, version, source.
    pub meta: Meta,
    /// The partnership.
    pub partnership_id: Id<Partnerships>,
    /// The accredited operator in charge.
    pub operator_organisation_id: Id<Organisations>,
    /// Name.
    pub name: String,
    /// The company the workers were dismissed by.
    pub crisis_company_id: Option<Id<Organisations>>,
    /// Sector: ATECO 2007.
    pub ateco: Option<String>,
    /// Province.
    pub province: Option<String>,
    /// Date of the agreement with the company.
    pub agreement_on: Option<NaiveDate>,
}
