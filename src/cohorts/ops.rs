//! Load, decide, write.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use uuid::Uuid;

use super::model::Cohort;
use super::rules::{self, Terms};
use super::wire::{self, CohortInput};
use super::{Cohorts, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Ref, Resource, refs};
use crate::calls::model::Call;
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem, Violation};
use crate::identity::Caller;
use crate::ids::Id;
use crate::members::model::Member;
use crate::organisations::model::Organisation;
use crate::organisations::refs::OrganisationRef;
use crate::partnerships::model::Partnership;
use crate::partnerships::{self, Partnerships};
use crate::text;
use crate::text::Text;
use crate::{members, organisations};

/// What an input names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named {
    partnership: Option<Uuid>,
    operator: Option<Uuid>,
    crisis_company: Option<Uuid>,
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    partnerships: HashMap<Uuid, (Partnership, Call)>,
    members: HashMap<Uuid, Vec<Member>>,
    organisations: HashMap<Uuid, Organisation>,
    referenced: HashSet<Uuid>,
}

impl Resource for Cohorts {
    const PARENT_LOCK: ParentLock = ParentLock::Share;
    type Input = CohortInput;
    type View = wire::Cohort;
    type Act = Infallible;
    type Refs = Named;
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Cohort, _: &Context) -> Result<CohortInput, Fault> {
        let Cohort {
            meta,
            partnership_id,
            operator_organisation_id,
            name,
            crisis_company_id,
            ateco,
            province,
            agreement_on,
        } = record.clone();
        Ok(CohortInput {
            external_id: meta.external_id,
            partnership: Ref::id(partnership_id.uuid()),
            operator: Some(OrganisationRef::id(operator_organisation_id.uuid())),
            name,
            crisis_company: crisis_company_id.map(|id| OrganisationRef::id(id.uuid())),
            ateco,
            province,
            agreement_on,
        })
    }

    fn resolve(conn: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<Named>, Fault> {
        let inputs: Vec<(&Caller, Option<&CohortInput>)> = changes
            .iter()
            .map(|(caller, change)| match change {
                Change::Write(input) => (*caller, Some(input.as_ref())),
                Change::Delete | Change::Act(_) => (*caller, None),
            })
            .collect();
        let partnerships: Vec<(&Caller, Option<&Ref>)> =
            inputs.iter().map(|(caller, input)| (*caller, input.map(|input| &input.partnership))).collect();
        let operators: Vec<(&Caller, Option<&OrganisationRef>)> =
            inputs.iter().map(|(caller, input)| (*caller, input.and_then(|input| input.operator.as_ref()))).collect();
        let companies: Vec<(&Caller, Option<&OrganisationRef>)> = inputs
            .iter()
            .map(|(caller, input)| (*caller, input.and_then(|input| input.crisis_company.as_ref())))
            .collect();
        let partnerships = refs::resolve::<Partnerships>(conn, &partnerships)?;
        let operators = organisations::refs::resolve(conn, &operators)?;
        let companies = organisations::refs::resolve(conn, &companies)?;
        Ok(partnerships
            .into_iter()
            .zip(operators)
            .zip(companies)
            .map(|((partnership, operator), company)| Named {
                partnership: partnership.map(|found| found.meta.id),
                operator: operator.map(|found| found.meta.id),
                crisis_company: company.map(|found| found.meta.id),
            })
            .collect())
    }

    fn claims(_: &Draft<'_, Self>, _: &mut Claims) {
        // No verdict on a cohort depends on other cohorts.
    }

    fn partnerships(draft: &Draft<'_, Self>) -> Vec<Uuid> {
        partnership_of(draft).into_iter().collect()
    }

    fn parent_lock(draft: &Draft<'_, Self>) -> ParentLock {
        // Nobody may put a worker into a cohort that is being deleted, or in charge of an operator that is being replaced.
        if draft.before.is_some() { ParentLock::Update } else { Self::PARENT_LOCK }
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], _: &Context) -> Result<Facts, Fault> {
        let unique = |mut ids: Vec<Uuid>| {
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let partnerships = unique(drafts.iter().filter_map(partnership_of).collect());
        let operators = unique(drafts.iter().filter_map(operator_of).collect());
        let deleted: Vec<Uuid> =
            drafts.iter().filter(|draft| matches!(draft.change, Change::Delete)).map(|draft| draft.meta.id).collect();
        Ok(Facts {
            partnerships: partnerships::store::with_calls(conn, &partnerships)?,
            members: members::store::of_partnerships(conn, &partnerships)?,
            organisations: Organisation::fetch(conn, &operators)?
                .into_iter()
                .map(|found| (found.meta.id, found))
                .collect(),
            referenced: store::referenced(conn, &deleted)?,
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Cohort, Problem> {
        match &draft.change {
            Change::Write(input) => write(facts, draft, input, context),
            Change::Delete => delete(facts, draft, context),
            Change::Act(never) => match **never {},
        }
    }

    fn around(_: &mut Conn, _: &[&Cohort], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(record: &Cohort, _: &Caller, (): &(), _: &Context) -> Result<wire::Cohort, Fault> {
        Ok(view(record))
    }
}

/// A record stays where it is: what an input names instead is refused.
fn partnership_of(draft: &Draft<'_, Cohorts>) -> Option<Uuid> {
    draft.before.as_ref().map(|before| before.partnership_id.uuid()).or(draft.refs.partnership)
}

/// Who is to be in charge; `None` where a reference leads nowhere.
fn operator_of(draft: &Draft<'_, Cohorts>) -> Option<Uuid> {
    let Change::Write(input) = &draft.change else { return None };
    if input.operator.is_some() {
        return draft.refs.operator;
    }
    Some(draft.before.as_ref().map_or(draft.caller.organisation, |before| before.operator_organisation_id.uuid()))
}

/// The lead may do everything; who is in charge may do everything but hand over.
fn authorise(partnership: &Partnership, draft: &Draft<'_, Cohorts>, operator: Option<Uuid>) -> Result<(), Problem> {
    let caller = draft.caller.organisation;
    let in_charge = draft.before.as_ref().map(|before| before.operator_organisation_id.uuid());
    let own = in_charge.is_none_or(|id| id == caller) && operator.is_none_or(|id| id == caller);
    if own || partnership.lead_organisation_id.uuid() == caller {
        return Ok(());
    }
    let detail = text!(
        "The partnership's lead and the operator in charge write a cohort; only the lead names another operator."
            / "Un gruppo è scritto dal capofila e dall'operatore incaricato; solo il capofila nomina un altro operatore."
    );
    Err(Problem::because(Code::NotYours, detail))
}

fn stays() -> Text {
    text!("its cohorts stay as they are" / "i suoi gruppi restano come sono")
}

fn write(facts: &Facts, draft: &Draft<'_, Cohorts>, input: &CohortInput, context: &Context) -> Result<Cohort, Problem> {
    let before = draft.before.as_ref();
    let operator = operator_of(draft);
    let mut violations = unresolved(draft, input, operator);
    let Some((partnership, call)) = partnership_of(draft).and_then(|id| facts.partnerships.get(&id)) else {
        // It may have been deleted since it was found.
        if violations.is_empty() {
            violations.push(refs::unresolved("/partnership"));
        }
        return Err(Problem::invalid(violations));
    };
    authorise(partnership, draft, operator)?;
    let Some(operator) = operator.and_then(|id| facts.organisations.get(&id)) else {
        rules::refuse_ended(partnership.state, &stays())?;
        return Err(Problem::invalid(violations));
    };
    let record = Cohort {
        meta: draft.meta.clone(),
        partnership_id: Id::new(partnership.meta.id),
        operator_organisation_id: Id::new(operator.meta.id),
        name: input.name.clone(),
        crisis_company_id: draft.refs.crisis_company.map(Id::new),
        ateco: input.ateco.clone(),
        province: input.province.clone(),
        agreement_on: input.agreement_on,
    };
    // A pusher that repeats what is stored is answered alike in every state.
    if before == Some(&record) && violations.is_empty() {
        return Ok(record);
    }
    rules::refuse_ended(partnership.state, &stays())?;
    let members = facts.members.get(&partnership.meta.id).map_or(&[][..], Vec::as_slice);
    let terms = Terms { rules: &call.rules, members, today: context.today() };
    violations.extend(rules::check(&record, before, operator, terms));
    violations.extend(rules::check_window(call, before.is_none(), context.today()));
    if violations.is_empty() { Ok(record) } else { Err(Problem::invalid(violations)) }
}

fn unresolved(draft: &Draft<'_, Cohorts>, input: &CohortInput, operator: Option<Uuid>) -> Vec<Violation> {
    let mut violations = Vec::new();
    match (draft.refs.partnership, &draft.before) {
        (None, _) => violations.push(refs::unresolved("/partnership")),
        (Some(named), Some(before)) if named != before.partnership_id.uuid() => {
            let detail = text!(
                "A cohort stays with its partnership: make another one."
                    / "Un gruppo resta nel suo partenariato: crearne un altro."
            );
            violations.push(Violation::new("/partnership", "immutable", detail));
        }
        _ => {}
    }
    if operator.is_none() {
        violations.push(refs::unresolved("/operator"));
    }
    if input.crisis_company.is_some() && draft.refs.crisis_company.is_none() {
        violations.push(refs::unresolved("/crisis_company"));
    }
    violations
}

fn delete(facts: &Facts, draft: &Draft<'_, Cohorts>, context: &Context) -> Result<Cohort, Problem> {
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let (partnership, call) =
        facts.partnerships.get(&before.partnership_id.uuid()).ok_or(Problem::new(Code::NotFound))?;
    authorise(partnership, draft, None)?;
    rules::refuse_ended(partnership.state, &stays())?;
    if let Some(violation) = rules::check_window(call, false, context.today()) {
        return Err(Problem::invalid(vec![violation]));
    }
    if facts.referenced.contains(&before.meta.id) {
        return Err(Problem::because(
            Code::StillReferenced,
            text!("Workers or actions belong to the cohort." / "Al gruppo appartengono lavoratori o azioni."),
        ));
    }
    draft.tombstone(context)
}

fn view(record: &Cohort) -> wire::Cohort {
    let Cohort {
        meta,
        partnership_id,
        operator_organisation_id,
        name,
        crisis_company_id,
        ateco,
        province,
        agreement_on,
    } = record.clone();
    wire::Cohort {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        partnership_id: partnership_id.uuid(),
        operator_organisation_id: operator_organisation_id.uuid(),
        name,
        crisis_company_id: crisis_company_id.map(Id::uuid),
        ateco,
        province,
        agreement_on,
    }
}
