//! What each kind of action carries beside the common facts. Free text is kept to a minimum and never about a person.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::code_enum;
use crate::vocabularies::codes::ProvinceCode;
use crate::vocabularies::terms::ActionKind;

/// The details of an action, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

code_enum! {
    /// How outplacement is done.
    pub enum OutplacementMethod {
        /// Individuale.
        Individual = "individual",
        /// Collettivo.
        Collective = "collective",
        /// Misto.
        Mixed = "mixed",
    }
}

/// Outplacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outplacement {
    /// How it is done.
    pub method: OutplacementMethod,
    /// Sessions held.
    #[schema(minimum = 0, maximum = 1000)]
    pub sessions: i32,
    /// Whether a curriculum was delivered.
    pub cv_delivered: bool,
    /// Employers contacted.
    #[schema(minimum = 0, maximum = 10000)]
    pub contacts: i32,
    /// Interviews obtained.
    #[schema(minimum = 0, maximum = 10000)]
    pub interviews: i32,
}

/// Analysis of skills shortages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillsShortageAnalysis {
    /// Sector: ATECO 2007.
    #[schema(max_length = 8)]
    pub ateco: String,
    /// Professions looked at (CP2011 or CP2021).
    #[schema(min_items = 1, max_items = 50)]
    pub professions: Vec<ProfessionCode>,
    /// Provinces looked at.
    #[schema(min_items = 1, max_items = 12)]
    pub provinces: Vec<ProvinceCode>,
    /// Professions in which there is a gap, with how many are missing.
    #[schema(min_items = 0, max_items = 50)]
    pub gaps: Vec<SkillGap>,
}

/// A code of a profession: up to five levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(pattern = "^[0-9](\\.[0-9]){0,4}$", max_length = 11)]
pub struct ProfessionCode(pub String);

/// A gap between what employers look for and what there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillGap {
    /// Profession.
    pub profession: ProfessionCode,
    /// People missing.
    #[schema(minimum = 1, maximum = 100000)]
    pub missing: i32,
}

/// Gathering of workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerAggregation {
    /// Codice fiscale of the company in crisis: 11 digits.
    #[schema(pattern = "^[0-9]{11}$", max_length = 11)]
    pub crisis_company_tax_code: String,
    /// Date of the agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_on: Option<NaiveDate>,
    /// Procedure the dismissals followed.
    pub procedure: CrisisProcedure,
    /// Meetings held.
    #[schema(minimum = 0, maximum = 1000)]
    pub meetings: i32,
}

code_enum! {
    /// Procedure that dismissals follow (procedura di crisi).
    pub enum CrisisProcedure {
        /// Licenziamento collettivo, l. 223/1991.
        CollectiveDismissal = "collective_dismissal",
        /// Cassa integrazione guadagni straordinaria.
        ExtraordinaryWageGuarantee = "extraordinary_wage_guarantee",
        /// Cassa integrazione in deroga.
        WageGuaranteeInDerogation = "wage_guarantee_in_derogation",
        /// Procedura concorsuale.
        Insolvency = "insolvency",
        /// Altro.
        Other = "other",
    }
}

/// Analysis of employment needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsAnalysis {
    /// Sector: ATECO 2007; absent where an area was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8)]
    pub ateco: Option<String>,
    /// Provinces looked at.
    #[schema(min_items = 1, max_items = 12)]
    pub provinces: Vec<ProvinceCode>,
    /// Employers asked.
    #[schema(minimum = 0, maximum = 100000)]
    pub employers_surveyed: i32,
    /// Vacancies found, by profession.
    #[schema(min_items = 0, max_items = 100)]
    pub vacancies: Vec<Vacancies>,
}

/// Vacancies in one profession.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vacancies {
    /// Profession.
    pub profession: ProfessionCode,
    /// How many.
    #[schema(minimum = 1, maximum = 100000)]
    pub count: i32,
}

/// Territorial or sector marketing of workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerMarketing {
    /// Territory or sector.
    pub scope: MarketingScope,
    /// How employers were reached.
    pub channel: MarketingChannel,
    /// Employers reached.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub audience: i32,
    /// Anonymous profiles shown.
    #[schema(minimum = 0, maximum = 100000)]
    pub anonymous_profiles: i32,
}

