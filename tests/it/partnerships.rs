//! Partnerships: a draft's life, the rules of its submission, the steps that follow, and the call's allocation however many
//! decide at once.

use std::collections::{BTreeMap, BTreeSet};

use ricolloca::rules_catalogue as rules;
use serde_json::{Value, json};

use crate::calls::{absent, budget, change_call};
use crate::races::at_once;
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{CATEGORIES, Draft, World, instant, with};

/// A request that waits for its turn.
pub type Job<'a> = Box<dyn FnOnce() -> Answer + Send + 'a>;

/// A step of a partnership's life that needs no body.
#[track_caller]
pub fn step(client: &Client, id: &str, step: &str) -> Answer {
    client.act(&format!("/v1/partnerships/{id}/{step}"))
}

#[track_caller]
pub fn decide(world: &World, id: &str, decision: Value) -> Answer {
    world.region.post(&format!("/v1/partnerships/{id}/decision"), decision)
}

#[track_caller]
pub fn approve(world: &World, id: &str, granted_cents: i64) -> Answer {
    decide(world, id, json!({"verdict": "approved", "granted_cents": granted_cents, "reason": "ammesso"}))
}

#[track_caller]
pub fn read(client: &Client, id: &str) -> Value {
    client.get(&format!("/v1/partnerships/{id}")).expect(200).json()
}

/// What composition says: by rule, all of it.
#[track_caller]
pub fn composition(client: &Client, id: &str) -> BTreeMap<String, Value> {
    let shown = client.get(&format!("/v1/partnerships/{id}/composition")).expect(200).json();
    let rules: BTreeMap<String, Value> = shown["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["rule"].as_str().unwrap().to_owned(), rule.clone()))
        .collect();
    let broken = rules.values().any(|rule| rule["verdict"] == "violated");
    assert_eq!(shown["complete"], json!(!broken), "{shown}");
    assert_eq!(shown["partnership_id"].as_str(), Some(id));
    for rule in rules.values() {
        assert_eq!(rule["verdict"] == "violated", rule["missing"].is_object(), "{rule}");
        assert!(rule["detail_en"].as_str().is_some_and(|detail| !detail.is_empty()), "{rule}");
    }
    rules
}

fn with_verdict(client: &Client, id: &str, verdict: &str) -> BTreeSet<String> {
    let rules = composition(client, id);
    rules.into_iter().filter(|(_, rule)| rule["verdict"] == verdict).map(|(code, _)| code).collect()
}

/// The rules that composition finds broken.
#[track_caller]
pub fn broken(client: &Client, id: &str) -> BTreeSet<String> {
    with_verdict(client, id, "violated")
}

/// The rules that a refusal names.
#[track_caller]
pub fn named(answer: &Answer) -> BTreeSet<String> {
    assert_eq!(answer.code(), "invalid", "{answer}");
    answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["rule"].as_str().unwrap_or_else(|| panic!("no rule: {answer}")).to_owned())
        .collect()
}

pub fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// Refusals that tell one caller no more than the other.
#[track_caller]
pub fn assert_alike(one: &Answer, other: &Answer) {
    let plain = |answer: &Answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove("instance").unwrap();
        (answer.status, json)
    };
    assert_eq!(plain(one), plain(other));
}

/// A partnership brought to a state. The day stays what it is: one on which the call takes applications and the
/// partnership lives.
fn bring(world: &World, state: &str, serial: usize) -> Draft {
    let draft = world.draft(&format!("p-{serial}"), serial);
    let id = &draft.id;
    let submit = || step(&world.operator, id, "submission").expect(200);
    let grant = || approve(world, id, 10_000).expect(200);
    match state {
        "draft" => {}
        "submitted" => drop(submit()),
        "approved" => drop((submit(), grant())),
        "rejected" => {
            drop((submit(), decide(world, id, json!({"verdict": "rejected", "reason": "respinto"})).expect(200)))
        }
        "active" => drop((submit(), grant(), step(&world.operator, id, "activation").expect(200))),
        "concluded" => drop((
            submit(),
            grant(),
            step(&world.operator, id, "activation").expect(200),
            step(&world.operator, id, "conclusion").expect(200),
        )),
        "withdrawn" => drop(step(&world.operator, id, "withdrawal").expect(200)),
        _ => unreachable!("{state}"),
    }
    assert_eq!(read(&world.operator, id)["state"], state);
    draft
}

