//! Members: who takes part in a partnership, as what and when; and that nobody leaves who is needed, however many leave at
//! once.

use std::collections::BTreeSet;

use ricolloca::identifiers::synthetic;
use ricolloca::rules_catalogue as rules;
use serde_json::{Value, json};

use crate::calls::{absent, change_call};
use crate::partnerships::{Job, approve, assert_alike, broken, composition, decide, named, set, step};
use crate::races::at_once;
use crate::support::http::Answer;
use crate::support::world::{CATEGORIES, Draft, World, with};

fn path(id: &str) -> String {
    format!("/v1/members/{id}")
}

/// A partnership without members.
fn empty(world: &World) -> String {
    world.operator.post("/v1/partnerships", world.partnership_body("p")).expect(201).id()
}

#[track_caller]
fn version(world: &World, member: &str) -> i64 {
    world.operator.get(&path(member)).expect(200).json()["version"].as_i64().unwrap()
}

/// Changes parts of a member.
#[track_caller]
fn change(world: &World, member: &str, patch: Value) -> Answer {
    world.operator.patch(&path(member), version(world, member), patch)
}

#[track_caller]
fn remove(world: &World, member: &str) -> Answer {
    world.operator.delete(&path(member), version(world, member))
}

fn submitted(world: &World, serial: usize) -> Draft {
    let draft = world.draft(&format!("p-{serial}"), serial);
    step(&world.operator, &draft.id, "submission").expect(200);
    draft
}

/// The rules of composition that need a company, a municipality and an association; the lead stays.
fn too_few() -> BTreeSet<String> {
    set(&[rules::COMPOSITION_MIN_SUBJECTS, rules::COMPOSITION_OTHER_SUBJECTS])
}

#[test]
fn a_member_joins_changes_and_goes() {
    let world = World::new();
    let id = empty(&world);
    let body = with(&world.member_body(&id, &world.others[0], "company"), json!({"external_id": "m-1"}));
    let made = world.operator.post("/v1/members", body.clone()).expect(201);
    assert_eq!((made.header("location"), made.header("etag")), (Some(path(&made.id()).as_str()), Some("\"1\"")));
    let json = made.json();
    for (name, value) in [
        ("external_id", json!("m-1")),
        ("partnership_id", json!(id)),
        ("organisation_id", json!(world.others[0])),
        ("organisation_name", json!("Other 0")),
        ("organisation_tax_code", json!(synthetic::organisation(1_100_000, 15).as_str())),
        ("role", json!("partner")),
        ("category", json!("company")),
        ("joined_on", json!("2012-07-01")),
        ("left_on", Value::Null),
        ("own_resources_cents", json!(100_000)),
    ] {
        assert_eq!(json[name], value, "{name}");
    }
    let lead = world.operator.post("/v1/members", world.member_body(&id, &world.operators[0], "accredited_operator"));
    assert_eq!(lead.expect(201).json()["role"], "lead");

    let path = path(&made.id());
    assert_eq!(world.operator.get(&path).expect(200).body, made.body);
    world.operator.put(&path, None, body.clone()).expect(428);
    let replaced = world.operator.put(&path, Some(1), with(&body, json!({"category": "other"}))).expect(200).json();
    assert_eq!((&replaced["category"], &replaced["version"]), (&json!("other"), &json!(2)));
    world.operator.put(&path, Some(1), body.clone()).expect(412);
    let patched =
        world.operator.patch(&path, 2, json!({"own_resources_cents": 5, "left_on": "2013-01-31"})).expect(200);
    assert_eq!((&patched.json()["own_resources_cents"], &patched.json()["left_on"]), (&json!(5), &json!("2013-01-31")));
    let stays = world.operator.patch(&path, 3, json!({"left_on": null})).expect(200).json();
    assert_eq!(stays["left_on"], Value::Null);
    world.operator.delete(&path, 3).expect(412);
    world.operator.delete(&path, 4).expect(204);
    assert_eq!(world.operator.get(&path).expect(404).code(), "not_found");

    let name = "/v1/members/by-external-id/m-1";
    let again = world.operator.put(name, None, body.clone()).expect(201);
    assert_eq!(world.operator.put(name, None, body).expect(200).body, again.body);
}

