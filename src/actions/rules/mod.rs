//! What must hold of an action. Pure: facts in, violations out.
//!
//! | where | invariants |
//! |---|---|
//! | `status` | where an action can stand, and which dates belong to it |
//! | `dates` | 7 (accreditation), 10 (partnership's life, membership, call's window) |
//! | `workers` | 9 (double financing, a worker's day), 10 (Dote, in charge) |
//! | `money` | 6 (complementary initiatives), 12 (amounts, accounting) |
//! | `details` | codes in the details of each kind |
//! | here | 13 (own, accounted, rectifications), 14 (open and closed calls) |

pub mod dates;
pub mod details;
pub mod money;
pub mod status;
#[cfg(test)]
mod tests;
pub mod workers;

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::model::{Action, Attended, Worker};
use super::wire::ActionInput;
use crate::calls::model::Call;
use crate::cohorts::model::Cohort;
use crate::error::{Code, Problem, Violation};
use crate::identifiers::PersonTaxCode;
use crate::members::model::Member;
use crate::organisations::model::Organisation;
use crate::partnerships::model::Partnership;
use crate::rules_catalogue::{CALL_CORRECTIONS, CALL_OPEN, RECORD_ACCOUNTED, RECORD_OWN};
use crate::text;
use crate::text::Text;
use crate::vocabularies::checks;
use crate::vocabularies::terms::{ActionStatus, PartnershipState};

/// What is known when an action is judged. What a reference did not lead to is absent, and told elsewhere.
#[derive(Debug)]
pub struct Given<'a> {
    /// Today in Italy.
    pub today: NaiveDate,
    /// The partnership.
    pub partnership: Option<&'a Partnership>,
    /// Its call.
    pub call: Option<&'a Call>,
    /// The organisation that performs the action.
    pub performer: Option<&'a Organisation>,
    /// The performer's places in the partnership, past and present.
    pub memberships: Vec<&'a Member>,
    /// The cohort.
    pub cohort: Option<&'a Cohort>,
    /// Who attends, in the order of the attendance.
    pub workers: Vec<Option<&'a Worker>>,
    /// What workers attend in all, in live actions, this one among them; by the worker's index.
    pub attended: &'a HashMap<Vec<u8>, Vec<Attended>>,
    /// Of those who attend, or did: whose data is kept and no more.
    pub closed: &'a HashSet<Uuid>,
    /// The action as it is.
    pub before: Option<&'a Action>,
    /// The action that it rectifies.
    pub rectified: Option<&'a Action>,
    /// Whether another action rectifies that one already.
    pub rectified_already: bool,
}

impl<'a> Given<'a> {
    /// What a worker attends besides this action and the one that it takes the place of.
    fn elsewhere(&self, worker_index: &[u8]) -> Vec<&'a Attended> {
        let own = [self.before, self.rectified].map(|action| action.map(|action| action.meta.id));
        let all = self.attended.get(worker_index).into_iter().flatten();
        all.filter(|attended| !own.contains(&Some(attended.action_id))).collect()
    }
}

/// Whether something is new, or corrects what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undertaking {
    /// New activity.
    Activity,
    /// A change, a deletion or a rectification.
    Correction,
}

/// Invariant 13: a member writes only its own actions.
pub fn check_own(performer: Uuid, caller: Uuid) -> Result<(), Problem> {
    if performer == caller {
        return Ok(());
    }
    let detail = text!(
        "Each member of a partnership writes the actions that it performs itself."
            / "Ogni soggetto del partenariato scrive le azioni che svolge esso stesso."
    );
    Err(Problem::because(Code::NotYours, detail.clone()).with(vec![Violation::of_rule(
        RECORD_OWN,
        "/performer",
        detail,
    )]))
}

/// Invariant 13: what was accounted for is corrected by a rectification.
pub fn check_not_accounted(action: &Action) -> Result<(), Problem> {
    if action.status != ActionStatus::Accounted {
        return Ok(());
    }
    let detail = text!(
        "The action is `accounted`; it is corrected by a new action that rectifies it."
            / "L'azione è `accounted`; si corregge con una nuova azione che la rettifica."
    );
    Err(Problem::because(Code::WrongState, detail.clone()).with(vec![Violation::of_rule(RECORD_ACCOUNTED, "", detail)]))
}

/// New actions need an active partnership; corrections may also come when it is concluded.
pub fn check_state(state: PartnershipState, undertaking: Undertaking) -> Result<(), Problem> {
    match (state, undertaking) {
        (PartnershipState::Active, _) | (PartnershipState::Concluded, Undertaking::Correction) => Ok(()),
        (_, Undertaking::Activity) => Err(Problem::because(
            Code::WrongState,
            text!(
                "The partnership is `{state}`; new actions are recorded while it is active."
                    / "Il partenariato è `{state}`; le nuove azioni si registrano finché è attivo."
            ),
        )),
        (_, Undertaking::Correction) => Err(Problem::because(
            Code::WrongState,
            text!(
                "The partnership is `{state}`; actions change while it is active or concluded."
                    / "Il partenariato è `{state}`; le azioni si modificano finché è attivo o concluso."
            ),
        )),
    }
}

