//! Participants as they are kept and shown: what is sealed, and who may see it opened.

use super::model::{Participant, Person};
use super::wire::{self, Dote, ParticipantInput};
use super::{Participants, rules};
use crate::batch::{Context, Draft};
use crate::cohorts::model::Cohort;
use crate::db::Fault;
use crate::error::{Code, Problem};
use crate::identity::{Caller, Role};
use crate::ids::Id;
use crate::organisations::Organisations;
use crate::vault::Vault;

/// What the person is sealed for.
pub const PLACE: &str = "participant.person";

/// Opens what is sealed. That it cannot be is a fault of ours: another key, or a database that something else wrote to.
pub fn open(record: &Participant, vault: &Vault) -> Result<Option<Person>, Fault> {
    let Some(sealed) = &record.person_sealed else { return Ok(None) };
    let json =
        vault.open(PLACE, record.meta.id, sealed).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
    serde_json::from_slice(&json).map(Some).map_err(|error| Fault::DeserializationError(Box::new(error)))
}

/// Whether the caller is shown who the worker is: the operator in charge, the region and the Dote system are.
/// While that is restricted, the region alone is.
pub fn may_see(operator: Id<Organisations>, restricted: bool, caller: &Caller) -> bool {
    match caller.role {
        Role::Region => true,
        _ if restricted => false,
        Role::Dote => true,
        Role::Operator | Role::Auditor => caller.organisation == operator.uuid(),
    }
}

/// The same for one record.
pub fn shows_person(record: &Participant, caller: &Caller) -> bool {
    may_see(record.operator_organisation_id, record.restricted_at.is_some(), caller)
}

/// The record that an input makes. The worker is its blind index and pseudonym.
pub fn record(
    draft: &Draft<'_, Participants>,
    input: &ParticipantInput,
    cohort: &Cohort,
    (index, pseudonym): (&[u8], &str),
    context: &Context,
) -> Result<Participant, Problem> {
    let before = draft.before.as_ref();
    let person = Person {
        tax_code: input.tax_code.clone(),
        given_name: input.given_name.clone(),
        family_name: input.family_name.clone(),
    };
    Ok(Participant {
        meta: draft.meta.clone(),
        partnership_id: before.map_or(cohort.partnership_id, |before| before.partnership_id),
        cohort_id: before.map_or(crate::ids::Id::new(cohort.meta.id), |before| before.cohort_id),
        operator_organisation_id: before
            .map_or(cohort.operator_organisation_id, |before| before.operator_organisation_id),
        person_sealed: Some(seal(before, &person, draft.meta.id, context)?),
        worker_index: index.to_vec(),
        pseudonym: pseudonym.to_owned(),
        birth_year: input.birth_year,
        sex: input.sex,
        municipality: input.municipality.clone(),
        education_level: input.education_level.clone(),
        entry_status: input.entry_status,
        unemployed_since: input.unemployed_since,
        dote_number: input.dote.number.clone(),
        dote_path: input.dote.path,
        dote_from: input.dote.valid_from,
        dote_to: input.dote.valid_to,
        taken_charge_on: input.taken_charge_on,
        left_on: input.left_on,
        exit_reason: input.exit_reason,
        restricted_at: before.and_then(|before| before.restricted_at),
        pseudonymised_at: before.and_then(|before| before.pseudonymised_at),
    })
}

/// Sealing twice looks different: where the person is the same, what is sealed already stays, so that nothing seems changed.
pub fn seal(
    before: Option<&Participant>,
    person: &Person,
    id: uuid::Uuid,
    context: &Context,
) -> Result<Vec<u8>, Problem> {
    if let Some(before) = before
        && let Some(sealed) = &before.person_sealed
        && open(before, &context.vault).is_ok_and(|known| known.as_ref() == Some(person))
    {
        return Ok(sealed.clone());
    }
    let json = serde_json::to_vec(person).map_err(|_| Problem::new(Code::Internal))?;
    Ok(context.vault.seal(&context.ids, PLACE, id, &json))
}

/// What a caller is shown.
pub fn view(record: &Participant, caller: &Caller, vault: &Vault) -> Result<wire::Participant, Fault> {
    let person = if shows_person(record, caller) { open(record, vault)? } else { None };
    let Participant {
        meta,
        partnership_id,
        cohort_id,
        operator_organisation_id,
        person_sealed: _,
        worker_index: _,
        pseudonym,
        birth_year,
        sex,
        municipality,
        education_level,
        entry_status,
        unemployed_since,
        dote_number,
        dote_path,
        dote_from,
        dote_to,
        taken_charge_on,
        left_on,
        exit_reason,
        restricted_at,
        pseudonymised_at,
    } = record.clone();
    let warnings = person.as_ref().map(|person| rules::warnings(&person.tax_code, birth_year, sex)).unwrap_or_default();
    let (tax_code, given_name, family_name) = match person {
        Some(Person { tax_code, given_name, family_name }) => (Some(tax_code), Some(given_name), Some(family_name)),
        None => (None, None, None),
    };
    Ok(wire::Participant {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        partnership_id: partnership_id.uuid(),
        cohort_id: cohort_id.uuid(),
        operator_organisation_id: operator_organisation_id.uuid(),
        pseudonym,
        tax_code,
        given_name,
        family_name,
        sex,
        birth_year,
        municipality,
        education_level,
        entry_status,
        unemployed_since,
        dote: Dote { number: dote_number, path: dote_path, valid_from: dote_from, valid_to: dote_to },
        taken_charge_on,
        left_on,
        exit_reason,
        restricted_at,
        pseudonymised_at,
        warnings,
    })
}
