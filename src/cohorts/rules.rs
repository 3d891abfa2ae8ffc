//! What must hold of a cohort, and what all that is recorded of its workers has in common with it. Pure: facts in, violations
//! out.

use chrono::NaiveDate;

use super::model::Cohort;
use crate::calls::model::{Call, CallRules};
use crate::error::{Code, Problem, Violation};
use crate::identifiers::PersonTaxCode;
use crate::members::model::Member;
use crate::organisations::model::Organisation;
use crate::rules_catalogue::{
    ACCREDITATION_DEFINITIVE, CALL_CORRECTIONS, CALL_OPEN, COHORT_ONE_CRISIS_COMPANY, OPERATOR_ACCREDITED_ON_DATE,
};
use crate::text;
use crate::text::{Language, Text};
use crate::vocabularies::checks;
use crate::vocabularies::terms::PartnershipState;

/// What a cohort is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The call's rules.
    pub rules: &'a CallRules,
    /// All members of the partnership, past and future ones too.
    pub members: &'a [Member],
    /// Today in Italy.
    pub today: NaiveDate,
}

/// Checks a cohort. Who is in charge already is not judged again, so that a cohort can still be corrected once its operator's
/// accreditation has ended.
pub fn check(cohort: &Cohort, before: Option<&Cohort>, operator: &Organisation, terms: Terms<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    no_tax_code("/name", Some(&cohort.name), &mut violations);
    let day = cohort.agreement_on.unwrap_or(terms.today);
    checks::known("ateco-2007", "/ateco", cohort.ateco.as_deref(), day, &mut violations);
    checks::known("provinces", "/province", cohort.province.as_deref(), terms.today, &mut violations);
    if cohort.agreement_on.is_some_and(|day| day > terms.today) {
        violations.push(Violation::new(
            "/agreement_on",
            "in_the_future",
            text!("The agreement cannot lie in the future." / "L'accordo non può essere nel futuro."),
        ));
    }
    if terms.rules.one_crisis_company_per_cohort && cohort.crisis_company_id.is_none() {
        let detail = text!(
            "Under this call a cohort names the one company that its workers come from."
                / "In questo avviso un gruppo indica l'unica impresa da cui provengono i lavoratori."
        );
        violations.push(Violation::of_rule(COHORT_ONE_CRISIS_COMPANY, "/crisis_company", detail));
    }
    if before.is_none_or(|before| before.operator_organisation_id != cohort.operator_organisation_id) {
        violations.extend(check_membership("/operator", operator, terms));
        violations.extend(check_accreditation("/operator", operator, terms.today, terms.rules));
    }
    violations
}

/// An operator in charge is a member today, in a category of operators.
pub fn check_membership(pointer: &str, operator: &Organisation, terms: Terms<'_>) -> Option<Violation> {
    let mut memberships = terms
        .members
        .iter()
        .filter(|member| member.organisation_id.uuid() == operator.meta.id && member.holds_on(terms.today))
        .peekable();
    if memberships.peek().is_none() {
        let detail = text!(
            "The operator in charge has to be a member of the partnership today."
                / "L'operatore incaricato deve far parte oggi del partenariato."
        );
        return Some(Violation::new(pointer, "not_a_member", detail));
    }
    let admitted = &terms.rules.operator_categories;
    if memberships.any(|member| admitted.contains(&member.category)) {
        return None;
    }
    let admitted: Vec<&str> = admitted.iter().map(|category| category.as_str()).collect();
    let detail = text!(
        "The operator in charge has to be a member as: {}." / "L'operatore incaricato deve farne parte come: {}.",
        admitted.join(", ")
    );
    Some(Violation::new(pointer, "not_admitted", detail))
}

/// Invariant 7, and what later editions add to it.
pub fn check_accreditation(
    pointer: &str,
    operator: &Organisation,
    day: NaiveDate,
    rules: &CallRules,
) -> Option<Violation> {
    if !operator.accredited_on(day, false) {
        let detail = text!(
            "The operator in charge has to be accredited on {day}."
                / "L'operatore incaricato deve essere accreditato il {day}."
        );
        return Some(Violation::of_rule(OPERATOR_ACCREDITED_ON_DATE, pointer, detail));
    }
    if rules.definitive_accreditation_only && !operator.accredited_on(day, true) {
        let detail = text!(
            "Under this call only definitive accreditation counts, and the operator's is provisional on {day}."
                / "In questo avviso conta solo l'accreditamento definitivo, e quello dell'operatore il {day} è provvisorio."
        );
        return Some(Violation::of_rule(ACCREDITATION_DEFINITIVE, pointer, detail));
    }
    None
}

/// Invariant 14: new records until the end of the call's activities, corrections until its reporting deadline.
pub fn check_window(call: &Call, is_new: bool, today: NaiveDate) -> Option<Violation> {
    if is_new && !call.is_open_on(today) {
        let detail = text!(
            "The call took new records until {}; it takes corrections only."
                / "L'avviso accettava nuovi record fino al {}; accetta solo correzioni.",
            call.activities_to
        );
        Some(Violation::of_rule(CALL_OPEN, "", detail))
    } else if !call.takes_corrections_on(today) {
        let detail = text!(
            "The call took corrections until its reporting deadline, {}."
                / "L'avviso accettava correzioni fino al termine di rendicontazione, {}.",
            call.reporting_deadline
        );
        Some(Violation::of_rule(CALL_CORRECTIONS, "", detail))
    } else {
        None
    }
}

/// Refuses a change in a partnership where nothing more happens.
pub fn refuse_ended(state: PartnershipState, what: &Text) -> Result<(), Problem> {
    if state.is_final() {
        return Err(Problem::because(
            Code::WrongState,
            Text::new(
                format_args!("The partnership is `{state}`: {}.", what.get(Language::English)),
                format_args!("Il partenariato è `{state}`: {}.", what.get(Language::Italian)),
            ),
        ));
    }
    Ok(())
}

/// Free text is stored and shown in the clear: a worker's tax code has no place in it.
pub fn no_tax_code(pointer: &str, text: Option<&str>, violations: &mut Vec<Violation>) {
    if text.is_some_and(PersonTaxCode::looks_like) {
        let detail = text!(
            "The text contains what looks like a person's tax code."
                / "Il testo contiene ciò che sembra il codice fiscale di una persona."
        );
        violations.push(Violation::new(pointer, "personal_data", detail));
    }
}

#[cfg(test)]
mod tests;
