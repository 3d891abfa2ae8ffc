//! The beginning of the story: organisations, calls, partnerships with members and cohorts.

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::json;
use uuid::Uuid;

use super::super::people::{CAPITALS, pick};
use super::super::pusher::{Record, caller};
use super::{Edition, Fate, IN_OPEN_CALL, Network, OPERATORS, OTHERS, PARTNERSHIPS, Story, date, parsed};
use crate::calls::Calls;
use crate::cohorts::Cohorts;
use crate::identifiers::synthetic;
use crate::identity::{Caller, Role};
use crate::members::Members;
use crate::organisations::{self, Organisations};
use crate::partnerships::Partnerships;
use crate::serve::StartError;

impl Story<'_> {
    pub(super) fn organisations(&mut self) -> Result<(), StartError> {
        let mut records = Vec::new();
        for number in 2..OPERATORS {
            records.push(self.organisation(number, "Operatore", "1.3.20", "78.10.00"));
        }
        const KINDS: &[(&str, &str, &str, &str)] = &[
            ("company", "Impresa", "1.3.20", "25.11.00"),
            ("local_authority", "Comune", "2.4.30", "84.11.10"),
            ("third_sector", "Associazione", "1.8.20", "88.99.00"),
            ("social_partner", "Parte sociale", "1.8.20", "94.20.00"),
            ("grant_making_foundation", "Fondazione", "1.8.30", "94.99.20"),
            ("chamber_of_commerce", "Camera di commercio", "2.5.00", "84.13.10"),
        ];
        let mut categories = Vec::new();
        for number in 0..OTHERS {
            let (category, label, form, ateco) =
                KINDS.get(number % KINDS.len()).copied().unwrap_or(("other", "Ente", "1.8.20", "94.99.90"));
            records.push(self.organisation(100 + number, label, form, ateco));
            categories.push(category);
        }
        let ids = self.pusher.put::<Organisations>(&records)?;
        let (operators, others) = ids.split_at(OPERATORS - 2);
        self.others = others.iter().copied().zip(categories).collect();
        for (number, id) in operators.iter().enumerate() {
            self.operators.push(caller(&format!("operator-{}", number + 3), *id, Role::Operator));
        }
        let accredited: Vec<Uuid> = self.operators.iter().map(|operator| operator.organisation).collect();
        for (number, id) in accredited.into_iter().enumerate() {
            let accreditation = accreditation(number);
            self.pusher.act::<Organisations>(&self.region, id, organisations::ops::Act::Accredit(accreditation?))?;
        }
        Ok(())
    }

    fn organisation(&mut self, number: usize, label: &str, form: &str, ateco: &str) -> Record {
        let (province, municipality, _) = pick(&mut self.random, CAPITALS);
        let serial = 9_000_000 + u32::try_from(number).unwrap_or_default();
        let body = json!({
            "external_id": format!("org-{number:04}"), "tax_code": synthetic::organisation(serial, 15).as_str(),
            "name": format!("{label} dimostrativo {number} ({province})"), "legal_form": form, "ateco": ateco, "municipality": municipality,
        });
        Record { caller: Arc::clone(&self.region), body }
    }

    pub(super) fn calls(&mut self) -> Result<(), StartError> {
        let call = |code: &str, title: &str, [from, to, until, report]: [NaiveDate; 4]| {
            json!({"external_id": code, "code": code, "title": title, "allocation_cents": 500_000_000,
                   "applications_from": from, "applications_to": to, "activities_from": from, "activities_to": until, "reporting_deadline": report})
        };
        let bodies = [
            call(
                "PT-2012",
                "Partenariati territoriali per la ricollocazione, 2012",
                [date(2012, 7, 2), date(2012, 10, 31), date(2014, 6, 30), date(2014, 12, 31)],
            ),
            call(
                "PT-DEMO",
                "Avviso dimostrativo, sempre aperto",
                [date(2025, 1, 1), date(2099, 6, 30), date(2099, 12, 31), date(2099, 12, 31)],
            ),
        ];
        let records: Vec<Record> =
            bodies.into_iter().map(|body| Record { caller: Arc::clone(&self.region), body }).collect();
        let ids = self.pusher.put::<Calls>(&records)?;
        // A developer of any year to come finds the open call's partnerships at work.
        let lives = [(date(2012, 7, 9), 700), (date(2025, 1, 13), 25_000)];
        self.editions = ids.into_iter().zip(lives).map(|(call, (first, life))| Edition { call, first, life }).collect();
        Ok(())
    }

    /// Partnerships with their members and cohorts.
    pub(super) fn found(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).copied() else { return Ok(()) };
        self.set(day.first);
        let numbers =
            if edition == 0 { 0..PARTNERSHIPS - IN_OPEN_CALL } else { PARTNERSHIPS - IN_OPEN_CALL..PARTNERSHIPS };
        for number in numbers {
            let operators = if edition == 0 { self.operators.len() } else { 2 };
            let Some(lead) = self.operators.get(number % operators).cloned() else { continue };
            let province = number % CAPITALS.len();
            let (code, ..) = CAPITALS.get(province).copied().unwrap_or(("MI", "", ""));
            let requested = 10_000_000 + 100_000 * i64::try_from(number).unwrap_or_default();
            let body = json!({
                "external_id": format!("pt-{number:02}"), "call": {"id": day.call}, "title": format!("Partenariato territoriale {} {code}", number + 1),
                "ateco": "25", "provinces": [code], "starts_on": day.day(60), "ends_on": day.day(day.life),
                "budget_cents": requested * 5 / 4, "requested_cents": requested,
            });
            let ids = self.pusher.put::<Partnerships>(&[Record { caller: Arc::clone(&lead), body }])?;
            let Some(id) = ids.first().copied() else { continue };
            self.network_members(number, id, &lead, &day)?;
            let cohorts = self.network_cohorts(number, id, &lead, code)?;
            let fate = Fate::of(number);
            self.networks.push(Network { id, lead, edition, province, fate, participants: Vec::new(), cohorts });
        }
        Ok(())
    }

    fn network_members(
        &mut self,
        number: usize,
        id: Uuid,
        lead: &Arc<Caller>,
        day: &Edition,
    ) -> Result<(), StartError> {
        let mut members = vec![(lead.organisation, "accredited_operator")];
        // The second demo operator takes part in some of the first one's partnerships.
        if lead.organisation == self.actors.operators[0] {
            members.push((self.actors.operators[1], "accredited_operator"));
        }
        let others = 2 + number % 5;
        for place in 0..others {
            members.extend(self.others.get((number * 7 + place) % OTHERS).copied());
        }
        let records: Vec<Record> = members
            .into_iter()
            .enumerate()
            .map(|(place, (organisation, category))| Record {
                caller: Arc::clone(lead),
                body: json!({
                    "external_id": format!("pt-{number:02}-m{place}"), "partnership": {"id": id}, "organisation": {"id": organisation},
                    "category": category, "joined_on": day.day(0), "own_resources_cents": 500_000,
                }),
            })
            .collect();
        self.pusher.put::<Members>(&records).map(drop)
    }

    fn network_cohorts(
        &mut self,
        number: usize,
        id: Uuid,
        lead: &Arc<Caller>,
        province: &str,
    ) -> Result<Vec<Uuid>, StartError> {
        // Companies stand at every sixth place.
        let company = self.others.get(number * 6 % OTHERS).map(|(id, _)| *id).unwrap_or_default();
        let records: Vec<Record> = (0..2)
            .map(|place| Record {
                caller: Arc::clone(lead),
                body: json!({
                    "external_id": format!("pt-{number:02}-c{place}"), "partnership": {"id": id}, "name": format!("Gruppo {}", place + 1),
                    "crisis_company": {"id": company}, "ateco": "25.11", "province": province,
                }),
            })
            .collect();
        self.pusher.put::<Cohorts>(&records)
    }
}

fn accreditation(number: usize) -> Result<organisations::wire::Accreditation, StartError> {
    let (_, municipality, _) = CAPITALS.get(number % CAPITALS.len()).copied().unwrap_or(("MI", "015146", ""));
    parsed(json!({
        "entries": [{"number": format!("{:04}/2008", number + 1), "kind": "definitive", "act": "D.d.u.o. dimostrativo", "valid_from": "2008-01-01"}],
        "units": [{"code": format!("UO-{:03}", number + 1), "municipality": municipality}],
    }))
}
