//! Outcomes as they are kept and shown: the employer is sealed, and whether it is a placement is worked out for the reader.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::model::Outcome;
use super::placement::{self, Circumstances};
use super::rules::Codes;
use super::wire::{self, OutcomeInput, Placement};
use super::{Outcomes, store};
use crate::batch::{Context, Draft};
use crate::calls::model::Call;
use crate::cohorts::model::Cohort;
use crate::db::{Conn, Fault, Stored};
use crate::identifiers::OrganisationTaxCode;
use crate::identity::Caller;
use crate::ids::Id;
use crate::organisations::model::Organisation;
use crate::participants;
use crate::participants::model::Participant;
use crate::participants::store::Charge;
use crate::participants::views::may_see;
use crate::partnerships;
use crate::partnerships::model::Partnership;
use crate::vault::Vault;
use crate::vocabularies::terms::OutcomeState;

/// What a sealed employer belongs to.
/// What the employer is sealed for.
pub const PLACE: &str = "outcome.employer";

/// Opens the employer's tax code. That it cannot be is a fault of ours.
pub fn open(record: &Outcome, vault: &Vault) -> Result<Option<String>, Fault> {
    let Some(sealed) = &record.employer_sealed else { return Ok(None) };
    let plain =
        vault.open(PLACE, record.meta.id, sealed).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
    String::from_utf8(plain).map(Some).map_err(|error| Fault::DeserializationError(Box::new(error)))
}

/// The record that an input makes; its state is decided afterwards.
pub fn record(
    draft: &Draft<'_, Outcomes>,
    input: &OutcomeInput,
    codes: Codes,
    participant: &Participant,
    context: &Context,
) -> Outcome {
    let before = draft.before.as_ref();
    let Codes { employer, cob, previous_cob, ccnl, profession } = codes;
    let (employer_sealed, employer_index) = seal(before, employer.as_ref(), draft.meta.id, context).unzip();
    Outcome {
        meta: draft.meta.clone(),
        partnership_id: participant.partnership_id,
        participant_id: Id::new(participant.meta.id),
        kind: input.kind,
        contract_type: input.contract_type.clone(),
        working_time: input.working_time,
        employer_sealed,
        employer_index,
        starts_on: input.starts_on,
        ends_on: input.ends_on,
        cob,
        previous_cob,
        cob_annulled: input.cob_annulled,
        ccnl,
        profession,
        vat_opened_on: input.vat_opened_on,
        state: OutcomeState::Declared,
        state_reason: None,
        state_changed_on: context.today(),
    }
}

/// Sealing twice looks different: where the employer is the same, what is sealed already stays, so that nothing seems changed.
fn seal(
    before: Option<&Outcome>,
    employer: Option<&OrganisationTaxCode>,
    id: Uuid,
    context: &Context,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let code = employer?.as_str();
    let index = context.vault.index(code);
    let kept = before
        .filter(|before| before.employer_index.as_ref() == Some(&index))
        .and_then(|before| before.employer_sealed.clone());
    Some((kept.unwrap_or_else(|| context.vault.seal(&context.ids, PLACE, id, code.as_bytes())), index))
}

/// What the views of several outcomes rest on.
pub struct Around {
    /// Where the workers are, and who is in charge of them.
    charges: HashMap<Uuid, Charge>,
    /// Of workers with several live outcomes: all of them.
    siblings: HashMap<Uuid, Vec<Outcome>>,
    calls: HashMap<Uuid, (Partnership, Call)>,
    /// Blind indexes of the companies that the workers of cohorts come from.
    companies: HashMap<Uuid, Vec<u8>>,
}

impl Around {
    /// Reads it.
    pub fn of(conn: &mut Conn, outcomes: &[&Outcome], vault: &Vault) -> Result<Self, Fault> {
        let participants = unique(outcomes.iter().map(|outcome| outcome.participant_id.uuid()));
        let charges = participants::store::charges(conn, &participants)?;
        let partnerships = unique(outcomes.iter().map(|outcome| outcome.partnership_id.uuid()));
        let cohorts = unique(charges.values().map(|charge| charge.cohort.uuid()));
        let cohorts: HashMap<Uuid, Cohort> = fetched(conn, &cohorts)?;
        let company_of = |cohort: &Cohort| cohort.crisis_company_id.map(Id::uuid);
        let organisations = unique(cohorts.values().filter_map(company_of));
        let indexes: HashMap<Uuid, Vec<u8>> = fetched::<Organisation>(conn, &organisations)?
            .into_iter()
            .map(|(id, organisation)| (id, vault.index(organisation.tax_code.as_str())))
            .collect();
        let companies =
            cohorts.iter().filter_map(|(id, cohort)| Some((*id, indexes.get(&company_of(cohort)?)?.clone()))).collect();
        let mut siblings: HashMap<Uuid, Vec<Outcome>> = HashMap::new();
        for outcome in store::siblings(conn, &participants)? {
            siblings.entry(outcome.participant_id.uuid()).or_default().push(outcome);
        }
        Ok(Self { charges, siblings, calls: partnerships::store::with_calls(conn, &partnerships)?, companies })
    }

    fn placement(&self, outcome: &Outcome) -> Option<Placement> {
        let cohort = self.charges.get(&outcome.participant_id.uuid())?.cohort;
        let (_, call) = self.calls.get(&outcome.partnership_id.uuid())?;
        let siblings = self.siblings.get(&outcome.participant_id.uuid()).map_or(&[][..], Vec::as_slice);
        let dismissed_by = self.companies.get(&cohort.uuid()).map(Vec::as_slice);
        Some(placement::judge(outcome, Circumstances { siblings, rules: &call.rules, dismissed_by }))
    }
}

fn unique(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

fn fetched<T: Stored>(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, T>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(T::fetch(conn, ids)?.into_iter().map(|record| (record.meta().id, record)).collect())
}

/// What a caller is shown.
pub fn view(record: &Outcome, caller: &Caller, around: &Around, vault: &Vault) -> Result<wire::Outcome, Fault> {
    // Neither participant nor call can be gone while an outcome rests on them.
    let placement = around.placement(record).ok_or(Fault::NotFound)?;
    let charge = around.charges.get(&record.participant_id.uuid());
    let sees_employer = charge.is_some_and(|charge| may_see(charge.operator, charge.restricted, caller));
    let employer = if sees_employer { open(record, vault)? } else { None };
    Ok(shown(record, employer, placement))
}

fn shown(record: &Outcome, employer_tax_code: Option<String>, placement: Placement) -> wire::Outcome {
    let Outcome {
        meta,
        partnership_id,
        participant_id,
        kind,
        contract_type,
        working_time,
        employer_sealed: _,
        employer_index: _,
        starts_on,
        ends_on,
        cob,
        previous_cob,
        cob_annulled,
        ccnl,
        profession,
        vat_opened_on,
        state,
        state_reason,
        state_changed_on,
    } = record.clone();
    wire::Outcome {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        partnership_id: partnership_id.uuid(),
        participant_id: participant_id.uuid(),
        kind,
        contract_type,
        working_time,
        employer_tax_code,
        starts_on,
        ends_on,
        cob: cob.map(|cob| cob.as_str().to_owned()),
        previous_cob: previous_cob.map(|cob| cob.as_str().to_owned()),
        cob_annulled,
        ccnl: ccnl.map(|ccnl| ccnl.as_str().to_owned()),
        profession: profession.map(|profession| profession.as_str().to_owned()),
        vat_opened_on,
        state,
        state_reason,
        state_changed_on,
        placement,
    }
}
