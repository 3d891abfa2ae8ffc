//! Load, decide, write.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use uuid::Uuid;

use super::model::{Budget, Call};
use super::wire::{self, CallInput};
use super::{Calls, rules, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Resource, Settled};
use crate::db::{Conn, Fault, Json};
use crate::error::{Code, Problem};
use crate::identity::Caller;

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    referenced: HashSet<Uuid>,
    /// Budgets of the calls whose allocation changes.
    budgets: HashMap<Uuid, Budget>,
}

impl Resource for Calls {
    const PARENT_LOCK: ParentLock = ParentLock::None;
    type Input = CallInput;
    type View = wire::Call;
    type Act = Infallible;
    type Refs = ();
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Call, _: &Context) -> Result<CallInput, Fault> {
        let Call {
            meta,
            code,
            title,
            allocation_cents,
            applications_from,
            applications_to,
            activities_from,
            activities_to,
            reporting_deadline,
            rules,
        } = record.clone();
        Ok(CallInput {
            external_id: meta.external_id,
            code,
            title,
            allocation_cents,
            applications_from,
            applications_to,
            activities_from,
            activities_to,
            reporting_deadline,
            rules: rules.0,
        })
    }

    fn resolve(_: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<()>, Fault> {
        Ok(vec![(); changes.len()])
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        if let Change::Write(input) = &draft.change {
            claims.add("code", &input.code);
        }
    }

    fn partnerships(_: &Draft<'_, Self>) -> Vec<Uuid> {
        Vec::new()
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], _: &Context) -> Result<Facts, Fault> {
        let deleted: Vec<Uuid> =
            drafts.iter().filter(|draft| matches!(draft.change, Change::Delete)).map(|draft| draft.meta.id).collect();
        let reallocated: Vec<Uuid> = drafts
            .iter()
            .filter(|draft| match (&draft.change, &draft.before) {
                (Change::Write(input), Some(before)) => input.allocation_cents != before.allocation_cents,
                _ => false,
            })
            .map(|draft| draft.meta.id)
            .collect();
        Ok(Facts {
            referenced: store::referenced(conn, &deleted)?.into_iter().collect(),
            budgets: store::lock_budgets(conn, &reallocated)?,
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Call, Problem> {
        match &draft.change {
            Change::Write(input) => {
                let violations = rules::check(input, facts.budgets.get(&draft.meta.id).copied(), context.today());
                if !violations.is_empty() {
                    return Err(Problem::invalid(violations));
                }
                Ok(Call {
                    meta: draft.meta.clone(),
                    code: input.code.clone(),
                    title: input.title.clone(),
                    allocation_cents: input.allocation_cents,
                    applications_from: input.applications_from,
                    applications_to: input.applications_to,
                    activities_from: input.activities_from,
                    activities_to: input.activities_to,
                    reporting_deadline: input.reporting_deadline,
                    rules: Json(input.rules.clone()),
                })
            }
            Change::Delete if facts.referenced.contains(&draft.meta.id) => Err(Problem::new(Code::StillReferenced)),
            Change::Delete => draft.tombstone(context),
            Change::Act(never) => match **never {},
        }
    }

    fn settle(conn: &mut Conn, settled: &[Settled<'_, '_, Self>], _: &Context) -> Result<(), Fault> {
        let allocations: Vec<(Uuid, i64)> = settled
            .iter()
            .filter(|settled| {
                let before = settled.draft.before.as_ref().map(|before| before.allocation_cents);
                before != Some(settled.record.allocation_cents)
            })
            .map(|settled| (settled.record.meta.id, settled.record.allocation_cents))
            .collect();
        store::write_allocations(conn, &allocations)
    }

    fn around(_: &mut Conn, _: &[&Call], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(record: &Call, _: &Caller, (): &(), _: &Context) -> Result<wire::Call, Fault> {
        Ok(view(record))
    }
}

fn view(record: &Call) -> wire::Call {
    let Call {
        meta,
        code,
        title,
        allocation_cents,
        applications_from,
        applications_to,
        activities_from,
        activities_to,
        reporting_deadline,
        rules,
    } = record.clone();
    wire::Call {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        code,
        title,
        allocation_cents,
        applications_from,
        applications_to,
        activities_from,
        activities_to,
        reporting_deadline,
        rules: rules.0,
    }
}