#[test]
fn references_are_given_in_any_one_way() {
    let world = World::new();
    let id = empty(&world);
    let tax_code = synthetic::organisation(1_100_001, 15);
    let by_names = with(
        &world.member_body(&id, &world.others[1], "local_authority"),
        json!({"partnership": {"external_id": "p"}, "organisation": {"tax_code": tax_code.as_str()}}),
    );
    let made = world.operator.post("/v1/members", by_names).expect(201).json();
    assert_eq!(
        (made["partnership_id"].as_str(), made["organisation_id"].as_str()),
        (Some(id.as_str()), Some(world.others[1].as_str()))
    );
    let two_ways = with(
        &world.member_body(&id, &absent(), "company"),
        json!({"organisation": {"id": world.others[0], "tax_code": tax_code.as_str()}}),
    );
    let refused = world.operator.post("/v1/members", two_ways).expect(422);
    assert!(refused.has("/organisation", "too_many_members"), "{refused}");
    assert!(!refused.to_string().contains(tax_code.as_str()), "no value is repeated");
    let nobody = synthetic::organisation(1_100_777, 15);
    let nowhere = with(
        &world.member_body(&absent(), &absent(), "company"),
        json!({"organisation": {"tax_code": nobody.as_str()}}),
    );
    let refused = world.operator.post("/v1/members", nowhere).expect(422);
    assert!(
        refused.has("/partnership", "unknown_reference") && refused.has("/organisation", "unknown_reference"),
        "{refused}"
    );
    assert!(!refused.to_string().contains(tax_code.as_str()), "no value is repeated");
    // The name that another operator gave its partnership leads nowhere.
    let theirs = with(
        &world.member_body(&id, &world.operators[1], "accredited_operator"),
        json!({"partnership": {"external_id": "p"}}),
    );
    assert!(world.second.post("/v1/members", theirs).expect(422).has("/partnership", "unknown_reference"));
}

#[test]
fn all_that_is_wrong_with_a_member_is_told_at_once() {
    let world = World::new();
    let id = empty(&world);
    let wrong = with(
        &world.member_body(&id, &world.others[0], "school_or_university"),
        json!({"joined_on": "2013-10-01", "left_on": "2013-09-30"}),
    );
    let refused = world.operator.post("/v1/members", wrong.clone()).expect(422);
    let expected: BTreeSet<(String, String)> =
        [("/joined_on", "outside_partnership"), ("/left_on", "ends_before_start"), ("/category", "not_admitted")]
            .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
            .into();
    assert_eq!(refused.violations().into_iter().collect::<BTreeSet<_>>(), expected, "{refused}");
    let form = world
        .operator
        .post("/v1/members", json!({"partnerships": {"id": id}, "organisation": 5, "category": "compani", "joined_on": "2012-02-30", "own_resources_cents": -1, "role": "lead"}))
        .expect(422);
    for (pointer, code) in [
        ("/partnerships", "unknown_field"),
        ("/partnership", "required"),
        ("/organisation", "wrong_type"),
        ("/category", "unknown_code"),
        ("/joined_on", "wrong_format"),
        ("/own_resources_cents", "out_of_range"),
        ("/role", "unknown_field"),
    ] {
        assert!(form.has(pointer, code), "{pointer} {code}: {form}");
    }
    assert!(world.operator.all("/v1/members").is_empty(), "nothing was stored");
    // On the last day of the partnership one may still join.
    world
        .operator
        .post("/v1/members", with(&wrong, json!({"category": "company", "joined_on": "2013-09-30"})))
        .expect(201);
}

#[test]
fn the_call_says_which_categories_it_admits() {
    let world = World::new();
    let id = empty(&world);
    let school = world.member_body(&id, &world.others[0], "school_or_university");
    assert!(world.operator.post("/v1/members", school.clone()).expect(422).has("/category", "not_admitted"));
    change_call(&world, json!({"rules": {"other_categories": ["company", "school_or_university"]}})).expect(200);
    world.operator.post("/v1/members", school).expect(201);
    let town = world.operator.post("/v1/members", world.member_body(&id, &world.others[1], "local_authority"));
    assert!(town.expect(422).has("/category", "not_admitted"));
}

