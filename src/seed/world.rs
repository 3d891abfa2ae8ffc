//! What the demo data tells: the call of 2012 with 34 partnerships, and a call that is open today with six more, in which a
//! developer can try things. 2,000 workers, 10,000 actions. The clock stands, for each step, at the day it is told of.

use std::sync::Arc;

use chrono::{Days, NaiveDate, NaiveTime};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{self, CAPITALS, pick};
use super::pusher::{Pusher, Record, caller};
use crate::actions::Actions;
use crate::batch::Context;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::cohorts::Cohorts;
use crate::identifiers::synthetic;
use crate::identity::{Caller, Role};
use crate::ids::Ids;
use crate::members::Members;
use crate::organisations::Organisations;
use crate::outcomes::Outcomes;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::serve::StartError;
use crate::{organisations, outcomes, partnerships};

const PARTNERSHIPS: usize = 40;
const IN_OPEN_CALL: usize = 6;
const PARTICIPANTS: usize = 2_000;
const ACTIONS: usize = 10_000;
const OPERATORS: usize = 12;
const OTHERS: usize = 120;

/// The organisations that push and decide.
pub struct Actors {
    /// `demo-operator-1`, `demo-operator-2`.
    pub operators: [Uuid; 2],
    /// `demo-region`.
    pub region: Uuid,
    /// `demo-dote`.
    pub dote: Uuid,
}

/// The days of one edition, counted from its first.
struct Edition {
    call: Uuid,
    first: NaiveDate,
}

impl Edition {
    fn day(&self, number: u64) -> NaiveDate {
        self.first.checked_add_days(Days::new(number)).unwrap_or(self.first)
    }
}

/// A partnership on its way.
struct Network {
    id: Uuid,
    lead: Arc<Caller>,
    edition: usize,
    province: usize,
    fate: Fate,
    participants: Vec<Uuid>,
    cohorts: Vec<Uuid>,
}

/// How far a partnership comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Draft,
    Rejected,
    Withdrawn,
    Active,
    Concluded,
}

impl Fate {
    /// In the call of 2012 most are active, the first few tell the other ends; in the open one each demo operator has two
    /// active partnerships and a draft.
    const fn of(number: usize) -> Self {
        match number {
            0 => Self::Rejected,
            1 => Self::Withdrawn,
            2..6 => Self::Concluded,
            38 | 39 => Self::Draft,
            _ => Self::Active,
        }
    }

    const fn works(self) -> bool {
        matches!(self, Self::Active | Self::Concluded)
    }
}

/// Tells the whole story.
pub struct Story<'a> {
    pusher: Pusher<'a>,
    clock: Clock,
    random: StdRng,
    actors: Actors,
    region: Arc<Caller>,
    dote: Arc<Caller>,
    editions: Vec<Edition>,
    operators: Vec<Arc<Caller>>,
    others: Vec<(Uuid, &'static str)>,
    networks: Vec<Network>,
}

/// The context in which the story is told: its own clock and ids, the service's vault.
pub fn context(service: &Context) -> Context {
    let clock = Clock::fixed(at(NaiveDate::default()));
    Context { clock, ids: Ids::seeded(2012), vault: Arc::clone(&service.vault) }
}

