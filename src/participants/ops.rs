//! Load, decide, write.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::model::{Participant, Person, Recorded, Stay};
use super::rules::{self, Terms};
use super::subject::Act;
use super::wire::{Dote, ParticipantInput};
use super::{Participants, store, views};
use crate::batch::{self, Change, Claims, Context, Draft, ParentLock, Ref, Resource, Settled, refs};
use crate::calls::model::Call;
use crate::cohorts::Cohorts;
use crate::cohorts::model::Cohort;
use crate::cohorts::rules::{Terms as CohortTerms, check_membership, check_window, refuse_ended};
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem, Violation};
use crate::identifiers::{PersonTaxCode, Reason};
use crate::identity::Caller;
use crate::members;
use crate::members::model::Member;
use crate::organisations::model::Organisation;
use crate::partnerships;
use crate::partnerships::model::Partnership;
use crate::partnerships::network::Network;
use crate::text;
use crate::vault::Vault;
use crate::vocabularies::terms::PartnershipState;

/// What an input names.
#[derive(Debug)]
pub struct Named {
    cohort: Option<Uuid>,
    /// Where the cohort lies.
    partnership: Option<Uuid>,
    /// `None` for what names no worker.
    pub(super) worker: Option<Result<Worker, Reason>>,
}

/// A worker's keys.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) index: Vec<u8>,
    pub(super) pseudonym: String,
}

impl Worker {
    fn of(tax_code: &str, vault: &Vault) -> Result<Self, Reason> {
        let code = PersonTaxCode::parse(tax_code)?;
        Ok(Self { index: vault.index(code.as_str()), pseudonym: vault.pseudonym(code.as_str()) })
    }
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    partnerships: HashMap<Uuid, (Partnership, Call)>,
    members: HashMap<Uuid, Vec<Member>>,
    networks: HashMap<Uuid, Network>,
    cohorts: HashMap<Uuid, Cohort>,
    operators: HashMap<Uuid, Organisation>,
    by_worker: HashMap<Vec<u8>, Vec<Stay>>,
    by_dote: HashMap<String, Vec<Stay>>,
    recorded: HashMap<Uuid, Recorded>,
    referenced: HashSet<Uuid>,
}

impl Facts {
    /// The stays of the same worker, and under the same Dote.
    pub(super) fn others<'f>(&'f self, record: &'f Participant) -> impl Iterator<Item = &'f Stay> {
        let of_worker = self.by_worker.get(&record.worker_index).into_iter().flatten();
        of_worker.chain(self.by_dote.get(&record.dote_number).into_iter().flatten())
    }
}

