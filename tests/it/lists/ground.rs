//! Two networks that differ in all that lists can be narrowed by, and a draft of a third operator.

use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use crate::support::service::Client;
use crate::support::world::{World, with};

/// What belongs to one network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub id: String,
    pub call: String,
    pub cohort: String,
    /// In charge; gone.
    pub workers: Vec<String>,
    pub actions: Vec<String>,
    pub outcomes: Vec<String>,
}

pub struct Ground {
    pub world: World,
    /// Led by the first operator, in Milan, without a sector. Made in July 2012.
    pub first: Network,
    /// Led by the second operator under another call, in Bergamo, with the sector 62.01. Made in August 2012.
    pub second: Network,
    /// A draft of the third operator under the first call.
    pub draft: String,
    /// A company in Bergamo of the sector 25.11.00.
    pub company: String,
    /// The organisation of the region's client.
    pub region: String,
}

impl Ground {
    /// On 1 December 2012.
    pub fn new() -> Self {
        let mut world = World::with_rules(json!({"dote_paths": ["job_placement", "self_employment"]}));
        let region = world.region.get(&format!("/v1/organisations?tax_code={}", client_code(3))).expect(200).json();
        let region = region["items"][0]["id"].as_str().unwrap().to_owned();
        let company = json!({"external_id": "bergamo", "name": "Officine di Bergamo", "municipality": "016024", "ateco": "25.11.00",
            "legal_form": "1.3.20", "tax_code": synthetic::organisation(1_150_000, 16).as_str()});
        let company = world.region.post("/v1/organisations", company).expect(201).id();
        let lapsed = json!({"entries": [{"number": "B-1", "kind": "provisional", "act": "test", "valid_from": "2010-01-01", "valid_to": "2011-12-31"}]});
        world.region.put(&format!("/v1/organisations/{company}/accreditation"), None, lapsed).expect(200);
        let call = json!({
            "external_id": "PT-2013", "code": "PT-2013", "title": "Avviso del 2013", "allocation_cents": 500_000_000,
            "applications_from": "2012-08-01", "applications_to": "2013-06-30", "activities_from": "2012-08-01",
            "activities_to": "2014-12-31", "reporting_deadline": "2015-06-30",
        });
        let other_call = world.region.post("/v1/calls", call).expect(201).id();

        let mut first = Network { call: world.call.clone(), ..Network::default() };
        build(&world, &world.operator, 0, &mut first, 1, json!({"title": "Rete di Milano"}), json!({}), json!({}));
        world.on("2012-08-10");
        let mut second = Network { call: other_call, ..Network::default() };
        let shape = json!({"title": "Rete di Bergamo", "provinces": ["BG", "SO"], "ateco": "62.01", "starts_on": "2012-10-01", "ends_on": "2014-06-30"});
        let cohort = json!({"name": "Altro gruppo", "crisis_company": {"id": company}, "province": "BG", "ateco": "25.11", "agreement_on": "2012-08-01"});
        let worker = json!({"municipality": "016024", "entry_status": "unemployed", "taken_charge_on": "2012-08-09"});
        build(&world, &world.second, 1, &mut second, 11, shape, cohort, worker);
        let draft = world.stranger.post("/v1/partnerships", world.partnership_body("draft")).expect(201).id();
        for (network, day) in [(&first, "2012-09-03"), (&second, "2012-10-02")] {
            let decision = json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "test"});
            world.region.post(&format!("/v1/partnerships/{}/decision", network.id), decision).expect(200);
            world.on(day);
            let lead = if network.id == first.id { &world.operator } else { &world.second };
            lead.act(&format!("/v1/partnerships/{}/activation", network.id)).expect(200);
        }
        world.on("2012-12-01");
        act(&world, &mut first, &mut second);
        Self { world, first, second, draft, company, region }
    }
}

/// The tax code of a client's organisation, by its place in the list of clients.
pub fn client_code(place: u32) -> String {
    synthetic::organisation(1_000_001 + place, 15).as_str().to_owned()
}

