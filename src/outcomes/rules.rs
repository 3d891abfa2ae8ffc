//! What must hold of an outcome, and the steps it takes. Pure: facts in, violations out.
//!
//! ```text
//! declared -> evidenced -> verified <-> disputed
//! a change of a disputed one -> declared or evidenced
//! all of them -> withdrawn
//! ```

use chrono::NaiveDate;

use super::model::Outcome;
use super::wire::{OutcomeInput, Verification, VerificationVerdict};
use crate::cohorts::rules::no_tax_code;
use crate::error::{Code, Problem, Violation};
use crate::identifiers::{Ccnl, Cob, OrganisationTaxCode, Profession, Reason};
use crate::rules_catalogue::OUTCOME_AFTER_DOTE;
use crate::text;
use crate::text::{Language, Text};
use crate::vocabularies::checks;
use crate::vocabularies::terms::{OutcomeKind, OutcomeState};

/// The type of contract that a traineeship is.
pub const TRAINEESHIP: &str = "C.01.00";

/// Types of contract that are fixed-term by what they are, and may count as placements: without its end nobody could tell how
/// long such a contract lasts. Others of a minimum duration (agency, home work, platforms) may be open-ended.
const FIXED_TERM: &[&str] = &["A.02.00", "A.02.01", "A.03.14", "A.06.01", "B.01.00", "I.02.00", "N.02.00", "N.03.00"];

/// The codes of an input, parsed.
#[derive(Debug, Default)]
pub struct Codes {
    /// The employer.
    pub employer: Option<OrganisationTaxCode>,
    /// The employer's notice.
    pub cob: Option<Cob>,
    /// The one before.
    pub previous_cob: Option<Cob>,
    /// Collective agreement.
    pub ccnl: Option<Ccnl>,
    /// Profession.
    pub profession: Option<Profession>,
}

/// Checks form, codes and dates. `dote_from` is the first day of the worker's Dote.
pub fn check(input: &OutcomeInput, dote_from: NaiveDate, today: NaiveDate) -> (Codes, Vec<Violation>) {
    let mut violations = Vec::new();
    check_form(input, &mut violations);
    let codes = parse(input, &mut violations);
    checks::known("contract-types", "/contract_type", input.contract_type.as_deref(), input.starts_on, &mut violations);
    check_dates(input, dote_from, today, &mut violations);
    if input.previous_cob.is_some() && input.previous_cob == input.cob {
        let detail = text!(
            "A notice does not rectify or extend itself." / "Una comunicazione non rettifica né proroga sé stessa."
        );
        violations.push(Violation::new("/previous_cob", "repeated_item", detail));
    }
    (codes, violations)
}

