//! What the verdicts on actions depend on, loaded for a whole batch at once.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::model::{Action, Attended, Worker};
use super::rules::{Given, status};
use super::wire::ActionInput;
use super::{Actions, store};
use crate::batch::{Change, Draft, Ref, refs};
use crate::calls::model::Call;
use crate::cohorts::Cohorts;
use crate::cohorts::model::Cohort;
use crate::db::{Conn, Fault, Stored};
use crate::error::Violation;
use crate::identity::Caller;
use crate::members::model::Member;
use crate::organisations::model::Organisation;
use crate::organisations::refs::OrganisationRef;
use crate::participants::Participants;
use crate::participants::model::Participant;
use crate::partnerships::Partnerships;
use crate::partnerships::model::Partnership;

/// What a change refers to; absent what was not found, and all of it for a change without references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// The partnership.
    pub partnership: Option<Uuid>,
    /// The cohort.
    pub cohort: Option<Uuid>,
    /// The organisation that performs the action.
    pub performer: Option<Uuid>,
    /// Who attends, in the order of the attendance.
    pub attendees: Vec<Option<Attendee>>,
    /// The action that is rectified.
    pub rectifies: Option<Uuid>,
}

/// A participant that attends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Its id.
    pub id: Uuid,
    /// The worker's blind index.
    pub worker_index: Vec<u8>,
}

impl Refs {
    /// Every reference that led nowhere.
    pub fn unresolved(&self, input: &ActionInput) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut tell = |found: bool, pointer: &str| {
            if !found {
                violations.push(refs::unresolved(pointer));
            }
        };
        tell(self.partnership.is_some(), "/partnership");
        tell(self.cohort.is_some() || input.cohort.is_none(), "/cohort");
        tell(self.performer.is_some(), "/performer");
        tell(self.rectifies.is_some() || input.rectifies.is_none(), "/rectifies");
        for (index, attendee) in self.attendees.iter().enumerate() {
            tell(attendee.is_some(), &format!("/attendance/{index}/participant"));
        }
        violations
    }
}

