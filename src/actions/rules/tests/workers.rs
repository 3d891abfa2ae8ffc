//! Who attends.

use super::*;

#[test]
fn hours_count_only_while_the_dote_is_valid_and_the_worker_in_charge() {
    let refused = [("/attendance/0/participant", ACTION_WITHIN_DOTE)];
    let mut world = world();
    world.workers[0].dote_to = day("2012-10-02");
    world.accepts(json!({}));
    world.workers[0].dote_to = day("2012-10-01");
    world.refuses(json!({}), &refused);
    world.workers[0] = worker(WORKER);
    world.workers[0].taken_charge_on = None;
    world.refuses(json!({}), &refused);
    world.workers[0] = worker(WORKER);
    world.workers[0].left_on = Some(day("2012-10-02"));
    world.accepts(json!({}));
    world.workers[0].left_on = Some(day("2012-10-01"));
    world.refuses(json!({}), &refused);
}

#[test]
fn workers_belong_to_partnership_and_cohort_and_stand_once() {
    let mut world = world();
    world.workers[0].cohort_id = Uuid::from_u128(77);
    world.refuses(json!({}), &[("/attendance/0/participant", "other_cohort")]);
    world.accepts(json!({"cohort": null}));
    world.workers[0].partnership_id = Uuid::from_u128(78);
    world.refuses(json!({}), &[("/attendance/0/participant", "other_partnership")]);
    let mut twice = self::world();
    twice.workers.push(worker(WORKER));
    let attendance = json!([{"participant": {"id": Uuid::from_u128(WORKER)}, "minutes": 1}, {"participant": {"external_id": "x"}, "minutes": 1}]);
    twice
        .refuses(json!({"attendance": attendance, "mode": "group"}), &[("/attendance/1/participant", "repeated_item")]);
    twice.workers[1] = worker(11);
    twice.accepts(json!({"attendance": attendance, "mode": "group"}));
    twice.refuses(json!({"attendance": attendance}), &[("/attendance", "too_many_items")]);
    let mut elsewhere = self::world();
    elsewhere.cohort = cohort(88);
    elsewhere.refuses(json!({}), &[("/cohort", "other_partnership")]);
}

#[test]
fn the_same_service_is_financed_once() {
    let mut world = world();
    let mut attend = |other: Attended, changes: Value| {
        world.attended = HashMap::from([(other.worker_index.clone(), vec![other])]);
        world.judge(changes)
    };
    let (outplacement, training) = (ActionKind::Outplacement, ActionKind::Training);
    let other = |kind, financing, from, to| attended(60, kind, financing, from, to, 10);
    let refused = [("/attendance/0".to_owned(), WORKER_DOUBLE_FINANCING)];
    let grant = Financing::Grant;
    assert_eq!(attend(other(outplacement, grant, "2012-10-02", "2012-10-02"), json!({})), refused);
    assert_eq!(attend(other(outplacement, grant, "2012-09-20", "2012-10-02"), json!({})), refused);
    assert_eq!(attend(other(outplacement, grant, "2012-09-20", "2012-10-01"), json!({})), []);
    assert_eq!(attend(other(outplacement, grant, "2012-10-03", "2012-10-03"), json!({})), []);
    assert_eq!(attend(other(training, grant, "2012-10-02", "2012-10-02"), json!({})), []);
    assert_eq!(attend(other(outplacement, Financing::OwnResources, "2012-10-02", "2012-10-02"), json!({})), []);
    let own = json!({"financing": "own_resources"});
    assert_eq!(attend(other(outplacement, grant, "2012-10-02", "2012-10-02"), own), []);
    // An action does not stand in its own way, nor one that was called off in another's.
    world.before = Some(kept(60, ActionStatus::Started));
    world.accepts(json!({}));
    world.before = Some(kept(61, ActionStatus::Started));
    world.refuses(json!({}), &[("/attendance/0", WORKER_DOUBLE_FINANCING)]);
    world.accepts(json!({"status": "abandoned"}));
}

#[test]
fn a_day_has_only_so_many_minutes() {
    let mut world = world();
    let mut with_others = |others: Vec<Attended>, changes: Value| {
        world.attended = HashMap::from([(WORKER.to_be_bytes().to_vec(), others)]);
        world.judge(changes)
    };
    let other = |id, from, to, minutes| attended(id, ActionKind::Training, Financing::OwnResources, from, to, minutes);
    let that_day = |id, minutes| other(id, "2012-10-02", "2012-10-02", minutes);
    let refused = [("/attendance/0".to_owned(), WORKER_DAILY_MINUTES)];
    assert_eq!(with_others(vec![that_day(60, 300), that_day(61, 60)], json!({})), []);
    assert_eq!(with_others(vec![that_day(60, 300), that_day(61, 61)], json!({})), refused);
    assert_eq!(with_others(vec![other(60, "2012-10-03", "2012-10-03", 600)], json!({})), []);
    // Of longer actions it is not known on which day the minutes were spent.
    assert_eq!(with_others(vec![other(60, "2012-10-01", "2012-10-02", 900)], json!({})), []);
    assert_eq!(with_others(vec![that_day(60, 600)], json!({"ended_on": "2012-10-03"})), []);
    let long =
        json!({"minutes": 601, "attendance": [{"participant": {"id": Uuid::from_u128(WORKER)}, "minutes": 601}]});
    assert_eq!(with_others(Vec::new(), long), refused);
}