#[test]
fn a_draft_is_made_read_changed_and_deleted() {
    let world = World::new();
    let body = with(
        &world.partnership_body("p-1"),
        json!({"ateco": "13", "cup": "E89J12000010007", "provinces": ["CO", "VA"]}),
    );
    let made = world.operator.post("/v1/partnerships", body.clone()).expect(201);
    let path = format!("/v1/partnerships/{}", made.id());
    assert_eq!((made.header("location"), made.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    let json = made.json();
    for name in
        ["external_id", "title", "ateco", "provinces", "cup", "starts_on", "ends_on", "budget_cents", "requested_cents"]
    {
        assert_eq!(json[name], body[name], "{name}");
    }
    assert_eq!(
        (json["call_id"].as_str(), json["lead_organisation_id"].as_str()),
        (Some(world.call.as_str()), Some(world.operators[0].as_str()))
    );
    assert_eq!(json["state"], "draft");
    for name in [
        "granted_cents",
        "submitted_on",
        "decided_on",
        "decision_reason",
        "activated_on",
        "concluded_on",
        "withdrawn_on",
        "withdrawal_reason",
    ] {
        assert!(json.as_object().unwrap().contains_key(name) && json[name].is_null(), "{name}");
    }
    assert_eq!(world.operator.get(&path).expect(200).body, made.body);
    world.operator.send("GET", &path, &[("if-none-match", "\"1\"")], "").expect(304);

    let plain = world.partnership_body("p-1");
    world.operator.put(&path, None, plain.clone()).expect(428);
    let replaced = world.operator.put(&path, Some(1), plain.clone()).expect(200).json();
    assert_eq!(
        (&replaced["ateco"], &replaced["cup"], &replaced["provinces"]),
        (&Value::Null, &Value::Null, &json!(["MI"]))
    );
    assert_eq!(world.operator.put(&path, Some(1), body).expect(412).code(), "stale_version");
    let patched =
        world.operator.patch(&path, 2, json!({"title": "Altro", "provinces": ["BG", "BS"]})).expect(200).json();
    assert_eq!(
        (&patched["title"], &patched["provinces"], &patched["budget_cents"]),
        (&json!("Altro"), &json!(["BG", "BS"]), &json!(20_000_000))
    );
    assert_eq!(patched["version"], 3);
    // A patch that changes nothing makes no version.
    assert_eq!(world.operator.patch(&path, 3, json!({"title": "Altro"})).expect(200).json()["version"], 3);

    world.operator.delete(&path, 2).expect(412);
    world.operator.delete(&path, 3).expect(204);
    assert_eq!(world.operator.get(&path).expect(404).code(), "not_found");
    assert_eq!(world.region.get(&path).expect(404).code(), "not_found");
    // The name is free again.
    world.operator.post("/v1/partnerships", plain).expect(201);
}

#[test]
fn a_draft_is_pushed_by_its_name_and_names_are_each_operators_own() {
    let world = World::new();
    let path = "/v1/partnerships/by-external-id/p-1";
    let made = world.operator.put(path, None, world.partnership_body("p-1")).expect(201);
    let again = world.operator.put(path, None, world.partnership_body("p-1")).expect(200);
    assert_eq!(made.body, again.body);
    let changed =
        world.operator.put(path, None, with(&world.partnership_body("p-1"), json!({"title": "Altro"}))).expect(200);
    assert_eq!((changed.id(), changed.json()["version"].as_i64()), (made.id(), Some(2)));
    let twin = world.operator.post("/v1/partnerships", world.partnership_body("p-1")).expect(409);
    assert!(twin.code() == "already_exists" && twin.has("/external_id", "already_in_use"), "{twin}");
    // The same name of another operator is another partnership.
    let other = world.second.put(path, None, world.partnership_body("p-1")).expect(201);
    assert_ne!(other.id(), made.id());
    assert_eq!(other.json()["lead_organisation_id"].as_str(), Some(world.operators[1].as_str()));
    assert_eq!(read(&world.operator, &made.id())["title"], "Altro");
    assert_eq!(world.second.all("/v1/partnerships").len(), 1);
    assert_eq!(world.region.all("/v1/partnerships").len(), 2);
}

#[test]
fn all_that_is_wrong_with_a_draft_is_told_at_once() {
    let world = World::new();
    let wrong = with(
        &world.partnership_body("p-1"),
        json!({
            "call": {"id": absent()}, "ateco": "99.99.99", "cup": "E89J1200001000Z", "provinces": ["MI", "XX", "MI"], "starts_on": "2013-09-30",
            "ends_on": "2012-09-01",
        }),
    );
    let form = world.operator.post("/v1/partnerships", wrong.clone()).expect(422);
    assert!(form.has("/cup", "wrong_format"), "{form}");
    // Null is as good as nothing.
    let refused = world.operator.post("/v1/partnerships", with(&wrong, json!({"cup": null}))).expect(422);
    let expected: BTreeSet<(String, String)> = [
        ("/call", "unknown_reference"),
        ("/ateco", "unknown_code"),
        ("/provinces/1", "unknown_code"),
        ("/provinces/2", "repeated_item"),
        ("/ends_on", "ends_before_start"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    .into();
    assert_eq!(refused.violations().into_iter().collect::<BTreeSet<_>>(), expected, "{refused}");
    assert!(world.operator.all("/v1/partnerships").is_empty(), "nothing was stored");
}

#[test]
fn the_form_of_a_draft_is_judged_whole() {
    let world = World::new();
    let refused = world
        .operator
        .post(
            "/v1/partnerships",
            json!({
                "titel": "x", "call": {}, "provinces": [], "starts_on": "2012-13-01", "ends_on": 5, "budget_cents": -1, "requested_cents": 1.5,
                "state": "approved", "granted_cents": 5,
            }),
        )
        .expect(422);
    for (pointer, code) in [
        ("/titel", "unknown_field"),
        ("/title", "required"),
        ("/provinces", "too_few_items"),
        ("/starts_on", "wrong_format"),
        ("/ends_on", "wrong_type"),
        ("/budget_cents", "out_of_range"),
        ("/requested_cents", "wrong_type"),
        ("/state", "unknown_field"),
        ("/granted_cents", "unknown_field"),
    ] {
        assert!(refused.has(pointer, code), "{pointer} {code}: {refused}");
    }
    assert!(refused.to_string().contains("did you mean `title`"), "{refused}");
    // What the service sets cannot be patched in either.
    let id = world.operator.post("/v1/partnerships", world.partnership_body("p-1")).expect(201).id();
    let path = format!("/v1/partnerships/{id}");
    for (name, value) in
        [("state", json!("approved")), ("granted_cents", json!(1)), ("lead_organisation_id", json!(world.operators[1]))]
    {
        let refused = world.operator.patch(&path, 1, json!({name: value})).expect(422);
        assert!(refused.has(&format!("/{name}"), "unknown_field"), "{refused}");
    }
}

#[test]
fn a_call_is_named_in_exactly_one_way_and_stays() {
    let world = World::new();
    let refused = |call: Value, code: &str| {
        let body = with(&world.partnership_body("p-1"), json!({"call": call}));
        let answer = world.operator.post("/v1/partnerships", body).expect(422);
        assert!(answer.has("/call", code), "{answer}");
    };
    refused(json!({}), "too_few_members");
    refused(json!({"id": absent()}), "unknown_reference");
    refused(json!({"external_id": "nonsense"}), "unknown_reference");
    refused(json!({"id": world.call, "external_id": "PT-2012"}), "too_many_members");
    let other = world.region.post(
        "/v1/calls",
        json!({
            "code": "PT-2013", "title": "Altro avviso", "allocation_cents": 1, "applications_from": "2012-07-01", "applications_to": "2012-12-31",
            "activities_from": "2012-07-01", "activities_to": "2013-12-31", "reporting_deadline": "2014-06-30",
        }),
    );
    let id = world.operator.post("/v1/partnerships", world.partnership_body("p-1")).expect(201).id();
    let moved = world
        .operator
        .patch(&format!("/v1/partnerships/{id}"), 1, json!({"call": {"id": other.expect(201).id()}}))
        .expect(422);
    assert!(moved.has("/call", "immutable"), "{moved}");
}

#[test]
fn money_and_time_of_a_draft_follow_the_call() {
    let world = World::new();
    let post = |changes: Value| world.operator.post("/v1/partnerships", with(&world.partnership_body("p-1"), changes));
    let sole = |answer: Answer, pointer: &str, rule: &str| {
        let answer = answer.expect(422);
        assert_eq!(answer.violations(), [(pointer.to_owned(), rule.to_owned())], "{answer}");
    };
    sole(post(json!({"requested_cents": 20_000_001})), "/requested_cents", rules::MONEY_ORDER);
    sole(post(json!({"starts_on": "2012-06-30"})), "/starts_on", rules::PARTNERSHIP_WITHIN_CALL);
    sole(post(json!({"ends_on": "2014-01-01"})), "/ends_on", rules::PARTNERSHIP_WITHIN_CALL);
    let both = post(json!({"requested_cents": 20_000_001, "ends_on": "2014-01-01"})).expect(422);
    assert_eq!(named(&both), set(&[rules::MONEY_ORDER, rules::PARTNERSHIP_WITHIN_CALL]));
    // The edges hold.
    let edges = json!({"requested_cents": 20_000_000, "starts_on": "2012-07-01", "ends_on": "2013-12-31"});
    let id = post(edges).expect(201).id();
    let path = format!("/v1/partnerships/{id}");
    sole(world.operator.patch(&path, 1, json!({"budget_cents": 19_999_999})), "/requested_cents", rules::MONEY_ORDER);
    sole(world.operator.patch(&path, 1, json!({"ends_on": "2014-01-01"})), "/ends_on", rules::PARTNERSHIP_WITHIN_CALL);

    change_call(&world, json!({"rules": {"max_grant_cents": 15_000_000, "max_life_months": 12}})).expect(200);
    let again = |changes: Value| post(with(&json!({"external_id": "p-2"}), changes));
    let year = json!({"ends_on": "2013-08-31"});
    sole(again(with(&year, json!({"requested_cents": 15_000_001}))), "/requested_cents", rules::GRANT_MAXIMUM);
    sole(again(json!({"ends_on": "2013-09-01"})), "/ends_on", rules::PARTNERSHIP_MAX_LIFE);
    again(with(&year, json!({"requested_cents": 15_000_000}))).expect(201);
}

#[test]
fn partnerships_are_found_by_what_they_are() {
    let world = World::new();
    let one = world.draft("p-1", 1);
    let other = world
        .second
        .post("/v1/partnerships", with(&world.partnership_body("q-1"), json!({"provinces": ["BG", "MI"]})))
        .expect(201)
        .id();
    step(&world.operator, &one.id, "submission").expect(200);
    let found = |query: &str| -> BTreeSet<String> {
        let items = world.region.all(&format!("/v1/partnerships?{query}"));
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let both = set(&[&one.id, &other]);
    assert_eq!(found("province=MI"), both);
    assert_eq!(found("province=BG"), set(&[&other]));
    assert_eq!(found("state=submitted"), set(&[&one.id]));
    assert_eq!(found(&format!("call={}", world.call)), both);
    assert_eq!(found(&format!("call={}", absent())), set(&[]));
    assert_eq!(found(&format!("lead_organisation={}", world.operators[1])), set(&[&other]));
    assert_eq!(found(&format!("organisation={}", world.others[0])), set(&[&one.id]));
    // A filter shows nobody more than there is to see.
    assert!(world.stranger.all(&format!("/v1/partnerships?lead_organisation={}", world.operators[0])).is_empty());
    world.region.get("/v1/partnerships?state=begun").expect(400);
}

#[test]
fn a_stranger_cannot_tell_a_partnership_from_none() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let before = read(&world.operator, &draft.id);
    let member = &draft.members[1];
    let (no_partnership, no_member) = (absent(), absent());
    let body = with(&world.partnership_body("p-1"), json!({"title": "Mio"}));
    let stranger = &world.stranger;
    let at = |id: &str, member: &str| {
        let (path, member) = (format!("/v1/partnerships/{id}"), format!("/v1/members/{member}"));
        let mut answers = vec![
            stranger.get(&path),
            stranger.get(&format!("{path}/composition")),
            stranger.put(&path, Some(1), body.clone()),
            stranger.put(&path, Some(7), body.clone()),
            stranger.patch(&path, 1, json!({"title": "Mio"})),
            stranger.delete(&path, 1),
            stranger.get(&member),
            stranger.patch(&member, 1, json!({"own_resources_cents": 1})),
            stranger.delete(&member, 1),
        ];
        answers.extend(["submission", "activation", "conclusion", "withdrawal"].map(|name| step(stranger, id, name)));
        answers
    };
    for (real, none) in at(&draft.id, member).iter().zip(&at(&no_partnership, &no_member)) {
        assert_eq!(real.status, 404, "{real}");
        assert_alike(real, none);
    }
    let join =
        |id: &str| stranger.post("/v1/members", world.member_body(id, &world.operators[2], "accredited_operator"));
    let (real, none) = (join(&draft.id), join(&no_partnership));
    assert!(real.has("/partnership", "unknown_reference"), "{real}");
    assert_alike(&real, &none);
    assert!(stranger.all("/v1/partnerships").is_empty() && stranger.all("/v1/members").is_empty());
    assert_eq!(read(&world.operator, &draft.id), before);
}

#[test]
fn a_member_sees_everything_and_changes_nothing() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let path = format!("/v1/partnerships/{}", draft.id);
    world.second.get(&path).expect(404);
    let body = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    let own = world.operator.post("/v1/members", body).expect(201).id();
    assert_eq!(world.second.get(&path).expect(200).body, world.operator.get(&path).expect(200).body);
    assert_eq!(world.second.all("/v1/members").len(), 5);
    assert!(broken(&world.second, &draft.id).is_empty());
    let members = |id: &str| format!("/v1/members/{id}");
    let mut refusals = vec![
        world.second.put(&path, Some(1), with(&world.partnership_body("p-1"), json!({"title": "Mio"}))),
        world.second.patch(&path, 1, json!({"title": "Mio"})),
        world.second.delete(&path, 1),
        world.second.post("/v1/members", world.member_body(&draft.id, &world.others[3], CATEGORIES[3])),
        world.second.patch(&members(&own), 1, json!({"own_resources_cents": 1})),
        world.second.delete(&members(&own), 1),
        world.second.delete(&members(&draft.members[1]), 1),
    ];
    refusals.extend(
        ["submission", "activation", "conclusion", "withdrawal"].map(|name| step(&world.second, &draft.id, name)),
    );
    for refused in refusals {
        assert_eq!(refused.expect(403).code(), "not_yours");
    }
    assert_eq!(read(&world.operator, &draft.id)["version"], 1);
    assert_eq!(world.operator.all(&format!("/v1/members?partnership={}", draft.id)).len(), 5);
    // The lead sees it without being a member, too.
    world.operator.delete(&members(&own), 1).expect(204);
    world.second.get(&path).expect(404);
}

#[test]
fn each_role_takes_its_own_steps_only() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    for client in [&world.region, &world.dote, &world.auditor] {
        for name in ["submission", "activation", "conclusion", "withdrawal"] {
            assert_eq!(step(client, &draft.id, name).expect(403).code(), "insufficient_scope", "{name}");
        }
        let refused = client.post("/v1/partnerships", world.partnership_body("p-9")).expect(403);
        assert_eq!(refused.code(), "insufficient_scope");
        client.get(&format!("/v1/partnerships/{}", draft.id)).expect(200);
    }
    step(&world.operator, &draft.id, "submission").expect(200);
    let decision = json!({"verdict": "approved", "granted_cents": 1, "reason": "test"});
    for client in [&world.operator, &world.second, &world.stranger, &world.dote, &world.auditor] {
        let refused = client.post(&format!("/v1/partnerships/{}/decision", draft.id), decision.clone()).expect(403);
        assert_eq!(refused.code(), "insufficient_scope");
    }
    let narrow = world.service.client_with("operator-1", "partnerships.read");
    assert_eq!(step(&narrow, &draft.id, "withdrawal").expect(403).code(), "insufficient_scope");
    assert_eq!(step(&world.service.anonymous(), &draft.id, "withdrawal").expect(401).code(), "unauthenticated");
    assert_eq!(read(&world.operator, &draft.id)["state"], "submitted");
    assert_eq!(decide(&world, &absent(), decision).expect(404).code(), "not_found");
}

#[test]
fn a_submission_names_every_rule_that_it_breaks_and_composition_says_what_is_missing() {
    let world = World::new();
    let id = world.operator.post("/v1/partnerships", world.partnership_body("p-1")).expect(201).id();
    world.operator.post("/v1/members", world.member_body(&id, &world.operators[0], "accredited_operator")).expect(201);
    let expected = set(&[
        rules::COMPOSITION_MIN_SUBJECTS,
        rules::COMPOSITION_OPERATOR_IN_CHARGE,
        rules::COMPOSITION_OTHER_SUBJECTS,
    ]);
    let refused = step(&world.operator, &id, "submission").expect(422);
    assert_eq!(named(&refused), expected, "{refused}");
    assert_eq!(refused.violations().len(), 3, "each once: {refused}");
    let shown = composition(&world.operator, &id);
    assert_eq!(broken(&world.operator, &id), expected);
    for (rule, needed, present) in [
        (rules::COMPOSITION_MIN_SUBJECTS, 3, 1),
        (rules::COMPOSITION_OPERATOR_IN_CHARGE, 1, 0),
        (rules::COMPOSITION_OTHER_SUBJECTS, 2, 0),
    ] {
        let missing = &shown[rule]["missing"];
        assert_eq!((&missing["needed"], &missing["present"]), (&json!(needed), &json!(present)), "{rule}");
    }
    assert_eq!(read(&world.operator, &id)["state"], "draft");

    // What is wrong with money and time since the call changed is told beside it.
    change_call(&world, json!({"activities_to": "2013-06-30", "rules": {"max_grant_cents": 14_000_000}})).expect(200);
    let more = &expected | &set(&[rules::PARTNERSHIP_WITHIN_CALL, rules::GRANT_MAXIMUM]);
    assert_eq!(named(&step(&world.operator, &id, "submission").expect(422)), more);
    assert_eq!(broken(&world.operator, &id), more);

    // One after the other they are mended, and composition follows.
    change_call(&world, json!({"activities_to": "2013-12-31", "rules": {"max_grant_cents": null}})).expect(200);
    world.operator.post("/v1/members", world.member_body(&id, &world.others[0], CATEGORIES[0])).expect(201);
    let missing = composition(&world.operator, &id);
    assert_eq!(missing[rules::COMPOSITION_MIN_SUBJECTS]["missing"]["present"], 2);
    assert_eq!(missing[rules::COMPOSITION_OTHER_SUBJECTS]["missing"]["present"], 1);
    world.operator.post("/v1/members", world.member_body(&id, &world.others[1], CATEGORIES[1])).expect(201);
    assert_eq!(broken(&world.operator, &id), set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE]));
    assert_eq!(
        named(&step(&world.operator, &id, "submission").expect(422)),
        set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE])
    );
}

