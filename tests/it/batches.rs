//! A batch is judged as its changes would be one after the other, whatever they have to do with each other.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{Array, Text};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ricolloca::actions::Actions;
use ricolloca::actions::wire::ActionInput;
use ricolloca::audit::Request;
use ricolloca::batch::{self, Context, Item, Job, Target, Verb, Wants};
use ricolloca::db::session::{Reach, Session};
use ricolloca::identity::{Caller, Role, ScopeSet};
use ricolloca::shape;
use serde_json::{Value, json};

use crate::support::service::context;
use crate::support::world::{World, with};

/// An active partnership with four workers.
struct Ground {
    world: World,
    body: Value,
    workers: Vec<String>,
    caller: Arc<Caller>,
    context: Context,
}

impl Ground {
    fn new() -> Self {
        let mut world = World::new();
        let draft = world.draft("batch", 0);
        let mut workers = vec![draft.participant.clone()];
        for serial in 1..4 {
            let body = world.participant_body(&draft.cohort, serial);
            workers.push(world.operator.post("/v1/participants", body).expect(201).id());
        }
        world.operator.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
        let decision = json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "test"});
        world.region.post(&format!("/v1/partnerships/{}/decision", draft.id), decision).expect(200);
        world.on("2012-09-03");
        world.operator.act(&format!("/v1/partnerships/{}/activation", draft.id)).expect(200);
        world.on("2012-10-31");
        let body = world.action_body(&draft.id, &draft.cohort, &workers[0], "2012-10-01");
        let caller = Arc::new(Caller {
            generation: 1,
            tracking: None,
            client_id: "operator-1".to_owned(),
            organisation: world.operators[0].parse().unwrap(),
            role: Role::Operator,
            scopes: ScopeSet::of_role(Role::Operator),
            voucher: None,
        });
        let context = context(world.service.clock.clone());
        ricolloca::vault::rotate::prepare(&mut world.service.database.connect(), &context).unwrap();
        Self { world, body, workers, caller, context }
    }

    /// A change of one of a few actions, of one of a few workers, on one of a few days: most have to do with each other.
    fn change(&self, random: &mut StdRng) -> (String, Option<Value>) {
        let name = |random: &mut StdRng| format!("a-{}", random.gen_range(0..24));
        let own = name(random);
        if random.gen_ratio(1, 10) {
            return (own, None);
        }
        let day = ["2012-10-01", "2012-10-02", "2012-10-03"][random.gen_range(0..3)];
        let minutes = [60, 200, 400][random.gen_range(0..3)];
        let attendance: Vec<Value> = self
            .workers
            .iter()
            .filter(|_| random.gen_ratio(1, 3))
            .map(|worker| json!({"participant": {"id": worker}, "minutes": minutes}))
            .collect();
        let mut body = with(
            &self.body,
            json!({"planned_on": day, "started_on": day, "ended_on": day, "minutes": minutes, "mode": "group", "attendance": attendance}),
        );
        if random.gen_ratio(1, 2) {
            let changes = json!({"financing": "own_resources", "details": {"kind": "training", "certificate": false}});
            body = with(&body, changes);
        }
        if random.gen_ratio(1, 3) {
            body["status"] = json!("proposed");
            body["started_on"] = Value::Null;
            body["ended_on"] = Value::Null;
        }
        if random.gen_ratio(1, 8) {
            body["rectifies"] = json!({"external_id": name(random)});
        }
        (own, Some(body))
    }

    fn job(&self, (name, body): &(String, Option<Value>)) -> Job {
        let verb = match body {
            Some(body) => Verb::Write(shape::parse::<ActionInput>(body.clone()).unwrap()),
            None => Verb::Delete,
        };
        let item: Item<Actions> = Item {
            caller: Arc::clone(&self.caller),
            request: Request::internal("test"),
            target: Target::External(name.clone()),
            verb,
            if_version: None,
            idempotency: None,
            wants: Wants::Record,
        };
        Job::new(item, None)
    }

    /// Carries out changes in batches of this size and takes everything back; answers the verdicts and what was left.
    fn carry_out(&self, changes: &[(String, Option<Value>)], size: usize) -> (Vec<String>, Vec<String>) {
        let mut session = Session::connect(&self.world.service.database.url).unwrap();
        session.begin_for(Reach::All).unwrap();
        let mut verdicts = Vec::new();
        for chunk in changes.chunks(size) {
            let mut jobs: Vec<Job> = chunk.iter().map(|change| self.job(change)).collect();
            batch::carry_out(&mut session, &mut jobs, &self.context).unwrap();
            verdicts.extend(jobs.iter().map(|job| match job.outcome().unwrap() {
                Ok(reply) => format!("{:?} version {}", reply.effect, reply.version),
                Err(problem) => problem.to_string(),
            }));
        }
        let left = left(&mut session, &self.workers);
        session.roll_back();
        (verdicts, left)
    }
}

/// Actions and attendance, by the names of the actions.
fn left(session: &mut Session, workers: &[String]) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let lines: Vec<Line> = diesel::sql_query(
        "SELECT concat_ws(' ', external_id, version, status, kind, planned_on, minutes, deleted_at IS NULL, attendance) AS line FROM action \
         UNION ALL SELECT concat_ws(' ', a.external_id, array_position($1, t.participant_id::text), t.kind, t.financing, t.from_on, t.to_on, t.minutes) \
           FROM attendance t JOIN action a ON a.id = t.action_id ORDER BY line",
    )
    .bind::<Array<Text>, _>(workers)
    .load(&mut session.conn)
    .unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

#[test]
fn a_batch_ends_as_its_changes_would_one_by_one() {
    let ground = Ground::new();
    let mut accepted = 0;
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        let changes: Vec<_> = (0..80).map(|_| ground.change(&mut random)).collect();
        let one_by_one = ground.carry_out(&changes, 1);
        for size in [7, 80] {
            let together = ground.carry_out(&changes, size);
            for (index, (one, other)) in one_by_one.0.iter().zip(&together.0).enumerate() {
                assert_eq!(one, other, "seed {seed}, batches of {size}, change {index}: {:?}", changes[index]);
            }
            assert_eq!(one_by_one.1, together.1, "seed {seed}, batches of {size}");
        }
        accepted += one_by_one.0.iter().filter(|verdict| verdict.contains("version")).count();
    }
    // Neither all nor none.
    assert!((200..800).contains(&accepted), "{accepted} of 960 were accepted");
}
