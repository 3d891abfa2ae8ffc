//! What must hold of a participant. Pure: facts in, violations out.

use chrono::{Datelike as _, NaiveDate};

use super::model::{Participant, Recorded, Stay};
use super::wire::{Dote, ParticipantInput, ParticipantRectification, ParticipantWarning};
use crate::calls::model::{Call, CallRules};
use crate::cohorts::rules::check_accreditation;
use crate::error::{Code, Problem, Violation};
use crate::identifiers::{self, DoteNumber, PersonTaxCode};
use crate::members::rules::{Terms as NetworkTerms, check_change};
use crate::organisations::model::Organisation;
use crate::partnerships::model::Partnership;
use crate::partnerships::network::Network;
use crate::rules_catalogue::{ACTION_WITHIN_DOTE, OUTCOME_AFTER_DOTE, PARTICIPANT_DOTE_PATH, WORKER_ONE_ACTIVE_DOTE};
use crate::text;
use crate::vocabularies::checks;
use crate::vocabularies::terms::{PartnershipState, Sex};

/// What a participant is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The call's rules.
    pub rules: &'a CallRules,
    /// The operator in charge.
    pub operator: &'a Organisation,
    /// What is recorded of the participant already.
    pub recorded: Recorded,
    /// Today in Italy.
    pub today: NaiveDate,
}

/// Checks codes, dates, the Dote and the taking in charge. A taking in charge that stands already is not judged again.
pub fn check(input: &ParticipantInput, before: Option<&Participant>, terms: Terms<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_person(input, terms.today, &mut violations);
    check_dote(&input.dote, terms, &mut violations);
    check_stay(input, before, terms, &mut violations);
    violations
}

/// The person, without the tax code, which is parsed before.
fn check_person(input: &ParticipantInput, today: NaiveDate, violations: &mut Vec<Violation>) {
    check_born(Some(input.birth_year), today, violations);
    for (pointer, name) in [("/given_name", &input.given_name), ("/family_name", &input.family_name)] {
        check_name(pointer, Some(name), violations);
    }
    let entry = input.taken_charge_on.unwrap_or(input.dote.valid_from);
    checks::known("municipalities", "/municipality", Some(&input.municipality), entry, violations);
    checks::known("education-levels", "/education_level", input.education_level.as_deref(), entry, violations);
    let status = input.entry_status.as_str();
    checks::known("entry-statuses", "/entry_status", Some(status), input.dote.valid_from, violations);
    if input.unemployed_since.is_some_and(|since| since > today) {
        violations.push(Violation::new(
            "/unemployed_since",
            "in_the_future",
            text!("The day cannot lie in the future." / "Il giorno non può essere nel futuro."),
        ));
    }
}

fn check_dote(dote: &Dote, terms: Terms<'_>, violations: &mut Vec<Violation>) {
    if let Err(reason) = DoteNumber::parse(&dote.number) {
        violations.push(Violation::new("/dote/number", reason.code(), reason.text()));
    }
    if dote.valid_to < dote.valid_from {
        violations.push(Violation::new(
            "/dote/valid_to",
            "ends_before_start",
            text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
        ));
    }
    // Invariant 5.
    let paths = &terms.rules.dote_paths;
    if !paths.contains(&dote.path) {
        let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
        let detail = text!(
            "The workers of this call hold a Dote on: {}."
                / "I lavoratori di questo avviso hanno una Dote sui percorsi: {}.",
            paths.join(", ")
        );
        violations.push(Violation::of_rule(PARTICIPANT_DOTE_PATH, "/dote/path", detail));
    }
    // Invariants 10 and 11, from the other side.
    let Recorded { attended_from, attended_to, outcome_from } = terms.recorded;
    if let Some(from) = attended_from.filter(|from| *from < dote.valid_from) {
        let detail = text!(
            "The worker attended actions from {from} on, and the Dote has to cover them."
                / "Il lavoratore ha partecipato ad azioni dal {from}, e la Dote deve coprirle."
        );
        violations.push(Violation::of_rule(ACTION_WITHIN_DOTE, "/dote/valid_from", detail));
    }
    if let Some(to) = attended_to.filter(|to| *to > dote.valid_to) {
        let detail = text!(
            "The worker attended actions until {to}, and the Dote has to cover them."
                / "Il lavoratore ha partecipato ad azioni fino al {to}, e la Dote deve coprirle."
        );
        violations.push(Violation::of_rule(ACTION_WITHIN_DOTE, "/dote/valid_to", detail));
    }
    if let Some(from) = outcome_from.filter(|from| *from < dote.valid_from) {
        let detail = text!(
            "An outcome of the worker starts on {from}, and the Dote cannot start after it."
                / "Un esito del lavoratore inizia il {from}, e la Dote non può iniziare dopo."
        );
        violations.push(Violation::of_rule(OUTCOME_AFTER_DOTE, "/dote/valid_from", detail));
    }
}

