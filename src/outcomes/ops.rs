//! Load, decide, write.

use std::collections::HashMap;

use uuid::Uuid;

use super::model::Outcome;
use super::wire::{self, OutcomeInput, OutcomeWithdrawal, Verification};
use super::{Outcomes, rules, store, views};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Ref, Resource, refs};
use crate::calls::model::Call;
use crate::cohorts::rules::{check_window, refuse_ended};
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem, Violation};
use crate::identity::{Caller, Role};
use crate::participants::Participants;
use crate::participants::model::Participant;
use crate::participants::rules::check_open;
use crate::partnerships;
use crate::partnerships::model::Partnership;
use crate::text;
use crate::vocabularies::terms::PartnershipState;

/// The steps of its life.
#[derive(Clone, Debug)]
pub enum Act {
    /// The Dote system verifies or disputes it.
    Verify(Verification),
    /// The operator withdraws it.
    Withdraw(OutcomeWithdrawal),
    /// Takes away what leads to somebody, at the end of retention.
    Pseudonymise,
}

/// What an input names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named {
    participant: Option<Uuid>,
    /// Where the participant is.
    partnership: Option<Uuid>,
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    partnerships: HashMap<Uuid, (Partnership, Call)>,
    participants: HashMap<Uuid, Participant>,
    /// Which outcomes rest on the notices that inputs state.
    holders: HashMap<String, Uuid>,
}

impl Resource for Outcomes {
    const PARENT_LOCK: ParentLock = ParentLock::Share;
    type Input = OutcomeInput;
    type View = wire::Outcome;
    type Act = Act;
    type Refs = Named;
    type Facts = Facts;
    type Around = views::Around;

    fn input_of(_: &mut Conn, record: &Outcome, context: &Context) -> Result<OutcomeInput, Fault> {
        let employer_tax_code = views::open(record, &context.vault)?;
        let record = record.clone();
        Ok(OutcomeInput {
            external_id: record.meta.external_id,
            participant: Ref::id(record.participant_id.uuid()),
            kind: record.kind,
            contract_type: record.contract_type,
            working_time: record.working_time,
            employer_tax_code,
            starts_on: record.starts_on,
            ends_on: record.ends_on,
            cob: record.cob.map(|cob| cob.as_str().to_owned()),
            previous_cob: record.previous_cob.map(|cob| cob.as_str().to_owned()),
            cob_annulled: record.cob_annulled,
            ccnl: record.ccnl.map(|ccnl| ccnl.as_str().to_owned()),
            profession: record.profession.map(|profession| profession.as_str().to_owned()),
            vat_opened_on: record.vat_opened_on,
        })
    }

