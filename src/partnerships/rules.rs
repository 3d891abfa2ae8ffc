//! What must hold of a partnership itself: its plan of life and money, against its call. Pure: facts in, violations out.

use chrono::{Months, NaiveDate};

use super::composition::{Finding, Missing, check_composition};
use super::model::Partnership;
use super::network::Network;
use super::wire::PartnershipInput;
use crate::calls::model::Call;
use crate::calls::rules::no_repeats;
use crate::error::Violation;
use crate::identifiers::Cup;
use crate::rules_catalogue::{CALL_OPEN, GRANT_MAXIMUM, MONEY_ORDER, PARTNERSHIP_MAX_LIFE, PARTNERSHIP_WITHIN_CALL};
use crate::text;
use crate::text::euros;
use crate::vocabularies::checks;

/// When a partnership lives, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day.
    pub ends_on: NaiveDate,
    /// What it costs, in euro cents.
    pub budget_cents: i64,
    /// What it asks of the grant.
    pub requested_cents: i64,
    /// What it was granted.
    pub granted_cents: Option<i64>,
}

impl Plan {
    /// The plan of a partnership.
    pub const fn of(partnership: &Partnership) -> Self {
        Self {
            starts_on: partnership.starts_on,
            ends_on: partnership.ends_on,
            budget_cents: partnership.budget_cents,
            requested_cents: partnership.requested_cents,
            granted_cents: partnership.granted_cents,
        }
    }
}

/// Checks an input's codes, and its plan against the call it names.
pub fn check(input: &PartnershipInput, call: Option<&Call>, today: NaiveDate) -> Vec<Violation> {
    let mut violations = Vec::new();
    if let Some(cup) = &input.cup
        && let Err(reason) = Cup::parse(cup)
    {
        violations.push(Violation::new("/cup", reason.code(), reason.text()));
    }
    checks::known("ateco-2007", "/ateco", input.ateco.as_deref(), today, &mut violations);
    for (index, province) in input.provinces.iter().enumerate() {
        checks::known("provinces", &format!("/provinces/{index}"), Some(province), today, &mut violations);
    }
    no_repeats("/provinces", &input.provinces, &mut violations);
    if input.ends_on < input.starts_on {
        violations.push(Violation::new(
            "/ends_on",
            "ends_before_start",
            text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
        ));
    }
    let plan = Plan {
        starts_on: input.starts_on,
        ends_on: input.ends_on,
        budget_cents: input.budget_cents,
        requested_cents: input.requested_cents,
        granted_cents: None,
    };
    if let Some(call) = call {
        violations.extend(
            check_plan(&plan, call)
                .into_iter()
                .filter(Finding::is_violated)
                .map(|finding| Violation::of_rule(finding.rule, finding.pointer, finding.detail)),
        );
    }
    violations
}

/// Judges a plan by the call's rules of money and time.
pub fn check_plan(plan: &Plan, call: &Call) -> Vec<Finding> {
    vec![money_order(plan), within_call(plan, call), max_life(plan, call), max_grant(plan, call)]
}

/// Invariant 12.
fn money_order(plan: &Plan) -> Finding {
    let Plan { budget_cents, requested_cents, granted_cents, .. } = *plan;
    let granted = granted_cents.unwrap_or(0);
    let holds = granted <= requested_cents && requested_cents <= budget_cents;
    let detail = if holds {
        text!("Granted, requested and budget are in order." / "Concesso, richiesto e costo complessivo sono in ordine.")
    } else {
        text!(
            "The grant cannot be more than was requested, nor this more than the budget."
                / "Il concesso non può superare il richiesto, né questo il costo complessivo."
        )
    };
    let missing = Missing {
        needed: requested_cents,
        present: budget_cents,
        what: text!("cents of budget" / "centesimi di costo complessivo"),
    };
    Finding::of(MONEY_ORDER, holds, detail, missing).at("/requested_cents")
}

