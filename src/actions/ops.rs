//! Load, decide, write.

use uuid::Uuid;

use super::facts::{self, Facts, Refs};
use super::model::{Action, Attendance};
use super::rules::{self, Undertaking, money, status};
use super::store::Attends;
use super::wire::{self, ActionAccounting, ActionInput, AttendanceInput};
use super::{Actions, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Ref, Resource, Settled};
use crate::db::{Conn, Fault, Json};
use crate::error::{Code, Problem};
use crate::identity::Caller;
use crate::ids::Id;
use crate::organisations::refs::OrganisationRef;
use crate::text;
use crate::text::Text;
use crate::vocabularies::terms::{ActionStatus, PartnershipState};

/// Steps besides writing and deleting.
#[derive(Clone, Debug)]
pub enum Act {
    /// The region approves and pays.
    Account(ActionAccounting),
}

impl Resource for Actions {
    const PARENT_LOCK: ParentLock = ParentLock::Share;
    type Input = ActionInput;
    type View = wire::Action;
    type Act = Act;
    type Refs = Refs;
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Action, _: &Context) -> Result<ActionInput, Fault> {
        Ok(input_of(record))
    }

    fn resolve(conn: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<Refs>, Fault> {
        facts::resolve(conn, changes)
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        // Rectifications and deletions set free what others attend instead; they are rare, and judged by themselves.
        let rectifies = draft.before.as_ref().is_some_and(|before| before.rectifies_id.is_some());
        let chains = matches!(draft.change, Change::Write(_)) && draft.refs.rectifies.is_none() && !rectifies;
        let mut claim = |realm: &str, what: &dyn AsRef<[u8]>| {
            if chains { claims.chain(realm, what.as_ref()) } else { claims.add(realm, what.as_ref()) }
        };
        for attendee in draft.refs.attendees.iter().flatten() {
            claim("participant", attendee.id.as_bytes());
            claim("worker", &attendee.worker_index);
        }
        // Who attended so far is free once this change is written.
        for attendance in draft.before.iter().flat_map(|before| before.attendance.iter()) {
            claim("participant", attendance.participant_id.as_bytes());
        }
        if let Change::Write(input) = &draft.change
            && let (None, Some(name)) = (draft.refs.rectifies, input.rectifies.as_ref().and_then(Ref::name))
        {
            claims.name(draft.caller.organisation, name);
        }
        if let Some(rectified) = draft.refs.rectifies {
            // By the name under which the engine claims a change to that action itself.
            claims.add("id", rectified);
        }
    }

    fn partnerships(draft: &Draft<'_, Self>) -> Vec<Uuid> {
        facts::partnerships_of(draft)
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], _: &Context) -> Result<Facts, Fault> {
        facts::gather(conn, drafts)
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Action, Problem> {
        match (&draft.change, &draft.before) {
            (Change::Write(input), _) => write(facts, draft, input, context),
            (Change::Delete, Some(before)) => {
                check_deletion(facts, before, draft.caller, context)?;
                draft.tombstone(context)
            }
            (Change::Act(Act::Account(accounting)), Some(before)) => account(facts, before, accounting),
            (_, None) => Err(Problem::new(Code::NotFound)),
        }
    }

    fn absorb(facts: &mut Facts, draft: &Draft<'_, Self>, record: &Action) {
        facts.absorb(draft, record);
    }

    fn settle(conn: &mut Conn, settled: &[Settled<'_, '_, Self>], _: &Context) -> Result<(), Fault> {
        let (mut touched, mut known, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for Settled { draft, record } in settled {
            if draft.before.is_none() && record.rectifies_id.is_none() {
                if status::of(record.status).live {
                    new.extend(record.attendance.iter().zip(&draft.refs.attendees).filter_map(
                        |(attendance, attendee)| {
                            Some(Attends {
                                action: record,
                                participant: attendance.participant_id,
                                worker_index: &attendee.as_ref()?.worker_index,
                                minutes: attendance.minutes,
                            })
                        },
                    ));
                }
                continue;
            }
            let before = draft.before.as_ref();
            let attended = !record.attendance.is_empty() || before.is_some_and(|before| !before.attendance.is_empty());
            // Accounting changes neither who attended nor whether the action counts.
            if matches!(draft.change, Change::Act(_)) || !attended && record.rectifies_id.is_none() {
                continue;
            }
            touched.push(record.meta.id);
            known.extend(before.map(|before| before.meta.id));
            if let Some(rectified) = record.rectifies_id {
                touched.push(rectified.uuid());
                known.push(rectified.uuid());
            }
        }
        store::insert_attendance(conn, &new)?;
        touched.sort_unstable();
        touched.dedup();
        store::rewrite_attendance(conn, &touched, &known, &status::dead_codes())
    }

    fn around(_: &mut Conn, _: &[&Action], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(record: &Action, _: &Caller, (): &(), _: &Context) -> Result<wire::Action, Fault> {
        Ok(view(record))
    }
}

fn write(facts: &Facts, draft: &Draft<'_, Actions>, input: &ActionInput, context: &Context) -> Result<Action, Problem> {
    let before = draft.before.as_ref();
    let performer = before.map(|before| before.performer_organisation_id.uuid()).or(draft.refs.performer);
    for performer in [performer, draft.refs.performer].into_iter().flatten() {
        rules::check_own(performer, draft.caller.organisation)?;
    }
    let record = record(draft, input);
    if let Some(before) = before {
        // A pusher that sends everything again every night is told so of what is the same, even when it may no longer change.
        if record.as_ref() == Some(before) {
            return Ok(before.clone());
        }
        rules::check_not_accounted(before)?;
        status::check_step(before.status, input.status, before.rectifies_id.is_some())?;
    }
    let given = facts.given(draft, context.today());
    if let Some(partnership) = given.partnership {
        rules::check_state(partnership.state, rules::undertaking(input, before))?;
    }
    let mut violations = draft.refs.unresolved(input);
    violations.extend(rules::check(input, &given));
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    record.ok_or(Problem::new(Code::Internal))
}

/// The action as the input would make it; `None` where a reference leads nowhere or the sum of the costs is no number.
fn record(draft: &Draft<'_, Actions>, input: &ActionInput) -> Option<Action> {
    let refs = &draft.refs;
    let before = draft.before.as_ref();
    let attendance = input
        .attendance
        .iter()
        .zip(&refs.attendees)
        .map(|(attendance, attendee)| {
            Some(Attendance { participant_id: attendee.as_ref()?.id, minutes: attendance.minutes })
        })
        .collect::<Option<Vec<_>>>()?;
    if (input.cohort.is_some() && refs.cohort.is_none()) || (input.rectifies.is_some() && refs.rectifies.is_none()) {
        return None;
    }
    let accounted = before.is_some_and(|before| before.status == ActionStatus::Accounted);
    Some(Action {
        meta: draft.meta.clone(),
        partnership_id: Id::new(refs.partnership?),
        cohort_id: refs.cohort.map(Id::new),
        performer_organisation_id: Id::new(refs.performer?),
        kind: input.details.kind(),
        mode: input.mode,
        // To its performer an accounted action is a completed one: sending that again changes nothing.
        status: if accounted && input.status == ActionStatus::Completed {
            ActionStatus::Accounted
        } else {
            input.status
        },
        planned_on: input.planned_on,
        started_on: input.started_on,
        ended_on: input.ended_on,
        municipality: input.municipality.clone(),
        minutes: input.minutes,
        financing: input.financing,
        attendance: Json(attendance),
        deliverables: Json(input.deliverables.clone()),
        cost_lines: Json(input.cost_lines.clone()),
        details: Json(input.details.clone()),
        evidence: input.evidence.clone(),
        requested_cents: money::requested(&input.cost_lines)?,
        approved_cents: before.and_then(|before| before.approved_cents),
        liquidated_cents: before.and_then(|before| before.liquidated_cents),
        rectifies_id: refs.rectifies.map(Id::new),
    })
}

fn check_deletion(facts: &Facts, before: &Action, caller: &Caller, context: &Context) -> Result<(), Problem> {
    rules::check_own(before.performer_organisation_id.uuid(), caller.organisation)?;
    rules::check_not_accounted(before)?;
    if facts.is_closed(before) {
        return Err(Problem::invalid(vec![rules::workers::restricted("/attendance".to_owned())]));
    }
    if before.rectifies_id.is_some() {
        // Without it the rectified action would count again, although its time may have been given to others since.
        let detail = text!(
            "The action is a rectification and `{}`; it stands for what it corrects: change it instead, at the end to `deleted`."
                / "L'azione è una rettifica ed è `{}`; sta al posto di ciò che corregge: modificarla, al termine fino a `deleted`.",
            before.status
        );
        return Err(Problem::because(Code::WrongState, detail));
    }
    let (partnership, call) = facts.partnership(before.partnership_id.uuid()).ok_or(Problem::new(Code::NotFound))?;
    rules::check_state(partnership.state, Undertaking::Correction)?;
    match rules::check_call(call, Undertaking::Correction, context.today()) {
        Some(violation) => Err(Problem::invalid(vec![violation])),
        None => Ok(()),
    }
}

fn account(facts: &Facts, before: &Action, accounting: &ActionAccounting) -> Result<Action, Problem> {
    let wrong = |detail: Text| Err(Problem::because(Code::WrongState, detail));
    if !matches!(before.status, ActionStatus::Completed | ActionStatus::Accounted) {
        return wrong(text!(
            "The action is `{}`; only a completed one is accounted for."
                / "L'azione è `{}`; si rendiconta solo un'azione completata.",
            before.status
        ));
    }
    if facts.is_rectified(before.meta.id) {
        return wrong(text!(
            "The action is `accounted` and was rectified; account for the rectification."
                / "L'azione è `accounted` ed è stata rettificata: rendicontare la rettifica."
        ));
    }
    let state = facts.partnership(before.partnership_id.uuid()).map(|(partnership, _)| partnership.state);
    if let Some(state) = state
        && !matches!(state, PartnershipState::Active | PartnershipState::Concluded)
    {
        return wrong(text!(
            "The partnership is `{state}`; nothing is accounted for in it."
                / "Il partenariato è `{state}`; non vi si rendiconta nulla."
        ));
    }
    let violations = money::check_accounting(before, accounting);
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    Ok(Action {
        status: ActionStatus::Accounted,
        approved_cents: Some(accounting.approved_cents),
        liquidated_cents: Some(accounting.liquidated_cents),
        ..before.clone()
    })
}

fn input_of(record: &Action) -> ActionInput {
    let Action {
        meta,
        partnership_id,
        cohort_id,
        performer_organisation_id,
        kind: _, // stands in the details
        mode,
        status,
        planned_on,
        started_on,
        ended_on,
        municipality,
        minutes,
        financing,
        attendance,
        deliverables,
        cost_lines,
        details,
        evidence,
        requested_cents: _,
        approved_cents: _,
        liquidated_cents: _,
        rectifies_id,
    } = record.clone();
    ActionInput {
        external_id: meta.external_id,
        partnership: Ref::id(partnership_id.uuid()),
        cohort: cohort_id.map(|cohort| Ref::id(cohort.uuid())),
        performer: Some(OrganisationRef::id(performer_organisation_id.uuid())),
        mode,
        status,
        planned_on,
        started_on,
        ended_on,
        municipality,
        minutes,
        financing,
        attendance: attendance
            .0
            .into_iter()
            .map(|Attendance { participant_id, minutes }| AttendanceInput {
                participant: Ref::id(participant_id),
                minutes,
            })
            .collect(),
        deliverables: deliverables.0,
        cost_lines: cost_lines.0,
        details: details.0,
        evidence,
        rectifies: rectifies_id.map(|rectified| Ref::id(rectified.uuid())),
    }
}

fn view(record: &Action) -> wire::Action {
    let Action {
        meta,
        partnership_id,
        cohort_id,
        performer_organisation_id,
        kind,
        mode,
        status,
        planned_on,
        started_on,
        ended_on,
        municipality,
        minutes,
        financing,
        attendance,
        deliverables,
        cost_lines,
        details,
        evidence,
        requested_cents,
        approved_cents,
        liquidated_cents,
        rectifies_id,
    } = record.clone();
    wire::Action {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        partnership_id: partnership_id.uuid(),
        cohort_id: cohort_id.map(Id::uuid),
        performer_organisation_id: performer_organisation_id.uuid(),
        kind,
        mode,
        status,
        planned_on,
        started_on,
        ended_on,
        municipality,
        minutes,
        financing,
        attendance: attendance
            .0
            .into_iter()
            .map(|Attendance { participant_id, minutes }| wire::Attendance { participant_id, minutes })
            .collect(),
        deliverables: deliverables.0,
        cost_lines: cost_lines.0,
        details: details.0,
        evidence,
        requested_cents,
        approved_cents,
        liquidated_cents,
        rectifies_id: rectifies_id.map(Id::uuid),
    }
}