code_enum! {
    /// What workers are marketed to.
    pub enum MarketingScope {
        /// Territoriale.
        Territorial = "territorial",
        /// Settoriale.
        Sector = "sector",
    }
}

code_enum! {
    /// How employers are reached.
    pub enum MarketingChannel {
        /// Evento.
        Event = "event",
        /// Sito o portale.
        Web = "web",
        /// Stampa.
        Press = "press",
        /// Contatto diretto.
        DirectContact = "direct_contact",
        /// Altro.
        Other = "other",
    }
}

/// Identification of target companies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetCompanyIdentification {
    /// Codice fiscale of the company: 11 digits.
    #[schema(pattern = "^[0-9]{11}$", max_length = 11)]
    pub company_tax_code: String,
    /// Sector: ATECO 2007.
    #[schema(max_length = 8)]
    pub ateco: String,
    /// Site: ISTAT code of a municipality in Lombardy.
    #[schema(pattern = "^[0-9]{6}$", max_length = 6)]
    pub site_municipality: String,
    /// Vacancies it has.
    #[schema(minimum = 0, maximum = 100000)]
    pub vacancies: i32,
    /// What the contact came to.
    pub contact_outcome: ContactOutcome,
}

code_enum! {
    /// What a contact with a company came to.
    pub enum ContactOutcome {
        /// Disponibile.
        Willing = "willing",
        /// Non disponibile.
        Unwilling = "unwilling",
        /// Da ricontattare.
        ToBeContactedAgain = "to_be_contacted_again",
        /// Colloqui fissati.
        InterviewsArranged = "interviews_arranged",
    }
}

/// Training (complementary).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Level of the European qualifications framework.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8)]
    pub eqf_level: Option<i32>,
    /// Field of study: ISCED-F 2013, two to four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{2,4}$", max_length = 4)]
    pub isced_field: Option<String>,
    /// Whether it ends in a certificate.
    pub certificate: bool,
}

/// Income support (complementary): the total only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncomeSupport {
    /// First day.
    pub from_on: NaiveDate,
    /// Last day.
    pub to_on: NaiveDate,
    /// Total, in euro cents.
    #[schema(minimum = 0, maximum = 100_000_000_000_i64)]
    pub amount_cents: i64,
    /// Codice fiscale of who pays: 11 digits.
    #[schema(pattern = "^[0-9]{11}$", max_length = 11)]
    pub payer_tax_code: String,
}

/// Work-life balance (complementary).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkLifeBalance {
    /// Service.
    pub service: CareService,
    /// Vouchers given; zero where minutes are counted.
    #[schema(minimum = 0, maximum = 10000)]
    pub vouchers: i32,
}

code_enum! {
    /// A service that makes room for work.
    pub enum CareService {
        /// Servizi per l'infanzia.
        Childcare = "childcare",
        /// Assistenza ad anziani o familiari.
        FamilyCare = "family_care",
        /// Trasporto.
        Transport = "transport",
        /// Altro.
        Other = "other",
    }
}

/// Socio-assistance (complementary): who and whether, no content, ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocioAssistance {
    /// Codice fiscale of the provider: 11 digits.
    #[schema(pattern = "^[0-9]{11}$", max_length = 11)]
    pub provider_tax_code: String,
    /// Whether the worker was referred.
    pub referral: bool,
}

impl Details {
    /// The kind of action that these details belong to.
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Outplacement(_) => ActionKind::Outplacement,
            Self::SkillsShortageAnalysis(_) => ActionKind::SkillsShortageAnalysis,
            Self::WorkerAggregation(_) => ActionKind::WorkerAggregation,
            Self::NeedsAnalysis(_) => ActionKind::NeedsAnalysis,
            Self::WorkerMarketing(_) => ActionKind::WorkerMarketing,
            Self::TargetCompanyIdentification(_) => ActionKind::TargetCompanyIdentification,
            Self::Training(_) => ActionKind::Training,
            Self::IncomeSupport(_) => ActionKind::IncomeSupport,
            Self::WorkLifeBalance(_) => ActionKind::WorkLifeBalance,
            Self::SocioAssistance(_) => ActionKind::SocioAssistance,
        }
    }
}
