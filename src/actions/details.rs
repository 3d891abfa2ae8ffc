//! What each kind of action carries beside the common facts. Free text is kept to a minimum and never about a person.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::code_enum;
use crate::vocabularies::terms::ActionKind;

/// The details of an action, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Details {
    /// Outplacement.
    Outplacement(Outplacement),
    /// Analysis of skills shortages.
    SkillsShortageAnalysis(SkillsShortageAnalysis),
    /// Gathering of workers.
    WorkerAggregation(WorkerAggregation),
    /// Analysis of employment needs.
    NeedsAnalysis(NeedsAnalysis),
    /// Territorial or sector marketing of workers.
    WorkerMarketing(WorkerMarketing),
    /// Identification of target companies.
    TargetCompanyIdentification(TargetCompanyIdentification),
    /// Training (complementary).
    Training(Training),
    /// Income support (complementary).
    IncomeSupport(IncomeSupport),
    /// Work-life balance (complementary).
    WorkLifeBalance(WorkLifeBalance),
    /// Socio-assistance (complementary).
    SocioAssistance(SocioAssistance),
}
