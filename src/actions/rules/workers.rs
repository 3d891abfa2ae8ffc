//! Invariants 9 and 10 for the workers who attend.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Given, status};
use crate::actions::model::{ActionMode, Attended, Worker};
use crate::actions::wire::{ActionInput, AttendanceInput};
use crate::calls::model::CallRules;
use crate::error::Violation;
use crate::rules_catalogue::{ACTION_WITHIN_DOTE, WORKER_DAILY_MINUTES, WORKER_DOUBLE_FINANCING};
use crate::text;
use crate::text::Text;
use crate::vocabularies::terms::Financing;

/// Checks everyone who attends.
pub fn check(input: &ActionInput, given: &Given<'_>, violations: &mut Vec<Violation>) {
    if input.mode == ActionMode::Individual && input.attendance.len() > 1 {
        let detail = text!(
            "An individual action is attended by one worker at most."
                / "A un'azione individuale partecipa al massimo un lavoratore."
        );
        violations.push(Violation::new("/attendance", "too_many_items", detail));
    }
    check_closed(input, given, violations);
    let mut seen = HashSet::new();
    for (index, (attendance, worker)) in input.attendance.iter().zip(&given.workers).enumerate() {
        let pointer = format!("/attendance/{index}");
        if attendance.minutes > input.minutes {
            let detail = text!(
                "A worker attends no more minutes than the action took."
                    / "Un lavoratore non è presente per più minuti di quanti ne dura l'azione."
            );
            violations.push(Violation::new(format!("{pointer}/minutes"), "out_of_range", detail));
        }
        let Some(worker) = worker else {
            continue;
        };
        if !seen.insert(&worker.index) {
            let detail = text!("The same worker stands here already." / "Lo stesso lavoratore è già indicato qui.");
            violations.push(Violation::new(format!("{pointer}/participant"), "repeated_item", detail));
        }
        check_place(input, worker, given, &pointer, violations);
        if status::of(input.status).live || input.started_on.is_some() {
            check_dote(input, worker, &pointer, violations);
        }
        if status::of(input.status).live {
            let elsewhere = given.elsewhere(&worker.index);
            check_double_financing(input, &elsewhere, &pointer, violations);
            if let Some(call) = given.call {
                check_day(input, attendance, &elsewhere, &call.rules, &pointer, violations);
            }
        }
    }
}

/// The worker belongs to the partnership, and to the cohort where the action is for one.
fn check_place(
    input: &ActionInput,
    worker: &Worker,
    given: &Given<'_>,
    pointer: &str,
    violations: &mut Vec<Violation>,
) {
    let pointer = format!("{pointer}/participant");
    if given.partnership.is_some_and(|partnership| partnership.meta.id != worker.partnership_id) {
        let detail = text!(
            "The participant belongs to another partnership." / "Il destinatario appartiene a un altro partenariato."
        );
        violations.push(Violation::new(pointer, "other_partnership", detail));
    } else if input.cohort.is_some() && given.cohort.is_some_and(|cohort| cohort.meta.id != worker.cohort_id) {
        let detail = text!(
            "The participant belongs to another cohort than the action is for."
                / "Il destinatario appartiene a un gruppo diverso da quello dell'azione."
        );
        violations.push(Violation::new(pointer, "other_cohort", detail));
    }
}

/// What is kept of workers and no more stays as it is: nothing is recorded of them any more, and nothing taken back.
fn check_closed(input: &ActionInput, given: &Given<'_>, violations: &mut Vec<Violation>) {
    let stood = |id: Uuid| {
        let before = given.before?.attendance.iter().find(|one| one.participant_id == id)?;
        Some(before.minutes)
    };
    let mut attends = HashSet::new();
    for (index, (attendance, worker)) in input.attendance.iter().zip(&given.workers).enumerate() {
        let Some(worker) = worker.filter(|worker| given.closed.contains(&worker.id)) else { continue };
        attends.insert(worker.id);
        if stood(worker.id) != Some(attendance.minutes) {
            violations.push(restricted(format!("/attendance/{index}/participant")));
        }
    }
    let before = given.before.iter().flat_map(|before| before.attendance.iter());
    if before.map(|one| one.participant_id).any(|id| given.closed.contains(&id) && !attends.contains(&id)) {
        violations.push(restricted("/attendance".to_owned()));
    }
}

/// That what is recorded of a worker stays as it is.
pub fn restricted(pointer: String) -> Violation {
    let detail = text!(
        "The data of a worker is restricted: what is recorded of the worker stays as it is."
            / "I dati di un lavoratore sono soggetti a limitazione: ciò che ne è registrato resta com'è."
    );
    Violation::new(pointer, "restricted", detail)
}

/// The action lies within the time in which the Dote is valid and the worker in charge. Attendance is not told day by day,
/// so all of the action's days have to.
fn check_dote(input: &ActionInput, worker: &Worker, pointer: &str, violations: &mut Vec<Violation>) {
    let (from, to) = input.period();
    let mut break_rule = |detail: Text| {
        violations.push(Violation::of_rule(ACTION_WITHIN_DOTE, format!("{pointer}/participant"), detail));
    };
    if from < worker.dote_from || worker.dote_to < to {
        break_rule(text!(
            "The worker's Dote is not valid on every day of the action."
                / "La Dote del lavoratore non è valida in ogni giorno dell'azione."
        ));
    }
    if worker.taken_charge_on.is_none_or(|taken| from < taken) {
        break_rule(text!(
            "The action begins before the worker was taken in charge."
                / "L'azione inizia prima della presa in carico del lavoratore."
        ));
    }
    if worker.left_on.is_some_and(|left| left < to) {
        break_rule(text!(
            "The worker left before the action's last day."
                / "Il lavoratore è uscito prima dell'ultimo giorno dell'azione."
        ));
    }
}

/// The same worker, service and period is funded once.
fn check_double_financing(
    input: &ActionInput,
    elsewhere: &[&Attended],
    pointer: &str,
    violations: &mut Vec<Violation>,
) {
    let (from, to) = input.period();
    let funded_twice = input.financing == Financing::Grant
        && elsewhere.iter().any(|other| {
            other.financing == Financing::Grant
                && other.kind == input.details.kind()
                && other.from_on <= to
                && from <= other.to_on
        });
    if funded_twice {
        let detail = text!(
            "Another action of the same kind, in the same period, is paid from the grant for this worker."
                / "Un'altra azione dello stesso tipo, nello stesso periodo, è pagata con il contributo per questo lavoratore."
        );
        violations.push(Violation::of_rule(WORKER_DOUBLE_FINANCING, pointer, detail));
    }
}

/// A worker's day has only so many minutes. Only actions of a single day say on which day their minutes were spent.
fn check_day(
    input: &ActionInput,
    attendance: &AttendanceInput,
    elsewhere: &[&Attended],
    rules: &CallRules,
    pointer: &str,
    violations: &mut Vec<Violation>,
) {
    let (day, last) = input.period();
    if day != last {
        return;
    }
    let others = elsewhere.iter().filter(|other| other.from_on == day && other.to_on == day);
    let minutes = others.map(|other| i64::from(other.minutes)).sum::<i64>() + i64::from(attendance.minutes);
    if minutes > i64::from(rules.max_daily_minutes) {
        let detail = text!(
            "With other actions of that day the worker attends more than the {} minutes that the call allows."
                / "Con le altre azioni di quel giorno il lavoratore è presente per più dei {} minuti che l'avviso consente.",
            rules.max_daily_minutes
        );
        violations.push(Violation::of_rule(WORKER_DAILY_MINUTES, pointer, detail));
    }
}