#[test]
fn composition_lists_every_rule_of_submission() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let rules_of = |verdict: &str| with_verdict(&world.operator, &draft.id, verdict);
    assert_eq!(
        rules_of("satisfied"),
        set(&[
            rules::CALL_OPEN,
            rules::MONEY_ORDER,
            rules::PARTNERSHIP_WITHIN_CALL,
            rules::COMPOSITION_MIN_SUBJECTS,
            rules::COMPOSITION_OPERATOR_IN_CHARGE,
            rules::COMPOSITION_OTHER_SUBJECTS,
            rules::OPERATOR_ACCREDITED_ON_DATE,
        ])
    );
    assert_eq!(
        rules_of("not_applicable"),
        set(&[
            rules::PARTNERSHIP_MAX_LIFE,
            rules::GRANT_MAXIMUM,
            rules::ACCREDITATION_DEFINITIVE,
            rules::OPERATOR_SITE_IN_LOMBARDY,
            rules::COHORT_MIN_SIZE,
            rules::COHORT_ONE_CRISIS_COMPANY,
        ])
    );
    // The titles and citations are the catalogue's.
    let listed = world.operator.get(&format!("/v1/calls/{}/rules", world.call)).expect(200).json();
    for (code, rule) in composition(&world.operator, &draft.id) {
        let entry = listed["items"].as_array().unwrap().iter().find(|entry| entry["code"] == code.as_str()).unwrap();
        assert_eq!((&rule["title_it"], &rule["citation"]), (&entry["title_it"], &entry["citation"]), "{code}");
    }
    for client in [&world.region, &world.auditor, &world.dote] {
        assert!(broken(client, &draft.id).is_empty());
    }
    world.region.get(&format!("/v1/partnerships/{}/composition", absent())).expect(404);
}

