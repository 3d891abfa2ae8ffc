//! Load, decide, write.

use std::collections::HashSet;

use uuid::Uuid;

use super::model::{Accreditation, Organisation, RegisterEntry, Unit};
use super::wire::{self, OrganisationInput};
use super::{Organisations, rules, store};
use crate::batch::{Change, Claims, Context, Draft, ParentLock, Resource};
use crate::db::{Conn, Fault};
use crate::error::{Code, Problem};
use crate::identity::Caller;

/// Steps besides writing and deleting.
#[derive(Clone, Debug)]
pub enum Act {
    /// Replace what the register says of it.
    Accredit(wire::Accreditation),
}

/// What the verdicts depend on.
#[derive(Debug)]
pub struct Facts {
    referenced: HashSet<Uuid>,
}

impl Resource for Organisations {
    const PARENT_LOCK: ParentLock = ParentLock::None;
    type Input = OrganisationInput;
    type View = wire::Organisation;
    type Act = Act;
    type Refs = ();
    type Facts = Facts;
    type Around = ();

    fn input_of(_: &mut Conn, record: &Organisation, _: &Context) -> Result<OrganisationInput, Fault> {
        Ok(OrganisationInput {
            external_id: record.meta.external_id.clone(),
            tax_code: record.tax_code.as_str().to_owned(),
            name: record.name.clone(),
            legal_form: record.legal_form.clone(),
            ateco: record.ateco.clone(),
            municipality: record.municipality.clone(),
        })
    }

    fn resolve(_: &mut Conn, changes: &[(&Caller, &Change<'_, Self>)], _: &Context) -> Result<Vec<()>, Fault> {
        Ok(vec![(); changes.len()])
    }

    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims) {
        if let Change::Write(input) = &draft.change {
            claims.add("tax_code", &input.tax_code);
        }
    }

    fn partnerships(_: &Draft<'_, Self>) -> Vec<Uuid> {
        Vec::new()
    }

    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], _: &Context) -> Result<Facts, Fault> {
        let deleted: Vec<Uuid> =
            drafts.iter().filter(|draft| matches!(draft.change, Change::Delete)).map(|draft| draft.meta.id).collect();
        Ok(Facts { referenced: store::referenced(conn, &deleted)?.into_iter().collect() })
    }

    fn judge(facts: &Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Organisation, Problem> {
        let before = draft.before.as_ref();
        match &draft.change {
            Change::Write(input) => {
                let checked = rules::check(input, context.today()).map_err(Problem::invalid)?;
                Ok(Organisation {
                    meta: draft.meta.clone(),
                    tax_code: checked.tax_code,
                    name: input.name.clone(),
                    legal_form: input.legal_form.clone(),
                    ateco: input.ateco.clone(),
                    municipality: input.municipality.clone(),
                    province: checked.province,
                    accreditation: before.and_then(|before| before.accreditation.clone()),
                })
            }
            Change::Delete if facts.referenced.contains(&draft.meta.id) => Err(Problem::new(Code::StillReferenced)),
            Change::Delete => draft.tombstone(context),
            Change::Act(Act::Accredit(accreditation)) => {
                let accreditation =
                    rules::check_accreditation(accreditation, context.today()).map_err(Problem::invalid)?;
                let mut record = before.cloned().ok_or(Problem::new(Code::NotFound))?;
                record.accreditation = accreditation;
                Ok(record)
            }
        }
    }

    fn around(_: &mut Conn, _: &[&Organisation], _: &Context) -> Result<(), Fault> {
        Ok(())
    }

    fn view(record: &Organisation, _: &Caller, (): &(), _: &Context) -> Result<wire::Organisation, Fault> {
        Ok(view(record))
    }
}

fn view(record: &Organisation) -> wire::Organisation {
    let Organisation { meta, tax_code, name, legal_form, ateco, municipality, province, accreditation } =
        record.clone();
    wire::Organisation {
        id: meta.id,
        version: meta.version,
        created_at: meta.created_at,
        updated_at: meta.updated_at,
        external_id: meta.external_id,
        tax_code: tax_code.as_str().to_owned(),
        name,
        legal_form,
        ateco,
        municipality,
        province,
        accreditation: accreditation.map(|accreditation| wire::Accreditation {
            entries: accreditation
                .0
                .entries
                .into_iter()
                .map(|RegisterEntry { number, kind, act, valid_from, valid_to }| wire::RegisterEntry {
                    number,
                    kind,
                    act,
                    valid_from,
                    valid_to,
                })
                .collect(),
            units: accreditation
                .0
                .units
                .into_iter()
                .map(|Unit { code, municipality }| wire::Unit { code, municipality })
                .collect(),
        }),
    }
}

/// The facts of an accreditation that was checked.
pub fn accreditation_of(input: &wire::Accreditation) -> Accreditation {
    Accreditation {
        entries: input
            .entries
            .iter()
            .cloned()
            .map(|wire::RegisterEntry { number, kind, act, valid_from, valid_to }| RegisterEntry {
                number,
                kind,
                act,
                valid_from,
                valid_to,
            })
            .collect(),
        units: input
            .units
            .iter()
            .cloned()
            .map(|wire::Unit { code, municipality }| Unit { code, municipality })
            .collect(),
    }
}
