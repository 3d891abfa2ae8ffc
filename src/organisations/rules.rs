//! What must hold of an organisation. Pure: facts in, violations out.

use chrono::NaiveDate;

use super::model::Accreditation;
use super::wire::{Accreditation as AccreditationInput, OrganisationInput};
use crate::db::Json;
use crate::error::Violation;
use crate::identifiers::OrganisationTaxCode;
use crate::text;
use crate::vocabularies::{self, checks};

/// The checked fields of an input.
#[derive(Debug)]
pub struct Checked {
    /// Codice fiscale.
    pub tax_code: OrganisationTaxCode,
    /// Province of the seat.
    pub province: Option<String>,
}

/// Checks codes and check digits.
pub fn check(input: &OrganisationInput, today: NaiveDate) -> Result<Checked, Vec<Violation>> {
    let mut violations = Vec::new();
    let tax_code = OrganisationTaxCode::parse(&input.tax_code)
        .map_err(|reason| violations.push(Violation::new("/tax_code", reason.code(), reason.text())))
        .ok();
    checks::known("legal-forms", "/legal_form", input.legal_form.as_deref(), today, &mut violations);
    checks::known("ateco-2007", "/ateco", input.ateco.as_deref(), today, &mut violations);
    checks::known("municipalities", "/municipality", input.municipality.as_deref(), today, &mut violations);
    match tax_code {
        Some(tax_code) if violations.is_empty() => {
            Ok(Checked { tax_code, province: province_of(input.municipality.as_deref(), today) })
        }
        _ => Err(violations),
    }
}

fn province_of(municipality: Option<&str>, today: NaiveDate) -> Option<String> {
    vocabularies::municipality_on(municipality?, today).found()?.parent.clone()
}

/// Checks an accreditation: periods in order and not overlapping, units in Lombardy.
pub fn check_accreditation(
    input: &AccreditationInput,
    today: NaiveDate,
) -> Result<Option<Json<Accreditation>>, Vec<Violation>> {
    let mut violations = Vec::new();
    for (index, entry) in input.entries.iter().enumerate() {
        if entry.valid_to.is_some_and(|to| to < entry.valid_from) {
            violations.push(Violation::new(
                format!("/entries/{index}/valid_to"),
                "ends_before_start",
                text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
            ));
        }
        let overlaps = input.entries.iter().take(index).any(|other| {
            other.valid_from <= entry.valid_to.unwrap_or(NaiveDate::MAX)
                && entry.valid_from <= other.valid_to.unwrap_or(NaiveDate::MAX)
        });
        if overlaps {
            violations.push(Violation::new(
                format!("/entries/{index}/valid_from"),
                "overlaps",
                text!("Two entries hold on the same day." / "Due iscrizioni valgono nello stesso giorno."),
            ));
        }
    }
    for (index, unit) in input.units.iter().enumerate() {
        checks::known(
            "municipalities",
            &format!("/units/{index}/municipality"),
            Some(&unit.municipality),
            today,
            &mut violations,
        );
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    let accreditation = super::ops::accreditation_of(input);
    Ok((!accreditation.entries.is_empty()).then_some(Json(accreditation)))
}
