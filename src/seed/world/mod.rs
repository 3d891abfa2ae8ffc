//! What the demo data tells: the call of 2012 with 30 partnerships, and a call that is open today with ten more, in which a
//! developer can try things. 2,000 workers, 10,000 actions. The clock stands, for each step, at the day it is told of.

mod founding;

use std::sync::Arc;

use chrono::{Days, NaiveDate, NaiveTime};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{self, CAPITALS, pick};
use super::pusher::{Pusher, Record, caller};
use crate::actions::Actions;
use crate::batch::{Context, Probes};
use crate::clock::Clock;
use crate::identity::{Caller, Role};
use crate::ids::Ids;
use crate::outcomes::Outcomes;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::serve::StartError;
use crate::{outcomes, partnerships};

const PARTNERSHIPS: usize = 40;
const IN_OPEN_CALL: usize = 10;
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
#[derive(Clone, Copy)]
struct Edition {
    call: Uuid,
    first: NaiveDate,
    /// Days that a partnership lasts, from the edition's first.
    life: u64,
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
    Submitted,
    Approved,
    Rejected,
    Withdrawn,
    Active,
    Concluded,
}

impl Fate {
    /// In the call of 2012 most are active, the first few tell the other ends; in the open one each demo operator has two
    /// active partnerships and one in each state before.
    const fn of(number: usize) -> Self {
        match number {
            0 => Self::Rejected,
            1 => Self::Withdrawn,
            2..6 => Self::Concluded,
            34 | 35 => Self::Submitted,
            36 | 37 => Self::Approved,
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
    let clock = Clock::fixed(at(date(2012, 7, 2)));
    Context { clock, ids: Ids::seeded(2012), vault: Arc::clone(&service.vault), probes: Probes::default() }
}

fn at(day: NaiveDate) -> chrono::DateTime<chrono::Utc> {
    day.and_time(NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default()).and_utc()
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

impl<'a> Story<'a> {
    /// A story about to begin.
    pub fn new(pusher: Pusher<'a>, context: &Context, actors: Actors) -> Self {
        let region = caller("demo-region", actors.region, Role::Region);
        let dote = caller("demo-dote", actors.dote, Role::Dote);
        let operators = vec![
            caller("demo-operator-1", actors.operators[0], Role::Operator),
            caller("demo-operator-2", actors.operators[1], Role::Operator),
        ];
        Self {
            pusher,
            clock: context.clock.clone(),
            random: StdRng::seed_from_u64(2012),
            actors,
            region,
            dote,
            editions: Vec::new(),
            operators,
            others: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// From the first organisation to the last outcome; hands the pusher back.
    pub fn tell(mut self) -> Result<Pusher<'a>, StartError> {
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
        Ok(self.pusher)
    }

    fn set(&self, day: NaiveDate) {
        self.clock.set(at(day));
    }

    fn take_in_charge(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).copied() else {
            return Ok(());
        };
        self.set(day.day(20));
        const STATUSES: &[&str] = &["cigs", "cigd", "mobility_223_91", "mobility_236_93", "unemployed"];
        const LEVELS: &[&str] = &["LSE", "USV", "IFP", "USG", "L", "LS"];
        for number in 0..self.networks.len() {
            let Some(network) = self.networks.get(number).filter(|network| network.edition == edition) else {
                continue;
            };
            let (lead, province, cohorts) = (Arc::clone(&network.lead), network.province, network.cohorts.clone());
            let (_, municipality, _) = CAPITALS.get(province).copied().unwrap_or(("MI", "015146", ""));
            let mut records = Vec::new();
            for place in 0..PARTICIPANTS / PARTNERSHIPS {
                let serial = number * (PARTICIPANTS / PARTNERSHIPS) + place;
                let worker = people::worker(&mut self.random, serial);
                let Some(cohort) = cohorts.get(place % cohorts.len().max(1)) else { continue };
                // The mobility lists ended with 2016: in a call of today everybody is on wage guarantee or unemployed.
                let status = if edition == 0 {
                    pick(&mut self.random, STATUSES)
                } else {
                    pick(&mut self.random, &["cigs", "unemployed"])
                };
                records.push(Record {
                    caller: Arc::clone(&lead),
                    body: json!({
                        "external_id": format!("w-{serial:04}"), "cohort": {"id": cohort}, "tax_code": worker.tax_code,
                        "given_name": worker.given_name, "family_name": worker.family_name, "sex": worker.sex, "birth_year": worker.birth_year,
                        "municipality": municipality, "education_level": pick(&mut self.random, LEVELS), "entry_status": status,
                        "dote": {"number": format!("DR-{serial:06}"), "path": "job_placement", "valid_from": day.day(10), "valid_to": day.day(day.life + 20)},
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
        let Some(day) = self.editions.get(edition).copied() else {
            return Ok(());
        };
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
        for (number, id, _, fate) in networks.iter().filter(|(.., fate)| *fate != Fate::Submitted) {
            let requested = 10_000_000 + 100_000 * i64::try_from(*number).unwrap_or_default();
            let decision = match fate {
                Fate::Rejected => {
                    json!({"verdict": "rejected", "granted_cents": 0, "reason": "Punteggio insufficiente (dimostrativo)."})
                }
                _ => {
                    json!({"verdict": "approved", "granted_cents": requested, "reason": "Ammesso e finanziato (dimostrativo)."})
                }
            };
            self.pusher.act::<Partnerships>(&self.region, *id, Act::Decide(parsed(decision)?))?;
        }
        self.set(day.day(60));
        for (_, id, lead, fate) in &networks {
            match fate {
                Fate::Withdrawn => self.pusher.act::<Partnerships>(lead, *id, Act::Withdraw(parsed(json!({}))?))?,
                Fate::Active | Fate::Concluded => self.pusher.act::<Partnerships>(lead, *id, Act::Activate)?,
                Fate::Draft | Fate::Submitted | Fate::Approved | Fate::Rejected => {}
            }
        }
        Ok(())
    }

    /// Actions, one a day in each partnership, reported when most of them are over.
    fn work(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).copied() else {
            return Ok(());
        };
        self.set(day.day(480));
        let working = (0..PARTNERSHIPS).filter(|number| Fate::of(*number).works()).count();
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
                    body: super::actions::action(
                        &mut self.random,
                        &day_of(&day),
                        number,
                        count,
                        network.id,
                        &network.cohorts,
                        &network.participants,
                        network.province,
                    ),
                })
                .collect();
            self.pusher.put::<Actions>(&records)?;
        }
        Ok(())
    }

    /// Outcomes, some with evidence, some verified.
    fn place(&mut self, edition: usize) -> Result<(), StartError> {
        let Some(day) = self.editions.get(edition).copied() else {
            return Ok(());
        };
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
        let Some(day) = self.editions.get(edition).copied() else {
            return Ok(());
        };
        self.set(day.day(520));
        for network in
            self.networks.iter().filter(|network| network.edition == edition && network.fate == Fate::Concluded)
        {
            self.pusher.act::<Partnerships>(&network.lead, network.id, partnerships::ops::Act::Conclude)?;
        }
        Ok(())
    }
}

fn day_of(edition: &Edition) -> impl Fn(u64) -> NaiveDate {
    let first = edition.first;
    move |number| first.checked_add_days(Days::new(number)).unwrap_or(first)
}

/// A body of a step, as a client would send it.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, StartError> {
    Ok(serde_json::from_value(body)?)
}
