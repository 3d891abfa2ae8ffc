//! Load, decide, write.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use uuid::Uuid;

use super::model::Member;
use super::rules::{self, Terms, membership};
use super::wire::{self, MemberInput, MemberRole};
use super::{Members, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Ref, Resource, refs};
use crate::calls::model::Call;
use crate::db::{Conn, Fault, Stored as _};
use crate::error::{Code, Problem, Violation};
use crate::identity::Caller;
use crate::ids::Id;
use crate::organisations;
use crate::organisations::model::Organisation;
use crate::organisations::refs::OrganisationRef;
use crate::partnerships::model::Partnership;
use crate::partnerships::network::Network;
use crate::partnerships::{self, Partnerships};
use crate::text;
use crate::vocabularies::terms::PartnershipState;

/// What an input names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named {
    partnership: Option<Uuid>,
    organisation: Option<Uuid>,
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    partnerships: HashMap<Uuid, (Partnership, Call)>,
    networks: HashMap<Uuid, Network>,
    organisations: HashMap<Uuid, Organisation>,
    referenced: HashSet<Uuid>,
}

/// Who leads the partnerships of members, and the organisations that these are.
#[derive(Debug, Default)]
pub struct Around {
    leads: HashMap<Uuid, Uuid>,
    organisations: HashMap<Uuid, Organisation>,
}

impl Resource for Members {
    // Two departures must not both count on the other staying.
    const PARENT_LOCK: ParentLock = ParentLock::Update;
    type Input = MemberInput;
    type View = wire::Member;
    type Act = Infallible;
    type Refs = Named;
    type Facts = Facts;
    type Around = Around;

    fn input_of(_: &mut Conn, record: &Member, _: &Context) -> Result<MemberInput, Fault> {
        let Member { meta, partnership_id, organisation_id, category, joined_on, left_on, own_resources_cents } =
            record.clone();
        Ok(MemberInput {
            external_id: meta.external_id,
            partnership: Ref::id(partnership_id.uuid()),
            organisation: OrganisationRef::id(organisation_id.uuid()),
            category,
            joined_on,
            left_on,
            own_resources_cents,
        })
    }