impl Resource for Participants {
    const PARENT_LOCK: ParentLock = ParentLock::Share;
    type Input = ParticipantInput;
    type View = super::wire::Participant;
    type Act = Act;
    type Refs = Named;
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Participant, context: &Context) -> Result<ParticipantInput, Fault> {
        // Of who is nobody any more there is nothing to change: see `write`.
        let person = views::open(record, &context.vault)?;
        let Person { tax_code, given_name, family_name } = person.unwrap_or_default();
        let record = record.clone();
        Ok(ParticipantInput {
            external_id: record.meta.external_id,
            cohort: Ref::id(record.cohort_id.uuid()),
            tax_code,
            given_name,
            family_name,
            sex: record.sex,
            birth_year: record.birth_year,
            municipality: record.municipality,
            education_level: record.education_level,
            entry_status: record.entry_status,
            unemployed_since: record.unemployed_since,
            dote: Dote {
                number: record.dote_number,
                path: record.dote_path,
                valid_from: record.dote_from,
                valid_to: record.dote_to,
            },
            taken_charge_on: record.taken_charge_on,
            left_on: record.left_on,
            exit_reason: record.exit_reason,
        })
    }

    fn resolve(
        conn: &mut Conn,
        changes: &[(&Caller, &Change<'_, Self>)],
        context: &Context,
    ) -> Result<Vec<Named>, Fault> {
        let asked: Vec<(&Caller, Option<&Ref>)> = changes
            .iter()
            .map(|(caller, change)| match change {
                Change::Write(input) => (*caller, Some(&input.cohort)),
                Change::Delete | Change::Act(_) => (*caller, None),
            })
            .collect();
        let cohorts = refs::resolve::<Cohorts>(conn, &asked)?;
        Ok(changes
            .iter()
            .zip(cohorts)
            .map(|((_, change), cohort)| Named {
                cohort: cohort.as_ref().map(|found| found.meta.id),
                partnership: cohort.map(|found| found.partnership_id.uuid()),
                worker: match change {
                    Change::Write(input) => Some(Worker::of(&input.tax_code, &context.vault)),
                    Change::Act(act) => act.tax_code().map(|code| Worker::of(code, &context.vault)),
                    Change::Delete => None,
                },
            })
            .collect())
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        // What a change takes and what it sets free: the worker and the Dote.
        if let Change::Write(input) = &draft.change {
            claims.add("dote", &input.dote.number);
        }
        if let Some(Ok(worker)) = &draft.refs.worker {
            claims.add("worker", &worker.index);
        }
        if let Some(before) = &draft.before {
            claims.add("dote", &before.dote_number);
            claims.add("worker", &before.worker_index);
            // Two departures must not both count on the other staying.
            if may_depart(draft, before) {
                claims.add("in_charge", before.partnership_id.uuid());
            }
        }
    }

    fn partnerships(draft: &Draft<'_, Self>) -> Vec<Uuid> {
        // A record stays where it is: what an input names instead is refused.
        draft
            .before
            .as_ref()
            .map(|before| before.partnership_id.uuid())
            .or(draft.refs.partnership)
            .into_iter()
            .collect()
    }

    fn parent_lock(draft: &Draft<'_, Self>) -> ParentLock {
        // New workers may come in side by side. What is recorded of a worker rests on the Dote and on the worker's being there.
        let changed = draft.before.as_ref().is_some_and(|before| may_depart(draft, before) || moves(draft, before));
        if changed { ParentLock::Update } else { Self::PARENT_LOCK }
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], context: &Context) -> Result<Facts, Fault> {
        let partnerships = unique(drafts.iter().flat_map(Self::partnerships));
        let departed = unique(drafts.iter().filter_map(|draft| {
            let before = draft.before.as_ref().filter(|before| may_depart(draft, before))?;
            Some(before.partnership_id.uuid())
        }));
        let joined = unique(drafts.iter().filter(|draft| draft.before.is_none()).flat_map(Self::partnerships));
        let cohorts = Cohort::fetch(conn, &unique(drafts.iter().filter_map(cohort_of)))?;
        let operators = unique(
            cohorts
                .iter()
                .map(|cohort| cohort.operator_organisation_id.uuid())
                .chain(drafts.iter().filter_map(|draft| Some(draft.before.as_ref()?.operator_organisation_id.uuid()))),
        );
        let moved = unique(drafts.iter().filter_map(|draft| {
            let before = draft.before.as_ref().filter(|before| moves(draft, before))?;
            Some(before.meta.id)
        }));
        let deleted =
            unique(drafts.iter().filter(|draft| matches!(draft.change, Change::Delete)).map(|draft| draft.meta.id));
        let (by_worker, by_dote) = stays(conn, drafts)?;
        Ok(Facts {
            partnerships: partnerships::store::with_calls(conn, &partnerships)?,
            members: members::store::of_partnerships(conn, &joined)?,
            networks: partnerships::store::networks(conn, &departed, context.today())?,
            cohorts: cohorts.into_iter().map(|cohort| (cohort.meta.id, cohort)).collect(),
            operators: Organisation::fetch(conn, &operators)?.into_iter().map(|found| (found.meta.id, found)).collect(),
            by_worker,
            by_dote,
            recorded: store::recorded(conn, &moved)?,
            referenced: store::referenced(conn, &deleted)?,
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Participant, Problem> {
        match &draft.change {
            Change::Write(input) => write(facts, draft, input, context),
            Change::Delete => delete(facts, draft, context),
            Change::Act(act) => super::subject::act(facts, draft, act, context),
        }
    }

    fn settle(conn: &mut Conn, settled: &[Settled<'_, '_, Self>], _: &Context) -> Result<(), Fault> {
        let corrected: Vec<(Uuid, &[u8])> = settled
            .iter()
            .filter(|settled| {
                let before = settled.draft.before.as_ref();
                before.is_some_and(|before| before.worker_index != settled.record.worker_index)
            })
            .map(|settled| (settled.record.meta.id, settled.record.worker_index.as_slice()))
            .collect();
        store::correct_attendance(conn, &corrected)?;
        let closed = |participant: &Participant| (participant.restricted_at, participant.pseudonymised_at);
        let withheld: Vec<Uuid> = settled
            .iter()
            .filter(|settled| {
                let before = settled.draft.before.as_ref();
                settled.record.is_closed() && before.is_some_and(|before| closed(before) != closed(settled.record))
            })
            .map(|settled| settled.record.meta.id)
            .collect();
        batch::forget_answers_of(conn, &withheld)
    }

    fn around(_: &mut Conn, _: &[&Participant], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(
        record: &Participant,
        caller: &Caller,
        (): &(),
        context: &Context,
    ) -> Result<super::wire::Participant, Fault> {
        views::view(record, caller, &context.vault)
    }
}

fn unique(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn cohort_of(draft: &Draft<'_, Participants>) -> Option<Uuid> {
    draft.before.as_ref().map(|before| before.cohort_id.uuid()).or(draft.refs.cohort)
}

/// Whether a change may take a worker out of an operator's charge.
fn may_depart(draft: &Draft<'_, Participants>, before: &Participant) -> bool {
    let in_charge = before.taken_charge_on.is_some() && before.left_on.is_none();
    in_charge
        && match &draft.change {
            Change::Write(input) => {
                input.left_on.is_some() || input.taken_charge_on != before.taken_charge_on || moves(draft, before)
            }
            Change::Delete => true,
            Change::Act(_) => false,
        }
}

/// Whether a change moves what records of the worker rest on: the worker and the days of the Dote.
fn moves(draft: &Draft<'_, Participants>, before: &Participant) -> bool {
    match &draft.change {
        Change::Write(input) => {
            let worker = draft.refs.worker.as_ref().and_then(|worker| worker.as_ref().ok());
            (input.dote.valid_from, input.dote.valid_to) != (before.dote_from, before.dote_to)
                || worker.is_none_or(|worker| worker.index != before.worker_index)
        }
        Change::Delete => true,
        Change::Act(act) => matches!(act, Act::Pseudonymise(_)) || act.tax_code().is_some(),
    }
}

type Stays = (HashMap<Vec<u8>, Vec<Stay>>, HashMap<String, Vec<Stay>>);

fn stays(conn: &mut Conn, drafts: &[Draft<'_, Participants>]) -> Result<Stays, Fault> {
    let mut workers: Vec<&[u8]> = Vec::new();
    let mut dotes: Vec<&str> = Vec::new();
    for draft in drafts {
        if let Some(Ok(worker)) = &draft.refs.worker {
            workers.push(&worker.index);
        }
        if let Change::Write(input) = &draft.change {
            dotes.push(&input.dote.number);
        }
    }
    let mut by_worker: HashMap<Vec<u8>, Vec<Stay>> = HashMap::new();
    let mut by_dote: HashMap<String, Vec<Stay>> = HashMap::new();
    for stay in store::stays(conn, &workers, &dotes)? {
        by_worker.entry(stay.worker_index.clone()).or_default().push(stay.clone());
        by_dote.entry(stay.dote_number.clone()).or_default().push(stay);
    }
    Ok((by_worker, by_dote))
}

fn authorise(caller: &Caller, operator: Uuid) -> Result<(), Problem> {
    if caller.organisation == operator {
        return Ok(());
    }
    Err(Problem::because(
        Code::NotYours,
        text!(
            "Only the operator in charge writes the records of its workers."
                / "Solo l'operatore che ha in carico i lavoratori ne scrive i record."
        ),
    ))
}

/// A concluded partnership takes corrections of its workers' records, but no workers; one that was rejected or withdrawn takes
/// nothing.
fn check_state(state: PartnershipState, stays_away: bool) -> Result<(), Problem> {
    if state == PartnershipState::Concluded && stays_away {
        return Ok(());
    }
    refuse_ended(state, &text!("nobody comes into it or goes any more" / "nessuno vi entra né ne esce più"))
}

fn write(
    facts: &Facts,
    draft: &Draft<'_, Participants>,
    input: &ParticipantInput,
    context: &Context,
) -> Result<Participant, Problem> {
    let before = draft.before.as_ref();
    let today = context.today();
    let mut violations = misnamed(draft);
    let found = cohort_of(draft).and_then(|id| facts.cohorts.get(&id)).and_then(|cohort| {
        let (partnership, call) = facts.partnerships.get(&cohort.partnership_id.uuid())?;
        Some((cohort, partnership, call))
    });
    let Some((cohort, partnership, call)) = found else {
        // It may have been deleted since it was found.
        if violations.iter().all(|violation| violation.pointer != "/cohort") {
            violations.push(refs::unresolved("/cohort"));
        }
        return Err(Problem::invalid(violations));
    };
    let operator = before.map_or(cohort.operator_organisation_id, |before| before.operator_organisation_id);
    authorise(draft.caller, operator.uuid())?;
    let record = match &draft.refs.worker {
        Some(Ok(worker)) => Some(views::record(draft, input, cohort, (&worker.index, &worker.pseudonym), context)?),
        _ => None,
    };
    // A pusher that repeats what is stored is answered alike in every state.
    if let (Some(before), Some(record)) = (before, &record)
        && before == record
        && violations.is_empty()
    {
        return Ok(record.clone());
    }
    before.map_or(Ok(()), rules::check_open)?;
    let away = before.is_some_and(|before| before.left_on.is_some()) && input.left_on.is_some();
    check_state(partnership.state, away)?;
    let operator = facts.operators.get(&operator.uuid()).ok_or(Problem::new(Code::Internal))?;
    let recorded = facts.recorded.get(&draft.meta.id).copied().unwrap_or_default();
    violations.extend(rules::check(input, before, Terms { rules: &call.rules, operator, recorded, today }));
    if before.is_none() {
        let members = facts.members.get(&partnership.meta.id).map_or(&[][..], Vec::as_slice);
        violations.extend(check_membership("/cohort", operator, CohortTerms { rules: &call.rules, members, today }));
    }
    violations.extend(check_window(call, before.is_none(), today));
    if let (Some(before), Some(network)) = (before, facts.networks.get(&partnership.meta.id)) {
        let place = (partnership, call);
        violations.extend(rules::check_departure(before, record.as_ref(), place, network, today));
    }
    let Some(record) = record.filter(|_| violations.is_empty()) else {
        return Err(Problem::invalid(violations));
    };
    rules::check_taken(&record.stay(), facts.others(&record), today)?;
    Ok(record)
}

/// References that lead nowhere or elsewhere, and a tax code that is none.
fn misnamed(draft: &Draft<'_, Participants>) -> Vec<Violation> {
    let mut violations = Vec::new();
    match (draft.refs.cohort, &draft.before) {
        (None, _) => violations.push(refs::unresolved("/cohort")),
        (Some(named), Some(before)) if named != before.cohort_id.uuid() => {
            let detail = text!(
                "A participant stays in the cohort: make another one."
                    / "Un destinatario resta nel gruppo: crearne un altro."
            );
            violations.push(Violation::new("/cohort", "immutable", detail));
        }
        _ => {}
    }
    if let Some(Err(reason)) = &draft.refs.worker {
        violations.push(Violation::new("/tax_code", reason.code(), reason.text()));
    }
    violations
}

fn delete(facts: &Facts, draft: &Draft<'_, Participants>, context: &Context) -> Result<Participant, Problem> {
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    authorise(draft.caller, before.operator_organisation_id.uuid())?;
    rules::check_open(before)?;
    let (partnership, call) =
        facts.partnerships.get(&before.partnership_id.uuid()).ok_or(Problem::new(Code::NotFound))?;
    check_state(partnership.state, false)?;
    let mut violations: Vec<Violation> = check_window(call, false, context.today()).into_iter().collect();
    if let Some(network) = facts.networks.get(&partnership.meta.id) {
        violations.extend(rules::check_departure(before, None, (partnership, call), network, context.today()));
    }
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    if facts.referenced.contains(&before.meta.id) {
        return Err(Problem::because(
            Code::StillReferenced,
            text!(
                "The worker attended actions, or has outcomes." / "Il lavoratore ha partecipato ad azioni, o ha esiti."
            ),
        ));
    }
    // A tombstone tells that there was somebody, not who.
    Ok(Participant { person_sealed: None, ..draft.tombstone(context)? })
}
