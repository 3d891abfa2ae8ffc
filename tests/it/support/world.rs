//! A small world in July 2012, made over HTTP: accredited operators, other organisations, an open call, and partnerships that
//! can be brought to any state.

use chrono::{DateTime, Utc};
use ricolloca::clock::Clock;
use ricolloca::identifiers::{Sex, synthetic};
use serde_json::{Value, json};

use super::service::{Client, Service};

pub struct World {
    pub service: Service,
    pub region: Client,
    pub dote: Client,
    pub auditor: Client,
    /// Accredited; lead of what `partnership` makes.
    pub operator: Client,
    /// Accredited.
    pub second: Client,
    /// Accredited, and a member of nothing.
    pub stranger: Client,
    /// Ids of the organisations of the three operators.
    pub operators: Vec<String>,
    /// A company, a municipality, an association, a foundation, another company.
    pub others: Vec<String>,
    pub call: String,
}

/// Categories of [`World::others`].
pub const CATEGORIES: [&str; 5] = ["company", "local_authority", "third_sector", "grant_making_foundation", "company"];

pub fn instant(day: &str) -> DateTime<Utc> {
    format!("{day}T10:00:00Z").parse().unwrap()
}

/// Serial numbers 0 to 999 make valid tax codes of nobody.
pub fn worker(serial: usize) -> String {
    let letters: String = [serial / 676 % 26, serial / 26 % 26, serial % 26]
        .map(|place| char::from(b'A' + u8::try_from(place).unwrap()))
        .iter()
        .collect();
    synthetic::person(&letters, "TST", 1970, 1, 1, Sex::Male, "F205").as_str().to_owned()
}

impl World {
    /// On 10 July 2012.
    pub fn new() -> Self {
        Self::with_rules(json!({}))
    }

    /// The same, with rules of the call that differ from those of 2012.
    pub fn with_rules(changes: Value) -> Self {
        let service = Service::start_with(Clock::fixed(instant("2012-07-10")));
        let region = service.client("region");
        let operators: Vec<String> = (1..=3)
            .map(|number| {
                let tax_code = synthetic::organisation(1_000_000 + number, 15);
                let found = region.get(&format!("/v1/organisations?tax_code={}", tax_code.as_str())).expect(200).json();
                let id = found["items"][0]["id"].as_str().unwrap().to_owned();
                let accreditation = json!({
                    "entries": [{"number": format!("A-{number}"), "kind": "definitive", "act": "test", "valid_from": "2010-01-01"}],
                    "units": [{"code": "UO-1", "municipality": "015146"}],
                });
                region.put(&format!("/v1/organisations/{id}/accreditation"), None, accreditation).expect(200);
                id
            })
            .collect();
        let others = (0..CATEGORIES.len())
            .map(|number| {
                let body = json!({"external_id": format!("other-{number}"), "name": format!("Other {number}"), "municipality": "015146",
                    "tax_code": synthetic::organisation(1_100_000 + u32::try_from(number).unwrap(), 15).as_str()});
                region.post("/v1/organisations", body).expect(201).id()
            })
            .collect();
        let mut call = json!({
            "external_id": "PT-2012", "code": "PT-2012", "title": "Partenariati territoriali", "allocation_cents": 500_000_000,
            "applications_from": "2012-07-01", "applications_to": "2012-12-31", "activities_from": "2012-07-01",
            "activities_to": "2013-12-31", "reporting_deadline": "2014-06-30",
        });
        if changes != json!({}) {
            // The rules of 2012 with some members replaced.
            let probe = region
                .post("/v1/calls", with(&call, json!({"external_id": "probe", "code": "PROBE"})))
                .expect(201)
                .json();
            call["rules"] = with(&probe["rules"], changes);
        }
        let call = region.post("/v1/calls", call).expect(201).id();
        let client = |id: &str| service.client(id);
        let (dote, auditor) = (client("dote"), client("auditor"));
        let (operator, second, stranger) = (client("operator-1"), client("operator-2"), client("operator-3"));
        Self { region, dote, auditor, operator, second, stranger, operators, others, call, service }
    }

    /// Moves the clock. Tokens are renewed, since they live for minutes.
    pub fn on(&mut self, day: &str) -> &mut Self {
        self.service.clock.set(instant(day));
        self.region = self.service.client("region");
        self.dote = self.service.client("dote");
        self.auditor = self.service.client("auditor");
        self.operator = self.service.client("operator-1");
        self.second = self.service.client("operator-2");
        self.stranger = self.service.client("operator-3");
        self
    }