    fn resolve(conn: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<Named>, Fault> {
        let inputs: Vec<(&Caller, Option<&MemberInput>)> = changes
            .iter()
            .map(|(caller, change)| match change {
                Change::Write(input) => (*caller, Some(input.as_ref())),
                Change::Delete | Change::Act(_) => (*caller, None),
            })
            .collect();
        let partnerships: Vec<(&Caller, Option<&Ref>)> =
            inputs.iter().map(|(caller, input)| (*caller, input.map(|input| &input.partnership))).collect();
        let organisations: Vec<(&Caller, Option<&OrganisationRef>)> =
            inputs.iter().map(|(caller, input)| (*caller, input.map(|input| &input.organisation))).collect();
        let partnerships = refs::resolve::<Partnerships>(conn, &partnerships)?;
        let organisations = organisations::refs::resolve(conn, &organisations)?;
        Ok(partnerships
            .into_iter()
            .zip(organisations)
            .map(|(partnership, organisation)| Named {
                partnership: partnership.map(|found| found.meta.id),
                organisation: organisation.map(|found| found.meta.id),
            })
            .collect())
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        for partnership in Self::partnerships(draft) {
            claims.add("partnership", partnership);
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

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], context: &Context) -> Result<Facts, Fault> {
        let unique = |ids: &mut Vec<Uuid>| {
            ids.sort_unstable();
            ids.dedup();
        };
        let mut ids: Vec<Uuid> = drafts.iter().flat_map(Self::partnerships).collect();
        unique(&mut ids);
        let partnerships = partnerships::store::with_calls(conn, &ids)?;
        let mut organisations: Vec<Uuid> = drafts.iter().filter_map(|draft| draft.refs.organisation).collect();
        unique(&mut organisations);
        let organisations = Organisation::fetch(conn, &organisations)?;
        let deleted: Vec<Uuid> =
            drafts.iter().filter(|draft| matches!(draft.change, Change::Delete)).map(|draft| draft.meta.id).collect();
        Ok(Facts {
            partnerships,
            networks: partnerships::store::networks(conn, &ids, context.today())?,
            organisations: organisations.into_iter().map(|found| (found.meta.id, found)).collect(),
            referenced: store::referenced(conn, &deleted)?,
        })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Member, Problem> {
        match &draft.change {
            Change::Write(input) => write(facts, draft, input, context),
            Change::Delete => delete(facts, draft, context),
            Change::Act(never) => match **never {},
        }
    }

    fn around(conn: &mut Conn, records: &[&Member], _: &Context) -> Result<Around, Fault> {
        if records.is_empty() {
            return Ok(Around::default());
        }
        let unique = |id: fn(&Member) -> Uuid| -> Vec<Uuid> {
            let ids: HashSet<Uuid> = records.iter().map(|member| id(member)).collect();
            ids.into_iter().collect()
        };
        let leads = Partnership::fetch(conn, &unique(|member| member.partnership_id.uuid()))?
            .into_iter()
            .map(|partnership| (partnership.meta.id, partnership.lead_organisation_id.uuid()))
            .collect();
        let organisations = Organisation::fetch(conn, &unique(|member| member.organisation_id.uuid()))?
            .into_iter()
            .map(|organisation| (organisation.meta.id, organisation))
            .collect();
        Ok(Around { leads, organisations })
    }

    fn view(record: &Member, _: &Caller, around: &Around, _: &Context) -> Result<wire::Member, Fault> {
        Ok(view(record, &around.leads, &around.organisations))
    }
}

/// The partnership of a change with its facts, where the caller's organisation leads it.
struct Place<'f> {
    partnership: &'f Partnership,
    network: &'f Network,
    terms: Terms<'f>,
}

impl<'f> Place<'f> {
    fn of(facts: &'f Facts, id: Uuid, caller: &Caller, context: &Context) -> Result<Self, Problem> {
        let (partnership, call) = facts.partnerships.get(&id).ok_or(Problem::new(Code::NotFound))?;
        if partnership.lead_organisation_id.uuid() != caller.organisation {
            let detail = text!(
                "Only the organisation that leads the partnership changes its members."
                    / "Solo il soggetto capofila modifica i soggetti del partenariato."
            );
            return Err(Problem::because(Code::NotYours, detail));
        }
        let network = facts.networks.get(&id).ok_or(Problem::new(Code::Internal))?;
        let terms = Terms { rules: &call.rules, ends_on: partnership.ends_on, today: context.today() };
        Ok(Self { partnership, network, terms })
    }

    fn refuse_ended(&self) -> Result<(), Problem> {
        let state = self.partnership.state;
        if state.is_final() {
            let detail = text!(
                "The partnership is `{state}`: its members stay as they are."
                    / "Il partenariato è `{state}`: i suoi soggetti restano come sono."
            );
            return Err(Problem::because(Code::WrongState, detail));
        }
        Ok(())
    }

