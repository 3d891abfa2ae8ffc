//! Where an action can stand, after the national event codes: one table, which all other rules ask.

use crate::actions::wire::ActionInput;
use crate::error::{Code, Problem, Violation};
use crate::text;
use crate::text::Text;
use crate::vocabularies::terms::ActionStatus;
use crate::vocabularies::terms::ActionStatus as S;

/// Whether a date belongs to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must not be there.
    Absent,
    /// It may be there.
    Optional,
    /// It must be there.
    Required,
}

/// What holds of actions in one status.
#[derive(Debug)]
pub struct Standing {
    /// What the performer may make of it. Staying is always allowed; accounting is the region's.
    pub next: &'static [ActionStatus],
    /// Whether it counts: as a service that is financed, and in a worker's day.
    pub live: bool,
    /// Its first day.
    pub started_on: Need,
    /// Its last day.
    pub ended_on: Need,
}

const fn standing(next: &'static [ActionStatus], live: bool, started_on: Need, ended_on: Need) -> Standing {
    Standing { next, live, started_on, ended_on }
}

/// The row of a status. A vendor that pushes once a day may report a completed action that it had only proposed before.
pub const fn of(status: ActionStatus) -> Standing {
    use Need::{Absent, Optional, Required};
    match status {
        S::Proposed => standing(
            &[S::Started, S::Completed, S::Rejected, S::Refused, S::CancelledBeforeStart, S::Lapsed, S::Deleted],
            true,
            Absent,
            Absent,
        ),
        S::Started => {
            standing(&[S::Suspended, S::Completed, S::Abandoned, S::CancelledAfterStart], true, Required, Absent)
        }
        S::Suspended => standing(&[S::Started, S::Abandoned, S::CancelledAfterStart], true, Required, Absent),
        S::Completed | S::Accounted => standing(&[], true, Required, Required),
        S::Rejected | S::Refused | S::CancelledBeforeStart | S::Deleted | S::Lapsed => {
            standing(&[], false, Absent, Absent)
        }
        S::Abandoned | S::CancelledAfterStart => standing(&[], false, Required, Optional),
    }
}

/// Where a new action may stand: what was done may be reported late.
pub const NEW: &[ActionStatus] = &[S::Proposed, S::Started, S::Completed];

/// Where a rectification may stand: it says what became of something that had been completed.
pub const RECTIFYING: &[ActionStatus] =
    &[S::Completed, S::Abandoned, S::CancelledBeforeStart, S::CancelledAfterStart, S::Deleted];

/// The codes of the statuses that do not count.
pub fn dead_codes() -> Vec<&'static str> {
    ActionStatus::ALL.iter().filter(|status| !of(**status).live).map(|status| status.as_str()).collect()
}

/// Whether an action's status may become another by its performer's hand.
pub fn check_step(from: ActionStatus, to: ActionStatus, rectifying: bool) -> Result<(), Problem> {
    let allowed = if rectifying { RECTIFYING } else { of(from).next };
    if from == to || allowed.contains(&to) {
        return Ok(());
    }
    let detail = if to == S::Accounted {
        text!(
            "The action is `{from}`; only the region makes it accounted, once it is completed."
                / "L'azione è `{from}`; solo la Regione la segna come rendicontata, una volta completata."
        )
    } else if allowed.is_empty() {
        text!("The action is `{from}` and stays so." / "L'azione è `{from}` e resta tale.")
    } else {
        text!("The action is `{from}`; it can become: {}." / "L'azione è `{from}`; può diventare: {}.", list(allowed))
    };
    let violation = Violation::new("/status", "wrong_state", detail.clone());
    Err(Problem::because(Code::WrongState, detail).with(vec![violation]))
}

/// Checks the status of a new action, and the dates of any.
pub fn check(input: &ActionInput, new: bool, violations: &mut Vec<Violation>) {
    let allowed = if input.rectifies.is_some() { RECTIFYING } else { NEW };
    if new && !allowed.contains(&input.status) {
        let detail = text!(
            "Written for the first time, it is one of: {}." / "Alla prima scrittura è uno tra: {}.",
            list(allowed)
        );
        violations.push(Violation::new("/status", "not_allowed", detail));
        return;
    }
    let Standing { started_on, ended_on, .. } = of(input.status);
    let dates = [
        ("/started_on", ["first", "primo"], started_on, input.started_on.is_some()),
        ("/ended_on", ["last", "ultimo"], ended_on, input.ended_on.is_some()),
    ];
    for (pointer, [first, primo], need, present) in dates {
        match (need, present) {
            (Need::Required, false) => violations.push(Violation::new(
                pointer,
                "required",
                Text::new(
                    format_args!("An action that is `{}` has a {first} day.", input.status),
                    format_args!("Un'azione che è `{}` ha un {primo} giorno.", input.status),
                ),
            )),
            (Need::Absent, true) => violations.push(Violation::new(
                pointer,
                "not_allowed",
                Text::new(
                    format_args!("An action that is `{}` has no {first} day.", input.status),
                    format_args!("Un'azione che è `{}` non ha un {primo} giorno.", input.status),
                ),
            )),
            _ => {}
        }
    }
}

fn list(statuses: &[ActionStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ")
}