/// A partnership with members, a cohort, a worker in charge and one who has gone, submitted.
#[expect(clippy::too_many_arguments, reason = "what differs between the two")]
fn build(
    world: &World,
    lead: &Client,
    place: usize,
    network: &mut Network,
    serial: usize,
    partnership: Value,
    cohort: Value,
    worker: Value,
) {
    let body = with(&world.partnership_body(&format!("p-{place}")), json!({"call": {"id": network.call}}));
    network.id = lead.post("/v1/partnerships", with(&body, partnership)).expect(201).id();
    let joined = ["2012-07-01", "2012-08-01"][place];
    let organisations =
        [&world.operators[place], &world.others[0], &world.others[1], &world.others[2], &world.others[3]];
    let categories = ["accredited_operator", "company", "local_authority", "third_sector", "grant_making_foundation"];
    for (organisation, category) in organisations.into_iter().zip(categories) {
        let body = world.member_body(&network.id, organisation, category);
        let name = format!("m-{place}-{category}");
        let mut body = with(&body, json!({"external_id": name, "joined_on": joined}));
        if place == 0 && category == "grant_making_foundation" {
            body["left_on"] = "2012-07-31".into();
        }
        lead.post("/v1/members", body).expect(201);
    }
    let body = json!({"external_id": format!("c-{place}"), "partnership": {"id": network.id}, "name": "Gruppo", "province": "MI",
        "crisis_company": {"id": world.others[4]}});
    network.cohort = lead.post("/v1/cohorts", with(&body, cohort)).expect(201).id();
    let body = with(&world.participant_body(&network.cohort, serial), worker);
    network.workers.push(lead.post("/v1/participants", body.clone()).expect(201).id());
    let gone = with(
        &world.participant_body(&network.cohort, serial + 1),
        json!({"municipality": body["municipality"],
        "taken_charge_on": body["taken_charge_on"], "left_on": (["2012-07-10", "2012-08-10"][place]),
        "exit_reason": (["abandoned", "placed"][place])}),
    );
    let path = ["self_employment", "job_placement"][place];
    let gone = with(
        &gone,
        json!({"dote": {"number": format!("DR-G{place}"), "path": path, "valid_from": "2012-07-01", "valid_to": "2012-12-31"}}),
    );
    network.workers.push(lead.post("/v1/participants", gone).expect(201).id());
    lead.act(&format!("/v1/partnerships/{}/submission", network.id)).expect(200);
}

/// Actions and outcomes, on 1 December 2012.
fn act(world: &World, first: &mut Network, second: &mut Network) {
    for (place, network) in [&mut *first, &mut *second].into_iter().enumerate() {
        let lead = [&world.operator, &world.second][place];
        let day = ["2012-10-10", "2012-11-10"][place];
        let seat = ["015146", "016024"][place];
        let body = world.action_body(&network.id, &network.cohort, &network.workers[0], day);
        let body = with(&body, json!({"external_id": format!("a-{place}"), "municipality": seat}));
        network.actions.push(lead.post("/v1/actions", body.clone()).expect(201).id());
        let mut planned = with(
            &body,
            json!({"external_id": format!("a-{place}-planned"), "planned_on": (["2013-01-10", "2013-02-10"][place]),
            "status": "proposed", "mode": "group", "financing": "own_resources", "attendance": [],
            "details": {"kind": "training", "eqf_level": 4, "isced_field": "0413", "certificate": true}}),
        );
        for name in ["started_on", "ended_on"] {
            planned.as_object_mut().unwrap().remove(name);
        }
        network.actions.push(lead.post("/v1/actions", planned).expect(201).id());
        let outcome = with(
            &world.outcome_body(&network.workers[0], 1 + place as u64),
            json!({"external_id": format!("o-{place}")}),
        );
        network.outcomes.push(lead.post("/v1/outcomes", outcome.clone()).expect(201).id());
    }
    let mut trainee = with(
        &world.outcome_body(&second.workers[0], 9),
        json!({"external_id": "trainee", "kind": "traineeship",
        "contract_type": "C.01.00", "working_time": "P", "starts_on": "2012-11-05", "ends_on": "2013-02-05"}),
    );
    trainee.as_object_mut().unwrap().remove("cob");
    second.outcomes.push(world.second.post("/v1/outcomes", trainee).expect(201).id());
}

/// Verifies the first network's outcome a day later, so that states and the days of their last change differ.
pub fn verify(ground: &mut Ground) {
    ground.world.on("2012-12-02");
    let path = format!("/v1/outcomes/{}/verification", ground.first.outcomes[0]);
    ground.world.dote.post(&path, json!({"verdict": "verified"})).expect(200);
}