#[test]
fn the_rules_of_later_editions_are_the_calls_data() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let check = |changes: Value, wanted: &[&str], numbers: Option<(&str, i64, i64)>| {
        change_call(&world, json!({"rules": changes})).expect(200);
        assert_eq!(broken(&world.operator, &draft.id), set(wanted), "{changes}");
        if let Some((rule, needed, present)) = numbers {
            let missing = &composition(&world.operator, &draft.id)[rule]["missing"];
            assert_eq!((&missing["needed"], &missing["present"]), (&json!(needed), &json!(present)), "{rule}");
        }
        if !wanted.is_empty() {
            assert_eq!(named(&step(&world.operator, &draft.id, "submission").expect(422)), set(wanted), "{changes}");
        }
    };
    let verdict = |rule: &str| composition(&world.operator, &draft.id)[rule]["verdict"].clone();
    let accredit = |kind: &str, units: Value| {
        let entry = json!({"number": "A-1", "kind": kind, "act": "test", "valid_from": "2010-01-01"});
        let body = json!({"entries": [entry], "units": units});
        world.region.put(&format!("/v1/organisations/{}/accreditation", world.operators[0]), None, body).expect(200);
    };
    let unit = json!([{"code": "UO-1", "municipality": "015146"}]);

    // Four subjects, of them three others; one cohort of one worker; 150,000 EUR for thirteen months.
    for (parameter, rule, breaks, holds, present) in [
        ("min_subjects", rules::COMPOSITION_MIN_SUBJECTS, 5, 4, 4),
        ("min_other_subjects", rules::COMPOSITION_OTHER_SUBJECTS, 4, 3, 3),
        ("min_cohort_size", rules::COHORT_MIN_SIZE, 2, 1, 1),
        ("max_grant_cents", rules::GRANT_MAXIMUM, 14_999_999, 15_000_000, 15_000_000),
    ] {
        check(json!({parameter: breaks}), &[rule], Some((rule, breaks, present)));
        check(json!({parameter: holds}), &[], None);
        assert_eq!(verdict(rule), "satisfied", "{rule}");
    }
    check(json!({"max_life_months": 12}), &[rules::PARTNERSHIP_MAX_LIFE], Some((rules::PARTNERSHIP_MAX_LIFE, 0, 30)));
    check(json!({"max_life_months": 13}), &[], None);
    assert_eq!(verdict(rules::PARTNERSHIP_MAX_LIFE), "satisfied");
    check(
        json!({"min_subjects": 3, "min_other_subjects": 2, "min_cohort_size": null, "max_grant_cents": null, "max_life_months": null}),
        &[],
        None,
    );
    for rule in [rules::COHORT_MIN_SIZE, rules::GRANT_MAXIMUM, rules::PARTNERSHIP_MAX_LIFE] {
        assert_eq!(verdict(rule), "not_applicable", "{rule}");
    }

    // Provisional accreditation counts until the call says otherwise.
    accredit("provisional", unit.clone());
    check(json!({}), &[], None);
    check(
        json!({"definitive_accreditation_only": true}),
        &[rules::ACCREDITATION_DEFINITIVE, rules::COMPOSITION_OPERATOR_IN_CHARGE],
        Some((rules::ACCREDITATION_DEFINITIVE, 1, 0)),
    );
    accredit("definitive", unit.clone());
    check(json!({}), &[], None);
    assert_eq!(verdict(rules::ACCREDITATION_DEFINITIVE), "satisfied");

    accredit("definitive", json!([]));
    check(json!({}), &[], None);
    check(
        json!({"operating_site_in_lombardy": true}),
        &[rules::OPERATOR_SITE_IN_LOMBARDY],
        Some((rules::OPERATOR_SITE_IN_LOMBARDY, 1, 0)),
    );
    accredit("definitive", unit);
    check(json!({}), &[], None);
    assert_eq!(verdict(rules::OPERATOR_SITE_IN_LOMBARDY), "satisfied");

    let cohort = json!({"partnership": {"id": draft.id}, "name": "Senza impresa"});
    let cohort = world.operator.post("/v1/cohorts", cohort).expect(201).id();
    check(
        json!({"one_crisis_company_per_cohort": true}),
        &[rules::COHORT_ONE_CRISIS_COMPANY],
        Some((rules::COHORT_ONE_CRISIS_COMPANY, 2, 1)),
    );
    world.operator.delete(&format!("/v1/cohorts/{cohort}"), 1).expect(204);
    check(json!({}), &[], None);

    // Which categories count as what is data, too.
    check(
        json!({"other_categories": ["company"]}),
        &[rules::COMPOSITION_OTHER_SUBJECTS],
        Some((rules::COMPOSITION_OTHER_SUBJECTS, 2, 1)),
    );
    check(json!({"other_categories": ["company", "local_authority"]}), &[], None);
    check(json!({"operator_categories": ["temporary_agency"]}), &[rules::COMPOSITION_OPERATOR_IN_CHARGE], None);
    check(json!({"operator_categories": ["accredited_operator"]}), &[], None);
    step(&world.operator, &draft.id, "submission").expect(200);
}

