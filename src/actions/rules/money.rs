//! Invariants 6 and 12: what an action costs, and who pays for it.

use crate::actions::model::{Action, CostLine};
use crate::actions::wire::{ActionAccounting, ActionInput};
use crate::calls::model::CallRules;
use crate::error::Violation;
use crate::partnerships::model::Partnership;
use crate::rules_catalogue::{ACTION_COMPLEMENTARY_OWN_RESOURCES, MONEY_AMOUNT, MONEY_ORDER, RECORD_ACCOUNTED};
use crate::text;
use crate::vocabularies::terms::{ActionStatus, Financing};

/// Sum of the lines, in euro cents; `None` where it is larger than any sum of money.
pub fn requested(lines: &[CostLine]) -> Option<i64> {
    lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount_cents))
}

/// Quantity times unit cost is the amount, and nothing is negative.
pub fn check_lines(lines: &[CostLine], violations: &mut Vec<Violation>) {
    for (index, line) in lines.iter().enumerate() {
        let right = line.quantity >= 0
            && line.unit_cost_cents >= 0
            && line.quantity.checked_mul(line.unit_cost_cents) == Some(line.amount_cents);
        if !right {
            violations.push(Violation::of_rule(
                MONEY_AMOUNT,
                format!("/cost_lines/{index}/amount_cents"),
                text!(
                    "Quantity times unit cost is the amount, and none of them is negative."
                        / "L'importo è la quantità per il costo unitario, e nessuno è negativo."
                ),
            ));
        }
    }
    if requested(lines).is_none() {
        violations.push(Violation::of_rule(
            MONEY_AMOUNT,
            "/cost_lines",
            text!("The sum of the amounts is too large." / "La somma degli importi è troppo grande."),
        ));
    }
}

/// One action asks for no more than the whole partnership costs.
pub fn check_budget(lines: &[CostLine], partnership: &Partnership, violations: &mut Vec<Violation>) {
    if requested(lines).is_some_and(|sum| sum > partnership.budget_cents) {
        violations.push(Violation::of_rule(
            MONEY_ORDER,
            "/cost_lines",
            text!(
                "The sum of the amounts exceeds the partnership's whole budget."
                    / "La somma degli importi supera il costo complessivo del partenariato."
            ),
        ));
    }
}

/// Complementary initiatives are paid from the members' own resources.
pub fn check_financing(input: &ActionInput, rules: &CallRules, violations: &mut Vec<Violation>) {
    if input.financing == Financing::Grant && rules.own_resources_kinds.contains(&input.details.kind()) {
        violations.push(Violation::of_rule(
            ACTION_COMPLEMENTARY_OWN_RESOURCES,
            "/financing",
            text!(
                "A complementary initiative is paid from own resources, never from the grant."
                    / "Un'iniziativa complementare è pagata con risorse proprie, mai con il contributo."
            ),
        ));
    }
}

/// Liquidated within approved within requested; what was accounted once only goes on.
pub fn check_accounting(action: &Action, accounting: &ActionAccounting) -> Vec<Violation> {
    let ActionAccounting { approved_cents, liquidated_cents } = *accounting;
    let mut violations = Vec::new();
    if !(0..=action.requested_cents).contains(&approved_cents) {
        violations.push(Violation::of_rule(
            MONEY_ORDER,
            "/approved_cents",
            text!(
                "What is approved is at most what was requested, and not negative."
                    / "Quanto riconosciuto è al massimo quanto richiesto, e non negativo."
            ),
        ));
    }
    if !(0..=approved_cents).contains(&liquidated_cents) {
        violations.push(Violation::of_rule(
            MONEY_ORDER,
            "/liquidated_cents",
            text!(
                "What is liquidated is at most what is approved, and not negative."
                    / "Quanto liquidato è al massimo quanto riconosciuto, e non negativo."
            ),
        ));
    }
    if action.status == ActionStatus::Accounted {
        if action.approved_cents != Some(approved_cents) {
            violations.push(Violation::of_rule(
                RECORD_ACCOUNTED,
                "/approved_cents",
                text!(
                    "What was approved stays; a rectification of the action corrects it."
                        / "Quanto riconosciuto resta; lo corregge una rettifica dell'azione."
                ),
            ));
        }
        if action.liquidated_cents.is_some_and(|before| liquidated_cents < before) {
            violations.push(Violation::of_rule(
                RECORD_ACCOUNTED,
                "/liquidated_cents",
                text!("What was liquidated does not fall." / "Quanto liquidato non diminuisce."),
            ));
        }
    }
    violations
}
