//! Participants: who is shown whom, and that a worker is in one place at a time.

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{Bytea, Text};
use serde_json::{Value, json};

use crate::support::world::{Draft, World, with, worker};

fn path(id: &str) -> String {
    format!("/v1/participants/{id}")
}

/// A draft in which the second operator is a member, too.
fn shared(world: &World) -> Draft {
    let draft = world.draft("p", 1);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    draft
}

#[test]
fn who_is_not_in_charge_sees_a_pseudonym() {
    let world = World::new();
    let draft = shared(&world);
    let path = path(&draft.participant);
    for client in [&world.operator, &world.region, &world.dote] {
        let seen = client.get(&path).expect(200).json();
        assert_eq!(
            [&seen["tax_code"], &seen["given_name"], &seen["family_name"]],
            [&json!(worker(1)), &json!("Mario"), &json!("Prova")]
        );
    }
    let seen = world.second.get(&path).expect(200);
    for name in ["tax_code", "given_name", "family_name"] {
        assert_eq!(seen.json()[name], Value::Null);
    }
    assert_eq!(seen.json()["pseudonym"], world.operator.get(&path).json()["pseudonym"]);
    assert!(!seen.to_string().contains(&worker(1)) && !seen.to_string().contains("Prova"));
    let listed = world.second.all("/v1/participants");
    assert_eq!((listed.len(), &listed[0]["tax_code"]), (1, &Value::Null));
    world.stranger.get(&path).expect(404);
    assert_eq!(world.auditor.get(&path).expect(403).code(), "insufficient_scope");
    assert_eq!(world.second.patch(&path, 1, json!({"given_name": "Luigi"})).expect(403).code(), "not_yours");
    // The feed shows no more than that.
    let told: Vec<Value> =
        world.second.changes().into_iter().filter(|change| change["record"]["id"] == draft.participant).collect();
    assert!(!told.is_empty() && told.iter().all(|change| change["record"]["tax_code"] == Value::Null), "{told:?}");
}

#[derive(diesel::QueryableByName)]
struct Kept {
    #[diesel(sql_type = Bytea)]
    sealed: Vec<u8>,
    #[diesel(sql_type = Text)]
    row: String,
}

#[test]
fn tax_code_and_names_are_sealed_at_rest_and_stay_so_when_nothing_changes() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let kept = || -> Kept {
        diesel::sql_query("SELECT person_sealed AS sealed, p::text AS row FROM participant p")
            .get_result(&mut world.service.database.connect())
            .unwrap()
    };
    let first = kept();
    assert!(!first.row.contains(&worker(1)) && !first.row.contains("Mario"), "{}", first.row);
    let hex: String = "Mario".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!first.row.contains(&hex));
    let path = path(&draft.participant);
    let same = world.participant_body(&draft.cohort, 1);
    assert_eq!(world.operator.put(&path, Some(1), same).expect(200).json()["version"], 1);
    world.operator.patch(&path, 1, json!({"education_level": "LSE"})).expect(200);
    assert_eq!(kept().sealed, first.sealed);
    let renamed = world.operator.patch(&path, 2, json!({"given_name": "Luigi"})).expect(200).json();
    assert_eq!((&renamed["given_name"], &renamed["tax_code"]), (&json!("Luigi"), &json!(worker(1))));
    assert_ne!(kept().sealed, first.sealed);
}

#[test]
fn a_worker_is_found_by_tax_code_in_a_body() {
    let world = World::new();
    let draft = shared(&world);
    let look = |code: &str| json!({"tax_code": code});
    for client in [&world.operator, &world.region, &world.dote] {
        let page = client.post("/v1/participants/lookup", look(&worker(1))).expect(200).json();
        assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["id"]), (1, &json!(draft.participant)));
    }
    let nobody = world.operator.post("/v1/participants/lookup", look(&worker(99))).expect(200);
    for client in [&world.second, &world.stranger] {
        // Neither a fellow member nor a stranger learns whether the worker is known.
        assert_eq!(client.post("/v1/participants/lookup", look(&worker(1))).expect(200).body, nobody.body);
    }
    let wrong = world.operator.post("/v1/participants/lookup", look("VRFLFA70A01F205C")).expect(422);
    assert!(wrong.has("/tax_code", "wrong_check_character"), "{wrong}");
    assert!(!wrong.to_string().contains("VRFLFA"), "{wrong}");
    world.auditor.post("/v1/participants/lookup", look(&worker(1))).expect(403);
    let query = world.operator.get(&format!("/v1/participants?tax_code={}", worker(1))).expect(400);
    assert!(query.has("tax_code", "unknown_parameter") && !query.to_string().contains(&worker(1)), "{query}");
}