#[test]
fn an_operator_in_charge_is_accredited_and_its_workers_dote_valid() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    let path = format!("/v1/organisations/{}/accreditation", world.operators[0]);
    let entry = |to: &str| json!({"entries": [{"number": "A-1", "kind": "definitive", "act": "test", "valid_from": "2010-01-01", "valid_to": to}], "units": []});
    world.region.put(&path, None, entry("2012-07-10")).expect(200);
    assert!(broken(&world.operator, &draft.id).is_empty(), "the last day counts");
    world.region.put(&path, None, entry("2012-07-09")).expect(200);
    let both = set(&[rules::OPERATOR_ACCREDITED_ON_DATE, rules::COMPOSITION_OPERATOR_IN_CHARGE]);
    assert_eq!(broken(&world.operator, &draft.id), both);
    assert_eq!(named(&step(&world.operator, &draft.id, "submission").expect(422)), both);
    world.region.put(&path, None, entry("2015-12-31")).expect(200);

    let worker = format!("/v1/participants/{}", draft.participant);
    let dote = json!({"dote": {"valid_to": "2012-07-10"}});
    world.operator.patch(&worker, 1, dote).expect(200);
    assert!(broken(&world.operator, &draft.id).is_empty(), "the last day of the Dote counts");
    world.on("2012-07-11");
    assert_eq!(broken(&world.operator, &draft.id), set(&[rules::COMPOSITION_OPERATOR_IN_CHARGE]));
}

#[test]
fn a_partnership_lives_from_draft_to_conclusion() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    let id = draft.id;
    let submitted = step(&world.operator, &id, "submission").expect(200);
    assert_eq!(submitted.header("etag"), Some("\"2\""));
    let submitted = submitted.json();
    assert_eq!((&submitted["state"], &submitted["submitted_on"]), (&json!("submitted"), &json!("2012-07-10")));

    world.on("2012-07-31");
    let decided = approve(&world, &id, 12_000_000).expect(200).json();
    for (name, value) in [
        ("state", json!("approved")),
        ("decided_on", json!("2012-07-31")),
        ("granted_cents", json!(12_000_000)),
        ("decision_reason", json!("ammesso")),
        ("submitted_on", json!("2012-07-10")),
    ] {
        assert_eq!(decided[name], value, "{name}");
    }
    assert_eq!(budget(&world), (12_000_000, 488_000_000));

    world.on("2012-08-20");
    let active = step(&world.operator, &id, "activation").expect(200).json();
    assert_eq!((&active["state"], &active["activated_on"]), (&json!("active"), &json!("2012-08-20")));
    assert_eq!(step(&world.operator, &id, "conclusion").expect(409).code(), "wrong_state");
    world.on("2012-08-31");
    assert_eq!(step(&world.operator, &id, "conclusion").expect(409).code(), "wrong_state");

    world.on("2013-03-01");
    let concluded = step(&world.operator, &id, "conclusion").expect(200).json();
    assert_eq!(
        (&concluded["state"], &concluded["concluded_on"], &concluded["version"]),
        (&json!("concluded"), &json!("2013-03-01"), &json!(5))
    );
    assert_eq!(budget(&world), (12_000_000, 488_000_000), "what was granted stays granted");
    let feed: Vec<Value> =
        world.operator.changes().into_iter().filter(|change| change["record"]["id"] == id.as_str()).collect();
    assert!(feed.last().is_some_and(|change| change["record"]["state"] == "concluded"), "{feed:?}");
}

