//! The closed vocabularies that the rules speak of, as types. A test holds them to the lists that are served.

use crate::code_enum;

code_enum! {
    /// What an organisation is within a partnership (categoria del soggetto).
    pub enum MemberCategory {
        /// Operatore accreditato ai servizi al lavoro.
        AccreditedOperator = "accredited_operator",
        /// Ente locale.
        LocalAuthority = "local_authority",
        /// Parte sociale.
        SocialPartner = "social_partner",
        /// Distretto industriale.
        IndustrialDistrict = "industrial_district",
        /// Metadistretto.
        MetaDistrict = "meta_district",
        /// Camera di commercio.
        ChamberOfCommerce = "chamber_of_commerce",
        /// Fondazione erogativa.
        GrantMakingFoundation = "grant_making_foundation",
        /// Terzo settore.
        ThirdSector = "third_sector",
        /// Impresa.
        Company = "company",
        /// Altro soggetto.
        Other = "other",
        /// Distretto del commercio.
        CommercialDistrict = "commercial_district",
        /// Centro per l'impiego.
        EmploymentCentre = "employment_centre",
        /// Agenzia di somministrazione.
        TemporaryAgency = "temporary_agency",
        /// Società di ricollocazione professionale.
        OutplacementCompany = "outplacement_company",
        /// Consulente o advisor.
        Advisor = "advisor",
        /// Scuola o università.
        SchoolOrUniversity = "school_or_university",
    }
}

code_enum! {
    /// What an action is (tipo di azione).
    pub enum ActionKind {
        /// Outplacement.
        Outplacement = "outplacement",
        /// Analisi dei fabbisogni di competenze non coperti.
        SkillsShortageAnalysis = "skills_shortage_analysis",
        /// Aggregazione dei lavoratori.
        WorkerAggregation = "worker_aggregation",
        /// Analisi dei fabbisogni occupazionali.
        NeedsAnalysis = "needs_analysis",
        /// Marketing territoriale o settoriale dei lavoratori.
        WorkerMarketing = "worker_marketing",
        /// Individuazione delle imprese obiettivo.
        TargetCompanyIdentification = "target_company_identification",
        /// Formazione (complementare).
        Training = "training",
        /// Sostegno al reddito (complementare).
        IncomeSupport = "income_support",
        /// Conciliazione famiglia-lavoro (complementare).
        WorkLifeBalance = "work_life_balance",
        /// Interventi socio-assistenziali (complementari).
        SocioAssistance = "socio_assistance",
    }
}

code_enum! {
    /// Where an action stands, after the national event codes (stato dell'azione).
    pub enum ActionStatus {
        /// Proposta.
        Proposed = "proposed",
        /// Avviata.
        Started = "started",
        /// Respinta.
        Rejected = "rejected",
        /// Rifiutata dal lavoratore.
        Refused = "refused",
        /// Abbandonata.
        Abandoned = "abandoned",
        /// Annullata prima dell'avvio.
        CancelledBeforeStart = "cancelled_before_start",
        /// Annullata dopo l'avvio.
        CancelledAfterStart = "cancelled_after_start",
        /// Cancellata.
        Deleted = "deleted",
        /// Sospesa.
        Suspended = "suspended",
        /// Conclusa.
        Completed = "completed",
        /// Rendicontata.
        Accounted = "accounted",
        /// Decaduta.
        Lapsed = "lapsed",
    }
}

code_enum! {
    /// A worker's status at entry (condizione del lavoratore).
    pub enum EntryStatus {
        /// Cassa integrazione guadagni straordinaria.
        Cigs = "cigs",
        /// Cassa integrazione guadagni in deroga.
        Cigd = "cigd",
        /// Mobilità, l. 223/1991.
        Mobility223 = "mobility_223_91",
        /// Mobilità, l. 236/1993.
        Mobility236 = "mobility_236_93",
        /// Mobilità in deroga.
        MobilityInDerogation = "mobility_in_derogation",
        /// Disoccupato.
        Unemployed = "unemployed",
    }
}

