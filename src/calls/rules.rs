//! What must hold of a call. Pure: facts in, violations out.

use chrono::NaiveDate;

use super::model::{Budget, CallRules};
use super::wire::CallInput;
use crate::error::Violation;
use crate::rules_catalogue::CALL_ALLOCATION;
use crate::text;
use crate::vocabularies::checks;

/// Checks dates, rules and allocation. `budget` is what was granted so far, for a call that exists.
pub fn check(input: &CallInput, budget: Option<Budget>, today: NaiveDate) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_dates(input, &mut violations);
    check_lists(&input.rules, &mut violations);
    check_contract_types(&input.rules, today, &mut violations);
    if let Some(violation) = check_allocation(input.allocation_cents, budget) {
        violations.push(violation);
    }
    violations
}

fn check_dates(input: &CallInput, violations: &mut Vec<Violation>) {
    let pairs = [
        ("/applications_to", input.applications_from, input.applications_to),
        ("/activities_to", input.activities_from, input.activities_to),
    ];
    for (pointer, from, to) in pairs {
        if to < from {
            violations.push(Violation::new(
                pointer,
                "ends_before_start",
                text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
            ));
        }
    }
    if input.reporting_deadline < input.activities_to {
        violations.push(Violation::new(
            "/reporting_deadline",
            "ends_before_start",
            text!(
                "Corrections end no earlier than the activities do."
                    / "Le correzioni non terminano prima delle attività."
            ),
        ));
    }
}

/// Lists are sets, and what counts as the operator does not count as one of the others, too.
fn check_lists(rules: &CallRules, violations: &mut Vec<Violation>) {
    no_repeats("/rules/operator_categories", &rules.operator_categories, violations);
    no_repeats("/rules/other_categories", &rules.other_categories, violations);
    no_repeats("/rules/dote_paths", &rules.dote_paths, violations);
    no_repeats("/rules/action_kinds", &rules.action_kinds, violations);
    no_repeats("/rules/own_resources_kinds", &rules.own_resources_kinds, violations);
    for (index, category) in rules.other_categories.iter().enumerate() {
        if rules.operator_categories.contains(category) {
            violations.push(Violation::new(
                format!("/rules/other_categories/{index}"),
                "overlaps",
                text!(
                    "The category stands among the operators' categories already; one subject cannot count as both."
                        / "La categoria è già tra quelle degli operatori; un soggetto non può contare come entrambe."
                ),
            ));
        }
    }
}

/// Adds a violation for every item that stood earlier in its list.
pub fn no_repeats<T: PartialEq>(pointer: &str, items: &[T], violations: &mut Vec<Violation>) {
    for (index, item) in items.iter().enumerate() {
        if items.iter().take(index).any(|earlier| earlier == item) {
            violations.push(Violation::new(
                format!("{pointer}/{index}"),
                "repeated_item",
                text!("The items must differ from each other." / "Gli elementi devono essere diversi tra loro."),
            ));
        }
    }
}

fn check_contract_types(rules: &CallRules, today: NaiveDate, violations: &mut Vec<Violation>) {
    const LONGEST: usize = 10;
    for code in rules.contract_types.keys() {
        // The name of a member is a value that was sent: only what can be a contract type is repeated in the pointer.
        let pointer = if code.len() <= LONGEST {
            format!("/rules/contract_types/{}", code.replace('~', "~0").replace('/', "~1"))
        } else {
            "/rules/contract_types".to_owned()
        };
        checks::known("contract-types", &pointer, Some(code), today, violations);
    }
}

/// Invariant 4, from the other side: the allocation covers what was granted already.
fn check_allocation(allocation_cents: i64, budget: Option<Budget>) -> Option<Violation> {
    let granted = budget?.granted_cents;
    (allocation_cents < granted).then(|| {
        Violation::of_rule(
            CALL_ALLOCATION,
            "/allocation_cents",
            text!(
                "{granted} cents are granted already: the allocation cannot be lower."
                    / "Sono già concessi {granted} centesimi: la dotazione non può essere inferiore."
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::model::ContractTreatment;
    use crate::vocabularies::terms::{ActionKind, MemberCategory};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn input() -> CallInput {
        CallInput {
            external_id: None,
            code: "PT-2012".to_owned(),
            title: "Partenariati territoriali".to_owned(),
            allocation_cents: 500_000_000,
            applications_from: day("2012-07-01"),
            applications_to: day("2012-09-30"),
            activities_from: day("2012-09-01"),
            activities_to: day("2013-12-31"),
            reporting_deadline: day("2014-03-31"),
            rules: CallRules::default(),
        }
    }

    fn broken(input: &CallInput, granted_cents: Option<i64>) -> Vec<(String, &'static str)> {
        let budget = granted_cents
            .map(|granted_cents| Budget { allocation_cents: input.allocation_cents.max(granted_cents), granted_cents });
        check(input, budget, day("2012-07-01")).into_iter().map(|found| (found.pointer, found.code)).collect()
    }

    #[test]
    fn the_call_of_2012_holds() {
        assert_eq!(broken(&input(), None), []);
        assert_eq!(broken(&input(), Some(500_000_000)), []);
    }

    #[test]
    fn windows_of_one_day_hold_and_reversed_ones_do_not() {
        let mut call = input();
        call.applications_to = call.applications_from;
        call.activities_to = call.activities_from;
        call.reporting_deadline = call.activities_to;
        assert_eq!(broken(&call, None), []);
        call.applications_to = day("2012-06-30");
        call.activities_to = day("2012-08-31");
        call.reporting_deadline = day("2012-08-30");
        assert_eq!(
            broken(&call, None),
            [
                ("/applications_to".to_owned(), "ends_before_start"),
                ("/activities_to".to_owned(), "ends_before_start"),
                ("/reporting_deadline".to_owned(), "ends_before_start"),
            ]
        );
    }

    #[test]
    fn lists_hold_each_item_once_and_no_category_is_both() {
        let mut call = input();
        call.rules.action_kinds.push(ActionKind::Training);
        call.rules.other_categories.push(MemberCategory::AccreditedOperator);
        assert_eq!(
            broken(&call, None),
            [
                ("/rules/action_kinds/10".to_owned(), "repeated_item"),
                ("/rules/other_categories/9".to_owned(), "overlaps"),
            ]
        );
    }

    #[test]
    fn contract_types_are_of_the_vocabulary_and_a_long_name_is_not_repeated() {
        let mut call = input();
        call.rules.contract_types.insert("A.02.00".to_owned(), ContractTreatment::Always);
        assert_eq!(broken(&call, None), []);
        call.rules.contract_types.insert("Z.99.99".to_owned(), ContractTreatment::Never);
        call.rules.contract_types.insert("VRFLFA70A01F205B".to_owned(), ContractTreatment::Never);
        let found = check(&call, None, day("2012-07-01"));
        assert!(found.iter().all(|found| found.code == "unknown_code" && !found.detail.to_string().contains("VRFLFA")));
        let pointers: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
        assert_eq!(pointers, ["/rules/contract_types", "/rules/contract_types/Z.99.99"]);
    }

    #[test]
    fn the_allocation_covers_what_was_granted() {
        let mut call = input();
        call.allocation_cents = 100;
        assert_eq!(broken(&call, Some(100)), []);
        let found = check(&call, Some(Budget { allocation_cents: 200, granted_cents: 101 }), day("2012-07-01"));
        assert_eq!(found.first().and_then(|found| found.rule), Some(CALL_ALLOCATION));
    }
}