#[test]
fn lists_narrow_down() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let left = with(
        &world.participant_body(&draft.cohort, 2),
        json!({"left_on": "2012-07-10", "exit_reason": "abandoned", "entry_status": "unemployed", "municipality": "016024"}),
    );
    world.operator.post("/v1/participants", left).expect(201);
    let count = |query: &str| world.operator.all(&format!("/v1/participants?limit=1&{query}")).len();
    for (query, number) in [
        ("sort=-updated_at", 2),
        ("active=true", 1),
        ("active=false", 1),
        ("entry_status=cigs", 1),
        ("province=MI", 1),
        ("province=BG", 1),
        ("province=CO", 0),
        ("external_id=w-2", 1),
        ("updated_since=2012-07-11T00:00:00Z", 0),
    ] {
        assert_eq!(count(query), number, "{query}");
    }
    assert_eq!(count(&format!("partnership={}&cohort={}&operator={}", draft.id, draft.cohort, world.operators[0])), 2);
    assert_eq!(count(&format!("operator={}", world.operators[1])), 0);
}

#[test]
fn every_violation_of_a_participant_is_told_at_once() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let wrong = with(
        &world.participant_body(&draft.cohort, 2),
        json!({"cohort": {"external_id": "none"}, "tax_code": "VRFLFA70A01F205C"}),
    );
    let answer = world.operator.post("/v1/participants", wrong).expect(422);
    assert!(answer.has("/cohort", "unknown_reference") && answer.has("/tax_code", "wrong_check_character"), "{answer}");
    let wrong = with(
        &world.participant_body(&draft.cohort, 2),
        json!({"tax_code": "VRFLFA70A01F205C", "municipality": "058091", "education_level": "X", "birth_year": 2013, "exit_reason": "placed",
               "taken_charge_on": "2012-07-11", "unemployed_since": "2012-07-11",
               "dote": {"number": "VRFLFA70A01F205B", "path": "requalification", "valid_from": "2012-08-01", "valid_to": "2012-07-31"}}),
    );
    let answer = world.operator.post("/v1/participants", wrong).expect(422);
    for (pointer, code) in [
        ("/tax_code", "wrong_check_character"),
        ("/municipality", "unknown_code"),
        ("/education_level", "unknown_code"),
        ("/birth_year", "in_the_future"),
        ("/left_on", "required"),
        ("/taken_charge_on", "in_the_future"),
        ("/taken_charge_on", "outside_dote"),
        ("/unemployed_since", "in_the_future"),
        ("/dote/number", "contains_tax_code"),
        ("/dote/path", "participant.dote_path"),
        ("/dote/valid_to", "ends_before_start"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
    assert!(!answer.to_string().contains("VRFLFA"), "{answer}");
}

#[test]
fn a_tax_code_that_does_not_fit_the_person_is_only_a_warning() {
    let world = World::new();
    let draft = shared(&world);
    let odd = with(&world.participant_body(&draft.cohort, 2), json!({"birth_year": 1971, "sex": "female"}));
    let made = world.operator.post("/v1/participants", odd).expect(201);
    let codes = |value: &Value| -> Vec<String> {
        value["warnings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&made.json()), ["birth_year_mismatch", "sex_mismatch"]);
    assert_eq!(codes(&world.second.get(&path(&made.id())).expect(200).json()), [""; 0]);
}

#[test]
fn a_worker_and_a_dote_are_in_one_place_at_a_time() {
    let mut world = World::new();
    let first = world.draft("p", 1);
    let second = world.draft("q", 2);
    // Another operator's network.
    let id = world.second.post("/v1/partnerships", world.partnership_body("r")).expect(201).id();
    let lead = world.member_body(&id, &world.operators[1], "accredited_operator");
    world.second.post("/v1/members", lead).expect(201);
    let cohort = json!({"partnership": {"id": id}, "name": "Gruppo"});
    let cohort = world.second.post("/v1/cohorts", cohort).expect(201).id();

    let same_worker = with(
        &world.participant_body(&cohort, 1),
        json!({"dote": {"number": "DR-OTHER", "path": "job_placement", "valid_from": "2012-07-01", "valid_to": "2013-12-31"}}),
    );
    let refused = world.second.post("/v1/participants", same_worker.clone()).expect(409);
    assert_eq!(refused.code(), "worker_taken");
    assert!(refused.has("/tax_code", "worker.one_active_dote"), "{refused}");
    for told in [&first.id, &first.participant, &world.operators[0]] {
        assert!(!refused.to_string().contains(told.as_str()), "{refused}");
    }
    let same_dote = with(&world.participant_body(&cohort, 1), json!({"tax_code": worker(9)}));
    let refused = world.second.post("/v1/participants", same_dote).expect(409);
    assert!(refused.has("/dote/number", "worker.one_active_dote"), "{refused}");
    // Nor may a record become somebody who is there already.
    let turned = world.operator.patch(&path(&second.participant), 1, json!({"tax_code": worker(1)})).expect(409);
    assert_eq!(turned.code(), "worker_taken");

    // From the day of leaving on, the worker is free; for the days before it, not.
    world.on("2012-07-20");
    let gone = json!({"left_on": "2012-07-20", "exit_reason": "transferred"});
    world.operator.patch(&path(&first.participant), 1, gone).expect(200);
    let early = with(&same_worker, json!({"taken_charge_on": "2012-07-19"}));
    assert_eq!(world.second.post("/v1/participants", early).expect(409).code(), "worker_taken");
    let then = with(&same_worker, json!({"taken_charge_on": "2012-07-20"}));
    world.second.post("/v1/participants", then).expect(201);
    let back = json!({"left_on": null, "exit_reason": null});
    assert_eq!(world.operator.patch(&path(&first.participant), 2, back).expect(409).code(), "worker_taken");
}

#[test]
fn of_many_operators_at_once_one_takes_the_worker() {
    let world = World::new();
    let cohorts: Vec<String> = (0..8).map(|number| world.draft(&format!("p{number}"), 100 + number).cohort).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> = cohorts
            .iter()
            .enumerate()
            .map(|(number, cohort)| {
                let body = with(
                    &world.participant_body(cohort, 1),
                    json!({"external_id": format!("x-{number}"), "dote": {"number": format!("DX-{number}"), "path": "job_placement",
                           "valid_from": "2012-07-01", "valid_to": "2013-12-31"}}),
                );
                let client = world.operator.clone();
                scope.spawn(move || client.post("/v1/participants", body).status)
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
}

#[test]
fn the_last_worker_in_charge_stays_once_the_partnership_is_submitted() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let two = world.operator.post("/v1/participants", world.participant_body(&draft.cohort, 2)).expect(201).id();
    world.operator.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
    let gone = json!({"left_on": "2012-07-10", "exit_reason": "abandoned"});
    world.operator.patch(&path(&two), 1, gone.clone()).expect(200);
    for answer in [
        world.operator.patch(&path(&draft.participant), 1, gone),
        world.operator.patch(&path(&draft.participant), 1, json!({"taken_charge_on": null})),
        world.operator.delete(&path(&draft.participant), 1),
    ] {
        let answer = answer.expect(422);
        assert!(answer.has("", "composition.accredited_operator_in_charge"), "{answer}");
    }
    // The same person corrected is no departure.
    world.operator.patch(&path(&draft.participant), 1, json!({"tax_code": worker(3)})).expect(200);
}

#[test]
fn of_all_who_leave_at_once_one_stays() {
    let world = World::new();
    // Many share transactions; two have one each.
    for (round, number) in [7, 2, 2, 2, 2, 2].into_iter().enumerate() {
        let serials = 10 * round..10 * round + number;
        let draft = world.draft(&format!("p{round}"), serials.start);
        let mut workers = vec![draft.participant.clone()];
        workers.extend(serials.skip(1).map(|serial| {
            world.operator.post("/v1/participants", world.participant_body(&draft.cohort, serial)).expect(201).id()
        }));
        world.operator.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
        let statuses = leave_at_once(&world, &draft, &workers);
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), number - 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 1, "{statuses:?}");
    }
}

/// The partnership is held until all have asked, so that they wait for its lock together.
fn leave_at_once(world: &World, draft: &Draft, workers: &[String]) -> Vec<u16> {
    let gone = json!({"left_on": "2012-07-10", "exit_reason": "abandoned"});
    let mut holder = world.service.database.connect();
    holder.batch_execute(&format!("BEGIN; SELECT FROM partnership WHERE id = '{}' FOR UPDATE", draft.id)).unwrap();
    std::thread::scope(|scope| {
        let senders: Vec<_> = workers
            .iter()
            .map(|id| {
                let (client, path, gone) = (world.operator.clone(), path(id), gone.clone());
                std::thread::sleep(std::time::Duration::from_millis(50));
                scope.spawn(move || client.patch(&path, 1, gone).status)
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(200));
        holder.batch_execute("COMMIT").unwrap();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

#[test]
fn the_end_of_a_partnership_frees_its_workers_and_leaves_corrections() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.operator.act(&format!("/v1/partnerships/{}/conclusion", draft.id)).expect(200);
    let path = path(&draft.participant);
    let released = world.operator.get(&path).expect(200).json();
    assert_eq!((&released["exit_reason"], &released["left_on"]), (&json!("partnership_ended"), &json!("2012-09-03")));
    world.operator.patch(&path, 2, json!({"exit_reason": "placed", "family_name": "Corretta"})).expect(200);
    let back = world.operator.patch(&path, 3, json!({"left_on": null, "exit_reason": null})).expect(409);
    assert_eq!(back.code(), "wrong_state");
    assert_eq!(world.operator.delete(&path, 3).expect(409).code(), "wrong_state");
    let late = world.operator.post("/v1/participants", world.participant_body(&draft.cohort, 2)).expect(409);
    assert_eq!(late.code(), "wrong_state");
    // On the same day the worker may come in elsewhere.
    let next = world.draft("q", 2);
    let again = with(
        &world.participant_body(&next.cohort, 1),
        json!({"external_id": "again", "taken_charge_on": "2012-09-03"}),
    );
    world.operator.post("/v1/participants", again).expect(201);
    world.on("2014-07-01");
    let closed = world.operator.patch(&path, 3, json!({"family_name": "Tardi"})).expect(422);
    assert!(closed.has("", "call.corrections"), "{closed}");
    let new = world.operator.post("/v1/participants", world.participant_body(&next.cohort, 3)).expect(422);
    assert!(new.has("", "call.open"), "{new}");
}

#[test]
fn what_rests_on_a_worker_keeps_the_worker() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    let two = world.operator.post("/v1/participants", world.participant_body(&draft.cohort, 2)).expect(201).id();
    world.on("2012-12-01");
    let action = world.action_body(&draft.id, &draft.cohort, &two, "2012-10-01");
    world.operator.post("/v1/actions", action).expect(201);
    assert_eq!(world.operator.delete(&path(&two), 1).expect(409).code(), "still_referenced");
    let dote = json!({"dote": {"valid_from": "2012-07-05", "valid_to": "2012-09-30"}});
    let shorter = world.operator.patch(&path(&two), 1, dote).expect(422);
    assert!(shorter.has("/dote/valid_to", "action.within_dote"), "{shorter}");
    world.operator.post("/v1/outcomes", world.outcome_body(&two, 1)).expect(201);
    let dote = json!({"dote": {"valid_from": "2012-10-02"}, "taken_charge_on": "2012-10-02"});
    let later = world.operator.patch(&path(&two), 1, dote).expect(422);
    assert!(later.has("/dote/valid_from", "outcome.after_dote"), "{later}");

    // A corrected tax code reaches the facts of the rules on double financing: nobody attends twice at the same time.
    world.operator.patch(&path(&two), 1, json!({"tax_code": worker(5)})).expect(200);
    #[derive(diesel::QueryableByName)]
    struct Same {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        same: bool,
    }
    let same: Same = diesel::sql_query(
        "SELECT bool_and(a.worker_index = p.worker_index) AS same FROM attendance a JOIN participant p ON p.id = a.participant_id",
    )
    .get_result(&mut world.service.database.connect())
    .unwrap();
    assert!(same.same);
}