code_enum! {
    /// Working time of a contract (orario di lavoro).
    pub enum WorkingTime {
        /// Tempo pieno.
        Full = "F",
        /// Tempo parziale orizzontale.
        PartHorizontal = "P",
        /// Tempo parziale verticale.
        PartVertical = "V",
        /// Tempo parziale misto.
        PartMixed = "M",
        /// Non definito.
        Undefined = "N",
    }
}

code_enum! {
    /// What became of a participant (tipo di esito).
    pub enum OutcomeKind {
        /// Lavoro dipendente o assimilato.
        Employment = "employment",
        /// Lavoro autonomo.
        SelfEmployment = "self_employment",
        /// Tirocinio: never a placement.
        Traineeship = "traineeship",
        /// Istruzione o formazione.
        EducationOrTraining = "education_or_training",
        /// In cerca di lavoro.
        Searching = "searching",
        /// Inattivo.
        Inactive = "inactive",
        /// Altro.
        Other = "other",
    }
}

code_enum! {
    /// How far an outcome is proven (stato dell'esito).
    pub enum OutcomeState {
        /// Dichiarato.
        Declared = "declared",
        /// Documentato.
        Evidenced = "evidenced",
        /// Verificato.
        Verified = "verified",
        /// Contestato.
        Disputed = "disputed",
        /// Ritirato.
        Withdrawn = "withdrawn",
    }
}

code_enum! {
    /// Where a partnership stands (stato del partenariato).
    pub enum PartnershipState {
        /// Bozza.
        Draft = "draft",
        /// Presentato.
        Submitted = "submitted",
        /// Approvato.
        Approved = "approved",
        /// Respinto.
        Rejected = "rejected",
        /// Attivo.
        Active = "active",
        /// Concluso.
        Concluded = "concluded",
        /// Ritirato.
        Withdrawn = "withdrawn",
    }
}

impl PartnershipState {
    /// Whether nothing more happens in it: its workers are free for others.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Concluded | Self::Withdrawn)
    }
}

code_enum! {
    /// What an action is paid from (fonte di finanziamento).
    pub enum Financing {
        /// Contributo dell'avviso.
        Grant = "grant",
        /// Risorse proprie dei soggetti.
        OwnResources = "own_resources",
    }
}

code_enum! {
    /// Sex as the codice fiscale has it.
    pub enum Sex {
        /// Uomo.
        Male = "male",
        /// Donna.
        Female = "female",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_the_lists_that_are_served() {
        fn served(name: &str) -> Vec<&'static str> {
            crate::vocabularies::get(name).unwrap().entries().iter().map(|entry| entry.code.as_str()).collect()
        }
        fn typed<T: Copy>(all: &[T], code: impl Fn(T) -> &'static str) -> Vec<&'static str> {
            all.iter().map(|value| code(*value)).collect()
        }
        assert_eq!(typed(MemberCategory::ALL, MemberCategory::as_str), served("member-categories"));
        assert_eq!(typed(ActionKind::ALL, ActionKind::as_str), served("action-kinds"));
        assert_eq!(typed(ActionStatus::ALL, ActionStatus::as_str), served("action-statuses"));
        assert_eq!(typed(EntryStatus::ALL, EntryStatus::as_str), served("entry-statuses"));
        assert_eq!(typed(WorkingTime::ALL, WorkingTime::as_str), served("working-times"));
        assert_eq!(typed(OutcomeKind::ALL, OutcomeKind::as_str), served("outcome-kinds"));
        assert_eq!(typed(OutcomeState::ALL, OutcomeState::as_str), served("outcome-states"));
        assert_eq!(typed(PartnershipState::ALL, PartnershipState::as_str), served("partnership-states"));
        assert_eq!(typed(Financing::ALL, Financing::as_str), served("financing-sources"));
    }
}
