//! Whether an outcome counts as a placement. Pure, and by the call's own numbers and lists: the minimum duration and how types
//! of contract count are data of the call, with the vocabulary's proposal where the call says nothing.

use chrono::NaiveDate;

use super::model::Outcome;
use super::wire::{Placement, PlacementReason};
use crate::calls::model::{CallRules, ContractTreatment};
use crate::rules_catalogue::OUTCOME_NOT_DISMISSING_COMPANY;
use crate::text;
use crate::text::{Language, Text};
use crate::vocabularies::terms::{OutcomeKind, OutcomeState};
use crate::vocabularies::{self, PlacementRule};

/// What an outcome is judged with.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// All outcomes of the same participant; it may be among them.
    pub siblings: &'a [Outcome],
    /// The call's rules.
    pub rules: &'a CallRules,
    /// Blind index of the company that dismissed the worker.
    pub dismissed_by: Option<&'a [u8]>,
}

/// Judges an outcome.
pub fn judge(outcome: &Outcome, circumstances: Circumstances<'_>) -> Placement {
    let Circumstances { rules, dismissed_by, .. } = circumstances;
    let days = days(outcome, circumstances);
    let mut against = voided(outcome);
    let same_company = dismissed_by.is_some_and(|company| outcome.employer_index.as_deref() == Some(company));
    if same_company {
        let detail = text!(
            "The employer is the company that dismissed the worker."
                / "Il datore di lavoro è l'impresa che ha licenziato il lavoratore."
        );
        against.push(reason(OUTCOME_NOT_DISMISSING_COMPANY, &detail));
    }
    let by_kind = match outcome.kind {
        OutcomeKind::Employment => by_contract(outcome, days, rules),
        OutcomeKind::SelfEmployment if outcome.vat_opened_on.is_some() => Ok(reason(
            "vat_opened",
            &text!("The worker has opened a VAT number." / "Il lavoratore ha aperto la partita IVA."),
        )),
        OutcomeKind::SelfEmployment => Err(reason(
            "vat_not_opened",
            &text!(
                "Self-employment counts once the VAT number is opened."
                    / "Il lavoro autonomo conta quando è aperta la partita IVA."
            ),
        )),
        OutcomeKind::Traineeship => Err(reason(
            "traineeship",
            &text!(
                "A traineeship is an outcome, but never a placement."
                    / "Un tirocinio è un esito, ma mai una ricollocazione."
            ),
        )),
        OutcomeKind::EducationOrTraining | OutcomeKind::Searching | OutcomeKind::Inactive | OutcomeKind::Other => {
            Err(reason(
                "no_work",
                &text!(
                    "The outcome is neither employment nor self-employment."
                        / "L'esito non è né lavoro dipendente né lavoro autonomo."
                ),
            ))
        }
    };
    match by_kind {
        Ok(for_it) if against.is_empty() => Placement { counts: true, days, reasons: vec![for_it] },
        Ok(_) => Placement { counts: false, days, reasons: against },
        Err(more) => {
            against.push(more);
            Placement { counts: false, days, reasons: against }
        }
    }
}

fn reason(code: &'static str, detail: &Text) -> PlacementReason {
    let said = |language| detail.get(language).to_owned();
    PlacementReason { code, detail_en: said(Language::English), detail_it: said(Language::Italian) }
}

/// What makes an outcome void, whatever it is.
fn voided(outcome: &Outcome) -> Vec<PlacementReason> {
    let mut against = Vec::new();
    match outcome.state {
        OutcomeState::Withdrawn => against.push(reason(
            "withdrawn",
            &text!("The operator has withdrawn the outcome." / "L'operatore ha ritirato l'esito."),
        )),
        OutcomeState::Disputed => against.push(reason(
            "disputed",
            &text!("The Dote system disputes the outcome." / "Il sistema Dote contesta l'esito."),
        )),
        OutcomeState::Declared | OutcomeState::Evidenced | OutcomeState::Verified => {}
    }
    if outcome.cob_annulled {
        against.push(reason(
            "cob_annulled",
            &text!("The employer's notice was annulled." / "La comunicazione del datore di lavoro è stata annullata."),
        ));
    }
    against
}

/// How a type of contract counts: as the call says, else as the vocabulary proposes.
fn treatment(outcome: &Outcome, rules: &CallRules) -> ContractTreatment {
    let Some(code) = outcome.contract_type.as_deref() else { return ContractTreatment::Never };
    rules.contract_types.get(code).copied().unwrap_or_else(|| match vocabularies::counts_as_placement(code) {
        Some(PlacementRule::Always) => ContractTreatment::Always,
        Some(PlacementRule::MinDuration) => ContractTreatment::MinDuration,
        Some(PlacementRule::Never) | None => ContractTreatment::Never,
    })
}

fn by_contract(outcome: &Outcome, days: Option<i64>, rules: &CallRules) -> Result<PlacementReason, PlacementReason> {
    let needed = rules.placement_min_days;
    match (treatment(outcome, rules), days) {
        (ContractTreatment::Always, _) => Ok(reason(
            "contract_type",
            &text!(
                "Contracts of this type count whatever their duration."
                    / "I contratti di questo tipo contano qualunque sia la durata."
            ),
        )),
        (ContractTreatment::Never, _) => Err(reason(
            "contract_type",
            &text!("Contracts of this type do not count." / "I contratti di questo tipo non contano."),
        )),
        (ContractTreatment::MinDuration, None) => {
            Ok(reason("open_ended", &text!("The contract has no end." / "Il contratto non ha termine.")))
        }
        (ContractTreatment::MinDuration, Some(days)) if days >= needed => Ok(reason(
            "duration",
            &text!("It lasts {days} days; {needed} are needed." / "Dura {days} giorni; ne servono {needed}."),
        )),
        (ContractTreatment::MinDuration, Some(days)) => Err(reason(
            "duration",
            &text!("It lasts {days} days; {needed} are needed." / "Dura {days} giorni; ne servono {needed}."),
        )),
    }
}

/// Whether a contract can be a link of a chain.
fn chains(outcome: &Outcome, rules: &CallRules) -> bool {
    outcome.kind == OutcomeKind::Employment
        && voided(outcome).is_empty()
        && treatment(outcome, rules) != ContractTreatment::Never
        && outcome.employer_index.is_some()
}

/// Days of the outcome, both ends included; of a contract, over all that it forms a chain with: the same employer and no gap.
fn days(outcome: &Outcome, Circumstances { siblings, rules, .. }: Circumstances<'_>) -> Option<i64> {
    let period = |outcome: &Outcome| (outcome.starts_on, outcome.ends_on.unwrap_or(NaiveDate::MAX));
    let (mut first, mut last) = period(outcome);
    if chains(outcome, rules) {
        let mut links: Vec<(NaiveDate, NaiveDate)> = siblings
            .iter()
            .filter(|other| other.meta.id != outcome.meta.id && other.employer_index == outcome.employer_index)
            .filter(|other| chains(other, rules))
            .map(period)
            .collect();
        // Each round takes in what touches the chain so far, until nothing does any more.
        loop {
            let before = links.len();
            links.retain(|(from, to)| {
                let touches = *from <= next(last) && first <= next(*to);
                if touches {
                    first = first.min(*from);
                    last = last.max(*to);
                }
                !touches
            });
            if links.len() == before {
                break;
            }
        }
    }
    (last < NaiveDate::MAX).then(|| (last - first).num_days() + 1)
}

fn next(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

#[cfg(test)]
mod tests;