#[test]
fn an_operator_is_accredited_when_it_joins() {
    let world = World::new();
    let id = empty(&world);
    let join = |organisation: &str| {
        world.operator.post("/v1/members", world.member_body(&id, organisation, "accredited_operator"))
    };
    let refused = join(&world.others[0]).expect(422);
    assert_eq!(refused.violations(), [("/organisation".to_owned(), rules::OPERATOR_ACCREDITED_ON_DATE.to_owned())]);
    // The same organisation may take part as what it is.
    let member =
        world.operator.post("/v1/members", world.member_body(&id, &world.others[0], "company")).expect(201).id();
    let risen = change(&world, &member, json!({"category": "accredited_operator"})).expect(422);
    assert!(risen.has("/organisation", rules::OPERATOR_ACCREDITED_ON_DATE), "{risen}");

    let accredit = |kind: &str, from: &str, to: Value| {
        let entry = json!({"number": "A-2", "kind": kind, "act": "test", "valid_from": from, "valid_to": to});
        let path = format!("/v1/organisations/{}/accreditation", world.operators[1]);
        world.region.put(&path, None, json!({"entries": [entry], "units": []})).expect(200);
    };
    accredit("definitive", "2010-01-01", json!("2012-06-30"));
    assert!(join(&world.operators[1]).expect(422).has("/organisation", rules::OPERATOR_ACCREDITED_ON_DATE));
    accredit("provisional", "2010-01-01", Value::Null);
    change_call(&world, json!({"rules": {"definitive_accreditation_only": true}})).expect(200);
    let provisional = join(&world.operators[1]).expect(422);
    assert_eq!(provisional.violations(), [("/organisation".to_owned(), rules::ACCREDITATION_DEFINITIVE.to_owned())]);
    change_call(&world, json!({"rules": {"definitive_accreditation_only": false}})).expect(200);
    let joined = join(&world.operators[1]).expect(201).id();
    // Once its accreditation has ended it can still be corrected, and leave.
    accredit("provisional", "2010-01-01", json!("2010-12-31"));
    change(&world, &joined, json!({"own_resources_cents": 7})).expect(200);
    change(&world, &joined, json!({"left_on": "2012-07-10"})).expect(200);
}

#[test]
fn a_membership_stays_with_its_partnership_and_organisation() {
    let world = World::new();
    let id = empty(&world);
    let other = world.operator.post("/v1/partnerships", world.partnership_body("p-2")).expect(201).id();
    let member =
        world.operator.post("/v1/members", world.member_body(&id, &world.others[0], "company")).expect(201).id();
    let moved = change(&world, &member, json!({"partnership": {"id": other}, "organisation": {"id": world.others[1]}}))
        .expect(422);
    let expected = ["/organisation", "/partnership"].map(|pointer| (pointer.to_owned(), "immutable".to_owned()));
    assert_eq!(moved.violations().into_iter().collect::<BTreeSet<_>>(), expected.into(), "{moved}");
    // The same, named in another way, is the same.
    let same = json!({"partnership": {"id": null, "external_id": "p"}, "own_resources_cents": 3});
    assert_eq!(change(&world, &member, same).expect(200).json()["own_resources_cents"], 3);
}

#[test]
fn an_organisation_is_a_member_once_and_may_come_back() {
    let world = World::new();
    let id = empty(&world);
    let body = world.member_body(&id, &world.others[0], "company");
    let member = world.operator.post("/v1/members", body.clone()).expect(201).id();
    let twin = world.operator.post("/v1/members", with(&body, json!({"category": "other"}))).expect(409);
    assert_eq!(twin.code(), "already_exists");
    change(&world, &member, json!({"left_on": "2012-07-05"})).expect(200);
    let back = world.operator.post("/v1/members", with(&body, json!({"joined_on": "2012-07-06"}))).expect(201).id();
    assert_eq!(change(&world, &member, json!({"left_on": null})).expect(409).code(), "already_exists");
    remove(&world, &back).expect(204);
    change(&world, &member, json!({"left_on": null})).expect(200);
}