/// Finds what the changes of a batch refer to: one query per kind of record.
pub fn resolve(conn: &mut Conn, changes: &[(&Caller, &Change<'_, Actions>)]) -> Result<Vec<Refs>, Fault> {
    let written: Vec<(&Caller, Option<&ActionInput>)> = changes
        .iter()
        .map(|(caller, change)| match change {
            Change::Write(input) => (*caller, Some(input.as_ref())),
            Change::Delete | Change::Act(_) => (*caller, None),
        })
        .collect();
    let each = |reference: fn(&ActionInput) -> Option<&Ref>| -> Vec<(&Caller, Option<&Ref>)> {
        written.iter().map(|(caller, input)| (*caller, input.and_then(reference))).collect()
    };
    let partnerships =
        refs::resolve_to::<Partnerships, _>(conn, &each(|input| Some(&input.partnership)), |found| found.meta.id)?;
    let cohorts = refs::resolve_to::<Cohorts, _>(conn, &each(|input| input.cohort.as_ref()), |found| found.meta.id)?;
    let rectified =
        refs::resolve_to::<Actions, _>(conn, &each(|input| input.rectifies.as_ref()), |found| found.meta.id)?;
    let performers: Vec<(&Caller, Option<&OrganisationRef>)> =
        written.iter().map(|(caller, input)| (*caller, input.and_then(|input| input.performer.as_ref()))).collect();
    let performers = crate::organisations::refs::resolve(conn, &performers)?;
    let attendees: Vec<(&Caller, Option<&Ref>)> = written
        .iter()
        .flat_map(|(caller, input)| {
            let attendance = input.map(|input| input.attendance.as_slice()).unwrap_or_default();
            attendance.iter().map(|attendance| (*caller, Some(&attendance.participant)))
        })
        .collect();
    let attendee = |found: &Participant| Attendee { id: found.meta.id, worker_index: found.worker_index.clone() };
    let mut attendees = refs::resolve_to::<Participants, _>(conn, &attendees, attendee)?.into_iter();

    let found = partnerships.into_iter().zip(cohorts).zip(rectified).zip(performers);
    Ok(written
        .iter()
        .zip(found)
        .map(|((caller, input), (((partnership, cohort), rectified), performer))| Refs {
            partnership,
            cohort,
            performer: match input {
                Some(input) if input.performer.is_none() => Some(caller.organisation),
                _ => performer.map(|performer| performer.meta.id),
            },
            attendees: attendees.by_ref().take(input.map_or(0, |input| input.attendance.len())).collect(),
            rectifies: rectified,
        })
        .collect())
}

/// All that the verdicts of a wave depend on.
#[derive(Debug, Default)]
pub struct Facts {
    partnerships: HashMap<Uuid, Partnership>,
    calls: HashMap<Uuid, Call>,
    organisations: HashMap<Uuid, Organisation>,
    members: HashMap<(Uuid, Uuid), Vec<Member>>,
    cohorts: HashMap<Uuid, Cohort>,
    workers: HashMap<Uuid, Worker>,
    attended: HashMap<Vec<u8>, Vec<Attended>>,
    closed: HashSet<Uuid>,
    rectified: HashMap<Uuid, Action>,
    rectifications: HashMap<Uuid, Uuid>,
}

type Drafts<'d, 'a> = &'d [Draft<'a, Actions>];

/// Reads the facts. The engine has locked partnerships and actions; the workers and the actions to rectify are locked here,
/// before what depends on them is read.
pub fn gather(conn: &mut Conn, drafts: Drafts<'_, '_>) -> Result<Facts, Fault> {
    let partnerships = by_id::<Partnership>(conn, drafts.iter().flat_map(partnerships_of))?;
    let calls = by_id(conn, partnerships.values().map(|partnership| partnership.call_id.uuid()))?;
    let organisations = by_id::<Organisation>(conn, drafts.iter().filter_map(|draft| draft.refs.performer))?;
    let (within, of): (Vec<Uuid>, Vec<Uuid>) =
        (partnerships.keys().copied().collect(), organisations.keys().copied().collect());
    let mut members: HashMap<(Uuid, Uuid), Vec<Member>> = HashMap::new();
    for member in store::memberships(conn, &within, &of)? {
        let place = (member.partnership_id.uuid(), member.organisation_id.uuid());
        members.entry(place).or_default().push(member);
    }
    let cohorts = by_id(conn, drafts.iter().filter_map(|draft| draft.refs.cohort))?;

    let rectified_ids = distinct(drafts.iter().filter_map(|draft| draft.refs.rectifies));
    let rectified = if rectified_ids.is_empty() { HashMap::new() } else { keyed(Action::lock(conn, &rectified_ids)?) };
    // An action that is being accounted for must not have been rectified, and one that was takes no worker's time.
    let existing = drafts.iter().filter(|draft| draft.before.is_some()).map(|draft| draft.meta.id);
    let asked = distinct(rectified_ids.into_iter().chain(existing));
    let rectifications = store::rectifications(conn, &asked)?;
    let (workers, attended) = gather_workers(conn, drafts)?;
    // Read once the workers are locked.
    let before = drafts.iter().filter_map(|draft| draft.before.as_ref());
    let stood = before.flat_map(|before| before.attendance.iter().map(|one| one.participant_id));
    let closed = store::closed(conn, &distinct(workers.keys().copied().chain(stood)))?;
    Ok(Facts {
        partnerships,
        calls,
        organisations,
        members,
        cohorts,
        workers,
        attended,
        closed,
        rectified,
        rectifications,
    })
}

type Workers = (HashMap<Uuid, Worker>, HashMap<Vec<u8>, Vec<Attended>>);

fn gather_workers(conn: &mut Conn, drafts: Drafts<'_, '_>) -> Result<Workers, Fault> {
    let attendees: Vec<&Attendee> = drafts.iter().flat_map(|draft| &draft.refs.attendees).flatten().collect();
    let mut indexes: Vec<&[u8]> = attendees.iter().map(|attendee| attendee.worker_index.as_slice()).collect();
    indexes.sort_unstable();
    indexes.dedup();
    let ids = distinct(attendees.iter().map(|attendee| attendee.id));
    let workers: HashMap<Uuid, Worker> =
        store::lock_workers(conn, &ids, &indexes)?.into_iter().map(|worker| (worker.id, worker)).collect();
    let periods: Vec<(NaiveDate, NaiveDate)> = drafts
        .iter()
        .filter_map(|draft| match &draft.change {
            Change::Write(input) => Some(input.period()),
            Change::Delete | Change::Act(_) => None,
        })
        .collect();
    let from = periods.iter().map(|(from, _)| *from).min().unwrap_or(NaiveDate::MIN);
    let to = periods.iter().map(|(_, to)| *to).max().unwrap_or(NaiveDate::MAX);
    let mut current: Vec<&[u8]> = workers.values().map(|worker| worker.index.as_slice()).collect();
    current.sort_unstable();
    current.dedup();
    let attended = store::attended(conn, &current, from, to)?;
    Ok((workers, attended))
}

/// The partnerships that a change touches.
pub fn partnerships_of(draft: &Draft<'_, Actions>) -> Vec<Uuid> {
    let before = draft.before.as_ref().map(|before| before.partnership_id.uuid());
    distinct(draft.refs.partnership.into_iter().chain(before))
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn keyed<R: Stored>(records: Vec<R>) -> HashMap<Uuid, R> {
    records.into_iter().map(|record| (record.meta().id, record)).collect()
}

fn by_id<R: Stored>(conn: &mut Conn, ids: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, R>, Fault> {
    let ids = distinct(ids);
    if ids.is_empty() { Ok(HashMap::new()) } else { Ok(keyed(R::fetch(conn, &ids)?)) }
}

impl Facts {
    /// A partnership with its call.
    pub fn partnership(&self, id: Uuid) -> Option<(&Partnership, &Call)> {
        let partnership = self.partnerships.get(&id)?;
        Some((partnership, self.calls.get(&partnership.call_id.uuid())?))
    }

    /// Whether another action has taken this one's place.
    pub fn is_rectified(&self, id: Uuid) -> bool {
        self.rectifications.contains_key(&id)
    }

    /// Takes in what an action is by a verdict: whom it takes how much time of. As `rewrite_attendance` will write it.
    pub fn absorb(&mut self, draft: &Draft<'_, Actions>, record: &Action) {
        if matches!(draft.change, Change::Act(_)) || draft.before.as_ref() == Some(record) {
            return;
        }
        if let Some(before) = &draft.before {
            self.release(before);
        }
        if record.meta.deleted_at.is_some() || !status::of(record.status).live || self.is_rectified(record.meta.id) {
            return;
        }
        let (from_on, to_on) = record.period();
        for attendance in record.attendance.iter() {
            let Some(worker) = self.workers.get(&attendance.participant_id) else {
                continue;
            };
            self.attended.entry(worker.index.clone()).or_default().push(Attended {
                action_id: record.meta.id,
                worker_index: worker.index.clone(),
                kind: record.kind,
                financing: record.financing,
                from_on,
                to_on,
                minutes: attendance.minutes,
            });
        }
    }

    /// Gives back the time that an action took so far.
    fn release(&mut self, action: &Action) {
        let others = |one: &Attended| one.action_id != action.meta.id;
        for attendance in action.attendance.iter() {
            let Some(worker) = self.workers.get(&attendance.participant_id) else {
                // Not locked with the others: which worker it is, is not known here.
                self.attended.values_mut().for_each(|attended| attended.retain(others));
                return;
            };
            if let Some(attended) = self.attended.get_mut(&worker.index) {
                attended.retain(others);
            }
        }
    }

    /// Whether an action is attended by somebody whose data is kept and no more.
    pub fn is_closed(&self, action: &Action) -> bool {
        action.attendance.iter().any(|one| self.closed.contains(&one.participant_id))
    }

    /// What is known about a change that writes.
    pub fn given<'a>(&'a self, draft: &'a Draft<'_, Actions>, today: NaiveDate) -> Given<'a> {
        let refs = &draft.refs;
        let found = refs.partnership.and_then(|id| self.partnership(id));
        let place = refs.partnership.zip(refs.performer);
        let rectified_by = refs.rectifies.and_then(|id| self.rectifications.get(&id));
        Given {
            today,
            partnership: found.map(|(partnership, _)| partnership),
            call: found.map(|(_, call)| call),
            performer: refs.performer.and_then(|id| self.organisations.get(&id)),
            memberships: place.and_then(|place| self.members.get(&place)).into_iter().flatten().collect(),
            cohort: refs.cohort.and_then(|id| self.cohorts.get(&id)),
            workers: refs
                .attendees
                .iter()
                .map(|attendee| attendee.as_ref().and_then(|attendee| self.workers.get(&attendee.id)))
                .collect(),
            attended: &self.attended,
            closed: &self.closed,
            before: draft.before.as_ref(),
            rectified: refs.rectifies.and_then(|id| self.rectified.get(&id)),
            rectified_already: rectified_by.is_some_and(|by| *by != draft.meta.id),
        }
    }
}