fn check_stay(
    input: &ParticipantInput,
    before: Option<&Participant>,
    terms: Terms<'_>,
    violations: &mut Vec<Violation>,
) {
    if let Some(taken) = input.taken_charge_on {
        if taken > terms.today {
            let detail = text!(
                "The worker cannot have been taken in charge in the future."
                    / "Il lavoratore non può essere stato preso in carico nel futuro."
            );
            violations.push(Violation::new("/taken_charge_on", "in_the_future", detail));
        }
        if taken < input.dote.valid_from || input.dote.valid_to < taken {
            let detail = text!(
                "The worker is taken in charge on a day on which the Dote is valid."
                    / "Il lavoratore è preso in carico in un giorno in cui la Dote è valida."
            );
            violations.push(Violation::new("/taken_charge_on", "outside_dote", detail));
        }
        if before.and_then(|before| before.taken_charge_on) != Some(taken) {
            violations.extend(check_accreditation("/taken_charge_on", terms.operator, taken, terms.rules));
        }
    }
    match (input.left_on, input.exit_reason) {
        (Some(_), None) => {
            let detail =
                text!("Who left did so for a reason: state it." / "Chi è uscito lo ha fatto per un motivo: indicarlo.");
            violations.push(Violation::new("/exit_reason", "required", detail));
        }
        (None, Some(_)) => {
            violations.push(Violation::new(
                "/left_on",
                "required",
                text!("State the day on which the worker left." / "Indicare il giorno in cui il lavoratore è uscito."),
            ));
        }
        _ => {}
    }
    if let Some(left) = input.left_on {
        if left > terms.today {
            violations.push(Violation::new(
                "/left_on",
                "in_the_future",
                text!("The worker cannot have left in the future." / "Il lavoratore non può essere uscito nel futuro."),
            ));
        }
        if input.taken_charge_on.is_some_and(|taken| left < taken) {
            let detail = text!(
                "The worker cannot have left before having been taken in charge."
                    / "Il lavoratore non può essere uscito prima della presa in carico."
            );
            violations.push(Violation::new("/left_on", "ends_before_start", detail));
        }
    }
}

/// What is kept of a worker and no more is not changed by operators.
pub fn check_open(participant: &Participant) -> Result<(), Problem> {
    check_known(participant)?;
    if participant.restricted_at.is_none() {
        return Ok(());
    }
    Err(Problem::because(
        Code::WrongState,
        text!(
            "The worker's data is restricted: it is kept as it is."
                / "I dati del lavoratore sono soggetti a limitazione: restano come sono."
        ),
    ))
}

/// Of whom nobody knows any more who it was, nothing can be changed.
pub fn check_known(participant: &Participant) -> Result<(), Problem> {
    if participant.pseudonymised_at.is_none() {
        return Ok(());
    }
    Err(Problem::because(
        Code::WrongState,
        text!(
            "Retention has ended: nobody knows any more who the worker was."
                / "La conservazione è terminata: nessuno sa più chi fosse il lavoratore."
        ),
    ))
}

