//! What the region does with a worker's data: on the worker's request, and at the end of retention. Whatever state the partnership is in: the
//! worker's rights do not end with it.

use std::sync::Arc;

use super::Participants;
use super::model::{Participant, Person};
use super::ops::Facts;
use super::wire::ParticipantRectification;
use super::{rules, views};
use crate::batch::{Context, Draft};
use crate::error::{Code, Problem, Violation};
use crate::identity::Role;
use crate::vault::Mask;

/// What the region does with a worker's data.
#[derive(Clone, Debug)]
pub enum Act {
    /// Corrects who it is, on the worker's request.
    Rectify(ParticipantRectification),
    /// Restricts it, or no more.
    Restrict(bool),
    /// Makes it nobody's, at the end of retention.
    Pseudonymise(Arc<Mask>),
}

impl Act {
    /// The tax code that it sets.
    pub(super) fn tax_code(&self) -> Option<&str> {
        match self {
            Self::Rectify(corrected) => corrected.tax_code.as_deref(),
            Self::Restrict(_) | Self::Pseudonymise(_) => None,
        }
    }
}

/// Decides.
pub fn act(
    facts: &Facts,
    draft: &Draft<'_, Participants>,
    act: &Act,
    context: &Context,
) -> Result<Participant, Problem> {
    // The scope says so already; whoever gives it to another role has to think again.
    if draft.caller.role != Role::Region {
        return Err(Problem::new(Code::NotYours));
    }
    let before = draft.before.as_ref().ok_or(Problem::new(Code::NotFound))?;
    match act {
        Act::Rectify(corrected) => rectify(facts, draft, before, corrected, context),
        Act::Restrict(restricted) => {
            rules::check_known(before)?;
            let since = restricted.then(|| before.restricted_at.unwrap_or_else(|| context.now()));
            Ok(Participant { restricted_at: since, ..before.clone() })
        }
        Act::Pseudonymise(mask) => Ok(masked(before, mask, context)),
    }
}

/// Corrects who a worker is. The Dote and the days stay: they are what is accounted for.
fn rectify(
    facts: &Facts,
    draft: &Draft<'_, Participants>,
    before: &Participant,
    corrected: &ParticipantRectification,
    context: &Context,
) -> Result<Participant, Problem> {
    rules::check_known(before)?;
    let mut violations = rules::check_rectification(corrected, context.today());
    if let Some(Err(reason)) = &draft.refs.worker {
        violations.push(Violation::new("/tax_code", reason.code(), reason.text()));
    }
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    let known = views::open(before, &context.vault).map_err(|_| Problem::new(Code::Internal))?;
    let Some(Person { tax_code, given_name, family_name }) = known else {
        return Err(Problem::new(Code::Internal));
    };
    let ParticipantRectification { tax_code: code, given_name: given, family_name: family, sex, birth_year } =
        corrected.clone();
    let person = Person {
        tax_code: code.unwrap_or(tax_code),
        given_name: given.unwrap_or(given_name),
        family_name: family.unwrap_or(family_name),
    };
    let mut record = Participant {
        person_sealed: Some(views::seal(Some(before), &person, before.meta.id, context)?),
        sex: sex.unwrap_or(before.sex),
        birth_year: birth_year.unwrap_or(before.birth_year),
        ..before.clone()
    };
    if let Some(Ok(worker)) = &draft.refs.worker {
        record.worker_index.clone_from(&worker.index);
        record.pseudonym.clone_from(&worker.pseudonym);
    }
    if record.worker_index != before.worker_index {
        rules::check_taken(&record.stay(), facts.others(&record), context.today())?;
    }
    Ok(record)
}

/// Takes away what says who it was, and gives names that only tell that it is the same person as elsewhere.
fn masked(before: &Participant, mask: &Mask, context: &Context) -> Participant {
    if before.pseudonymised_at.is_some() {
        return before.clone();
    }
    let mut record = Participant {
        person_sealed: None,
        worker_index: mask.of("worker", &before.worker_index).to_vec(),
        pseudonym: format!("W-{}", mask.name("pseudonym", before.pseudonym.as_bytes())),
        dote_number: format!("X-{}", mask.name("dote", before.dote_number.as_bytes()).to_ascii_uppercase()),
        pseudonymised_at: Some(context.now()),
        ..before.clone()
    };
    // The operator's own name for the worker leads back to its files.
    record.meta.external_id = None;
    record
}