/// Which fields a kind needs and which it does not take.
fn check_form(input: &OutcomeInput, violations: &mut Vec<Violation>) {
    use OutcomeKind as K;
    let contract = matches!(input.kind, K::Employment | K::Traineeship);
    let working = contract || input.kind == K::SelfEmployment;
    let fields = [
        // Whether it is there, may be there, has to be there.
        ("/contract_type", input.contract_type.is_some(), contract, contract),
        ("/employer_tax_code", input.employer_tax_code.is_some(), contract, contract),
        ("/working_time", input.working_time.is_some(), contract, input.kind == K::Employment),
        ("/cob", input.cob.is_some(), contract, input.previous_cob.is_some() || input.cob_annulled),
        ("/previous_cob", input.previous_cob.is_some(), contract, false),
        ("/cob_annulled", input.cob_annulled, contract, false),
        ("/ccnl", input.ccnl.is_some(), contract, false),
        ("/profession", input.profession.is_some(), working, false),
        ("/vat_opened_on", input.vat_opened_on.is_some(), input.kind == K::SelfEmployment, false),
    ];
    let kind = input.kind;
    for (pointer, there, may, must) in fields {
        if there && !may {
            let detail = text!(
                "An outcome of the kind `{kind}` does not have this."
                    / "Un esito del tipo `{kind}` non ha questo campo."
            );
            violations.push(Violation::new(pointer, "not_allowed", detail));
        } else if may && must && !there {
            let detail = text!(
                "An outcome of the kind `{kind}` with what else is stated needs this."
                    / "Un esito del tipo `{kind}`, con quanto altro è indicato, richiede questo campo."
            );
            violations.push(Violation::new(pointer, "required", detail));
        }
    }
    match (kind, input.contract_type.as_deref()) {
        (K::Employment, Some(TRAINEESHIP)) => {
            let detail = text!(
                "{TRAINEESHIP} is a traineeship: record it as an outcome of the kind `traineeship`."
                    / "{TRAINEESHIP} è un tirocinio: registrarlo come esito del tipo `traineeship`."
            );
            violations.push(Violation::new("/contract_type", "not_allowed", detail));
        }
        (K::Traineeship, Some(other)) if other != TRAINEESHIP => {
            let detail = text!(
                "The type of contract of a traineeship is {TRAINEESHIP}."
                    / "Il tipo di contratto di un tirocinio è {TRAINEESHIP}."
            );
            violations.push(Violation::new("/contract_type", "not_allowed", detail));
        }
        (K::Employment, Some(code)) if FIXED_TERM.contains(&code) && input.ends_on.is_none() => {
            let detail = text!(
                "A contract of this type is fixed-term: state its last day."
                    / "Un contratto di questo tipo è a termine: indicare l'ultimo giorno."
            );
            violations.push(Violation::new("/ends_on", "required", detail));
        }
        _ => {}
    }
}

fn parse(input: &OutcomeInput, violations: &mut Vec<Violation>) -> Codes {
    fn one<T>(
        pointer: &str,
        text: Option<&str>,
        parse: fn(&str) -> Result<T, Reason>,
        violations: &mut Vec<Violation>,
    ) -> Option<T> {
        let refused = |reason: Reason| violations.push(Violation::new(pointer, reason.code(), reason.text()));
        parse(text?).map_err(refused).ok()
    }
    Codes {
        employer: one("/employer_tax_code", input.employer_tax_code.as_deref(), OrganisationTaxCode::parse, violations),
        cob: one("/cob", input.cob.as_deref(), Cob::parse, violations),
        previous_cob: one("/previous_cob", input.previous_cob.as_deref(), Cob::parse, violations),
        ccnl: one("/ccnl", input.ccnl.as_deref(), Ccnl::parse, violations),
        profession: one("/profession", input.profession.as_deref(), Profession::parse, violations),
    }
}

fn check_dates(input: &OutcomeInput, dote_from: NaiveDate, today: NaiveDate, violations: &mut Vec<Violation>) {
    // Invariant 11.
    if input.starts_on < dote_from {
        let detail = text!(
            "The worker's Dote starts on {dote_from}, and an outcome not before it."
                / "La Dote del lavoratore inizia il {dote_from}, e un esito non prima."
        );
        violations.push(Violation::of_rule(OUTCOME_AFTER_DOTE, "/starts_on", detail));
    }
    if input.ends_on.is_some_and(|end| end < input.starts_on) {
        violations.push(Violation::new(
            "/ends_on",
            "ends_before_start",
            text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
        ));
    }
    if input.vat_opened_on.is_some_and(|opened| opened > today) {
        let detail = text!(
            "A VAT number that will be opened proves nothing yet."
                / "Una partita IVA che sarà aperta non prova ancora nulla."
        );
        violations.push(Violation::new("/vat_opened_on", "in_the_future", detail));
    }
}

/// The state that an outcome has by its own evidence.
const fn own_state(kind: OutcomeKind, has_cob: bool, has_vat: bool) -> OutcomeState {
    let evidenced = match kind {
        OutcomeKind::Employment | OutcomeKind::Traineeship => has_cob,
        OutcomeKind::SelfEmployment => has_vat,
        _ => false,
    };
    if evidenced { OutcomeState::Evidenced } else { OutcomeState::Declared }
}