#[test]
fn one_subject_counts_once() {
    let world = World::new();
    let id = empty(&world);
    let join = |organisation: &str, category: &str, left: Value| {
        let body = world.member_body(&id, organisation, category);
        let body = if left.is_null() { body } else { with(&body, json!({"left_on": left})) };
        world.operator.post("/v1/members", body).expect(201);
    };
    let present = || {
        let shown = composition(&world.operator, &id);
        [rules::COMPOSITION_MIN_SUBJECTS, rules::COMPOSITION_OTHER_SUBJECTS]
            .map(|rule| shown[rule]["missing"]["present"].as_i64())
    };
    join(&world.operators[0], "accredited_operator", Value::Null);
    assert_eq!(present(), [Some(1), Some(0)]);
    // An operator that is listed as something else, too, is not one of the others.
    join(&world.operators[0], "company", json!("2013-01-31"));
    assert_eq!(present(), [Some(1), Some(0)]);
    join(&world.others[0], "company", Value::Null);
    join(&world.others[0], "other", json!("2013-01-31"));
    assert_eq!(present(), [Some(2), Some(1)]);
    // Who has left, or comes tomorrow, is not there today; who leaves today is.
    join(&world.others[1], "local_authority", json!("2012-07-09"));
    let tomorrow = with(&world.member_body(&id, &world.others[2], "third_sector"), json!({"joined_on": "2012-07-11"}));
    world.operator.post("/v1/members", tomorrow).expect(201);
    assert_eq!(present(), [Some(2), Some(1)]);
    join(&world.others[3], "grant_making_foundation", json!("2012-07-10"));
    assert_eq!(present(), [None, None], "three subjects, two of them others");
}

#[test]
fn only_the_lead_writes_and_a_stranger_sees_nothing() {
    let world = World::new();
    let id = empty(&world);
    let own = world
        .operator
        .post("/v1/members", world.member_body(&id, &world.operators[1], "accredited_operator"))
        .expect(201)
        .id();
    let body = world.member_body(&id, &world.operators[1], "accredited_operator");
    for refused in [
        world.second.put(&path(&own), Some(1), with(&body, json!({"own_resources_cents": 1}))),
        world.second.patch(&path(&own), 1, json!({"left_on": "2012-07-10"})),
        world.second.delete(&path(&own), 1),
        world.second.post("/v1/members", world.member_body(&id, &world.others[0], "company")),
        world.second.put("/v1/members/by-external-id/mine", None, world.member_body(&id, &world.others[0], "company")),
    ] {
        assert_eq!(refused.expect(403).code(), "not_yours");
    }
    for client in [&world.region, &world.dote, &world.auditor] {
        let refused = client.post("/v1/members", world.member_body(&id, &world.others[0], "company")).expect(403);
        assert_eq!(refused.code(), "insufficient_scope");
        client.get(&path(&own)).expect(200);
    }
    let at = |member: &str| {
        [
            world.stranger.get(&path(member)),
            world.stranger.put(&path(member), Some(1), body.clone()),
            world.stranger.patch(&path(member), 9, json!({"own_resources_cents": 1})),
            world.stranger.delete(&path(member), 1),
        ]
    };
    for (real, none) in at(&own).iter().zip(&at(&absent())) {
        assert_eq!(real.status, 404, "{real}");
        assert_alike(real, none);
    }
    assert_eq!(version(&world, &own), 1);
    // Who was a member sees nothing any more.
    change(&world, &own, json!({"left_on": "2012-07-09"})).expect(200);
    world.second.get(&path(&own)).expect(404);
    world.second.get(&format!("/v1/partnerships/{id}")).expect(404);
}

#[test]
fn members_are_found_by_what_they_are() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let other = world.second.post("/v1/partnerships", world.partnership_body("q-1")).expect(201).id();
    world.second.post("/v1/members", world.member_body(&other, &world.others[0], "company")).expect(201);
    change(&world, &draft.members[1], json!({"left_on": "2012-08-31"})).expect(200);
    let count = |query: &str| world.region.all(&format!("/v1/members?{query}")).len();
    assert_eq!(count(""), 5);
    assert_eq!(count(&format!("partnership={}", draft.id)), 4);
    assert_eq!(count(&format!("organisation={}", world.others[0])), 2);
    assert_eq!(count("category=company"), 2);
    assert_eq!(count(&format!("partnership={}&member_on=2012-06-30", draft.id)), 0);
    assert_eq!(count(&format!("partnership={}&member_on=2012-08-31", draft.id)), 4);
    assert_eq!(count(&format!("partnership={}&member_on=2012-09-01", draft.id)), 3);
    world.region.get("/v1/members?category=compani").expect(400);
}