#[test]
fn a_partnership_that_begins_today_can_be_concluded_today() {
    let mut world = World::new();
    let draft = world.active("p-1", 1);
    world.on("2012-09-01");
    step(&world.operator, &draft.id, "conclusion").expect(200);
}

/// Every step, the states it is possible in, and the state it leads to.
const STEPS: &[(&str, &[&str], &str)] = &[
    ("edit", &["draft"], "draft"),
    ("submission", &["draft"], "submitted"),
    ("approval", &["submitted"], "approved"),
    ("rejection", &["submitted"], "rejected"),
    ("activation", &["approved"], "active"),
    ("conclusion", &["active"], "concluded"),
    ("withdrawal", &["draft", "submitted", "approved", "active"], "withdrawn"),
];

const STATES: [&str; 7] = ["draft", "submitted", "approved", "rejected", "active", "concluded", "withdrawn"];

fn take(world: &World, id: &str, name: &str) -> Answer {
    match name {
        "edit" => {
            let version = read(&world.operator, id)["version"].as_i64().unwrap();
            world.operator.patch(&format!("/v1/partnerships/{id}"), version, json!({"title": "Un altro titolo"}))
        }
        "approval" => approve(world, id, 10_000),
        "rejection" => decide(world, id, json!({"verdict": "rejected"})),
        _ => step(&world.operator, id, name),
    }
}

#[test]
fn each_step_is_refused_in_every_wrong_state() {
    let mut world = World::new();
    world.on("2012-09-03");
    for (serial, state) in STATES.into_iter().enumerate() {
        let draft = bring(&world, state, serial);
        let path = format!("/v1/partnerships/{}", draft.id);
        let before = world.operator.get(&path).expect(200);
        for (name, allowed, _) in STEPS.iter().filter(|(_, allowed, _)| !allowed.contains(&state)) {
            let refused = take(&world, &draft.id, name).expect(409);
            assert_eq!(refused.code(), "wrong_state", "{name} while {state}: {refused}");
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("`{state}`")), "{name}: {detail}");
            assert!(allowed.iter().all(|state| detail.contains(&format!("`{state}`"))), "{name}: {detail}");
        }
        let version = before.json()["version"].as_i64().unwrap();
        let deleted = world.operator.delete(&path, version).expect(409);
        assert_eq!(deleted.code(), if state == "draft" { "still_referenced" } else { "wrong_state" }, "{state}");
        assert_eq!(world.operator.get(&path).expect(200).body, before.body, "{state}");
        // What is repeated as it stands is no change, in no state.
        let name = before.json()["external_id"].as_str().unwrap().to_owned();
        let repeated = world.operator.put(&path, Some(version), world.partnership_body(&name)).expect(200);
        assert_eq!(repeated.body, before.body, "{state}");
    }
}

#[test]
fn each_step_is_taken_in_every_right_state() {
    let mut world = World::new();
    world.on("2012-09-03");
    let mut serial = 0;
    for (name, allowed, after) in STEPS {
        for state in *allowed {
            serial += 1;
            let draft = bring(&world, state, serial);
            let taken = take(&world, &draft.id, name).expect(200);
            assert_eq!(taken.json()["state"], *after, "{name} while {state}");
            assert_eq!(read(&world.region, &draft.id), taken.json());
        }
    }
}

#[test]
fn a_step_is_taken_on_the_version_that_was_read() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let path = format!("/v1/partnerships/{}", draft.id);
    world.operator.patch(&path, 1, json!({"title": "Altro"})).expect(200);
    let submit = |tag: &str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        world.operator.send("POST", &format!("{path}/submission"), &headers, "{}")
    };
    assert_eq!(submit("\"1\"").expect(412).code(), "stale_version");
    submit("\"2\"").expect(200);
}

#[test]
fn a_decision_states_what_it_has_to() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    step(&world.operator, &draft.id, "submission").expect(200);
    let refused = |decision: Value, pointer: &str, code: &str| {
        let answer = decide(&world, &draft.id, decision).expect(422);
        assert_eq!(answer.violations(), [(pointer.to_owned(), code.to_owned())], "{answer}");
    };
    refused(json!({"verdict": "approved", "granted_cents": 15_000_001}), "/granted_cents", rules::MONEY_ORDER);
    refused(json!({"verdict": "approved"}), "/granted_cents", "required");
    refused(json!({"verdict": "approved", "granted_cents": -1}), "/granted_cents", "out_of_range");
    refused(json!({"verdict": "rejected", "granted_cents": 1}), "/granted_cents", "not_allowed");
    refused(json!({"verdict": "postponed"}), "/verdict", "unknown_code");
    refused(json!({"granted_cents": 1}), "/verdict", "required");
    refused(json!({"verdict": "rejected", "reason": ""}), "/reason", "too_short");
    refused(json!({"verdict": "rejected", "raeson": "x"}), "/raeson", "unknown_field");
    change_call(&world, json!({"rules": {"max_grant_cents": 9_000_000}})).expect(200);
    refused(json!({"verdict": "approved", "granted_cents": 9_000_001}), "/granted_cents", rules::GRANT_MAXIMUM);
    let both = decide(&world, &draft.id, json!({"verdict": "approved", "granted_cents": 15_000_001})).expect(422);
    assert_eq!(named(&both), set(&[rules::MONEY_ORDER, rules::GRANT_MAXIMUM]));
    assert_eq!(read(&world.region, &draft.id)["state"], "submitted");
    assert_eq!(budget(&world), (0, 500_000_000));
    approve(&world, &draft.id, 9_000_000).expect(200);
}

