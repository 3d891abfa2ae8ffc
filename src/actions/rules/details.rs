//! Codes and dates in the details of each kind.

use std::collections::HashSet;

use chrono::NaiveDate;

use crate::actions::details::{Details, ProfessionCode};
use crate::error::Violation;
use crate::identifiers::{OrganisationTaxCode, Profession};
use crate::text;
use crate::vocabularies::checks;
use crate::vocabularies::codes::ProvinceCode;

/// Checks the codes in the details. Codes of vocabularies are judged on `day`.
pub fn check(details: &Details, day: NaiveDate, today: NaiveDate, violations: &mut Vec<Violation>) {
    match details {
        Details::SkillsShortageAnalysis(it) => {
            check_ateco(Some(&it.ateco), day, violations);
            check_professions("/details/professions", &it.professions, violations);
            check_provinces(&it.provinces, day, violations);
            let gaps = it.gaps.iter().map(|gap| &gap.profession);
            check_each("/details/gaps", "/profession", gaps, violations);
        }
        Details::WorkerAggregation(it) => {
            check_tax_code("/details/crisis_company_tax_code", &it.crisis_company_tax_code, violations);
            if it.agreement_on.is_some_and(|agreement| agreement > today) {
                let detail = text!("The day has not come yet." / "Il giorno non è ancora arrivato.");
                violations.push(Violation::new("/details/agreement_on", "in_the_future", detail));
            }
        }
        Details::NeedsAnalysis(it) => {
            check_ateco(it.ateco.as_deref(), day, violations);
            check_provinces(&it.provinces, day, violations);
            let professions = it.vacancies.iter().map(|vacancies| &vacancies.profession);
            check_each("/details/vacancies", "/profession", professions, violations);
        }
        Details::TargetCompanyIdentification(it) => {
            check_tax_code("/details/company_tax_code", &it.company_tax_code, violations);
            check_ateco(Some(&it.ateco), day, violations);
            let site = Some(it.site_municipality.as_str());
            checks::known("municipalities", "/details/site_municipality", site, day, violations);
        }
        Details::Training(it) => check_isced_field(it.isced_field.as_deref(), violations),
        Details::IncomeSupport(it) => {
            check_tax_code("/details/payer_tax_code", &it.payer_tax_code, violations);
            if it.to_on < it.from_on {
                let detail = text!("The last day lies before the first." / "L'ultimo giorno precede il primo.");
                violations.push(Violation::new("/details/to_on", "ends_before_start", detail));
            }
        }
        Details::SocioAssistance(it) => {
            check_tax_code("/details/provider_tax_code", &it.provider_tax_code, violations);
        }
        Details::Outplacement(_) | Details::WorkerMarketing(_) | Details::WorkLifeBalance(_) => {}
    }
}

fn check_ateco(code: Option<&str>, day: NaiveDate, violations: &mut Vec<Violation>) {
    checks::known("ateco-2007", "/details/ateco", code, day, violations);
}

fn check_tax_code(pointer: &str, code: &str, violations: &mut Vec<Violation>) {
    if let Err(reason) = OrganisationTaxCode::parse(code) {
        violations.push(Violation::new(pointer, reason.code(), reason.text()));
    }
}

fn check_professions(pointer: &str, codes: &[ProfessionCode], violations: &mut Vec<Violation>) {
    check_each(pointer, "", codes.iter(), violations);
}

/// Every code is one of a profession, and each stands once.
fn check_each<'a>(
    pointer: &str,
    member: &str,
    codes: impl Iterator<Item = &'a ProfessionCode>,
    violations: &mut Vec<Violation>,
) {
    let mut seen = HashSet::new();
    for (index, ProfessionCode(code)) in codes.enumerate() {
        let pointer = format!("{pointer}/{index}{member}");
        if let Err(reason) = Profession::parse(code) {
            violations.push(Violation::new(pointer, reason.code(), reason.text()));
        } else if !seen.insert(code) {
            violations.push(Violation::new(
                pointer,
                "repeated_item",
                text!("The profession stands here already." / "La professione è già indicata qui."),
            ));
        }
    }
}

fn check_provinces(codes: &[ProvinceCode], day: NaiveDate, violations: &mut Vec<Violation>) {
    let mut seen = HashSet::new();
    for (index, ProvinceCode(code)) in codes.iter().enumerate() {
        let pointer = format!("/details/provinces/{index}");
        checks::known("provinces", &pointer, Some(code), day, violations);
        if !seen.insert(code) {
            violations.push(Violation::new(
                pointer,
                "repeated_item",
                text!("The province stands here already." / "La provincia è già indicata qui."),
            ));
        }
    }
}

/// ISCED-F 2013 has the broad fields 00 to 10; the finer digits are not checked, for want of a table in `data/`.
fn check_isced_field(code: Option<&str>, violations: &mut Vec<Violation>) {
    let broad = code.and_then(|code| code.get(..2)).and_then(|broad| broad.parse::<u8>().ok());
    if code.is_some() && broad.is_none_or(|broad| broad > 10) {
        let detail = text!(
            "The first two digits are a broad field of ISCED-F 2013: 00 to 10."
                / "Le prime due cifre sono un settore ampio di ISCED-F 2013: da 00 a 10."
        );
        violations.push(Violation::new("/details/isced_field", "unknown_code", detail));
    }
}