/// Invariant 14: a closed call refuses new activity and takes corrections until its reporting deadline.
pub fn check_call(call: &Call, undertaking: Undertaking, today: NaiveDate) -> Option<Violation> {
    match undertaking {
        Undertaking::Activity if !call.is_open_on(today) => Some(Violation::of_rule(
            CALL_OPEN,
            "/partnership",
            text!(
                "The call takes new activity until {}." / "L'avviso accetta nuove attività fino al {}.",
                call.activities_to
            ),
        )),
        Undertaking::Correction if !call.takes_corrections_on(today) => Some(Violation::of_rule(
            CALL_CORRECTIONS,
            "",
            text!(
                "The call takes corrections until {}." / "L'avviso accetta correzioni fino al {}.",
                call.reporting_deadline
            ),
        )),
        _ => None,
    }
}

/// What writing this action would be.
pub fn undertaking(input: &ActionInput, before: Option<&Action>) -> Undertaking {
    if before.is_some() || input.rectifies.is_some() { Undertaking::Correction } else { Undertaking::Activity }
}

/// Every violation of an action that its performer may write in the state that all is in.
pub fn check(input: &ActionInput, given: &Given<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    status::check(input, given.before.is_none(), &mut violations);
    dates::check_order(input, given.today, &mut violations);
    money::check_lines(&input.cost_lines, &mut violations);
    details::check(&input.details, input.planned_on, given.today, &mut violations);
    workers::check(input, given, &mut violations);
    checks::known("municipalities", "/municipality", input.municipality.as_deref(), input.planned_on, &mut violations);
    if input.evidence.as_deref().is_some_and(PersonTaxCode::looks_like) {
        let detail = text!(
            "A tax code must not stand in a reference to evidence: it would be kept in the clear."
                / "Un codice fiscale non deve comparire in un riferimento alla documentazione: sarebbe conservato in chiaro."
        );
        violations.push(Violation::new("/evidence", "personal_data", detail));
    }
    if let Some(partnership) = given.partnership {
        dates::check_life(input, partnership, &mut violations);
        dates::check_membership(input, given, &mut violations);
        money::check_budget(&input.cost_lines, partnership, &mut violations);
        check_place(partnership, given, &mut violations);
    }
    if let Some(call) = given.call {
        check_kind(input, call, &mut violations);
        dates::check_window(input, call, &mut violations);
        money::check_financing(input, &call.rules, &mut violations);
        violations.extend(check_call(call, undertaking(input, given.before), given.today));
        if let Some(performer) = given.performer {
            dates::check_accreditation(input, call, performer, given, &mut violations);
        }
    }
    violations
}

/// The call admits the kind of action.
fn check_kind(input: &ActionInput, call: &Call, violations: &mut Vec<Violation>) {
    if !call.rules.action_kinds.contains(&input.details.kind()) {
        let kinds: Vec<&str> = call.rules.action_kinds.iter().map(|kind| kind.as_str()).collect();
        let detail = text!("The call admits: {}." / "L'avviso ammette: {}.", kinds.join(", "));
        violations.push(Violation::new("/details/kind", "not_allowed", detail));
    }
}

/// Cohort and rectified action belong to the same partnership; what is rectified may be.
fn check_place(partnership: &Partnership, given: &Given<'_>, violations: &mut Vec<Violation>) {
    if given.before.is_some_and(|before| before.partnership_id.uuid() != partnership.meta.id) {
        let detail = text!("An action stays in its partnership." / "Un'azione resta nel suo partenariato.");
        violations.push(Violation::new("/partnership", "immutable", detail));
    }
    if given.cohort.is_some_and(|cohort| cohort.partnership_id.uuid() != partnership.meta.id) {
        let detail =
            text!("The cohort belongs to another partnership." / "Il gruppo appartiene a un altro partenariato.");
        violations.push(Violation::new("/cohort", "other_partnership", detail));
    }
    let rectified_id = given.rectified.map(|rectified| rectified.meta.id);
    if given.before.is_some_and(|before| before.rectifies_id.map(crate::ids::Id::uuid) != rectified_id) {
        let detail = text!("What an action rectifies stays the same." / "Ciò che un'azione rettifica non cambia.");
        violations.push(Violation::new("/rectifies", "immutable", detail));
    }
    let Some(rectified) = given.rectified else {
        return;
    };
    let mut break_rule = |detail: Text| violations.push(Violation::of_rule(RECORD_ACCOUNTED, "/rectifies", detail));
    if rectified.status != ActionStatus::Accounted {
        break_rule(text!(
            "The action is not accounted for yet: change it itself."
                / "L'azione non è ancora rendicontata: modificarla direttamente."
        ));
    }
    if rectified.partnership_id.uuid() != partnership.meta.id {
        break_rule(text!(
            "The action belongs to another partnership." / "L'azione appartiene a un altro partenariato."
        ));
    }
    if given.performer.is_some_and(|performer| rectified.performer_organisation_id.uuid() != performer.meta.id) {
        break_rule(text!(
            "The action was performed by another organisation." / "L'azione è stata svolta da un altro soggetto."
        ));
    }
    if given.rectified_already {
        break_rule(text!(
            "Another action rectifies it already: rectify or change that one."
                / "Un'altra azione la rettifica già: rettificare o modificare quella."
        ));
    }
}