    /// A partnership as the operator writes it.
    pub fn partnership_body(&self, name: &str) -> Value {
        json!({
            "external_id": name, "call": {"id": self.call}, "title": format!("Partnership {name}"), "provinces": ["MI"],
            "starts_on": "2012-09-01", "ends_on": "2013-09-30", "budget_cents": 20_000_000, "requested_cents": 15_000_000,
        })
    }

    /// A member as the operator writes it.
    pub fn member_body(&self, partnership: &str, organisation: &str, category: &str) -> Value {
        json!({"partnership": {"id": partnership}, "organisation": {"id": organisation}, "category": category,
               "joined_on": "2012-07-01", "own_resources_cents": 100_000})
    }

    /// A participant as the operator in charge writes it; taken in charge on 9 July 2012.
    pub fn participant_body(&self, cohort: &str, serial: usize) -> Value {
        json!({
            "external_id": format!("w-{serial}"), "cohort": {"id": cohort}, "tax_code": worker(serial), "given_name": "Mario",
            "family_name": "Prova", "sex": "male", "birth_year": 1970, "municipality": "015146", "education_level": "USG", "entry_status": "cigs",
            "dote": {"number": format!("DR-{serial:06}"), "path": "job_placement", "valid_from": "2012-07-01", "valid_to": "2013-12-31"},
            "taken_charge_on": "2012-07-09",
        })
    }

    /// An action as its performer writes it: one hour of individual outplacement on a day.
    pub fn action_body(&self, partnership: &str, cohort: &str, participant: &str, day: &str) -> Value {
        json!({
            "partnership": {"id": partnership}, "cohort": {"id": cohort}, "mode": "individual", "status": "completed",
            "planned_on": day, "started_on": day, "ended_on": day, "municipality": "015146", "minutes": 60, "financing": "grant",
            "attendance": [{"participant": {"id": participant}, "minutes": 60}],
            "cost_lines": [{"basis": "standard_unit_cost", "quantity": 1, "unit_cost_cents": 3800, "amount_cents": 3800}],
            "details": {"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": 2, "interviews": 0},
        })
    }

    /// An outcome as the operator in charge writes it: a year's contract from 1 October 2012, with the employer's notice.
    pub fn outcome_body(&self, participant: &str, notice: u64) -> Value {
        json!({
            "participant": {"id": participant}, "kind": "employment", "contract_type": "A.02.00", "working_time": "F",
            "employer_tax_code": synthetic::organisation(1_200_000, 15).as_str(), "starts_on": "2012-10-01", "ends_on": "2013-09-30",
            "cob": synthetic::cob(notice).as_str(),
        })
    }

    /// A draft with its lead, a company, a municipality and an association as members, a cohort and one worker in charge: all
    /// that a submission needs.
    pub fn draft(&self, name: &str, serial: usize) -> Draft {
        let id = self.operator.post("/v1/partnerships", self.partnership_body(name)).expect(201).id();
        let mut members = Vec::new();
        let lead = self.member_body(&id, &self.operators[0], "accredited_operator");
        members.push(self.operator.post("/v1/members", lead).expect(201).id());
        for (other, category) in self.others.iter().zip(CATEGORIES).take(3) {
            let body = self.member_body(&id, other, category);
            members.push(self.operator.post("/v1/members", body).expect(201).id());
        }
        let cohort = json!({"partnership": {"id": id}, "name": "Gruppo", "crisis_company": {"id": self.others[4]}, "province": "MI"});
        let cohort = self.operator.post("/v1/cohorts", cohort).expect(201).id();
        let participant =
            self.operator.post("/v1/participants", self.participant_body(&cohort, serial)).expect(201).id();
        Draft { id, members, cohort, participant }
    }

    /// The same, brought to active on 3 September 2012.
    pub fn active(&mut self, name: &str, serial: usize) -> Draft {
        self.on("2012-07-10");
        let draft = self.draft(name, serial);
        self.operator.act(&format!("/v1/partnerships/{}/submission", draft.id)).expect(200);
        let decision = json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "test"});
        self.region.post(&format!("/v1/partnerships/{}/decision", draft.id), decision).expect(200);
        self.on("2012-09-03");
        self.operator.act(&format!("/v1/partnerships/{}/activation", draft.id)).expect(200);
        draft
    }
}

/// Ids of what belongs to a partnership.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: String,
    /// The lead, a company, a municipality, an association.
    pub members: Vec<String>,
    pub cohort: String,
    pub participant: String,
}

/// An object with some members replaced.
pub fn with(object: &Value, changes: Value) -> Value {
    let mut changed = object.clone();
    for (name, value) in changes.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}