/// Invariant 10, for the partnership itself.
fn within_call(plan: &Plan, call: &Call) -> Finding {
    let early = plan.starts_on < call.activities_from;
    let late = plan.ends_on > call.activities_to;
    let detail = text!(
        "The call's activities take place from {} to {}, and the partnership lives within that time."
            / "Le attività dell'avviso si svolgono dal {} al {}, e il partenariato dura entro quel tempo.",
        call.activities_from,
        call.activities_to
    );
    let outside = |from: NaiveDate, to: NaiveDate| (to - from).num_days().max(0);
    let days = outside(plan.starts_on, call.activities_from) + outside(call.activities_to, plan.ends_on);
    let missing = Missing {
        needed: 0,
        present: days,
        what: text!("days outside the call's activities" / "giorni fuori dalle attività dell'avviso"),
    };
    Finding::of(PARTNERSHIP_WITHIN_CALL, !early && !late, detail, missing).at(if early {
        "/starts_on"
    } else {
        "/ends_on"
    })
}

fn max_life(plan: &Plan, call: &Call) -> Finding {
    let Some(months) = call.rules.max_life_months else {
        return Finding::not_applicable(PARTNERSHIP_MAX_LIFE);
    };
    // The first day that is too late: a year that begins on 1 September ends on 31 August.
    let bound = plan.starts_on.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX);
    let detail = text!(
        "A partnership lasts at most {months} months: it has to end before {bound}."
            / "Un partenariato dura al massimo {months} mesi: deve terminare prima del {bound}."
    );
    let missing = Missing {
        needed: 0,
        present: (plan.ends_on - bound).num_days() + 1,
        what: text!("days too many" / "giorni di troppo"),
    };
    Finding::of(PARTNERSHIP_MAX_LIFE, plan.ends_on < bound, detail, missing).at("/ends_on")
}

fn max_grant(plan: &Plan, call: &Call) -> Finding {
    let Some(most) = call.rules.max_grant_cents else {
        return Finding::not_applicable(GRANT_MAXIMUM);
    };
    let asked = plan.granted_cents.unwrap_or(plan.requested_cents);
    let detail = text!(
        "The grant of one partnership is at most {most}." / "Il contributo di un partenariato è al massimo {most}.";
        most = euros(most)
    );
    let missing = Missing { needed: most, present: asked, what: text!("cents of grant" / "centesimi di contributo") };
    Finding::of(GRANT_MAXIMUM, asked <= most, detail, missing).at("/requested_cents")
}

/// Invariant 14: whether the call took applications on the day of submission.
pub fn check_window(call: &Call, day: NaiveDate) -> Finding {
    let (from, to) = (call.applications_from, call.applications_to);
    let detail =
        text!("The call takes applications from {from} to {to}." / "L'avviso accetta domande dal {from} al {to}.");
    let missing = Missing {
        needed: 1,
        present: i64::from(call.takes_applications_on(day)),
        what: text!("days within the window" / "giorni entro i termini di presentazione"),
    };
    Finding::of(CALL_OPEN, call.takes_applications_on(day), detail, missing)
}

/// Invariant 14: whether the call takes new activity on a day.
pub fn check_activity(call: &Call, day: NaiveDate) -> Finding {
    let detail = text!(
        "The call takes new activity until {}." / "L'avviso accetta nuove attività fino al {}.",
        call.activities_to
    );
    let missing = Missing {
        needed: 1,
        present: i64::from(call.is_open_on(day)),
        what: text!("days until the call's end" / "giorni fino al termine dell'avviso"),
    };
    Finding::of(CALL_OPEN, call.is_open_on(day), detail, missing)
}

/// All that a submission is judged by: the call's window, the plan, the composition. Once it was submitted, the window is
/// that of the day it was.
pub fn check_submission(partnership: &Partnership, call: &Call, network: &Network, today: NaiveDate) -> Vec<Finding> {
    let mut findings = vec![check_window(call, partnership.submitted_on.unwrap_or(today))];
    findings.extend(check_plan(&Plan::of(partnership), call));
    findings.extend(check_composition(&network.composition(today), &call.rules, today));
    findings
}