#[test]
fn what_is_left_of_the_allocation_can_be_granted_to_the_cent() {
    let world = World::new();
    change_call(&world, json!({"allocation_cents": 10_000_000})).expect(200);
    let (one, other) = (bring_submitted(&world, 1), bring_submitted(&world, 2));
    let refused = approve(&world, &one, 10_000_001).expect(409);
    assert_eq!(refused.code(), "allocation_exceeded");
    assert!(refused.has("/granted_cents", rules::CALL_ALLOCATION), "{refused}");
    approve(&world, &one, 10_000_000).expect(200);
    assert_eq!(budget(&world), (10_000_000, 0));
    assert_eq!(approve(&world, &other, 1).expect(409).code(), "allocation_exceeded");
    assert_eq!(read(&world.region, &other)["state"], "submitted");
    // More than was requested is a fault of the decision, whatever is left.
    assert_eq!(named(&approve(&world, &other, 15_000_001).expect(422)), set(&[rules::MONEY_ORDER]));
}

fn bring_submitted(world: &World, serial: usize) -> String {
    let draft = world.draft(&format!("p-{serial}"), serial);
    step(&world.operator, &draft.id, "submission").expect(200);
    draft.id
}

#[test]
fn two_decisions_at_once_never_exceed_the_allocation() {
    let world = World::new();
    change_call(&world, json!({"allocation_cents": 15_000_000})).expect(200);
    for round in 0..5 {
        let ids = [bring_submitted(&world, 2 * round), bring_submitted(&world, 2 * round + 1)];
        let jobs: Vec<Job<'_>> =
            ids.iter().map(|id| -> Job<'_> { Box::new(|| approve(&world, id, 10_000_000)) }).collect();
        let answers = at_once(jobs);
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}: {} / {}", answers[0], answers[1]);
        for (id, answer) in ids.iter().zip(&answers) {
            if answer.status == 200 {
                assert_eq!(budget(&world), (10_000_000, 5_000_000));
                step(&world.operator, id, "withdrawal").expect(200);
            } else {
                assert_eq!(answer.code(), "allocation_exceeded");
                assert!(answer.has("/granted_cents", rules::CALL_ALLOCATION), "{answer}");
                assert_eq!(read(&world.region, id)["state"], "submitted");
            }
        }
        assert_eq!(budget(&world), (0, 15_000_000), "the withdrawal gives the grant back");
    }
}