/// An outcome that is written, new or again. What repeats what is stored changes nothing, in any state.
pub fn written(before: Option<&Outcome>, mut outcome: Outcome, today: NaiveDate) -> Result<Outcome, Problem> {
    let state = own_state(outcome.kind, outcome.cob.is_some(), outcome.vat_opened_on.is_some());
    let Some(before) = before else {
        return Ok(Outcome { state, state_reason: None, state_changed_on: today, ..outcome });
    };
    outcome.state = before.state;
    outcome.state_reason.clone_from(&before.state_reason);
    outcome.state_changed_on = before.state_changed_on;
    if outcome == *before {
        return Ok(outcome);
    }
    match before.state {
        OutcomeState::Verified => Err(wrong_state(
            before,
            &text!(
                "withdraw it and declare anew what is different" / "ritirarlo e dichiarare di nuovo ciò che è diverso"
            ),
        )),
        OutcomeState::Withdrawn => Err(wrong_state(before, &text!("declare a new one" / "dichiararne uno nuovo"))),
        OutcomeState::Declared | OutcomeState::Evidenced | OutcomeState::Disputed => {
            Ok(moved(outcome, state, None, today))
        }
    }
}

fn wrong_state(outcome: &Outcome, advice: &Text) -> Problem {
    Problem::because(
        Code::WrongState,
        Text::new(
            format_args!("The outcome is `{}`: {}.", outcome.state, advice.get(Language::English)),
            format_args!("L'esito è `{}`: {}.", outcome.state, advice.get(Language::Italian)),
        ),
    )
}

fn moved(outcome: Outcome, state: OutcomeState, reason: Option<String>, today: NaiveDate) -> Outcome {
    let state_changed_on = if outcome.state == state { outcome.state_changed_on } else { today };
    Outcome { state, state_reason: reason, state_changed_on, ..outcome }
}

/// Verifies or disputes it. What is only declared has nothing to compare with the employers' notices.
pub fn verified(before: &Outcome, verification: &Verification, today: NaiveDate) -> Result<Outcome, Problem> {
    let mut violations = Vec::new();
    no_tax_code("/reason", verification.reason.as_deref(), &mut violations);
    if verification.verdict == VerificationVerdict::Disputed && verification.reason.is_none() {
        violations.push(Violation::new(
            "/reason",
            "required",
            text!("A dispute states why." / "Una contestazione indica il motivo."),
        ));
    }
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    let state = match verification.verdict {
        VerificationVerdict::Verified => OutcomeState::Verified,
        VerificationVerdict::Disputed => OutcomeState::Disputed,
    };
    match before.state {
        OutcomeState::Declared => Err(wrong_state(
            before,
            &text!("it has to be evidenced before it is decided on" / "deve essere documentato prima di essere deciso"),
        )),
        OutcomeState::Withdrawn => {
            Err(wrong_state(before, &text!("it is no longer decided on" / "non vi si decide più")))
        }
        OutcomeState::Evidenced | OutcomeState::Verified | OutcomeState::Disputed => {
            Ok(moved(before.clone(), state, verification.reason.clone(), today))
        }
    }
}

/// Withdraws it.
pub fn withdrawn(before: &Outcome, reason: Option<&str>, today: NaiveDate) -> Result<Outcome, Problem> {
    let mut violations = Vec::new();
    no_tax_code("/reason", reason, &mut violations);
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    if before.state == OutcomeState::Withdrawn {
        return Err(wrong_state(before, &text!("that cannot be done twice" / "non si può fare due volte")));
    }
    Ok(moved(before.clone(), OutcomeState::Withdrawn, reason.map(str::to_owned), today))
}

/// Only what nobody has decided on can be deleted; the rest is withdrawn, and stays.
pub fn deletable(before: &Outcome) -> Result<(), Problem> {
    match before.state {
        OutcomeState::Declared | OutcomeState::Evidenced => Ok(()),
        OutcomeState::Verified | OutcomeState::Disputed => {
            Err(wrong_state(before, &text!("withdraw it instead" / "ritirarlo, invece")))
        }
        OutcomeState::Withdrawn => Err(wrong_state(before, &text!("it stays as it is" / "resta com'è"))),
    }
}

#[cfg(test)]
mod tests;
