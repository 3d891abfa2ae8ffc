//! Load, decide, write.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::composition::Finding;
use super::model::Partnership;
use super::network::Network;
use super::wire::{self, Decision, PartnershipInput, Withdrawal};
use super::{Partnerships, lifecycle, rules, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Ref, Resource, Settled, refs};
use crate::calls::model::{Budget, Call};
use crate::calls::{self, Calls};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault, Json};
use crate::error::{Code, Problem, Violation};
use crate::identifiers::Cup;
use crate::identity::Caller;
use crate::ids::Id;
use crate::rules_catalogue;
use crate::text;
use crate::text::Language;
use crate::vocabularies::terms::PartnershipState;

/// The steps of its life.
#[derive(Clone, Debug)]
pub enum Act {
    /// The lead submits it.
    Submit,
    /// The region decides on it.
    Decide(Decision),
    /// The lead activates it.
    Activate,
    /// The lead concludes it.
    Conclude,
    /// The lead withdraws it.
    Withdraw(Withdrawal),
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    calls: HashMap<Uuid, Call>,
    budgets: HashMap<Uuid, Budget>,
    networks: HashMap<Uuid, Network>,
    referenced: HashSet<Uuid>,
}

impl Resource for Partnerships {
    // The partnership is the record itself, which the engine locks.
    const PARENT_LOCK: ParentLock = ParentLock::None;
    type Input = PartnershipInput;
    type View = wire::Partnership;
    type Act = Act;
    /// The call that an input names.
    type Refs = Option<Uuid>;
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Partnership, _: &Context) -> Result<PartnershipInput, Fault> {
        Ok(PartnershipInput {
            external_id: record.meta.external_id.clone(),
            call: Ref::id(record.call_id.uuid()),
            title: record.title.clone(),
            ateco: record.ateco.clone(),
            provinces: record.provinces.0.clone(),
            cup: record.cup.as_ref().map(|cup| cup.as_str().to_owned()),
            starts_on: record.starts_on,
            ends_on: record.ends_on,
            budget_cents: record.budget_cents,
            requested_cents: record.requested_cents,
        })
    }

    fn resolve(
        conn: &mut Conn,
        changes: &[(&Caller, &Change<'_, Self>)],
        _: &Context,
    ) -> Result<Vec<Option<Uuid>>, Fault> {
        let asked: Vec<(&Caller, Option<&Ref>)> = changes
            .iter()
            .map(|(caller, change)| match change {
                Change::Write(input) => (*caller, Some(&input.call)),
                Change::Delete | Change::Act(_) => (*caller, None),
            })
            .collect();
        Ok(refs::resolve::<Calls>(conn, &asked)?.into_iter().map(|call| Some(call?.meta.id)).collect())
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        // Two grants under one call are judged one after the other.
        if let (Some(before), true) = (&draft.before, moves_budget(draft)) {
            claims.add("call_budget", before.call_id.uuid());
        }
    }

    fn partnerships(_: &Draft<'_, Self>) -> Vec<Uuid> {
        Vec::new()
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], context: &Context) -> Result<Facts, Fault> {
        let ids = |wanted: &dyn Fn(&Draft<'_, Self>) -> Option<Uuid>| -> Vec<Uuid> {
            let mut ids: Vec<Uuid> = drafts.iter().filter_map(wanted).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let mut calls = ids(&|draft| Some(draft.before.as_ref()?.call_id.uuid()));
        calls.extend(ids(&|draft| draft.refs));
        let budgets = ids(&|draft| draft.before.as_ref().filter(|_| moves_budget(draft)).map(|p| p.call_id.uuid()));
        let judged =
            ids(&|draft| matches!(draft.change, Change::Act(Act::Submit | Act::Activate)).then_some(draft.meta.id));
        let deleted = ids(&|draft| matches!(draft.change, Change::Delete).then_some(draft.meta.id));
        Ok(Facts {
            calls: calls::store::hold(conn, &calls)?,
            budgets: calls::store::lock_budgets(conn, &budgets)?,
            networks: store::networks(conn, &judged, context.today())?,
            referenced: store::referenced(conn, &deleted)?.into_iter().collect(),
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Partnership, Problem> {
        match &draft.change {
            Change::Write(input) => write(facts, draft, input, context),
            Change::Delete => {
                lifecycle::within(led(draft)?.state, &[PartnershipState::Draft], &text!("deleted" / "eliminato"))?;
                if facts.referenced.contains(&draft.meta.id) {
                    return Err(Problem::new(Code::StillReferenced));
                }
                draft.tombstone(context)
            }
            Change::Act(act) => step(facts, draft, act, context),
        }
    }

    fn settle(conn: &mut Conn, settled: &[Settled<'_, '_, Self>], context: &Context) -> Result<(), Fault> {
        let mut grants: BTreeMap<Uuid, i64> = BTreeMap::new();
        for Settled { draft, record } in settled {
            let before = draft.before.as_ref().map_or(0, Partnership::takes_cents);
            let more = record.takes_cents() - before;
            if more != 0 {
                *grants.entry(record.call_id.uuid()).or_default() += more;
            }
        }
        let ids = |wanted: &dyn Fn(&Settled<'_, '_, Self>) -> bool| -> Vec<Uuid> {
            settled.iter().filter(|settled| wanted(settled)).map(|settled| settled.record.meta.id).collect()
        };
        let ended = ids(&|settled| settled.record.state.is_final());
        let deleted = ids(&|settled| settled.record.meta.deleted_at.is_some());
        calls::store::grant(conn, &grants)?;
        store::release_workers(conn, &ended, context.today(), context.now())?;
        store::delete_members(conn, &deleted, context.now())
    }

    fn around(_: &mut Conn, _: &[&Partnership], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(record: &Partnership, _: &Caller, (): &(), _: &Context) -> Result<wire::Partnership, Fault> {
        Ok(view(record))
    }
}

/// Whether a change may add to what is granted under a call, or give back.
fn moves_budget(draft: &Draft<'_, Partnerships>) -> bool {
    matches!(draft.change, Change::Act(Act::Decide(_) | Act::Withdraw(_)))
}

/// The partnership, where the caller's organisation leads it.
fn led<'d>(draft: &'d Draft<'_, Partnerships>) -> Result<&'d Partnership, Problem> {
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    if before.lead_organisation_id.uuid() == draft.caller.organisation {
        Ok(before)
    } else {
        Err(Problem::because(
            Code::NotYours,
            text!(
                "Only the organisation that leads the partnership may do this."
                    / "Solo il soggetto capofila del partenariato può farlo."
            ),
        ))
    }
}

fn step(facts: &Facts, draft: &Draft<'_, Partnerships>, act: &Act, context: &Context) -> Result<Partnership, Problem> {
    let before = match act {
        Act::Decide(_) => draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?,
        Act::Submit | Act::Activate | Act::Conclude | Act::Withdraw(_) => led(draft)?,
    };
    let today = context.today();
    let call = facts.calls.get(&before.call_id.uuid()).ok_or(Problem::new(Code::Internal))?;
    let network = || facts.networks.get(&before.meta.id).ok_or(Problem::new(Code::Internal));
    match act {
        Act::Submit => lifecycle::submit(before, call, network()?, today),
        Act::Decide(decision) => {
            lifecycle::decide(before, call, facts.budgets.get(&call.meta.id).copied(), decision, today)
        }
        Act::Activate => lifecycle::activate(before, call, network()?, today),
        Act::Conclude => lifecycle::conclude(before, today),
        Act::Withdraw(withdrawal) => lifecycle::withdraw(before, withdrawal.reason.as_deref(), today),
    }
}

fn write(
    facts: &Facts,
    draft: &Draft<'_, Partnerships>,
    input: &PartnershipInput,
    context: &Context,
) -> Result<Partnership, Problem> {
    let before = draft.before.as_ref().map(|_| led(draft)).transpose()?;
    let call = draft.refs.and_then(|id| facts.calls.get(&id));
    let mut violations = rules::check(input, call, context.today());
    let moved = before.is_some_and(|before| draft.refs.is_some_and(|id| id != before.call_id.uuid()));
    if moved {
        let detail = text!(
            "A partnership stays under its call: make another one."
                / "Un partenariato resta sotto il suo avviso: crearne un altro."
        );
        violations.push(Violation::new("/call", "immutable", detail));
    }
    if call.is_none() {
        violations.push(refs::unresolved("/call"));
    }
    let record = call.map(|call| planned(draft, before, input, call));
    // A pusher that repeats what is stored is answered alike in every state.
    if let (Some(before), Some(record)) = (before, &record)
        && before == record
    {
        return Ok(record.clone());
    }
    if let Some(before) = before {
        lifecycle::within(before.state, &[PartnershipState::Draft], &text!("edited" / "modificato"))?;
    }
    match record {
        Some(record) if violations.is_empty() => Ok(record),
        _ => Err(Problem::invalid(violations)),
    }
}

fn planned(
    draft: &Draft<'_, Partnerships>,
    before: Option<&Partnership>,
    input: &PartnershipInput,
    call: &Call,
) -> Partnership {
    Partnership {
        meta: draft.meta.clone(),
        call_id: Id::new(call.meta.id),
        lead_organisation_id: before.map_or(Id::new(draft.caller.organisation), |before| before.lead_organisation_id),
        title: input.title.clone(),
        ateco: input.ateco.clone(),
        provinces: Json(input.provinces.clone()),
        cup: input.cup.as_deref().and_then(|cup| Cup::parse(cup).ok()),
        starts_on: input.starts_on,
        ends_on: input.ends_on,
        budget_cents: input.budget_cents,
        requested_cents: input.requested_cents,
        granted_cents: before.and_then(|before| before.granted_cents),
        state: before.map_or(PartnershipState::Draft, |before| before.state),
        submitted_on: before.and_then(|before| before.submitted_on),
        decided_on: before.and_then(|before| before.decided_on),
        decision_reason: before.and_then(|before| before.decision_reason.clone()),
        activated_on: before.and_then(|before| before.activated_on),
        concluded_on: before.and_then(|before| before.concluded_on),
        withdrawn_on: before.and_then(|before| before.withdrawn_on),
        withdrawal_reason: before.and_then(|before| before.withdrawal_reason.clone()),
    }
}

/// How a partnership stands to the rules of its submission, by the functions that the submission uses.
pub fn composition(
    conn: &mut Conn,
    caller: &Caller,
    id: Uuid,
    context: &Context,
) -> Result<wire::Composition, QueryError> {
    let today = context.today();
    refs::visible::<Partnerships>(conn, &[caller], &[Some(id)])?.pop().flatten().ok_or(Problem::new(Code::NotFound))?;
    let (partnership, call) = store::with_calls(conn, &[id])?.remove(&id).ok_or(Problem::new(Code::NotFound))?;
    let network = store::networks(conn, &[id], today)?.remove(&id).unwrap_or_default();
    let findings = rules::check_submission(&partnership, &call, &network, today);
    Ok(wire::Composition {
        partnership_id: id,
        state: partnership.state,
        judged_on: today,
        complete: !findings.iter().any(Finding::is_violated),
        rules: findings.into_iter().filter_map(shown).collect(),
    })
}

fn shown(finding: Finding) -> Option<wire::CompositionRule> {
    let rule = rules_catalogue::rule(finding.rule)?;
    Some(wire::CompositionRule {
        rule: rule.code,
        verdict: finding.verdict,
        title_en: rule.title_en,
        title_it: rule.title_it,
        citation: rule.citation,
        detail_en: finding.detail.get(Language::English).to_owned(),
        detail_it: finding.detail.get(Language::Italian).to_owned(),
        missing: finding.missing.map(|missing| wire::MissingPart {
            needed: missing.needed,
            present: missing.present,
            what_en: missing.what.get(Language::English).to_owned(),
            what_it: missing.what.get(Language::Italian).to_owned(),
        }),
    })
}

fn view(record: &Partnership) -> wire::Partnership {
    let Partnership {
        meta,
        call_id,
        lead_organisation_id,
        title,
        ateco,
        provinces,
        cup,
        starts_on,
        ends_on,
        budget_cents,
        requested_cents,
        granted_cents,
        state,
        submitted_on,
        decided_on,
        decision_reason,
        activated_on,
        concluded_on,
        withdrawn_on,
        withdrawal_reason,
    } = record.clone();
    wire::Partnership {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        call_id: call_id.uuid(),
        lead_organisation_id: lead_organisation_id.uuid(),
        title,
        ateco,
        provinces: provinces.0,
        cup: cup.map(|cup| cup.as_str().to_owned()),
        starts_on,
        ends_on,
        budget_cents,
        requested_cents,
        granted_cents,
        state,
        submitted_on,
        decided_on,
        decision_reason,
        activated_on,
        concluded_on,
        withdrawn_on,
        withdrawal_reason,
    }
}
