//! The vocabularies that the contract of this service closes: a new code is a new version of the contract.

use chrono::NaiveDate;

use super::vocabulary::{Entry, Heading, Vocabulary};

/// Code, Italian label, English label.
type Term = (&'static str, &'static str, &'static str);

/// Regione Lombardia's press release of 29 June 2012, which the project starts from.
const PRESS_RELEASE: &str = "Ricolloca, after Regione Lombardia's announcement of 29 June 2012";
const EVENT_CODES: &str = "Ricolloca, after the national event codes of labour services";
const NOTICES: &str = "Codes of the mandatory employer notices";
const OWN: &str = "Ricolloca";
const LICENCE: &str = "EUPL-1.2";

const MEMBER_CATEGORIES_2012: &[Term] = &[
    ("accredited_operator", "Operatore accreditato ai servizi al lavoro", "Accredited labour-service operator"),
    ("local_authority", "Ente locale", "Local authority"),
    ("social_partner", "Parte sociale", "Social partner"),
    ("industrial_district", "Distretto industriale", "Industrial district"),
    ("meta_district", "Metadistretto", "Meta-district"),
    ("chamber_of_commerce", "Camera di commercio", "Chamber of commerce"),
    ("grant_making_foundation", "Fondazione erogativa", "Grant-making foundation"),
    ("third_sector", "Organizzazione del terzo settore", "Third-sector organisation"),
    ("company", "Impresa", "Company"),
    ("other", "Altro soggetto", "Other"),
];

const MEMBER_CATEGORIES_LATER: &[Term] = &[
    ("commercial_district", "Distretto del commercio", "Commercial district"),
    ("employment_centre", "Centro per l'impiego", "Public employment centre"),
    ("temporary_agency", "Agenzia di somministrazione", "Temporary-work agency"),
    ("outplacement_company", "Società di ricollocazione professionale", "Outplacement company"),
    ("advisor", "Consulente o advisor", "Advisor"),
    ("school_or_university", "Scuola o università", "School or university"),
];

const ACTION_KINDS: &[Term] = &[
    ("outplacement", "Outplacement", "Outplacement"),
    ("skills_shortage_analysis", "Analisi dei fabbisogni di competenze non coperti", "Analysis of skills shortages"),
    ("worker_aggregation", "Aggregazione dei lavoratori", "Gathering of workers"),
    ("needs_analysis", "Analisi dei fabbisogni occupazionali", "Analysis of employment needs"),
    (
        "worker_marketing",
        "Marketing territoriale o settoriale dei lavoratori",
        "Territorial or sector marketing of workers",
    ),
    ("target_company_identification", "Individuazione delle imprese obiettivo", "Identification of target companies"),
];

const COMPLEMENTARY_KINDS: &[Term] = &[
    ("training", "Formazione", "Training"),
    ("income_support", "Sostegno al reddito", "Income support"),
    ("work_life_balance", "Conciliazione famiglia-lavoro", "Work-life balance"),
    ("socio_assistance", "Interventi socio-assistenziali", "Socio-assistance"),
];

const ACTION_STATUSES: &[Term] = &[
    ("proposed", "Proposta", "Proposed"),
    ("started", "Avviata", "Started"),
    ("rejected", "Respinta", "Rejected"),
    ("refused", "Rifiutata dal lavoratore", "Refused"),
    ("abandoned", "Abbandonata", "Abandoned"),
    ("cancelled_before_start", "Annullata prima dell'avvio", "Cancelled before start"),
    ("cancelled_after_start", "Annullata dopo l'avvio", "Cancelled after start"),
    ("deleted", "Cancellata", "Deleted"),
    ("suspended", "Sospesa", "Suspended"),
    ("completed", "Conclusa", "Completed"),
    ("accounted", "Rendicontata", "Accounted"),
    ("lapsed", "Decaduta", "Lapsed"),
];

const ENTRY_STATUSES: &[Term] = &[
    ("cigs", "Cassa integrazione guadagni straordinaria (CIGS)", "Extraordinary wage guarantee (CIGS)"),
    ("cigd", "Cassa integrazione guadagni in deroga (CIGD)", "Wage guarantee in derogation (CIGD)"),
    ("mobility_223_91", "Mobilità, l. 223/1991", "Mobility, law 223/1991"),
    ("mobility_236_93", "Mobilità, l. 236/1993", "Mobility, law 236/1993"),
    ("mobility_in_derogation", "Mobilità in deroga", "Mobility in derogation"),
    ("unemployed", "Disoccupato", "Unemployed"),
];

const WORKING_TIMES: &[Term] = &[
    ("F", "Tempo pieno", "Full time"),
    ("P", "Tempo parziale orizzontale", "Part time, horizontal"),
    ("V", "Tempo parziale verticale", "Part time, vertical"),
    ("M", "Tempo parziale misto", "Part time, mixed"),
    ("N", "Non definito", "Undefined"),
];

const OUTCOME_KINDS: &[Term] = &[
    ("employment", "Lavoro dipendente o assimilato", "Employment"),
    ("self_employment", "Lavoro autonomo", "Self-employment"),
    ("traineeship", "Tirocinio", "Traineeship"),
    ("education_or_training", "Istruzione o formazione", "Education or training"),
    ("searching", "In cerca di lavoro", "Searching for work"),
    ("inactive", "Inattivo", "Inactive"),
    ("other", "Altro", "Other"),
];

const OUTCOME_STATES: &[Term] = &[
    ("declared", "Dichiarato", "Declared"),
    ("evidenced", "Documentato", "Evidenced"),
    ("verified", "Verificato", "Verified"),
    ("disputed", "Contestato", "Disputed"),
    ("withdrawn", "Ritirato", "Withdrawn"),
];

const PARTNERSHIP_STATES: &[Term] = &[
    ("draft", "Bozza", "Draft"),
    ("submitted", "Presentato", "Submitted"),
    ("approved", "Approvato", "Approved"),
    ("rejected", "Respinto", "Rejected"),
    ("active", "Attivo", "Active"),
    ("concluded", "Concluso", "Concluded"),
    ("withdrawn", "Ritirato", "Withdrawn"),
];

const FINANCING_SOURCES: &[Term] = &[
    ("grant", "Contributo dell'avviso", "Grant of the call"),
    ("own_resources", "Risorse proprie dei soggetti", "Own resources of the members"),
];

/// Every closed vocabulary.
pub(super) fn all() -> Vec<Vocabulary> {
    vec![
        member_categories(),
        action_kinds(),
        list(
            "action-statuses",
            ["Statuses of an action", "Stati dell'azione"],
            EVENT_CODES,
            "",
            entries(ACTION_STATUSES),
        ),
        entry_statuses(),
        list("working-times", ["Working times", "Orari di lavoro"], NOTICES, "", entries(WORKING_TIMES)),
        list(
            "outcome-kinds",
            ["Kinds of outcome", "Tipi di esito"],
            OWN,
            "A traineeship is an outcome of its own and never a placement.",
            entries(OUTCOME_KINDS),
        ),
        list("outcome-states", ["States of an outcome", "Stati dell'esito"], OWN, "", entries(OUTCOME_STATES)),
        list(
            "partnership-states",
            ["States of a partnership", "Stati del partenariato"],
            OWN,
            "",
            entries(PARTNERSHIP_STATES),
        ),
        list(
            "financing-sources",
            ["Sources of financing", "Fonti di finanziamento"],
            PRESS_RELEASE,
            "Complementary actions are paid from own resources, never from the grant.",
            entries(FINANCING_SOURCES),
        ),
    ]
}

fn member_categories() -> Vocabulary {
    let mut all = entries(MEMBER_CATEGORIES_2012);
    let later = entries(MEMBER_CATEGORIES_LATER).into_iter();
    all = all.into_iter().map(|entry| entry.with("introduced_by", "2012")).collect();
    all.extend(later.map(|entry| entry.with("introduced_by", "later editions")));
    list(
        "member-categories",
        ["Categories of member", "Categorie di soggetti della rete"],
        PRESS_RELEASE,
        "Which categories a call admits is stated by the call.",
        all,
    )
}

fn action_kinds() -> Vocabulary {
    let mut all: Vec<Entry> =
        entries(ACTION_KINDS).into_iter().map(|entry| entry.with("complementary", false)).collect();
    all.extend(entries(COMPLEMENTARY_KINDS).into_iter().map(|entry| entry.with("complementary", true)));
    list(
        "action-kinds",
        ["Kinds of action", "Tipi di azione"],
        PRESS_RELEASE,
        "Complementary actions are paid from own resources, never from the grant.",
        all,
    )
}

fn entry_statuses() -> Vocabulary {
    let mut all = entries(ENTRY_STATUSES);
    for entry in &mut all {
        // Law 92/2012, art. 2: nobody enters a mobility list from 2017 on.
        if entry.code.starts_with("mobility_") {
            entry.valid_to = NaiveDate::from_ymd_opt(2017, 1, 1);
        }
    }
    list(
        "entry-statuses",
        ["Worker's status at entry", "Condizione del lavoratore all'ingresso"],
        OWN,
        "Mobility ended on 1 January 2017 (law 92/2012).",
        all,
    )
}

fn entries(terms: &[Term]) -> Vec<Entry> {
    terms.iter().map(|(code, it, en)| Entry { label_en: Some((*en).to_owned()), ..Entry::new(*code, *it) }).collect()
}

/// Titles: English, Italian.
fn list(
    name: &'static str,
    [title_en, title_it]: [&'static str; 2],
    source: &'static str,
    note_en: &'static str,
    entries: Vec<Entry>,
) -> Vocabulary {
    let heading = Heading { name, title_en, title_it, source, licence: LICENCE, note_en, parents_in: None };
    Vocabulary::new(heading, entries)
}