#[test]
fn from_the_submission_on_nobody_leaves_who_is_needed() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    let [_, company, municipality, association] = [0, 1, 2, 3].map(|place| draft.members[place].clone());
    step(&world.operator, &draft.id, "submission").expect(200);
    // One of four may go; then each of the three is needed, in whatever way it would go.
    remove(&world, &company).expect(204);
    let refused = |world: &World| {
        for member in [&municipality, &association] {
            let rules = too_few();
            assert_eq!(named(&remove(world, member).expect(422)), rules);
            assert_eq!(named(&change(world, member, json!({"left_on": "2012-07-05"})).expect(422)), rules);
            assert_eq!(
                named(&change(world, member, json!({"left_on": "2013-05-31"})).expect(422)),
                rules,
                "an announced departure counts"
            );
            assert_eq!(named(&change(world, member, json!({"joined_on": "2013-06-01"})).expect(422)), rules);
        }
        let other = change(world, &municipality, json!({"category": "accredited_operator"})).expect(422);
        assert!(other.has("/organisation", rules::OPERATOR_ACCREDITED_ON_DATE), "{other}");
        assert!(broken(&world.operator, &draft.id).is_empty());
    };
    refused(&world);
    approve(&world, &draft.id, 1_000).expect(200);
    refused(&world);
    world.on("2012-09-03");
    step(&world.operator, &draft.id, "activation").expect(200);
    refused(&world);
    // What does not touch the composition is free; so is a replacement, first in, then out.
    change(&world, &municipality, json!({"own_resources_cents": 1})).expect(200);
    change(&world, &municipality, json!({"category": "other"})).expect(200);
    world.operator.post("/v1/members", world.member_body(&draft.id, &world.others[3], CATEGORIES[3])).expect(201);
    remove(&world, &municipality).expect(204);
    assert!(broken(&world.operator, &draft.id).is_empty());
}

#[test]
fn a_draft_may_be_anything() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    for member in &draft.members[1..] {
        remove(&world, member).expect(204);
    }
    assert_eq!(broken(&world.operator, &draft.id), too_few());
}

#[test]
fn who_is_in_charge_of_workers_does_not_leave() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let lead = &draft.members[0];
    assert_eq!(remove(&world, lead).expect(409).code(), "still_referenced");
    assert_eq!(change(&world, lead, json!({"left_on": "2012-12-31"})).expect(409).code(), "still_referenced");
    step(&world.operator, &draft.id, "submission").expect(200);
    // Now the composition needs it, too.
    assert_eq!(named(&remove(&world, lead).expect(422)), set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE]));
    assert_eq!(
        named(&change(&world, lead, json!({"left_on": "2012-12-31"})).expect(422)),
        set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE])
    );
    // As something else than an operator it is in charge of nobody.
    let fallen = change(&world, lead, json!({"category": "other"})).expect(422);
    assert_eq!(named(&fallen), set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE]));
}

#[test]
fn what_is_broken_already_keeps_nobody() {
    let world = World::new();
    let draft = submitted(&world, 1);
    let accreditation = format!("/v1/organisations/{}/accreditation", world.operators[0]);
    world.region.put(&accreditation, None, json!({"entries": [], "units": []})).expect(200);
    let lost = set(&[rules::OPERATOR_ACCREDITED_ON_DATE, rules::COMPOSITION_OPERATOR_IN_CHARGE]);
    assert_eq!(broken(&world.operator, &draft.id), lost);
    remove(&world, &draft.members[1]).expect(204);
    assert_eq!(named(&remove(&world, &draft.members[2]).expect(422)), too_few(), "only what is newly broken is told");
}

/// What was announced before is counted when the next one goes, in whatever order and way.
#[test]
fn an_announced_departure_is_remembered_when_another_goes() {
    let mut world = World::new();
    let leaving = json!({"left_on": "2012-07-10"});
    let ways: [fn(&World, &str) -> Answer; 4] = [
        |world, member| remove(world, member),
        |world, member| change(world, member, json!({"left_on": "2012-07-09"})),
        |world, member| change(world, member, json!({"left_on": "2012-07-10"})),
        |world, member| change(world, member, json!({"joined_on": "2012-07-20"})),
    ];
    for (round, way) in ways.into_iter().enumerate() {
        let draft = submitted(&world, round);
        change(&world, &draft.members[1], leaving.clone()).expect(200);
        let refused = way(&world, &draft.members[2]);
        assert_eq!(refused.status, 422, "way {round}: tomorrow only two subjects would be left: {refused}");
        assert_eq!(named(&refused), too_few(), "way {round}");
    }
    world.on("2012-07-11");
    for partnership in world.operator.all("/v1/partnerships") {
        assert!(broken(&world.operator, partnership["id"].as_str().unwrap()).is_empty());
    }
}