    /// What a change would break of a composition that the region relies on.
    fn broken_by(&self, after: &Network) -> Vec<Violation> {
        match self.partnership.state {
            PartnershipState::Draft => Vec::new(),
            _ => rules::check_change(self.network, after, self.terms),
        }
    }
}

fn write(facts: &Facts, draft: &Draft<'_, Members>, input: &MemberInput, context: &Context) -> Result<Member, Problem> {
    let before = draft.before.as_ref();
    let Named { partnership, organisation } = draft.refs;
    let mut violations = unresolved(draft.refs);
    if let Some(before) = before {
        violations.extend(moved(before, draft.refs));
    }
    let id = before.map(|before| before.partnership_id.uuid()).or(partnership);
    let Some(id) = id.filter(|id| facts.partnerships.contains_key(id)) else {
        // It may have been deleted since it was found.
        if violations.is_empty() {
            violations.push(refs::unresolved("/partnership"));
        }
        return Err(Problem::invalid(violations));
    };
    let place = Place::of(facts, id, draft.caller, context)?;
    let Some(organisation) = organisation.and_then(|id| facts.organisations.get(&id)) else {
        place.refuse_ended()?;
        return Err(Problem::invalid(violations));
    };
    let member = Member {
        meta: draft.meta.clone(),
        partnership_id: Id::new(id),
        organisation_id: Id::new(organisation.meta.id),
        category: input.category,
        joined_on: input.joined_on,
        left_on: input.left_on,
        own_resources_cents: input.own_resources_cents,
    };
    // A pusher that repeats what is stored is answered alike in every state.
    if before == Some(&member) && violations.is_empty() {
        return Ok(member);
    }
    place.refuse_ended()?;
    violations.extend(rules::check(&member, before, organisation, place.terms));
    if violations.is_empty() {
        let mut after = place.network.with(membership(&member));
        after.organisations.insert(organisation.meta.id, organisation.clone());
        violations = place.broken_by(&after);
    }
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    rules::check_leaving(&member, before, place.network)?;
    Ok(member)
}

fn unresolved(named: Named) -> Vec<Violation> {
    let pointers = [("/partnership", named.partnership), ("/organisation", named.organisation)];
    pointers.into_iter().filter(|(_, id)| id.is_none()).map(|(pointer, _)| refs::unresolved(pointer)).collect()
}

/// Partnership and organisation stay what they are.
fn moved(before: &Member, named: Named) -> Vec<Violation> {
    let fields = [
        ("/partnership", named.partnership, before.partnership_id.uuid()),
        ("/organisation", named.organisation, before.organisation_id.uuid()),
    ];
    let detail = text!(
        "A membership stays with its partnership and organisation: make another one."
            / "Una partecipazione resta al suo partenariato e al suo soggetto: crearne un'altra."
    );
    fields
        .into_iter()
        .filter(|(_, named, was)| named.is_some_and(|named| named != *was))
        .map(|(pointer, ..)| Violation::new(pointer, "immutable", detail.clone()))
        .collect()
}

fn delete(facts: &Facts, draft: &Draft<'_, Members>, context: &Context) -> Result<Member, Problem> {
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let place = Place::of(facts, before.partnership_id.uuid(), draft.caller, context)?;
    place.refuse_ended()?;
    let broken = place.broken_by(&place.network.without(before.meta.id));
    if !broken.is_empty() {
        return Err(Problem::invalid(broken));
    }
    if facts.referenced.contains(&before.meta.id) {
        let detail = text!(
            "The organisation performs actions of the partnership, or is in charge of its workers."
                / "Il soggetto svolge azioni del partenariato, o ha in carico suoi lavoratori."
        );
        return Err(Problem::because(Code::StillReferenced, detail));
    }
    draft.tombstone(context)
}

fn view(member: &Member, leads: &HashMap<Uuid, Uuid>, organisations: &HashMap<Uuid, Organisation>) -> wire::Member {
    let Member { meta, partnership_id, organisation_id, category, joined_on, left_on, own_resources_cents } =
        member.clone();
    let organisation = organisations.get(&organisation_id.uuid());
    let leads_it = leads.get(&partnership_id.uuid()) == Some(&organisation_id.uuid());
    wire::Member {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        partnership_id: partnership_id.uuid(),
        organisation_id: organisation_id.uuid(),
        organisation_name: organisation.map(|found| found.name.clone()).unwrap_or_default(),
        organisation_tax_code: organisation.map(|found| found.tax_code.as_str().to_owned()).unwrap_or_default(),
        role: if leads_it { MemberRole::Lead } else { MemberRole::Partner },
        category,
        joined_on,
        left_on,
        own_resources_cents,
    }
}
