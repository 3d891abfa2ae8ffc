//! The rules, one after the other. Examples are made from the call's own parameters, so that they hold under every call.

use chrono::{Days, NaiveDate};
use serde_json::json;

use super::*;
use crate::vocabularies::terms::ActionKind;

const PRESS_RELEASE: &str = "Regione Lombardia, press release of 29 June 2012 on the partenariati territoriali";
const LATER_EDITIONS: &str = "Azioni di rete per il lavoro, editions of 2014, 2017 and 2021";
const ACCREDITATION: &str = "L.r. 22/2006, art. 13 (accreditamento); applied to every date by this project";
const GENERAL: &str = "General principle of active labour policies and their funding; stated by this project";
const PROJECT: &str = "Decision of this project: docs/domain.md, Invariants";

fn before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(1)).unwrap_or(day)
}

fn after(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

/// A path, action kind or the like that a list lacks.
fn other_than<T: Copy + PartialEq>(all: &[T], listed: &[T]) -> Option<T> {
    all.iter().find(|item| !listed.contains(item)).copied()
}

/// Every rule, in the order of the invariants; then those of later editions.
pub const RULES: &[Rule] = &[
    Rule {
        code: COMPOSITION_MIN_SUBJECTS,
        invariant: Some(1),
        title_en: "A partnership has enough distinct subjects, by their tax codes, from its submission to its end",
        title_it: "Il partenariato è composto da un numero minimo di soggetti distinti, dalla presentazione alla conclusione",
        citation: PRESS_RELEASE,
        in_force: |_| true,
        parameters: |call| json!({"min_subjects": call.rules.min_subjects}),
        examples: |call| {
            let needed = call.rules.min_subjects;
            (json!({"distinct_subjects": needed}), json!({"distinct_subjects": needed.saturating_sub(1)}))
        },
    },
    Rule {
        code: COMPOSITION_OPERATOR_IN_CHARGE,
        invariant: Some(2),
        title_en: "At least one accredited operator has taken a holder of a valid Dote in charge",
        title_it: "Almeno un operatore accreditato ha preso in carico un destinatario di Dote ricollocazione",
        citation: PRESS_RELEASE,
        in_force: |_| true,
        parameters: |call| json!({"operator_categories": call.rules.operator_categories}),
        examples: |call| {
            let category = call.rules.operator_categories.first();
            let operator =
                |in_charge: u32| json!({"category": category, "accredited": true, "workers_in_charge": in_charge});
            (operator(1), operator(0))
        },
    },
    Rule {
        code: COMPOSITION_OTHER_SUBJECTS,
        invariant: Some(3),
        title_en: "Enough other subjects of the categories that the call lists take part",
        title_it: "Partecipano almeno altri soggetti delle categorie previste dall'avviso",
        citation: PRESS_RELEASE,
        in_force: |rules| rules.min_other_subjects > 0,
        parameters: |call| json!({"min_other_subjects": call.rules.min_other_subjects, "other_categories": call.rules.other_categories}),
        examples: |call| {
            let needed = call.rules.min_other_subjects;
            (json!({"other_subjects": needed}), json!({"other_subjects": needed.saturating_sub(1)}))
        },
    },
    Rule {
        code: CALL_ALLOCATION,
        invariant: Some(4),
        title_en: "What is granted under the call never adds up to more than its allocation",
        title_it: "Le somme concesse non superano la dotazione dell'avviso",
        citation: PRESS_RELEASE,
        in_force: |_| true,
        parameters: |call| json!({"allocation_cents": call.allocation_cents}),
        examples: |call| {
            let granted =
                |cents: i64| json!({"allocation_cents": call.allocation_cents, "granted_in_all_cents": cents});
            (granted(call.allocation_cents), granted(call.allocation_cents.saturating_add(1)))
        },
    },
    Rule {
        code: PARTICIPANT_DOTE_PATH,
        invariant: Some(5),
        title_en: "The workers hold a Dote ricollocazione on one of the call's paths",
        title_it: "I lavoratori sono titolari di Dote ricollocazione nel percorso previsto dall'avviso",
        citation: PRESS_RELEASE,
        in_force: |_| true,
        parameters: |call| json!({"dote_paths": call.rules.dote_paths}),
        examples: |call| {
            let paths = &call.rules.dote_paths;
            (
                json!({"dote_path": paths.first()}),
                json!({"dote_path": other_than(crate::calls::model::DotePath::ALL, paths)}),
            )
        },
    },
    Rule {
        code: ACTION_COMPLEMENTARY_OWN_RESOURCES,
        invariant: Some(6),
        title_en: "Complementary initiatives are paid from the members' own resources, never from the grant",
        title_it: "Le iniziative complementari sono finanziate con risorse proprie dei soggetti",
        citation: PRESS_RELEASE,
        in_force: |rules| !rules.own_resources_kinds.is_empty(),
        parameters: |call| json!({"own_resources_kinds": call.rules.own_resources_kinds}),
        examples: |call| {
            let kind = call.rules.own_resources_kinds.first().copied().unwrap_or(ActionKind::Training);
            (json!({"kind": kind, "financing": "own_resources"}), json!({"kind": kind, "financing": "grant"}))
        },
    },
    Rule {
        code: OPERATOR_ACCREDITED_ON_DATE,
        invariant: Some(7),
        title_en: "An operator is accredited on every date on which it delivers a service",
        title_it: "L'operatore è accreditato in ogni data in cui eroga un servizio",
        citation: ACCREDITATION,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |call| {
            let day = call.activities_from;
            let entry = |to: NaiveDate| json!({"service_on": day, "accreditation": {"valid_from": "2010-01-01", "valid_to": to}});
            (entry(day), entry(before(day)))
        },
    },
    Rule {
        code: WORKER_ONE_ACTIVE_DOTE,
        invariant: Some(8),
        title_en: "A worker has at most one active Dote and is in at most one partnership at a time",
        title_it: "Il lavoratore ha una sola Dote attiva e partecipa a un solo partenariato alla volta",
        citation: GENERAL,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| (json!({"partnerships_now": 1, "dotes_now": 1}), json!({"partnerships_now": 2, "dotes_now": 1})),
    },
    Rule {
        code: WORKER_DOUBLE_FINANCING,
        invariant: Some(9),
        title_en: "The same worker, service and period is funded once",
        title_it: "Divieto di doppio finanziamento per lo stesso lavoratore, servizio e periodo",
        citation: GENERAL,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let twice = |second: &str| json!({"kind": "outplacement", "periods": ["2012-10-01/2012-10-05", second], "financing": "grant"});
            (twice("2012-10-06/2012-10-10"), twice("2012-10-05/2012-10-10"))
        },
    },
    Rule {
        code: WORKER_DAILY_MINUTES,
        invariant: Some(9),
        title_en: "A worker attends no more minutes on one day than the call allows",
        title_it: "Un lavoratore non frequenta in un giorno più minuti di quanti ne ammette l'avviso",
        citation: GENERAL,
        in_force: |_| true,
        parameters: |call| json!({"max_daily_minutes": call.rules.max_daily_minutes}),
        examples: |call| {
            let most = call.rules.max_daily_minutes;
            (json!({"minutes_on_day": most}), json!({"minutes_on_day": most.saturating_add(1)}))
        },
    },
    Rule {
        code: ACTION_WITHIN_PARTNERSHIP,
        invariant: Some(10),
        title_en: "An action lies within the partnership's life",
        title_it: "L'azione si svolge durante la vita del partenariato",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |call| {
            let (from, to) = (call.activities_from, call.activities_to);
            let action = |on: NaiveDate| json!({"partnership": {"starts_on": from, "ends_on": to}, "started_on": from, "ended_on": on});
            (action(to), action(after(to)))
        },
    },
    Rule {
        code: ACTION_WITHIN_CALL,
        invariant: Some(10),
        title_en: "An action lies within the call's window for activities",
        title_it: "L'azione si svolge nel periodo di attività dell'avviso",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |call| json!({"activities_from": call.activities_from, "activities_to": call.activities_to}),
        examples: |call| {
            (json!({"started_on": call.activities_from}), json!({"started_on": before(call.activities_from)}))
        },
    },
    Rule {
        code: ACTION_WITHIN_DOTE,
        invariant: Some(10),
        title_en: "A worker attends only while the Dote is valid",
        title_it: "Le ore del lavoratore ricadono nel periodo di validità della Dote",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |call| {
            let (from, to) = (call.activities_from, call.activities_to);
            let attended = |on: NaiveDate| json!({"dote": {"valid_from": from, "valid_to": to}, "attended_on": on});
            (attended(from), attended(before(from)))
        },
    },
    Rule {
        code: OUTCOME_AFTER_DOTE,
        invariant: Some(11),
        title_en: "An outcome starts after the Dote does",
        title_it: "L'esito è successivo all'inizio della Dote",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |call| {
            let from = call.activities_from;
            let outcome = |on: NaiveDate| json!({"dote_from": from, "outcome_starts_on": on});
            (outcome(after(from)), outcome(before(from)))
        },
    },
    Rule {
        code: OUTCOME_NOT_DISMISSING_COMPANY,
        invariant: Some(11),
        title_en: "A placement is not with the company that dismissed the worker",
        title_it: "Non vale come ricollocazione l'assunzione presso l'impresa che ha licenziato il lavoratore",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let employer = |dismissed: bool| json!({"kind": "employment", "employer_is_crisis_company": dismissed});
            (employer(false), employer(true))
        },
    },
    Rule {
        code: MONEY_AMOUNT,
        invariant: Some(12),
        title_en: "Quantity times unit cost is the amount, and nothing is negative",
        title_it: "Quantità per costo unitario dà l'importo; nessun importo è negativo",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let line = |amount: i64| json!({"quantity": 10, "unit_cost_cents": 3500, "amount_cents": amount});
            (line(35_000), line(35_001))
        },
    },
    Rule {
        code: MONEY_ORDER,
        invariant: Some(12),
        title_en: "Liquidated <= approved (granted) <= requested <= budget",
        title_it: "Liquidato <= approvato (concesso) <= richiesto <= costo totale",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let sums = |granted: i64| json!({"budget_cents": 20_000_000, "requested_cents": 15_000_000, "granted_cents": granted});
            (sums(15_000_000), sums(15_000_001))
        },
    },
    Rule {
        code: RECORD_OWN,
        invariant: Some(13),
        title_en: "An operator writes only its own records",
        title_it: "L'operatore scrive solo i propri dati",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let write = |own: bool| json!({"record": "action", "performed_by_caller": own});
            (write(true), write(false))
        },
    },
    Rule {
        code: RECORD_ACCOUNTED,
        invariant: Some(13),
        title_en: "A record that was accounted for is corrected by a rectification, never overwritten",
        title_it: "Un dato rendicontato si corregge con una rettifica, senza sovrascriverlo",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |_| json!({}),
        examples: |_| {
            let change = |by: &str| json!({"status": "accounted", "changed_by": by});
            (change("rectification"), change("replacement"))
        },
    },
    Rule {
        code: CALL_OPEN,
        invariant: Some(14),
        title_en: "A call takes applications within its window, and new activity until its end",
        title_it: "L'avviso accetta domande nella finestra prevista e nuove attività fino al termine",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |call| json!({"applications_from": call.applications_from, "applications_to": call.applications_to, "activities_to": call.activities_to}),
        examples: |call| {
            (
                json!({"submitted_on": call.applications_to, "activity_recorded_on": call.activities_to}),
                json!({"submitted_on": after(call.applications_to), "activity_recorded_on": after(call.activities_to)}),
            )
        },
    },
    Rule {
        code: CALL_CORRECTIONS,
        invariant: Some(14),
        title_en: "A closed call takes corrections until its reporting deadline",
        title_it: "L'avviso chiuso accetta correzioni fino al termine di rendicontazione",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |call| json!({"reporting_deadline": call.reporting_deadline}),
        examples: |call| {
            let deadline = call.reporting_deadline;
            (json!({"corrected_on": deadline}), json!({"corrected_on": after(deadline)}))
        },
    },
    Rule {
        code: PARTNERSHIP_WITHIN_CALL,
        invariant: Some(10),
        title_en: "The partnership's life lies within the call's window for activities",
        title_it: "La durata del partenariato ricade nel periodo di attività dell'avviso",
        citation: PROJECT,
        in_force: |_| true,
        parameters: |call| json!({"activities_from": call.activities_from, "activities_to": call.activities_to}),
        examples: |call| {
            let life = |to: NaiveDate| json!({"starts_on": call.activities_from, "ends_on": to});
            (life(call.activities_to), life(after(call.activities_to)))
        },
    },
    Rule {
        code: COHORT_MIN_SIZE,
        invariant: None,
        title_en: "A cohort has enough workers when the partnership is submitted",
        title_it: "Il gruppo di lavoratori raggiunge il numero minimo alla presentazione",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.min_cohort_size.is_some(),
        parameters: |call| json!({"min_cohort_size": call.rules.min_cohort_size}),
        examples: |call| {
            let needed = call.rules.min_cohort_size.unwrap_or(10);
            (json!({"workers": needed}), json!({"workers": needed.saturating_sub(1)}))
        },
    },
    Rule {
        code: COHORT_ONE_CRISIS_COMPANY,
        invariant: None,
        title_en: "All workers of a cohort come from one company, which the cohort names",
        title_it: "I lavoratori del gruppo provengono da una sola impresa, indicata nel gruppo",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.one_crisis_company_per_cohort,
        parameters: |_| json!({}),
        examples: |_| (json!({"crisis_companies": 1}), json!({"crisis_companies": 0})),
    },
    Rule {
        code: GRANT_MAXIMUM,
        invariant: None,
        title_en: "The grant of one partnership stays within the call's maximum",
        title_it: "Il contributo al singolo partenariato non supera il massimale",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.max_grant_cents.is_some(),
        parameters: |call| json!({"max_grant_cents": call.rules.max_grant_cents}),
        examples: |call| {
            let most = call.rules.max_grant_cents.unwrap_or(20_000_000);
            (json!({"requested_cents": most}), json!({"requested_cents": most.saturating_add(1)}))
        },
    },
    Rule {
        code: PARTNERSHIP_MAX_LIFE,
        invariant: None,
        title_en: "The partnership lasts no longer than the call allows",
        title_it: "La durata del partenariato non supera quella massima",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.max_life_months.is_some(),
        parameters: |call| json!({"max_life_months": call.rules.max_life_months}),
        examples: |call| {
            let most = call.rules.max_life_months.unwrap_or(12);
            (json!({"months": most}), json!({"months": most.saturating_add(1)}))
        },
    },
    Rule {
        code: ACCREDITATION_DEFINITIVE,
        invariant: None,
        title_en: "Only definitive accreditation counts",
        title_it: "È richiesto l'accreditamento definitivo",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.definitive_accreditation_only,
        parameters: |_| json!({}),
        examples: |_| (json!({"accreditation": "definitive"}), json!({"accreditation": "provisional"})),
    },
    Rule {
        code: OPERATOR_SITE_IN_LOMBARDY,
        invariant: None,
        title_en: "Every operator has a site in Lombardy",
        title_it: "Ogni operatore dispone di una sede operativa in Lombardia",
        citation: LATER_EDITIONS,
        in_force: |rules| rules.operating_site_in_lombardy,
        parameters: |_| json!({}),
        examples: |_| (json!({"units_in_lombardy": 1}), json!({"units_in_lombardy": 0, "seat_in_lombardy": false})),
    },
];
