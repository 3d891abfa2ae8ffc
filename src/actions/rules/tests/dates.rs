//! When an action takes place, and where it stands.

use super::*;
use crate::actions::rules::dates::first_gap;
use crate::actions::rules::status::Need;

#[test]
fn an_operator_is_accredited_on_every_day() {
    let mut world = world();
    let longer = json!({"ended_on": "2012-10-31"});
    let set = |world: &mut World, entries: Vec<RegisterEntry>| {
        world.performer.accreditation = Some(Json(Accreditation { entries, units: Vec::new() }));
    };
    set(&mut world, vec![entry("2010-01-01", Some("2012-10-15")), entry("2012-10-16", None)]);
    world.accepts(longer.clone());
    set(&mut world, vec![entry("2010-01-01", Some("2012-10-15")), entry("2012-10-17", None)]);
    world.refuses(longer.clone(), &[("/ended_on", OPERATOR_ACCREDITED_ON_DATE)]);
    world.accepts(json!({}));
    set(&mut world, vec![entry("2012-10-03", None)]);
    world.refuses(longer.clone(), &[("/started_on", OPERATOR_ACCREDITED_ON_DATE)]);
    world.refuses(proposed(json!({})), &[("/planned_on", OPERATOR_ACCREDITED_ON_DATE)]);
    // What will not take place can always be called off.
    world.before = Some(kept(50, ActionStatus::Proposed));
    world.accepts(proposed(json!({"status": "cancelled_before_start"})));
    world.before = None;
    // Only those who take part as operators need it.
    world.members[0].category = MemberCategory::ThirdSector;
    world.accepts(longer.clone());
    world.members[0].category = MemberCategory::AccreditedOperator;
    set(&mut world, vec![entry("2010-01-01", None)]);
    world.accepts(longer.clone());
    world.call.rules.definitive_accreditation_only = true;
    world.refuses(longer, &[("/started_on", OPERATOR_ACCREDITED_ON_DATE)]);
}

#[test]
fn gaps_are_found() {
    let period = |from: &str, to: Option<&str>| (day(from), to.map(day));
    let (from, to) = (day("2012-10-01"), day("2012-10-31"));
    assert_eq!(first_gap(&[], from, to), Some(from));
    assert_eq!(first_gap(&[period("2012-10-01", Some("2012-10-31"))], from, to), None);
    assert_eq!(first_gap(&[period("2012-09-01", None)], from, to), None);
    assert_eq!(first_gap(&[period("2012-09-01", Some("2012-10-30"))], from, to), Some(to));
    let overlapping = [period("2012-10-05", Some("2012-11-30")), period("2012-09-01", Some("2012-10-10"))];
    assert_eq!(first_gap(&overlapping, from, to), None);
    // A period that is turned round holds on no day and needs no search.
    assert_eq!(first_gap(&[], to, from), None);
}

#[test]
fn an_action_lies_within_partnership_membership_and_call() {
    let world = world();
    world.refuses(
        json!({"planned_on": "2012-08-31"}),
        &[("/planned_on", ACTION_WITHIN_PARTNERSHIP), ("/planned_on", ACTION_WITHIN_PARTNERSHIP)],
    );
    let mut joined_later = self::world();
    joined_later.members = vec![member("2012-10-02", Some("2012-10-02"))];
    joined_later.refuses(json!({}), &[("/planned_on", ACTION_WITHIN_PARTNERSHIP)]);
    joined_later.members = vec![member("2012-09-01", Some("2012-10-10")), member("2012-10-12", None)];
    joined_later.refuses(json!({"ended_on": "2012-10-20"}), &[("/ended_on", ACTION_WITHIN_PARTNERSHIP)]);
    joined_later.members = vec![member("2012-09-01", Some("2012-10-10")), member("2012-10-11", None)];
    joined_later.accepts(json!({"ended_on": "2012-10-20"}));
    joined_later.members.clear();
    joined_later.refuses(json!({}), &[("/performer", ACTION_WITHIN_PARTNERSHIP)]);
    let mut short_call = self::world();
    short_call.call.activities_from = day("2012-10-02");
    short_call.refuses(json!({}), &[("/planned_on", ACTION_WITHIN_CALL)]);
}

#[test]
fn dates_come_in_order_and_not_from_the_future() {
    world().refuses(json!({"planned_on": "2012-10-03"}), &[("/started_on", "starts_before_planned")]);
    world().refuses(json!({"ended_on": "2012-10-01"}), &[("/ended_on", "ends_before_start")]);
    world().accepts(json!({"ended_on": "2012-12-01"}));
    world().refuses(json!({"ended_on": "2012-12-02"}), &[("/ended_on", "in_the_future")]);
    let report = |on: &str| json!([{"kind": "report", "sha256": "a".repeat(64), "dated_on": on}]);
    world().accepts(json!({"deliverables": report("2012-12-01")}));
    world().refuses(json!({"deliverables": report("2012-12-02")}), &[("/deliverables/0/dated_on", "in_the_future")]);
}

#[test]
fn dates_fit_the_status() {
    world().refuses(json!({"status": "proposed"}), &[("/started_on", "not_allowed"), ("/ended_on", "not_allowed")]);
    world().accepts(json!({"status": "started", "ended_on": null}));
    world().refuses(json!({"status": "started"}), &[("/ended_on", "not_allowed")]);
    world().refuses(json!({"ended_on": null}), &[("/ended_on", "required")]);
    world().refuses(json!({"status": "abandoned"}), &[("/status", "not_allowed")]);
    world().refuses(json!({"status": "accounted"}), &[("/status", "not_allowed")]);
}

#[test]
fn statuses_follow_each_other_as_the_event_codes_do() {
    use ActionStatus as S;
    let step = |from, to| status::check_step(from, to, false).is_ok();
    for (from, to) in [
        (S::Proposed, S::Started),
        (S::Proposed, S::Completed),
        (S::Proposed, S::Refused),
        (S::Proposed, S::Lapsed),
        (S::Started, S::Suspended),
        (S::Started, S::Completed),
        (S::Suspended, S::Started),
        (S::Suspended, S::Abandoned),
    ] {
        assert!(step(from, to), "{from} -> {to}");
    }
    for (from, to) in [
        (S::Started, S::Proposed),
        (S::Started, S::Deleted),
        (S::Proposed, S::CancelledAfterStart),
        (S::Proposed, S::Suspended),
        (S::Suspended, S::Completed),
        (S::Completed, S::Started),
        (S::Completed, S::Accounted),
    ] {
        let problem = status::check_step(from, to, false).unwrap_err();
        assert_eq!(problem.code, Code::WrongState);
        assert!(problem.detail.unwrap().to_string().contains(from.as_str()), "{from} -> {to}");
    }
    for from in S::ALL {
        assert!(step(*from, *from), "{from} stays");
        let row = status::of(*from);
        for to in row.next {
            // A first day that is known is not lost again, and what no longer counts stays so.
            let next = status::of(*to);
            assert!(row.started_on != Need::Required || next.started_on == Need::Required, "{from} -> {to}");
            assert!(row.live && *to != S::Accounted, "{from} -> {to}");
        }
    }
    assert_eq!(
        status::dead_codes(),
        ["rejected", "refused", "abandoned", "cancelled_before_start", "cancelled_after_start", "deleted", "lapsed"]
    );
}

#[test]
fn places_are_judged_on_the_planned_day() {
    world().accepts(json!({"municipality": "015146"}));
    world().refuses(json!({"municipality": "058091"}), &[("/municipality", "unknown_code")]);
}