#[test]
fn of_eight_decisions_at_once_the_five_that_fit_pass() {
    let world = World::new();
    change_call(&world, json!({"allocation_cents": 50_000_000})).expect(200);
    let ids: Vec<String> = (0..8).map(|serial| bring_submitted(&world, serial)).collect();
    let answers = at_once(ids.iter().map(|id| -> Job<'_> { Box::new(|| approve(&world, id, 10_000_000)) }).collect());
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let exceeded =
        answers.iter().filter(|answer| answer.status == 409 && answer.code() == "allocation_exceeded").count();
    assert_eq!((passed, exceeded), (5, 3), "{:?}", answers.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(budget(&world), (50_000_000, 0));
    assert_eq!(world.region.all("/v1/partnerships?state=approved").len(), 5);
    let waiting = world.region.all("/v1/partnerships?state=submitted");
    assert_eq!(waiting.len(), 3);

    // What one gives back, exactly one of the others can have.
    let approved = world.region.all("/v1/partnerships?state=approved")[0]["id"].as_str().unwrap().to_owned();
    let reason = json!({"reason": "Venuto meno un soggetto"});
    let withdrawn = world.operator.post(&format!("/v1/partnerships/{approved}/withdrawal"), reason).expect(200).json();
    assert_eq!(
        (&withdrawn["state"], &withdrawn["withdrawal_reason"]),
        (&json!("withdrawn"), &json!("Venuto meno un soggetto"))
    );
    assert_eq!(withdrawn["granted_cents"], 10_000_000, "what had been granted stays on record");
    assert_eq!(budget(&world), (40_000_000, 10_000_000));
    let waiting: Vec<&str> = waiting.iter().map(|item| item["id"].as_str().unwrap()).collect();
    let answers =
        at_once(waiting.iter().map(|id| -> Job<'_> { Box::new(|| approve(&world, id, 10_000_000)) }).collect());
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(budget(&world), (50_000_000, 0));
}

#[test]
fn the_same_step_many_times_at_once_is_taken_once() {
    let mut world = World::new();
    world.on("2012-09-03");
    let id = world.draft("p-1", 1).id;
    let granted = [0, 10_000, 10_000, 0];
    for (name, granted) in ["submission", "approval", "activation", "withdrawal"].into_iter().zip(granted) {
        let answers = at_once((0..8).map(|_| -> Job<'_> { Box::new(|| take(&world, &id, name)) }).collect());
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{name}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.code(), "wrong_state", "{name}: {answer}");
        }
        assert_eq!(budget(&world).0, granted, "{name}");
    }
    assert_eq!(read(&world.operator, &id)["version"], 5);
}

#[test]
fn a_grant_comes_back_from_whatever_state_it_is_withdrawn() {
    let mut world = World::new();
    world.on("2012-09-03");
    for (serial, state) in ["approved", "active"].into_iter().enumerate() {
        let draft = bring(&world, state, serial);
        assert_eq!(budget(&world).0, 10_000, "{state}");
        step(&world.operator, &draft.id, "withdrawal").expect(200);
        assert_eq!(budget(&world).0, 0, "{state}");
    }
    for (serial, state) in ["draft", "submitted", "rejected"].into_iter().enumerate() {
        bring(&world, state, 10 + serial);
    }
    assert_eq!(budget(&world).0, 0);
}

#[test]
fn an_activation_is_judged_by_the_composition_of_its_day() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    step(&world.operator, &draft.id, "submission").expect(200);
    approve(&world, &draft.id, 10_000).expect(200);
    let accreditation = format!("/v1/organisations/{}/accreditation", world.operators[0]);
    let before = world.region.get(&format!("/v1/organisations/{}", world.operators[0])).expect(200).json();
    world.region.put(&accreditation, None, json!({"entries": [], "units": []})).expect(200);
    let both = set(&[rules::OPERATOR_ACCREDITED_ON_DATE, rules::COMPOSITION_OPERATOR_IN_CHARGE]);
    assert_eq!(named(&step(&world.operator, &draft.id, "activation").expect(422)), both);
    assert_eq!(read(&world.operator, &draft.id)["state"], "approved");
    let body = json!({"entries": before["accreditation"]["entries"], "units": before["accreditation"]["units"]});
    world.region.put(&accreditation, None, body).expect(200);
    // After the call's last day nothing begins.
    change_call(&world, json!({"activities_to": "2013-11-30"})).expect(200);
    world.on("2013-12-01");
    assert_eq!(named(&step(&world.operator, &draft.id, "activation").expect(422)), set(&[rules::CALL_OPEN]));
    world.on("2013-11-30");
    step(&world.operator, &draft.id, "activation").expect(200);
}

#[test]
fn applications_are_taken_within_their_window_by_the_italian_day() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    let id = draft.id;
    change_call(&world, json!({"applications_from": "2012-08-01"})).expect(200);
    let outside = |world: &World| {
        let refused = step(&world.operator, &id, "submission").expect(422);
        assert_eq!(named(&refused), set(&[rules::CALL_OPEN]), "{refused}");
        assert_eq!(broken(&world.operator, &id), set(&[rules::CALL_OPEN]));
        assert_eq!(read(&world.operator, &id)["state"], "draft");
    };
    outside(&world);
    world.on("2012-07-31");
    outside(&world);
    world.on("2013-01-01");
    outside(&world);
    // Half past eleven in the evening of 31 December in Greenwich is the first of January in Italy.
    world.on("2012-12-31");
    world.service.clock.set("2012-12-31T23:00:00Z".parse().unwrap());
    world.operator = world.service.client("operator-1");
    outside(&world);
    world.service.clock.set("2012-12-31T22:59:59Z".parse().unwrap());
    world.operator = world.service.client("operator-1");
    assert!(broken(&world.operator, &id).is_empty());
    let submitted = step(&world.operator, &id, "submission").expect(200).json();
    assert_eq!(submitted["submitted_on"], "2012-12-31");
    // Once it was submitted, the window is that of the day it was.
    world.on("2013-01-02");
    assert!(broken(&world.operator, &id).is_empty());
    approve(&world, &id, 1).expect(200);
}

#[test]
fn the_first_day_of_the_window_counts() {
    let mut world = World::new();
    let draft = world.draft("p-1", 1);
    change_call(&world, json!({"applications_from": "2012-08-01"})).expect(200);
    world.service.clock.set("2012-07-31T22:00:00Z".parse().unwrap());
    let operator = world.service.client("operator-1");
    let submitted = step(&operator, &draft.id, "submission").expect(200).json();
    assert_eq!(submitted["submitted_on"], "2012-08-01");
    world.on("2012-08-02");
    assert_eq!(world.service.clock.now(), instant("2012-08-02"));
}

#[test]
fn an_end_releases_the_workers() {
    let mut world = World::new();
    world.on("2012-09-03");
    for (round, state) in ["rejected", "withdrawn", "concluded"].into_iter().enumerate() {
        let steps: &[&str] = match state {
            "rejected" => &["submission", "rejection"],
            "withdrawn" => &["submission", "approval", "withdrawal"],
            _ => &["submission", "approval", "activation", "conclusion"],
        };
        let draft = world.draft(&format!("p-{round}"), round);
        let refuge = world.draft(&format!("q-{round}"), 10 + round);
        let elsewhere = with(
            &world.participant_body(&refuge.cohort, round),
            json!({"external_id": format!("again-{round}"), "taken_charge_on": "2012-09-03"}),
        );
        for name in steps {
            let taken = world.operator.post("/v1/participants", elsewhere.clone()).expect(409);
            assert_eq!(taken.code(), "worker_taken", "before the {name}");
            take(&world, &draft.id, name).expect(200);
        }
        let left = world.operator.get(&format!("/v1/participants/{}", draft.participant)).expect(200).json();
        assert_eq!(
            (&left["left_on"], &left["exit_reason"], &left["version"]),
            (&json!("2012-09-03"), &json!("partnership_ended"), &json!(2)),
            "{state}"
        );
        let feed = world.operator.changes();
        let last = feed.iter().rfind(|change| change["record"]["id"] == draft.participant.as_str()).unwrap();
        assert_eq!(last["record"]["exit_reason"], "partnership_ended", "{state}");
        world.operator.post("/v1/participants", elsewhere).expect(201);
    }
}

#[test]
fn a_submission_is_replayed_byte_for_byte() {
    let world = World::new();
    let (one, other) = (world.draft("p-1", 1), world.draft("p-2", 2));
    let submit = |id: &str, key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        world.operator.send("POST", &format!("/v1/partnerships/{id}/submission"), &headers, "{}")
    };
    // A refused request leaves its key free.
    change_call(&world, json!({"rules": {"min_subjects": 9}})).expect(200);
    submit(&one.id, "k-1").expect(422);
    change_call(&world, json!({"rules": {"min_subjects": 3}})).expect(200);
    let first = submit(&one.id, "k-1").expect(200);
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(step(&world.operator, &one.id, "submission").expect(409).code(), "wrong_state");
    approve(&world, &one.id, 1).expect(200);
    let again = submit(&one.id, "k-1").expect(200);
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")));
    assert_eq!(read(&world.operator, &one.id)["state"], "approved", "a replay has no effect");
    assert_eq!(submit(&other.id, "k-1").expect(422).code(), "idempotency_key_reused");
    assert_eq!(read(&world.operator, &other.id)["state"], "draft");

    let answers = at_once((0..8).map(|_| -> Job<'_> { Box::new(|| submit(&other.id, "k-2")) }).collect());
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(answer.json()["version"], 2),
            409 => assert_eq!(answer.code(), "idempotency_in_progress"),
            _ => panic!("{answer}"),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
    submit(&other.id, "k-2").expect(200);
}

#[test]
fn a_decision_is_replayed_and_grants_once() {
    let world = World::new();
    let id = bring_submitted(&world, 1);
    let send = |cents: i64| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "d-1")];
        let body = json!({"verdict": "approved", "granted_cents": cents});
        world.region.send("POST", &format!("/v1/partnerships/{id}/decision"), &headers, body.to_string())
    };
    let first = send(10_000).expect(200);
    assert_eq!(send(10_000).expect(200).body, first.body);
    assert_eq!(send(20_000).expect(422).code(), "idempotency_key_reused");
    assert_eq!(budget(&world).0, 10_000);
}

#[test]
fn a_draft_with_work_in_it_is_not_deleted_and_its_members_go_with_it() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    let path = format!("/v1/partnerships/{}", draft.id);
    assert_eq!(world.operator.delete(&path, 1).expect(409).code(), "still_referenced");
    world.operator.delete(&format!("/v1/participants/{}", draft.participant), 1).expect(204);
    assert_eq!(world.operator.delete(&path, 1).expect(409).code(), "still_referenced");
    world.operator.delete(&format!("/v1/cohorts/{}", draft.cohort), 1).expect(204);
    world.operator.delete(&path, 1).expect(204);
    for member in &draft.members {
        world.operator.get(&format!("/v1/members/{member}")).expect(404);
    }
    assert!(world.region.all("/v1/members").is_empty());
}
