//! Money, owners, rectifications, windows.

use super::*;

#[test]
fn money_adds_up() {
    let line = |quantity: i64, unit: i64, amount: i64| json!({"basis": "real_cost", "quantity": quantity, "unit_cost_cents": unit, "amount_cents": amount});
    world().accepts(json!({"cost_lines": []}));
    world().refuses(
        json!({"cost_lines": [line(2, 100, 200), line(2, 100, 201)]}),
        &[("/cost_lines/1/amount_cents", MONEY_AMOUNT)],
    );
    world().refuses(json!({"cost_lines": [line(2, 5_000_001, 10_000_002)]}), &[("/cost_lines", MONEY_ORDER)]);
    // What the schema keeps out must not overflow either.
    let mut input = with(json!({}));
    let lines = &mut input.cost_lines;
    lines[0].quantity = i64::MAX;
    lines[0].unit_cost_cents = i64::MAX;
    lines[0].amount_cents = i64::MAX;
    lines.push(lines[0].clone());
    assert_eq!(money::requested(lines), None);
    assert!(world().judge_input(&input).contains(&("/cost_lines".to_owned(), MONEY_AMOUNT)));
    input.cost_lines.truncate(1);
    input.cost_lines[0] = serde_json::from_value(line(1, -5, -5)).unwrap();
    assert_eq!(world().judge_input(&input), [("/cost_lines/0/amount_cents".to_owned(), MONEY_AMOUNT)]);
}

#[test]
fn only_an_accounted_action_is_rectified_and_once() {
    let rectifying = json!({"rectifies": {"id": Uuid::from_u128(70)}});
    let refused = [("/rectifies", RECORD_ACCOUNTED)];
    let mut world = world();
    world.rectified = Some(kept(70, ActionStatus::Accounted));
    world.accepts(rectifying.clone());
    // It takes the other's place in the worker's day.
    let other = attended(70, ActionKind::Outplacement, Financing::Grant, "2012-10-02", "2012-10-02", 500);
    world.attended = HashMap::from([(other.worker_index.clone(), vec![other])]);
    world.accepts(rectifying.clone());
    world.attended.clear();
    world.rectified_already = true;
    world.refuses(rectifying.clone(), &refused);
    world.rectified_already = false;
    world.rectified = Some(kept(70, ActionStatus::Completed));
    world.refuses(rectifying.clone(), &refused);
    let mut other = kept(70, ActionStatus::Accounted);
    other.performer_organisation_id = Id::new(Uuid::from_u128(5));
    world.rectified = Some(other);
    world.refuses(rectifying.clone(), &refused);
    world.rectified = Some(kept(70, ActionStatus::Accounted));
    world.before = Some(kept(71, ActionStatus::Completed));
    world.refuses(rectifying, &[("/rectifies", "immutable")]);
    assert!(status::check_step(ActionStatus::Completed, ActionStatus::Deleted, true).is_ok());
    assert!(status::check_step(ActionStatus::Completed, ActionStatus::Started, true).is_err());
}

#[test]
fn what_was_accounted_stays() {
    assert!(check_not_accounted(&kept(1, ActionStatus::Completed)).is_ok());
    let problem = check_not_accounted(&kept(1, ActionStatus::Accounted)).unwrap_err();
    assert_eq!((problem.code, problem.errors[0].rule), (Code::WrongState, Some(RECORD_ACCOUNTED)));
}

#[test]
fn a_member_writes_only_its_own() {
    let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(check_own(own, own).is_ok());
    let problem = check_own(other, own).unwrap_err();
    assert_eq!((problem.code, problem.errors[0].rule), (Code::NotYours, Some(RECORD_OWN)));
}

#[test]
fn partnership_and_call_are_open_or_take_corrections() {
    use PartnershipState as S;
    use Undertaking::{Activity, Correction};
    for state in S::ALL {
        assert_eq!(check_state(*state, Activity).is_ok(), *state == S::Active, "{state}");
        assert_eq!(check_state(*state, Correction).is_ok(), [S::Active, S::Concluded].contains(state), "{state}");
    }
    let mut world = world();
    world.today = day("2013-12-31");
    world.accepts(json!({}));
    world.today = day("2014-01-01");
    world.refuses(json!({}), &[("/partnership", CALL_OPEN)]);
    world.before = Some(kept(50, ActionStatus::Completed));
    world.accepts(json!({}));
    world.today = day("2014-03-31");
    world.accepts(json!({}));
    world.today = day("2014-04-01");
    world.refuses(json!({}), &[("", CALL_CORRECTIONS)]);
}

#[test]
fn accounting_keeps_the_order_of_the_sums() {
    let account = |action: &Action, approved_cents, liquidated_cents| {
        let found = money::check_accounting(action, &ActionAccounting { approved_cents, liquidated_cents });
        found.into_iter().map(|violation| (violation.pointer, violation.rule.unwrap())).collect::<Vec<_>>()
    };
    let completed = kept(1, ActionStatus::Completed);
    assert_eq!(account(&completed, 14_000, 14_000), []);
    assert_eq!(account(&completed, 0, 0), []);
    assert_eq!(account(&completed, 14_001, 0), [("/approved_cents".to_owned(), MONEY_ORDER)]);
    assert_eq!(account(&completed, 100, 101), [("/liquidated_cents".to_owned(), MONEY_ORDER)]);
    let mut accounted = kept(1, ActionStatus::Accounted);
    (accounted.approved_cents, accounted.liquidated_cents) = (Some(10_000), Some(5_000));
    assert_eq!(account(&accounted, 10_000, 10_000), []);
    assert_eq!(account(&accounted, 10_000, 4_999), [("/liquidated_cents".to_owned(), RECORD_ACCOUNTED)]);
    assert_eq!(account(&accounted, 9_000, 5_000), [("/approved_cents".to_owned(), RECORD_ACCOUNTED)]);
}
