//! Members: who edits them, and what they must not break.

use serde_json::{Value, json};

use crate::support::Scene;
use crate::support::scene::member;

#[test]
fn the_lead_writes_members_and_others_read_them() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let draft = world.draft(&call, "pt-1");
    let lead = world.lead.post("/v1/members", member(&draft, &world.lead_id, "accredited_operator")).expect(201).json();
    assert_eq!((&lead["role"], &lead["organisation_name"]), (&json!("lead"), &json!("operator-1")));
    let partner = member(&draft, &world.other_id, "accredited_operator");
    assert!(world.other.post("/v1/members", partner.clone()).expect(422).has("/partnership", "unknown_reference"));
    world.region.post("/v1/members", partner.clone()).expect(403);
    let made = world.lead.post("/v1/members", partner.clone()).expect(201);
    assert_eq!(made.json()["role"], "partner");
    let path = format!("/v1/members/{}", made.id());
    assert_eq!(world.other.get(&path).expect(200).body, made.body);
    assert_eq!(world.other.delete(&path, 1).expect(403).code(), "not_yours");
    assert_eq!(world.other.post("/v1/members", partner.clone()).expect(403).code(), "not_yours");
    assert!(world.lead.post("/v1/members", partner).expect(409).has("/organisation", "already_in_use"));
    let count = |query: &str| world.region.all(&format!("/v1/members?{query}")).len();
    assert_eq!((count(&format!("partnership={draft}")), count("category=local_authority")), (2, 0));
    assert_eq!((count(&format!("organisation={}", world.other_id)), count("member_on=2012-06-30")), (1, 0));
    assert_eq!(world.service.client("operator-3").all("/v1/members").len(), 0);
}

#[test]
fn a_member_is_judged_by_the_call_and_stays_where_it_is() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (draft, second) = (world.draft(&call, "pt-1"), world.draft(&call, "pt-2"));
    let (one, two) = (world.organisation(), world.organisation());
    let mut bad = member(&draft, &one, "accredited_operator");
    bad["left_on"] = json!("2012-06-30");
    let answer = world.lead.post("/v1/members", bad).expect(422);
    assert!(
        answer.has("/organisation", "operator.accredited_on_date") && answer.has("/left_on", "ends_before_start"),
        "{answer}"
    );
    assert!(
        world.lead.post("/v1/members", member(&draft, &one, "advisor")).expect(422).has("/category", "not_admitted")
    );
    let id = world.add(&draft, &one, "company");
    let moved = world.lead.put(&format!("/v1/members/{id}"), Some(1), member(&second, &two, "company")).expect(422);
    assert!(moved.has("/partnership", "immutable") && moved.has("/organisation", "immutable"), "{moved}");
}

#[test]
fn after_submission_no_change_breaks_what_held() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let (id, [operator, second, _]) = world.complete_draft(&call, "pt-1");
    let spare = world.add(&id, &world.organisation(), "company");
    world.step(&id, "submission").expect(200);
    // One of the four may go, on whichever day; then nobody may.
    world.lead.patch(&format!("/v1/members/{spare}"), 1, json!({"left_on": "2012-12-31"})).expect(200);
    for change in
        [json!({"left_on": "2012-09-10"}), json!({"left_on": "2013-01-31"}), json!({"joined_on": "2012-09-11"})]
    {
        let refused = world.lead.patch(&format!("/v1/members/{second}"), 1, change.clone());
        let breaks = change["joined_on"].is_null();
        assert_eq!(refused.status, if breaks { 422 } else { 200 }, "{change}: {refused}");
        if breaks {
            assert!(refused.has("", "composition.min_subjects") && refused.has("", "composition.other_subjects"));
        }
    }
    world.lead.delete(&format!("/v1/members/{second}"), 2).expect(422);
    let refused = world.lead.patch(&format!("/v1/members/{operator}"), 1, json!({"category": "third_sector"}));
    assert!(refused.expect(422).has("", "composition.accredited_operator_in_charge"));
}

#[test]
fn two_requests_that_each_remove_one_of_the_last_do_not_both_pass() {
    for _ in 0..4 {
        let world = Scene::new();
        let call = world.call("PT-2012", json!({}));
        let (id, [_, second, _]) = world.complete_draft(&call, "pt-1");
        let spare = world.add(&id, &world.organisation(), "company");
        world.step(&id, "submission").expect(200);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let world = &world;
            let senders: Vec<_> = [&second, &spare]
                .into_iter()
                .map(|member| scope.spawn(move || world.lead.delete(&format!("/v1/members/{member}"), 1).status))
                .collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert!(statuses.contains(&204) && statuses.contains(&422), "{statuses:?}");
    }
}

#[test]
fn who_is_in_charge_of_workers_cannot_leave() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let draft = world.draft(&call, "pt-1");
    let operator = world.add(&draft, &world.other_id, "accredited_operator");
    world.worker(&draft, &world.other_id, "2012-09-03");
    let path = format!("/v1/members/{operator}");
    assert_eq!(world.lead.patch(&path, 1, json!({"left_on": "2012-12-31"})).expect(409).code(), "still_referenced");
    assert_eq!(world.lead.delete(&path, 1).expect(409).code(), "still_referenced");
    let free = world.add(&draft, &world.organisation(), "company");
    world.lead.delete(&format!("/v1/members/{free}"), 1).expect(204);
}

#[test]
fn a_partnership_that_has_ended_keeps_its_members() {
    let world = Scene::new();
    let call = world.call("PT-2012", json!({}));
    let draft = world.draft(&call, "pt-1");
    let mut body = member(&draft, &world.organisation(), "company");
    body["external_id"] = json!("m-1");
    let id = world.lead.post("/v1/members", body.clone()).expect(201).id();
    world.step(&draft, "withdrawal").expect(200);
    let again = world.lead.put("/v1/members/by-external-id/m-1", None, body.clone()).expect(200);
    assert_eq!(again.json()["version"], 1);
    body["own_resources_cents"] = json!(5);
    let refused: Value = world.lead.put("/v1/members/by-external-id/m-1", None, body).expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("`withdrawn`"));
    world.lead.delete(&format!("/v1/members/{id}"), 1).expect(409);
    world.lead.post("/v1/members", member(&draft, &world.organisation(), "company")).expect(409);
}