/// One who comes later counts from the day it comes, and may be counted on from then.
#[test]
fn who_is_counted_on_for_later_does_not_stay_away() {
    let world = World::new();
    let draft = submitted(&world, 1);
    remove(&world, &draft.members[3]).expect(204);
    let body = with(&world.member_body(&draft.id, &world.others[3], CATEGORIES[3]), json!({"joined_on": "2012-08-01"}));
    let heir = world.operator.post("/v1/members", body).expect(201).id();
    // It comes too late for who leaves a day early, in time for who leaves on the eve.
    assert_eq!(named(&change(&world, &draft.members[1], json!({"left_on": "2012-07-30"})).expect(422)), too_few());
    change(&world, &draft.members[1], json!({"left_on": "2012-07-31"})).expect(200);
    for refused in [remove(&world, &heir), change(&world, &heir, json!({"joined_on": "2012-08-02"}))] {
        assert_eq!(refused.status, 422, "on the first of August only two subjects would be left: {refused}");
        assert_eq!(named(&refused), too_few());
    }
}

#[test]
fn an_ended_partnership_keeps_its_members() {
    let mut world = World::new();
    world.on("2012-09-03");
    for (serial, state) in ["rejected", "withdrawn", "concluded"].into_iter().enumerate() {
        let draft = submitted(&world, serial);
        match state {
            "rejected" => drop(decide(&world, &draft.id, json!({"verdict": "rejected"})).expect(200)),
            "withdrawn" => drop(step(&world.operator, &draft.id, "withdrawal").expect(200)),
            _ => {
                approve(&world, &draft.id, 1).expect(200);
                step(&world.operator, &draft.id, "activation").expect(200);
                step(&world.operator, &draft.id, "conclusion").expect(200);
            }
        }
        let member = &draft.members[1];
        let body = world.member_body(&draft.id, &world.others[3], CATEGORIES[3]);
        for refused in [
            world.operator.post("/v1/members", body),
            change(&world, member, json!({"own_resources_cents": 1})),
            change(&world, member, json!({"left_on": "2012-09-03"})),
            remove(&world, member),
        ] {
            assert_eq!(refused.expect(409).code(), "wrong_state", "{state}");
        }
        // What is repeated as it stands is no change, in no state.
        let same = world.member_body(&draft.id, &world.others[0], CATEGORIES[0]);
        assert_eq!(world.operator.put(&path(member), Some(1), same).expect(200).json()["version"], 1, "{state}");
    }
}

/// A company and a municipality leave at the same moment, each in its way; one of them is needed. Ten rounds; after each one
/// the next day is looked at, and whoever left comes back.
#[test]
fn of_two_who_leave_at_once_exactly_one_may() {
    let mut world = World::new();
    let draft = submitted(&world, 1);
    let mut pair = [draft.members[1].clone(), draft.members[2].clone()];
    let mut winners = [0, 0];
    for round in 0..10 {
        let today = format!("2012-08-{:02}", 2 * round + 1);
        world.on(&today);
        // Deleted both, one deleted and one gone today, both gone today, one gone today and one yesterday.
        let ways: [[&str; 2]; 4] = [["delete", "delete"], ["delete", "today"], ["today", "today"], ["before", "today"]];
        let mut way = ways[round % 4];
        if round >= 4 {
            way.reverse();
        }
        let versions = [version(&world, &pair[0]), version(&world, &pair[1])];
        let jobs: Vec<Job<'_>> = (0..2)
            .map(|place| -> Job<'_> {
                let (world, member, version, today) = (&world, path(&pair[place]), versions[place], today.as_str());
                match way[place] {
                    "delete" => Box::new(move || world.operator.delete(&member, version)),
                    "today" => Box::new(move || world.operator.patch(&member, version, json!({"left_on": today}))),
                    _ => Box::new(move || world.operator.patch(&member, version, json!({"left_on": "2012-07-31"}))),
                }
            })
            .collect();
        let answers = at_once(jobs);
        let passed: Vec<usize> = (0..2).filter(|place| [200, 204].contains(&answers[*place].status)).collect();
        assert_eq!(passed.len(), 1, "round {round} {way:?}: {} / {}", answers[0], answers[1]);
        let winner = passed[0];
        winners[winner] += 1;
        assert_eq!(named(&answers[1 - winner]), too_few(), "round {round} {way:?}");
        assert!(broken(&world.operator, &draft.id).is_empty(), "round {round} {way:?}");
        world.on(&format!("2012-08-{:02}", 2 * round + 2));
        assert!(broken(&world.operator, &draft.id).is_empty(), "on the day after: round {round} {way:?}");
        if way[winner] == "delete" {
            let body = world.member_body(&draft.id, &world.others[winner], CATEGORIES[winner]);
            pair[winner] = world.operator.post("/v1/members", body).expect(201).id();
        } else {
            change(&world, &pair[winner], json!({"left_on": null})).expect(200);
        }
    }
    assert_eq!(winners.iter().sum::<i32>(), 10);
}