/// Checks what is corrected of who a worker is, but for the tax code, which is parsed before.
pub fn check_rectification(corrected: &ParticipantRectification, today: NaiveDate) -> Vec<Violation> {
    let mut violations = Vec::new();
    if *corrected == ParticipantRectification::default() {
        let detail = text!("State what is to be corrected." / "Indicare che cosa va rettificato.");
        violations.push(Violation::new("", "required", detail));
    }
    check_born(corrected.birth_year, today, &mut violations);
    for (pointer, name) in [("/given_name", &corrected.given_name), ("/family_name", &corrected.family_name)] {
        check_name(pointer, name.as_deref(), &mut violations);
    }
    violations
}

fn check_born(birth_year: Option<i32>, today: NaiveDate, violations: &mut Vec<Violation>) {
    if birth_year.is_some_and(|year| year > today.year()) {
        violations.push(Violation::new(
            "/birth_year",
            "in_the_future",
            text!("The worker cannot be born in the future." / "Il lavoratore non può essere nato nel futuro."),
        ));
    }
}

fn check_name(pointer: &str, name: Option<&str>, violations: &mut Vec<Violation>) {
    if name.is_some_and(|name| name.trim().is_empty()) {
        violations.push(Violation::new(pointer, "too_short", text!("The name is blank." / "Il nome è vuoto.")));
    }
}

/// Invariant 8: refuses a worker, or a Dote, that is elsewhere at the same time. Where is not told.
pub fn check_taken<'a>(stay: &Stay, others: impl Iterator<Item = &'a Stay>, today: NaiveDate) -> Result<(), Problem> {
    let (mut worker, mut dote) = (false, false);
    for other in others.filter(|other| other.id != stay.id && other.overlaps(stay, today)) {
        worker |= other.worker_index == stay.worker_index;
        dote |= other.dote_number == stay.dote_number;
    }
    let mut violations = Vec::new();
    if worker {
        let detail = text!(
            "The worker is in charge of an operator at this time already."
                / "Il lavoratore è già in carico a un operatore in questo periodo."
        );
        violations.push(Violation::of_rule(WORKER_ONE_ACTIVE_DOTE, "/tax_code", detail));
    }
    if dote {
        let detail = text!("The Dote is in use at this time already." / "La Dote è già in uso in questo periodo.");
        violations.push(Violation::of_rule(WORKER_ONE_ACTIVE_DOTE, "/dote/number", detail));
    }
    if violations.is_empty() { Ok(()) } else { Err(Problem::new(Code::WorkerTaken).with(violations)) }
}

/// Invariant 2: from the submission to its end a partnership keeps an operator with a worker in charge. `after` is the
/// participant as it shall be; `None` for a deletion.
pub fn check_departure(
    before: &Participant,
    after: Option<&Participant>,
    place: (&Partnership, &Call),
    network: &Network,
    today: NaiveDate,
) -> Vec<Violation> {
    use PartnershipState as S;
    let (partnership, call) = place;
    let departs = before.in_charge_on(today) && !after.is_some_and(|after| after.in_charge_on(today));
    if !departs || !matches!(partnership.state, S::Submitted | S::Approved | S::Active) {
        return Vec::new();
    }
    // Only who is in charge changes: how many workers a cohort has is asked at the submission alone.
    let mut later = network.clone();
    let in_charge = later.in_charge.entry(before.operator_organisation_id.uuid()).or_default();
    in_charge.with_valid_dote = in_charge.with_valid_dote.saturating_sub(1);
    check_change(network, &later, NetworkTerms { rules: &call.rules, ends_on: partnership.ends_on, today })
}

/// What is odd about a tax code, beside what is said of the person.
pub fn warnings(tax_code: &str, birth_year: i32, sex: Sex) -> Vec<ParticipantWarning> {
    let sex = match sex {
        Sex::Male => identifiers::Sex::Male,
        Sex::Female => identifiers::Sex::Female,
    };
    PersonTaxCode::parse(tax_code)
        .map(|code| code.agrees_with(birth_year, sex))
        .unwrap_or_default()
        .into_iter()
        .map(|warning| ParticipantWarning {
            code: warning.code(),
            detail_en: warning.detail_en(),
            detail_it: warning.detail_it(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
