//! The steps of a partnership's life: from which state, under which rules, and what becomes of it. Pure.
//!
//! ```text
//! draft -> submitted -> approved -> active -> concluded
//!              |-----> rejected
//! draft, submitted, approved, active -> withdrawn
//! ```

use chrono::NaiveDate;

use super::composition::{check_composition, violations};
use super::model::Partnership;
use super::network::Network;
use super::rules::{check_activity, check_submission};
use super::wire::{Decision, DecisionVerdict};
use crate::calls::model::{Budget, Call};
use crate::error::{Code, Problem, Violation};
use crate::rules_catalogue::{CALL_ALLOCATION, GRANT_MAXIMUM, MONEY_ORDER};
use crate::text;
use crate::text::{Language, Text, euros};
use crate::vocabularies::terms::PartnershipState;

/// Refuses a step that the state does not allow.
pub fn within(state: PartnershipState, allowed: &[PartnershipState], step: &Text) -> Result<(), Problem> {
    if allowed.contains(&state) {
        return Ok(());
    }
    let allowed = allowed.iter().map(|state| format!("`{state}`")).collect::<Vec<_>>().join(", ");
    Err(Problem::because(
        Code::WrongState,
        Text::new(
            format_args!(
                "The partnership is `{state}`; it can be {} while it is {allowed}.",
                step.get(Language::English)
            ),
            format_args!("Il partenariato è `{state}`; può essere {} mentre è {allowed}.", step.get(Language::Italian)),
        ),
    ))
}

/// Submits it (presentazione): the call takes applications today, and every rule of submission holds.
pub fn submit(
    partnership: &Partnership,
    call: &Call,
    network: &Network,
    today: NaiveDate,
) -> Result<Partnership, Problem> {
    within(partnership.state, &[PartnershipState::Draft], &text!("submitted" / "presentato"))?;
    let broken = violations(&check_submission(partnership, call, network, today));
    if !broken.is_empty() {
        return Err(Problem::invalid(broken));
    }
    Ok(Partnership { state: PartnershipState::Submitted, submitted_on: Some(today), ..partnership.clone() })
}

/// Decides on it (istruttoria): a grant lies within what was requested, the call's maximum, and what is left of the
/// allocation.
pub fn decide(
    partnership: &Partnership,
    call: &Call,
    budget: Option<Budget>,
    decision: &Decision,
    today: NaiveDate,
) -> Result<Partnership, Problem> {
    within(partnership.state, &[PartnershipState::Submitted], &text!("decided on" / "valutato"))?;
    let decided = Partnership {
        decided_on: Some(today),
        decision_reason: decision.reason.clone(),
        granted_cents: decision.granted_cents,
        ..partnership.clone()
    };
    let granted = match (decision.verdict, decision.granted_cents) {
        (DecisionVerdict::Rejected, None | Some(0)) => {
            return Ok(Partnership { state: PartnershipState::Rejected, granted_cents: None, ..decided });
        }
        (DecisionVerdict::Rejected, Some(_)) => {
            let detail = text!(
                "A rejection grants nothing: leave the field out." / "Un rigetto non concede nulla: omettere il campo."
            );
            return Err(Problem::invalid(vec![Violation::new("/granted_cents", "not_allowed", detail)]));
        }
        (DecisionVerdict::Approved, None) => {
            let detail = text!("An approval states what is granted." / "Un'approvazione indica quanto è concesso.");
            return Err(Problem::invalid(vec![Violation::new("/granted_cents", "required", detail)]));
        }
        (DecisionVerdict::Approved, Some(granted)) => granted,
    };
    let mut broken = Vec::new();
    if granted > partnership.requested_cents {
        let detail = text!(
            "At most what was requested can be granted: {requested}."
                / "Può essere concesso al massimo quanto richiesto: {requested}.";
            requested = euros(partnership.requested_cents)
        );
        broken.push(Violation::of_rule(MONEY_ORDER, "/granted_cents", detail));
    }
    if let Some(most) = call.rules.max_grant_cents
        && granted > most
    {
        let detail = text!(
            "The grant of one partnership is at most {most}." / "Il contributo di un partenariato è al massimo {most}.";
            most = euros(most)
        );
        broken.push(Violation::of_rule(GRANT_MAXIMUM, "/granted_cents", detail));
    }
    if !broken.is_empty() {
        return Err(Problem::invalid(broken));
    }
    let remaining = budget.ok_or(Problem::new(Code::Internal))?.remaining_cents();
    if granted > remaining {
        let detail = text!(
            "Of the call's allocation {remaining} remain to be granted."
                / "Della dotazione dell'avviso restano da concedere {remaining}.";
            remaining = euros(remaining)
        );
        let violation = Violation::of_rule(CALL_ALLOCATION, "/granted_cents", detail.clone());
        return Err(Problem::because(Code::AllocationExceeded, detail).with(vec![violation]));
    }
    Ok(Partnership { state: PartnershipState::Approved, ..decided })
}

/// Activates it (avvio): the composition holds, and the call takes new activity.
pub fn activate(
    partnership: &Partnership,
    call: &Call,
    network: &Network,
    today: NaiveDate,
) -> Result<Partnership, Problem> {
    within(partnership.state, &[PartnershipState::Approved], &text!("activated" / "avviato"))?;
    let mut findings = vec![check_activity(call, today)];
    findings.extend(check_composition(&network.composition(today), &call.rules, today));
    let broken = violations(&findings);
    if !broken.is_empty() {
        return Err(Problem::invalid(broken));
    }
    Ok(Partnership { state: PartnershipState::Active, activated_on: Some(today), ..partnership.clone() })
}

/// Concludes it (conclusione), not before its first day.
pub fn conclude(partnership: &Partnership, today: NaiveDate) -> Result<Partnership, Problem> {
    within(partnership.state, &[PartnershipState::Active], &text!("concluded" / "concluso"))?;
    if today < partnership.starts_on {
        let detail = text!(
            "The partnership is `active`, but begins only on {}: until then it can be withdrawn, not concluded."
                / "Il partenariato è `active`, ma inizia solo il {}: fino ad allora può essere ritirato, non concluso.",
            partnership.starts_on
        );
        return Err(Problem::because(Code::WrongState, detail));
    }
    Ok(Partnership { state: PartnershipState::Concluded, concluded_on: Some(today), ..partnership.clone() })
}

/// Withdraws it (ritiro). What was granted goes back to the call.
pub fn withdraw(partnership: &Partnership, reason: Option<&str>, today: NaiveDate) -> Result<Partnership, Problem> {
    use PartnershipState as S;
    within(partnership.state, &[S::Draft, S::Submitted, S::Approved, S::Active], &text!("withdrawn" / "ritirato"))?;
    Ok(Partnership {
        state: S::Withdrawn,
        withdrawn_on: Some(today),
        withdrawal_reason: reason.map(str::to_owned),
        ..partnership.clone()
    })
}
