//! Invariants 7 and 10: when an action takes place, and whether its performer may act then.

use chrono::{Days, NaiveDate};

use super::{Given, status};
use crate::actions::wire::ActionInput;
use crate::calls::model::Call;
use crate::error::Violation;
use crate::organisations::model::{AccreditationKind, Organisation};
use crate::partnerships::model::Partnership;
use crate::rules_catalogue::{ACTION_WITHIN_CALL, ACTION_WITHIN_PARTNERSHIP, OPERATOR_ACCREDITED_ON_DATE};
use crate::text;
use crate::text::Text;

/// A period that may have no end yet.
pub type Period = (NaiveDate, Option<NaiveDate>);

/// The dates an action states, with the fields they stand in.
fn stated(input: &ActionInput) -> impl Iterator<Item = (&'static str, NaiveDate)> {
    [("/planned_on", Some(input.planned_on)), ("/started_on", input.started_on), ("/ended_on", input.ended_on)]
        .into_iter()
        .filter_map(|(pointer, day)| Some((pointer, day?)))
}

/// The first day from `from` to `to` on which no period holds. Periods may follow each other without a gap.
pub fn first_gap(periods: &[Period], from: NaiveDate, to: NaiveDate) -> Option<NaiveDate> {
    let mut day = from;
    while day <= to {
        let holding = periods.iter().filter(|(first, last)| *first <= day && last.is_none_or(|last| day <= last));
        let last = holding.map(|(_, last)| last.unwrap_or(NaiveDate::MAX)).max();
        match last.and_then(|last| last.checked_add_days(Days::new(1))) {
            Some(next) => day = next,
            None => return last.is_none().then_some(day),
        }
    }
    None
}

/// Planned, begun and ended in this order, and nothing begun or ended in the future.
pub fn check_order(input: &ActionInput, today: NaiveDate, violations: &mut Vec<Violation>) {
    if input.started_on.is_some_and(|started| started < input.planned_on) {
        let detail = text!(
            "It begins no earlier than planned: correct the planned day as well."
                / "Non inizia prima del giorno previsto: correggere anche il giorno previsto."
        );
        violations.push(Violation::new("/started_on", "starts_before_planned", detail));
    }
    if let (Some(started), Some(ended)) = (input.started_on, input.ended_on)
        && ended < started
    {
        violations.push(Violation::new(
            "/ended_on",
            "ends_before_start",
            text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
        ));
    }
    for (pointer, day) in stated(input) {
        if day > today && pointer != "/planned_on" {
            violations.push(Violation::new(
                pointer,
                "in_the_future",
                text!("The day has not come yet." / "Il giorno non è ancora arrivato."),
            ));
        }
    }
    for (index, deliverable) in input.deliverables.iter().enumerate() {
        if deliverable.dated_on > today {
            let pointer = format!("/deliverables/{index}/dated_on");
            violations.push(Violation::new(
                pointer,
                "in_the_future",
                text!("The day has not come yet." / "Il giorno non è ancora arrivato."),
            ));
        }
    }
}

/// Every date lies within the partnership's life.
pub fn check_life(input: &ActionInput, partnership: &Partnership, violations: &mut Vec<Violation>) {
    for (pointer, day) in stated(input).filter(|(_, day)| !partnership.lives_on(*day)) {
        let detail = text!(
            "The partnership lives from {} to {}; {day} lies outside."
                / "Il partenariato dura dal {} al {}; {day} ne è fuori.",
            partnership.starts_on,
            partnership.ends_on
        );
        violations.push(Violation::of_rule(ACTION_WITHIN_PARTNERSHIP, pointer, detail));
    }
}

/// Every date lies within the call's window for activities.
pub fn check_window(input: &ActionInput, call: &Call, violations: &mut Vec<Violation>) {
    let window = call.activities_from..=call.activities_to;
    for (pointer, day) in stated(input).filter(|(_, day)| !window.contains(day)) {
        let detail = text!(
            "The call's activities take place from {} to {}; {day} lies outside."
                / "Le attività dell'avviso si svolgono dal {} al {}; {day} ne è fuori.",
            call.activities_from,
            call.activities_to
        );
        violations.push(Violation::of_rule(ACTION_WITHIN_CALL, pointer, detail));
    }
}

/// The performer is a member on every date, from the first day to the last.
pub fn check_membership(input: &ActionInput, given: &Given<'_>, violations: &mut Vec<Violation>) {
    let mut break_rule = |pointer: &str, detail: Text| {
        violations.push(Violation::of_rule(ACTION_WITHIN_PARTNERSHIP, pointer, detail));
    };
    if given.memberships.is_empty() {
        let detail = text!(
            "The organisation that performs the action is no member of the partnership."
                / "Il soggetto che svolge l'azione non fa parte del partenariato."
        );
        return break_rule("/performer", detail);
    }
    let periods: Vec<Period> = given.memberships.iter().map(|member| (member.joined_on, member.left_on)).collect();
    let mut complete = true;
    for (pointer, day) in stated(input).filter(|(_, day)| first_gap(&periods, *day, *day).is_some()) {
        complete = false;
        break_rule(
            pointer,
            text!(
                "The organisation that performs the action is no member on {day}."
                    / "Il soggetto che svolge l'azione non fa parte del partenariato il {day}."
            ),
        );
    }
    let (from, to) = input.period();
    if let Some(day) = first_gap(&periods, from, to).filter(|_| complete) {
        let detail = text!(
            "The organisation that performs the action is no member on {day}, between its first and last day."
                / "Il soggetto che svolge l'azione non fa parte del partenariato il {day}, tra il primo e l'ultimo giorno."
        );
        break_rule("/ended_on", detail);
    }
}

/// A member of an operator category is accredited on every day of what it delivers. What never took place and will not is
/// not held against it.
pub fn check_accreditation(
    input: &ActionInput,
    call: &Call,
    performer: &Organisation,
    given: &Given<'_>,
    violations: &mut Vec<Violation>,
) {
    let (from, to) = input.period();
    let delivers = status::of(input.status).live || input.started_on.is_some();
    let as_operator = given.memberships.iter().any(|member| {
        member.joined_on <= to
            && member.left_on.is_none_or(|left| from <= left)
            && call.rules.operator_categories.contains(&member.category)
    });
    if !delivers || !as_operator {
        return;
    }
    let definitive_only = call.rules.definitive_accreditation_only;
    let entries = performer.accreditation.iter().flat_map(|accreditation| &accreditation.entries);
    let periods: Vec<Period> = entries
        .filter(|entry| !definitive_only || entry.kind == AccreditationKind::Definitive)
        .map(|entry| (entry.valid_from, entry.valid_to))
        .collect();
    if let Some(day) = first_gap(&periods, from, to) {
        let pointer = match input.started_on {
            None => "/planned_on",
            Some(started) if day == started => "/started_on",
            Some(_) => "/ended_on",
        };
        let detail = if definitive_only {
            text!(
                "The operator that performs the action is not definitively accredited on {day}."
                    / "L'operatore che svolge l'azione non ha l'accreditamento definitivo il {day}."
            )
        } else {
            text!(
                "The operator that performs the action is not accredited on {day}."
                    / "L'operatore che svolge l'azione non è accreditato il {day}."
            )
        };
        violations.push(Violation::of_rule(OPERATOR_ACCREDITED_ON_DATE, pointer, detail));
    }
}