fn at(day: NaiveDate) -> chrono::DateTime<chrono::Utc> {
    day.and_time(NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default()).and_utc()
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

impl<'a> Story<'a> {
    /// A story about to begin.
    pub fn new(url: &str, context: &'a Context, actors: Actors) -> Result<Self, StartError> {
        let region = caller("demo-region", actors.region, Role::Region);
        let dote = caller("demo-dote", actors.dote, Role::Dote);
        let operators = vec![
            caller("demo-operator-1", actors.operators[0], Role::Operator),
            caller("demo-operator-2", actors.operators[1], Role::Operator),
        ];
        Ok(Self {
            pusher: Pusher::new(url, context)?,
            clock: context.clock.clone(),
            random: StdRng::seed_from_u64(2012),
            actors,
            region,
            dote,
            editions: Vec::new(),
            operators,
            others: Vec::new(),
            networks: Vec::new(),
        })
    }

    /// From the first organisation to the last outcome.
    pub fn tell(&mut self) -> Result<(), StartError> {
        self.set(date(2012, 7, 2));
        self.organisations()?;
        self.calls()?;
        for edition in 0..self.editions.len() {
            self.found(edition)?;
            self.take_in_charge(edition)?;
            self.apply(edition)?;
            self.work(edition)?;
            self.place(edition)?;
            self.conclude(edition)?;
        }
        Ok(())
    }

    fn set(&self, day: NaiveDate) {
        self.clock.set(at(day));
    }

    fn organisations(&mut self) -> Result<(), StartError> {
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
            let (category, label, form, ateco) = KINDS.get(number % KINDS.len()).copied().unwrap_or(("other", "Ente", "1.8.20", "94.99.90"));
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

    fn calls(&mut self) -> Result<(), StartError> {
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
        let records: Vec<Record> = bodies.into_iter().map(|body| Record { caller: Arc::clone(&self.region), body }).collect();
        let ids = self.pusher.put::<Calls>(&records)?;
        let firsts = [date(2012, 7, 9), date(2025, 1, 13)];
        self.editions = ids.into_iter().zip(firsts).map(|(call, first)| Edition { call, first }).collect();
        Ok(())
    }

    /// Partnerships with their members and cohorts.
    fn found(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(Edition { call, first }) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        self.set(first);
        let numbers = if edition == 0 { 0..PARTNERSHIPS - IN_OPEN_CALL } else { PARTNERSHIPS - IN_OPEN_CALL..PARTNERSHIPS };
        let day = Edition { call, first };
        for number in numbers {
            let operators = if edition == 0 { self.operators.len() } else { 2 };
            let Some(lead) = self.operators.get(number % operators).cloned() else { continue };
            let province = number % CAPITALS.len();
            let (code, ..) = CAPITALS.get(province).copied().unwrap_or(("MI", "", ""));
            let requested = 10_000_000 + 100_000 * i64::try_from(number).unwrap_or_default();
            let body = json!({
                "external_id": format!("pt-{number:02}"), "call": {"id": call}, "title": format!("Partenariato territoriale {} {code}", number + 1),
                "ateco": "25", "provinces": [code], "starts_on": day.day(60), "ends_on": day.day(700),
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

    fn network_members(&mut self, number: usize, id: Uuid, lead: &Arc<Caller>, day: &Edition) -> Result<(), StartError> {
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

    fn network_cohorts(&mut self, number: usize, id: Uuid, lead: &Arc<Caller>, province: &str) -> Result<Vec<Uuid>, StartError> {
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

    fn take_in_charge(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        self.set(day.day(20));
        const STATUSES: &[&str] = &["cigs", "cigd", "mobility_223_91", "mobility_236_93", "unemployed"];
        const LEVELS: &[&str] = &["LSE", "USV", "IFP", "USG", "L", "LS"];
        for number in 0..self.networks.len() {
            let Some(network) = self.networks.get(number).filter(|network| network.edition == edition) else { continue };
            let (lead, province, cohorts) = (Arc::clone(&network.lead), network.province, network.cohorts.clone());
            let (_, municipality, _) = CAPITALS.get(province).copied().unwrap_or(("MI", "015146", ""));
            let mut records = Vec::new();
            for place in 0..PARTICIPANTS / PARTNERSHIPS {
                let serial = number * (PARTICIPANTS / PARTNERSHIPS) + place;
                let worker = people::worker(&mut self.random, serial);
                let Some(cohort) = cohorts.get(place % cohorts.len().max(1)) else { continue };
                // The mobility lists ended with 2016: in a call of today everybody is on wage guarantee or unemployed.
                let status = if edition == 0 { pick(&mut self.random, STATUSES) } else { pick(&mut self.random, &["cigs", "unemployed"]) };
                records.push(Record {
                    caller: Arc::clone(&lead),
                    body: json!({
                        "external_id": format!("w-{serial:04}"), "cohort": {"id": cohort}, "tax_code": worker.tax_code,
                        "given_name": worker.given_name, "family_name": worker.family_name, "sex": worker.sex, "birth_year": worker.birth_year,
                        "municipality": municipality, "education_level": pick(&mut self.random, LEVELS), "entry_status": status,
                        "dote": {"number": format!("DR-{serial:06}"), "path": "job_placement", "valid_from": day.day(10), "valid_to": day.day(720)},
                        "taken_charge_on": day.day(10 + serial as u64 % 10),
                    }),
                });
            }
            let ids = self.pusher.put::<Participants>(&records)?;
            if let Some(network) = self.networks.get_mut(number) {
                network.participants = ids;
            }
        }
        Ok(())
    }

    /// Submission, decision, activation.
    fn apply(&mut self, edition: usize) -> Result<(), StartError> {
        use partnerships::ops::Act;
        let Some(day) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        let networks: Vec<(usize, Uuid, Arc<Caller>, Fate)> = self
            .networks
            .iter()
            .enumerate()
            .filter(|(_, network)| network.edition == edition && network.fate != Fate::Draft)
            .map(|(number, network)| (number, network.id, Arc::clone(&network.lead), network.fate))
            .collect();
        self.set(day.day(30));
        for (_, id, lead, _) in &networks {
            self.pusher.act::<Partnerships>(lead, *id, Act::Submit)?;
        }
        self.set(day.day(50));
        for (number, id, _, fate) in &networks {
            let requested = 10_000_000 + 100_000 * i64::try_from(*number).unwrap_or_default();
            let decision = match fate {
                Fate::Rejected => json!({"verdict": "rejected", "granted_cents": 0, "reason": "Punteggio insufficiente (dimostrativo)."}),
                _ => json!({"verdict": "approved", "granted_cents": requested, "reason": "Ammesso e finanziato (dimostrativo)."}),
            };
            self.pusher.act::<Partnerships>(&self.region, *id, Act::Decide(parsed(decision)?))?;
        }
        self.set(day.day(60));
        for (_, id, lead, fate) in &networks {
            match fate {
                Fate::Withdrawn => self.pusher.act::<Partnerships>(lead, *id, Act::Withdraw(parsed(json!({}))?))?,
                Fate::Active | Fate::Concluded => self.pusher.act::<Partnerships>(lead, *id, Act::Activate)?,
                Fate::Draft | Fate::Rejected => {}
            }
        }
        Ok(())
    }

    /// Actions, one a day in each partnership, reported when most of them are over.
    fn work(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        self.set(day.day(480));
        let working = self.networks.iter().filter(|network| network.fate.works()).count();
        let mut done: usize = 0;
        for (number, network) in self.networks.iter().enumerate() {
            if !network.fate.works() {
                continue;
            }
            let place = done;
            done += 1;
            if network.edition != edition {
                continue;
            }
            let share = ACTIONS / working + usize::from(place < ACTIONS % working);
            let records: Vec<Record> = (0..share)
                .map(|count| Record {
                    caller: Arc::clone(&network.lead),
                    body: super::actions::action(&mut self.random, &day_of(&day), number, count, network.id, &network.cohorts, &network.participants, network.province),
                })
                .collect();
            self.pusher.put::<Actions>(&records)?;
        }
        Ok(())
    }

    /// Outcomes, some with evidence, some verified.
    fn place(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        self.set(day.day(500));
        let mut evidenced = Vec::new();
        for (number, network) in self.networks.iter().enumerate() {
            if network.edition != edition || !network.fate.works() {
                continue;
            }
            let mut records = Vec::new();
            for (place, participant) in network.participants.iter().enumerate().filter(|(place, _)| place % 5 < 3) {
                let serial = number * (PARTICIPANTS / PARTNERSHIPS) + place;
                let body = super::actions::outcome(&mut self.random, &day_of(&day), serial, *participant);
                if body.get("cob").is_some() && serial.is_multiple_of(2) {
                    evidenced.push(records.len());
                }
                records.push(Record { caller: Arc::clone(&network.lead), body });
            }
            let ids = self.pusher.put::<Outcomes>(&records)?;
            for id in evidenced.drain(..).filter_map(|place| ids.get(place)) {
                let verdict = parsed(json!({"verdict": "verified"}))?;
                self.pusher.act::<Outcomes>(&self.dote, *id, outcomes::ops::Act::Verify(verdict))?;
            }
        }
        Ok(())
    }

    fn conclude(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).map(|e| Edition { call: e.call, first: e.first }) else { return Ok(()) };
        self.set(day.day(520));
        for network in self.networks.iter().filter(|network| network.edition == edition && network.fate == Fate::Concluded) {
            self.pusher.act::<Partnerships>(&network.lead, network.id, partnerships::ops::Act::Conclude)?;
        }
        Ok(())
    }
}

fn day_of(edition: &Edition) -> impl Fn(u64) -> NaiveDate {
    let first = edition.first;
    move |number| first.checked_add_days(Days::new(number)).unwrap_or(first)
}

fn accreditation(number: usize) -> Result<organisations::wire::Accreditation, StartError> {
    let (_, municipality, _) = CAPITALS.get(number % CAPITALS.len()).copied().unwrap_or(("MI", "015146", ""));
    parsed(json!({
        "entries": [{"number": format!("{:04}/2008", number + 1), "kind": "definitive", "act": "D.d.u.o. dimostrativo", "valid_from": "2008-01-01"}],
        "units": [{"code": format!("UO-{:03}", number + 1), "municipality": municipality}],
    }))
}

/// A body of a step, as a client would send it.
fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, StartError> {
    Ok(serde_json::from_value(body)?)
}
