//! What two requests at the same moment must not get past: the invariants of the domain hold whoever comes first.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::http::Answer;
use crate::support::service::Client;

/// Sends all requests at the same moment.
pub fn at_once<'a>(requests: Vec<Box<dyn FnOnce() -> Answer + Send + 'a>>) -> Vec<Answer> {
    let barrier = Barrier::new(requests.len());
    std::thread::scope(|scope| {
        let senders: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    request()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn satisfied(client: &Client, partnership: &str) -> bool {
    let composition = client.get(&format!("/v1/partnerships/{partnership}/composition")).expect(200).json();
    !composition.to_string().contains("\"violated\"")
}

#[test]
fn two_requests_that_each_remove_one_of_the_last_needed_members() {
    let mut world = World::new();
    for round in 0..6 {
        let draft = world.active(&format!("last-{round}"), round);
        // Four subjects: one may go (two others stay), not two.
        let remove = |place: usize| {
            let (operator, id) = (world.operator.clone(), draft.members[place].clone());
            move || {
                if round % 2 == 0 {
                    operator.delete(&format!("/v1/members/{id}"), 1)
                } else {
                    operator.patch(&format!("/v1/members/{id}"), 1, json!({"left_on": "2012-09-03"}))
                }
            }
        };
        let answers = at_once(vec![Box::new(remove(1)), Box::new(remove(2)), Box::new(remove(3))]);
        let passed = count(&answers, 200) + count(&answers, 204);
        assert_eq!((passed, count(&answers, 422)), (1, 2), "round {round}: {answers:?}");
        let refused = answers.iter().find(|answer| answer.status == 422).unwrap();
        assert!(refused.violations().iter().any(|(_, rule)| rule.starts_with("composition.")), "{refused}");
        assert!(satisfied(&world.operator, &draft.id));
    }
}

#[test]
fn decisions_that_together_exceed_the_allocation() {
    let world = World::new();
    let drafts: Vec<String> = (0..8)
        .map(|number| {
            let draft = world.draft(&format!("grant-{number}"), number);
            // 8 times 0.9 million; 5 million are there.
            let body = json!({"budget_cents": 100_000_000, "requested_cents": 95_000_000});
            world.operator.patch(&format!("/v1/partnerships/{}", draft.id), 1, body).expect(200);
            world.operator.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
            draft.id
        })
        .collect();
    let decide = |id: &String| -> Box<dyn FnOnce() -> Answer + Send> {
        let (region, path) = (world.region.clone(), format!("/v1/partnerships/{id}/decision"));
        Box::new(move || {
            region.post(&path, json!({"verdict": "approved", "granted_cents": 90_000_000, "reason": "race"}))
        })
    };
    let answers = at_once(drafts.iter().map(decide).collect());
    assert_eq!((count(&answers, 200), count(&answers, 409)), (5, 3), "{answers:?}");
    assert!(answers.iter().filter(|answer| answer.status == 409).all(|answer| answer.code() == "allocation_exceeded"));
    let budget = world.region.get(&format!("/v1/calls/{}/budget", world.call)).expect(200).json();
    assert_eq!((&budget["allocation_cents"], &budget["granted_cents"]), (&json!(500_000_000), &json!(450_000_000)));
}

#[test]
fn operators_that_claim_one_worker() {
    let world = World::new();
    let (first, second) = (world.draft("one", 500), second_draft(&world));
    for round in 0..10 {
        let claim = |client: &Client, cohort: &str, name: &str| -> Box<dyn FnOnce() -> Answer + Send> {
            let mut body = world.participant_body(cohort, round);
            body["external_id"] = json!(format!("{name}-{round}"));
            // Another Dote each time: it is the worker that they share.
            body["dote"]["number"] = json!(format!("D-{name}-{round}"));
            let client = client.clone();
            Box::new(move || client.post("/v1/participants", body))
        };
        let answers = at_once(vec![
            claim(&world.operator, &first.cohort, "A"),
            claim(&world.second, &second, "B"),
            claim(&world.operator, &first.cohort, "C"),
            claim(&world.second, &second, "D"),
        ]);
        assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 3), "round {round}: {answers:?}");
        let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert_eq!(refused.code(), "worker_taken");
        // Which of them has the worker is not told.
        assert!(!refused.to_string().contains(&first.id));
    }
}

/// A partnership of the second operator; answers its cohort.
fn second_draft(world: &World) -> String {
    let id = world.second.post("/v1/partnerships", world.partnership_body("two")).expect(201).id();
    let lead = world.member_body(&id, &world.operators[1], "accredited_operator");
    world.second.post("/v1/members", lead).expect(201);
    world.second.post("/v1/cohorts", json!({"partnership": {"id": id}, "name": "Gruppo"})).expect(201).id()
}

#[test]
fn one_of_many_writers_of_one_version_wins() {
    let world = World::new();
    let draft = world.draft("version", 1);
    let path = format!("/v1/partnerships/{}", draft.id);
    let answers = at_once(
        (0..12)
            .map(|number| -> Box<dyn FnOnce() -> Answer + Send> {
                let (operator, path) = (world.operator.clone(), path.clone());
                Box::new(move || operator.patch(&path, 1, json!({"title": format!("Title {number}")})))
            })
            .collect(),
    );
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 11), "{answers:?}");
    let shown: Value = world.operator.get(&path).expect(200).json();
    assert_eq!(shown["version"], 2);
}

#[test]
fn many_upserts_of_one_name_make_one_record() {
    let world = World::new();
    let draft = world.draft("upsert", 1);
    let answers = at_once(
        (0..12)
            .map(|_| -> Box<dyn FnOnce() -> Answer + Send> {
                let body = json!({"partnership": {"id": draft.id}, "name": "Gruppo 2"});
                let operator = world.operator.clone();
                Box::new(move || operator.put("/v1/cohorts/by-external-id/same", None, body))
            })
            .collect(),
    );
    assert_eq!((count(&answers, 201), count(&answers, 200)), (1, 11), "{answers:?}");
    assert_eq!(world.operator.all("/v1/cohorts?external_id=same").len(), 1);
}