    fn resolve(conn: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<Named>, Fault> {
        let asked: Vec<(&Caller, Option<&Ref>)> = changes
            .iter()
            .map(|(caller, change)| match change {
                Change::Write(input) => (*caller, Some(&input.participant)),
                Change::Delete | Change::Act(_) => (*caller, None),
            })
            .collect();
        Ok(refs::resolve::<Participants>(conn, &asked)?
            .into_iter()
            .map(|found| Named {
                participant: found.as_ref().map(|found| found.meta.id),
                partnership: found.map(|found| found.partnership_id.uuid()),
            })
            .collect())
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        // The notice that a change takes, and the one that it sets free.
        if let Change::Write(input) = &draft.change
            && let Some(cob) = &input.cob
        {
            claims.add("cob", cob);
        }
        if let Some(cob) = draft.before.as_ref().and_then(|before| before.cob.as_ref()) {
            claims.add("cob", cob.as_str());
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

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], _: &Context) -> Result<Facts, Fault> {
        let unique = |mut ids: Vec<Uuid>| {
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let partnerships = unique(drafts.iter().flat_map(Self::partnerships).collect());
        let participants = unique(drafts.iter().filter_map(participant_of).collect());
        let cobs: Vec<&str> = drafts
            .iter()
            .filter_map(|draft| match &draft.change {
                Change::Write(input) => input.cob.as_deref(),
                Change::Delete | Change::Act(_) => None,
            })
            .collect();
        Ok(Facts {
            partnerships: partnerships::store::with_calls(conn, &partnerships)?,
            participants: Participant::fetch(conn, &participants)?
                .into_iter()
                .map(|found| (found.meta.id, found))
                .collect(),
            holders: store::holders(conn, &cobs)?,
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Outcome, Problem> {
        match &draft.change {
            Change::Write(input) => write(facts, draft, input, context),
            Change::Delete => {
                let before = own(facts, draft)?;
                check_worker(facts, before)?;
                let (partnership, call) = place_of(facts, before)?;
                check_state(partnership.state)?;
                rules::deletable(before)?;
                within_window(call, context)?;
                draft.tombstone(context)
            }
            Change::Act(Act::Verify(verification)) => {
                let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
                rules::verified(before, verification, context.today())
            }
            Change::Act(Act::Pseudonymise) => {
                let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
                if draft.caller.role == Role::Region { Ok(masked(before)) } else { Err(Problem::new(Code::NotYours)) }
            }
            Change::Act(Act::Withdraw(withdrawal)) => {
                let before = own(facts, draft)?;
                check_worker(facts, before)?;
                let record = rules::withdrawn(before, withdrawal.reason.as_deref(), context.today())?;
                within_window(&place_of(facts, before)?.1, context)?;
                Ok(record)
            }
        }
    }

    fn around(conn: &mut Conn, records: &[&Outcome], context: &Context) -> Result<views::Around, Fault> {
        views::Around::of(conn, records, &context.vault)
    }

    fn view(
        record: &Outcome,
        caller: &Caller,
        around: &views::Around,
        context: &Context,
    ) -> Result<wire::Outcome, Fault> {
        views::view(record, caller, around, &context.vault)
    }
}

fn participant_of(draft: &Draft<'_, Outcomes>) -> Option<Uuid> {
    draft.before.as_ref().map(|before| before.participant_id.uuid()).or(draft.refs.participant)
}

fn place_of<'f>(facts: &'f Facts, outcome: &Outcome) -> Result<&'f (Partnership, Call), Problem> {
    facts.partnerships.get(&outcome.partnership_id.uuid()).ok_or(Problem::new(Code::NotFound))
}

/// The outcome, where the caller's organisation is in charge of the worker.
fn own<'d>(facts: &Facts, draft: &'d Draft<'_, Outcomes>) -> Result<&'d Outcome, Problem> {
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let participant = facts.participants.get(&before.participant_id.uuid()).ok_or(Problem::new(Code::NotFound))?;
    authorise(participant, draft.caller)?;
    Ok(before)
}

/// That the worker's data is not merely kept.
fn check_worker(facts: &Facts, outcome: &Outcome) -> Result<(), Problem> {
    facts.participants.get(&outcome.participant_id.uuid()).map_or(Ok(()), check_open)
}

fn authorise(participant: &Participant, caller: &Caller) -> Result<(), Problem> {
    if participant.operator_organisation_id.uuid() == caller.organisation {
        return Ok(());
    }
    Err(Problem::because(
        Code::NotYours,
        text!(
            "Only the operator in charge of the worker declares and changes outcomes."
                / "Solo l'operatore che ha in carico il lavoratore dichiara e modifica gli esiti."
        ),
    ))
}

/// The outcome without what leads to somebody: the employer, who may be a person, the notices, by which others know the worker, and what
/// people wrote. The employer's blind index stays: whether the placement counts rests on it.
fn masked(outcome: &Outcome) -> Outcome {
    let mut masked =
        Outcome { employer_sealed: None, cob: None, previous_cob: None, state_reason: None, ..outcome.clone() };
    masked.meta.external_id = None;
    masked
}

/// What became of a worker is often known only after the partnership was concluded, so outcomes go on for as long as the call
/// takes them. Of a partnership that was rejected or withdrawn there are none.
fn check_state(state: PartnershipState) -> Result<(), Problem> {
    if state == PartnershipState::Concluded {
        return Ok(());
    }
    refuse_ended(state, &text!("it takes no outcomes" / "non accetta esiti"))
}

fn within_window(call: &Call, context: &Context) -> Result<(), Problem> {
    match check_window(call, false, context.today()) {
        Some(violation) => Err(Problem::invalid(vec![violation])),
        None => Ok(()),
    }
}

fn write(
    facts: &Facts,
    draft: &Draft<'_, Outcomes>,
    input: &OutcomeInput,
    context: &Context,
) -> Result<Outcome, Problem> {
    let before = draft.before.as_ref();
    let today = context.today();
    let mut violations = misnamed(draft);
    let found = participant_of(draft).and_then(|id| facts.participants.get(&id)).and_then(|participant| {
        let (partnership, call) = facts.partnerships.get(&participant.partnership_id.uuid())?;
        Some((participant, partnership, call))
    });
    let Some((participant, partnership, call)) = found else {
        // It may have been deleted since it was found.
        if violations.is_empty() {
            violations.push(refs::unresolved("/participant"));
        }
        return Err(Problem::invalid(violations));
    };
    authorise(participant, draft.caller)?;
    let (codes, broken) = rules::check(input, participant.dote_from, today);
    let record = views::record(draft, input, codes, participant, context);
    // A pusher that repeats what is stored is answered alike in every state.
    if violations.is_empty()
        && broken.is_empty()
        && let (Some(before), Ok(record)) = (before, rules::written(before, record.clone(), today))
        && *before == record
    {
        return Ok(record);
    }
    check_open(participant)?;
    check_state(partnership.state)?;
    let record = rules::written(before, record, today)?;
    violations.extend(broken);
    violations.extend(check_window(call, before.is_none(), today));
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    let holder = record.cob.as_ref().and_then(|cob| facts.holders.get(cob.as_str()));
    if holder.is_some_and(|holder| *holder != record.meta.id) {
        let detail = text!(
            "The notice is evidence of another outcome already." / "La comunicazione è già prova di un altro esito."
        );
        return Err(Problem::new(Code::AlreadyExists).with(vec![Violation::new("/cob", "already_in_use", detail)]));
    }
    Ok(record)
}

fn misnamed(draft: &Draft<'_, Outcomes>) -> Vec<Violation> {
    match (draft.refs.participant, &draft.before) {
        (None, _) => vec![refs::unresolved("/participant")],
        (Some(named), Some(before)) if named != before.participant_id.uuid() => {
            let detail = text!(
                "An outcome stays with its participant: declare another one."
                    / "Un esito resta al suo destinatario: dichiararne un altro."
            );
            vec![Violation::new("/participant", "immutable", detail)]
        }
        _ => Vec::new(),
    }
}