/// All three others leave at once; two of them are needed.
#[test]
fn of_many_who_leave_at_once_as_many_as_are_not_needed_may() {
    let world = World::new();
    for round in 0..10 {
        let draft = world.draft(&format!("p-{round}"), round);
        let foundation = world.member_body(&draft.id, &world.others[3], CATEGORIES[3]);
        let foundation = world.operator.post("/v1/members", foundation).expect(201).id();
        step(&world.operator, &draft.id, "submission").expect(200);
        let leaving: Vec<String> = draft.members[1..].iter().chain([&foundation]).cloned().collect();
        let jobs = leaving.iter().map(|member| -> Job<'_> { Box::new(|| world.operator.delete(&path(member), 1)) });
        let answers = at_once(jobs.collect());
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 2, "round {round}");
        for answer in answers.iter().filter(|answer| answer.status != 204) {
            assert_eq!(named(answer), too_few(), "round {round}");
        }
        assert!(broken(&world.operator, &draft.id).is_empty(), "round {round}");
    }
}

/// A submission and a departure that would make it incomplete: whichever is first, the partnership is complete once it is
/// submitted.
#[test]
fn a_submission_and_a_departure_at_once_agree() {
    let world = World::new();
    for round in 0..10 {
        let draft = world.draft(&format!("p-{round}"), round);
        remove(&world, &draft.members[3]).expect(204);
        let answers = at_once(vec![
            Box::new(|| step(&world.operator, &draft.id, "submission")),
            Box::new(|| world.operator.delete(&path(&draft.members[1]), 1)),
        ]);
        let state = world.operator.get(&format!("/v1/partnerships/{}", draft.id)).expect(200).json()["state"].clone();
        match (answers[0].status, answers[1].status) {
            (200, 422) => {
                assert_eq!(named(&answers[1]), too_few());
                assert_eq!(state, "submitted");
                assert!(broken(&world.operator, &draft.id).is_empty());
            }
            (422, 204) => {
                assert_eq!(named(&answers[0]), too_few());
                assert_eq!(state, "draft");
            }
            _ => panic!("round {round}: {} / {}", answers[0], answers[1]),
        }
    }
}

/// Two operators with one worker each in charge: the partnership needs one of the two workers.
#[test]
fn of_the_last_two_workers_in_charge_one_stays() {
    let world = World::new();
    for round in 0..10 {
        let draft = world.draft(&format!("p-{round}"), round);
        let second = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
        world.operator.post("/v1/members", second).expect(201);
        let cohort = json!({"partnership": {"id": draft.id}, "name": "Secondo gruppo"});
        let cohort = world.second.post("/v1/cohorts", cohort).expect(201).id();
        let other =
            world.second.post("/v1/participants", world.participant_body(&cohort, 100 + round)).expect(201).id();
        step(&world.operator, &draft.id, "submission").expect(200);
        let leave = json!({"left_on": "2012-07-10", "exit_reason": "abandoned"});
        let answers = at_once(vec![
            Box::new(|| world.operator.patch(&format!("/v1/participants/{}", draft.participant), 1, leave.clone())),
            Box::new(|| world.second.patch(&format!("/v1/participants/{other}"), 1, leave.clone())),
        ]);
        let mut statuses = [answers[0].status, answers[1].status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "round {round}: {} / {}", answers[0], answers[1]);
        let refused = answers.iter().find(|answer| answer.status == 422).unwrap();
        assert_eq!(named(refused), set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE]));
        assert!(broken(&world.operator, &draft.id).is_empty(), "round {round}");
    }
}
