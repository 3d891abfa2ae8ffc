//! A day of the first application window with whatever calls, networks and workers a test puts there: for tests of what a
//! network lacks. [`super::world`] has one that lacks nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Date, Text, Uuid as SqlUuid};
use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Service;
use super::http::Answer;
use super::service::Client;
use ricolloca::clock::Clock;

/// A service on a day of the first application window, with clients and the organisations that they stand for.
pub struct Scene {
    pub service: Service,
    pub region: Client,
    /// The lead: an accredited operator.
    pub lead: Client,
    pub lead_id: String,
    /// Another accredited operator.
    pub other: Client,
    pub other_id: String,
}

fn number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(2_000_000);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A call as it was in 2012.
pub fn call(code: &str) -> Value {
    json!({
        "external_id": code, "code": code, "title": "Partenariati territoriali", "allocation_cents": 500_000_000,
        "applications_from": "2012-07-01", "applications_to": "2012-09-30", "activities_from": "2012-09-01",
        "activities_to": "2013-12-31", "reporting_deadline": "2014-03-31",
    })
}

/// A partnership under a call, as its lead writes it.
pub fn partnership(call: &str, external_id: &str) -> Value {
    json!({
        "external_id": external_id, "call": {"id": call}, "title": "Rete per la ricollocazione", "provinces": ["CO", "VA"],
        "starts_on": "2012-09-01", "ends_on": "2013-08-31", "budget_cents": 25_000_000, "requested_cents": 20_000_000,
    })
}

/// A member, as the lead writes it.
pub fn member(partnership: &str, organisation: &str, category: &str) -> Value {
    json!({"partnership": {"id": partnership}, "organisation": {"id": organisation}, "category": category, "joined_on": "2012-07-01"})
}

impl Scene {
    /// On 10 September 2012.
    pub fn new() -> Self {
        let service = Service::start_with(Clock::fixed("2012-09-10T08:00:00Z".parse().unwrap()));
        let region = service.client("region");
        let (lead, other) = (service.client("operator-1"), service.client("operator-2"));
        let id_of = |name: &str| {
            let found = region.all("/v1/organisations?limit=200");
            found.iter().find(|item| item["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let (lead_id, other_id) = (id_of("operator-1"), id_of("operator-2"));
        let scene = Self { service, region, lead, lead_id, other, other_id };
        scene.accredit(&scene.lead_id.clone());
        scene.accredit(&scene.other_id.clone());
        scene
    }

    /// Moves the clock; tokens of before may have expired, so clients are made anew.
    pub fn go_to(&mut self, day: &str) {
        self.service.clock.set(format!("{day}T08:00:00Z").parse().unwrap());
        self.region = self.service.client("region");
        self.lead = self.service.client("operator-1");
        self.other = self.service.client("operator-2");
    }

    pub fn accredit(&self, organisation: &str) {
        let body = json!({"entries": [{"number": "A-1", "kind": "definitive", "act": "D.d.u.o. 1/2010", "valid_from": "2010-01-01"}],
                          "units": [{"code": "UO-1", "municipality": "015146"}]});
        self.region.put(&format!("/v1/organisations/{organisation}/accreditation"), None, body).expect(200);
    }

    /// A new organisation.
    pub fn organisation(&self) -> String {
        let serial = number();
        let body =
            json!({"tax_code": synthetic::organisation(serial, 15).as_str(), "name": format!("Organisation {serial}")});
        self.region.post("/v1/organisations", body).expect(201).id()
    }

    /// A call with these members changed.
    pub fn call(&self, code: &str, changes: Value) -> String {
        let mut body = call(code);
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.region.post("/v1/calls", body).expect(201).id()
    }

    /// A draft without members.
    pub fn draft(&self, call: &str, external_id: &str) -> String {
        self.lead.post("/v1/partnerships", partnership(call, external_id)).expect(201).id()
    }

    /// Adds a member.
    pub fn add(&self, partnership: &str, organisation: &str, category: &str) -> String {
        self.lead.post("/v1/members", member(partnership, organisation, category)).expect(201).id()
    }

    /// A draft that can be submitted: the lead with one worker, a municipality, a union. Answers the draft and its members.
    pub fn complete_draft(&self, call: &str, external_id: &str) -> (String, [String; 3]) {
        let draft = self.draft(call, external_id);
        let members = [
            self.add(&draft, &self.lead_id, "accredited_operator"),
            self.add(&draft, &self.organisation(), "local_authority"),
            self.add(&draft, &self.organisation(), "social_partner"),
        ];
        self.worker(&draft, &self.lead_id, "2012-09-03");
        (draft, members)
    }

    /// A complete draft taken as far as `approved`.
    pub fn approved(&self, call: &str, external_id: &str, granted_cents: i64) -> (String, [String; 3]) {
        let (id, members) = self.complete_draft(call, external_id);
        self.step(&id, "submission").expect(200);
        self.decide(&id, granted_cents).expect(200);
        (id, members)
    }

    pub fn step(&self, id: &str, step: &str) -> Answer {
        self.lead.act(&format!("/v1/partnerships/{id}/{step}"))
    }

    pub fn decide(&self, id: &str, granted_cents: i64) -> Answer {
        self.region.post(
            &format!("/v1/partnerships/{id}/decision"),
            json!({"verdict": "approved", "granted_cents": granted_cents}),
        )
    }

    /// A worker in a cohort of his own, taken in charge by an organisation. Written into the tables: a test may state what
    /// the rules of participants would not let through.
    pub fn worker(&self, partnership: &str, operator: &str, taken_charge_on: &str) -> Uuid {
        let mut conn = self.service.database.connect();
        let id = || Uuid::from_u128(u128::from(number()));
        let (cohort, participant) = (id(), id());
        let (partnership, operator): (Uuid, Uuid) = (partnership.parse().unwrap(), operator.parse().unwrap());
        diesel::sql_query(
            "INSERT INTO cohort (id, version, created_at, updated_at, source_organisation_id, partnership_id, operator_organisation_id, name, crisis_company_id) \
             VALUES ($1, 1, now(), now(), $3, $2, $3, 'Gruppo', NULL)",
        )
        .bind::<SqlUuid, _>(cohort)
        .bind::<SqlUuid, _>(partnership)
        .bind::<SqlUuid, _>(operator)
        .execute(&mut conn)
        .unwrap();
        diesel::sql_query(
            "INSERT INTO participant (id, version, created_at, updated_at, source_organisation_id, partnership_id, cohort_id, operator_organisation_id, person_sealed, \
             worker_index, pseudonym, birth_year, sex, municipality, entry_status, dote_number, dote_path, dote_from, dote_to, taken_charge_on) \
             VALUES ($1, 1, now(), now(), $3, $2, $4, $3, '', $5, 'W', 1970, 'female', '015146', 'unemployed', $6, 'job_placement', '2012-07-01', '2013-12-31', $7)",
        )
        .bind::<SqlUuid, _>(participant)
        .bind::<SqlUuid, _>(partnership)
        .bind::<SqlUuid, _>(operator)
        .bind::<SqlUuid, _>(cohort)
        .bind::<Bytea, _>(participant.as_bytes().to_vec())
        .bind::<Text, _>(participant.to_string())
        .bind::<Date, _>(taken_charge_on.parse::<chrono::NaiveDate>().unwrap())
        .execute(&mut conn)
        .unwrap();
        participant
    }
}
