//! The vectors of the domain, all synthetic, one named row each.

use chrono::NaiveDate;

use crate::identifiers::{
    Ateco, AtecoEdition, DoteNumber, IstatMunicipality, OrganisationTaxCode, PersonTaxCode, Profession, Reason, Sex,
    Warning, synthetic,
};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date of a test")
}

#[test]
fn personal_tax_codes() {
    let table: &[(&str, &str, Result<(), Reason>)] = &[
        ("plain, man", "VRFLFA70A01F205B", Ok(())),
        ("plain, last of the month", "CMPBTE85T71A794P", Ok(())),
        ("surname filled with X", "FOXAIX99B28B157M", Ok(())),
        ("woman in August", "PRVGFR62M15D150U", Ok(())),
        ("woman, first of May", "TSTZND01R49E648P", Ok(())),
        ("born abroad", "SNTMGO78E30Z330Y", Ok(())),
        ("29 February 2000", "SMPGUO00B29F704O", Ok(())),
        ("omocodia in one place", "VRFLFA70A01F20RW", Ok(())),
        ("omocodia in two places", "VRFLFA70A01F2LRH", Ok(())),
        ("omocodia in all seven", "VRFLFATLALMFNLRH", Ok(())),
        ("omocodia in the place of birth", "CMPBTE85T71ATVQV", Ok(())),
        ("provisional", "99999900121", Ok(())),
        ("wrong check letter", "VRFLFA70A01F205C", Err(Reason::WrongCheckCharacter)),
        ("wrong month", "VRFLFA70F01F205N", Err(Reason::WrongMonth)),
        ("day 32", "VRFLFA70A32F205J", Err(Reason::WrongDay)),
        ("day 72", "VRFLFA70A72F205N", Err(Reason::WrongDay)),
        ("day 00", "VRFLFA70A00F205C", Err(Reason::WrongDay)),
        ("day 40", "VRFLFA70A40F205G", Err(Reason::WrongDay)),
        ("29 February 1971", "VRFLFA71B29F205Y", Err(Reason::NoSuchDate)),
        ("empty", "", Err(Reason::WrongLength)),
        ("fifteen characters", "VRFLFA70A01F205", Err(Reason::WrongLength)),
        ("seventeen characters", "VRFLFA70A01F205BB", Err(Reason::WrongLength)),
        ("lower case", "vrflfa70a01f205b", Err(Reason::WrongFormat)),
        ("blank before", " VRFLFA70A01F205B", Err(Reason::WrongFormat)),
        ("line end after", "VRFLFA70A01F205B\n", Err(Reason::WrongFormat)),
        ("digit among the letters of the name", "VRFLF070A01F205B", Err(Reason::WrongFormat)),
        ("letter outside omocodia among the digits", "VRFLFA7AA01F205B", Err(Reason::WrongFormat)),
        ("letter of another alphabet", "VRFLFÀ70A01F205B", Err(Reason::WrongFormat)),
        ("digits of another script", "VRFLFA７0A01F205B", Err(Reason::WrongFormat)),
        ("provisional, wrong check digit", "99999900122", Err(Reason::WrongCheckCharacter)),
        ("provisional, zeros", "00000000000", Err(Reason::AllZeros)),
        ("eleven letters", "VRFLFAVRFLF", Err(Reason::WrongFormat)),
    ];
    for (name, code, expected) in table {
        assert_eq!(PersonTaxCode::parse(code).map(|_| ()), *expected, "{name}");
    }
}

#[test]
fn organisation_tax_codes() {
    let valid =
        ["99999900121", "99999910153", "99999928882", "99999950167", "99999970983", "99999980149", "98000010177"];
    for code in valid {
        let parsed = OrganisationTaxCode::parse(code).expect(code);
        assert_eq!((parsed.as_str(), parsed.is_personal()), (code, false));
        let last = code.bytes().next_back().map_or(0, |digit| (digit - b'0' + 1) % 10);
        let next = format!("{}{last}", &code[..10]);
        assert_eq!(OrganisationTaxCode::parse(&next), Err(Reason::WrongCheckCharacter), "{next}");
    }
    let refused = [
        ("zeros", "00000000000", Reason::AllZeros),
        ("ten digits", "9999990012", Reason::WrongLength),
        ("twelve digits", "999999001211", Reason::WrongLength),
        ("country prefix", "IT99999900121", Reason::WrongLength),
        ("letter", "9999990012A", Reason::WrongFormat),
        ("blank after", "99999900121 ", Reason::WrongFormat),
        ("sole trader, wrong letter", "VRFLFA70A01F205C", Reason::WrongCheckCharacter),
    ];
    for (name, code, reason) in refused {
        assert_eq!(OrganisationTaxCode::parse(code), Err(reason), "{name}");
    }
}

#[test]
fn a_sole_trader_is_personal() {
    let code = OrganisationTaxCode::parse("VRFLFA70A01F205B").expect("valid");
    assert!(code.is_personal());
    assert!(code.warnings().is_empty());
    assert_eq!(code.as_str(), "VRFLFA70A01F205B");
}

#[test]
fn offices_outside_the_list_are_a_warning() {
    for (office, usual) in [
        (1, true),
        (15, true),
        (100, true),
        (120, true),
        (121, true),
        (888, true),
        (999, true),
        (0, false),
        (101, false),
        (119, false),
        (122, false),
        (887, false),
        (998, false),
    ] {
        let expected = if usual { vec![] } else { vec![Warning::UnusualOffice] };
        assert_eq!(synthetic::organisation(1_234_567, office).warnings(), expected, "{office}");
    }
}

#[test]
fn tax_codes_are_not_printed() {
    let person = PersonTaxCode::parse("VRFLFA70A01F205B").expect("valid");
    assert_eq!(format!("{person:?}"), "PersonTaxCode(redacted)");
    let sole_trader = OrganisationTaxCode::parse("VRFLFA70A01F205B").expect("valid");
    assert_eq!(format!("{sole_trader:?}"), "OrganisationTaxCode(redacted)");
    for reason in Reason::ALL {
        for text in [format!("{reason:?}"), reason.to_string(), reason.detail_it().to_owned()] {
            assert!(!PersonTaxCode::looks_like(&text), "{text}");
        }
    }
}

#[test]
fn sex_and_year_are_read_through_omocodia() {
    let today = day("2012-07-01");
    for (code, year, sex) in [
        ("VRFLFA70A01F205B", Some(1970), Some(Sex::Male)),
        ("VRFLFATLALMFNLRH", Some(1970), Some(Sex::Male)),
        ("CMPBTE85T71A794P", Some(1985), Some(Sex::Female)),
        ("TSTZND01R49E648P", Some(2001), Some(Sex::Female)),
        ("SMPGUO00B29F704O", Some(2000), Some(Sex::Male)),
        ("99999900121", None, None),
    ] {
        let parsed = PersonTaxCode::parse(code).expect(code);
        assert_eq!((parsed.birth_year_in(today), parsed.sex()), (year, sex), "{code}");
        assert_eq!(parsed.is_provisional(), sex.is_none());
    }
}

#[test]
fn a_birth_in_the_future_is_a_century_back() {
    let unborn = synthetic::person("TST", "PRV", 1912, 7, 2, Sex::Male, "F205");
    assert_eq!(unborn.birth_year_in(day("2012-07-01")), Some(1912));
    assert_eq!(unborn.birth_year_in(day("2012-07-02")), Some(2012));
}

#[test]
fn a_mismatch_is_a_warning() {
    let code = PersonTaxCode::parse("VRFLFA70A01F205B").expect("valid");
    assert_eq!(code.agrees_with(1970, Sex::Male), vec![]);
    assert_eq!(code.agrees_with(1870, Sex::Male), vec![], "two digits do not tell the century");
    assert_eq!(code.agrees_with(1971, Sex::Male), vec![Warning::BirthYearMismatch]);
    assert_eq!(code.agrees_with(1971, Sex::Female), vec![Warning::BirthYearMismatch, Warning::SexMismatch]);
    let leap = PersonTaxCode::parse("SMPGUO00B29F704O").expect("valid");
    assert_eq!(leap.agrees_with(2000, Sex::Male), vec![]);
    assert_eq!(leap.agrees_with(1900, Sex::Male), vec![Warning::BirthYearMismatch], "1900 had no 29 February");
    let provisional = PersonTaxCode::parse("99999900121").expect("valid");
    assert_eq!(provisional.agrees_with(1970, Sex::Male), vec![]);
}

#[test]
fn tax_codes_are_found_in_texts() {
    for (name, text, found) in [
        ("alone", "VRFLFA70A01F205B", true),
        ("lower case", "vrflfa70a01f205b", true),
        ("in an external id", "OP-12/VRFLFA70A01F205B/2012", true),
        ("inside a longer word", "XXVRFLFA70A01F205B99", true),
        ("mistyped check letter", "VRFLFA70A01F205C", true),
        ("omocodia", "cf VRFLFATLALMFNLRH.", true),
        ("in groups", "CF: VRF LFA 70A01 F205B", true),
        ("with hyphens", "VRF-LFA-70A01-F205B", true),
        ("in groups at the end of a sentence", "Il lavoratore è VRF LFA 70A01 F205B", true),
        ("in groups, mistyped", "VRF LFA 70A01 F205C", false),
        ("in groups, not from a word's start", "AVRF LFA 70A01 F205B", false),
        ("wrong month", "VRFLFA70F01F205N", false),
        ("organisation", "99999900121", false),
        ("empty", "", false),
        ("fifteen characters", "VRFLFA70A01F205", false),
        ("prose", "Percorso di ricollocazione per 12 lavoratori della Officine Prova S.p.A. di Milano, 70 ore", false),
        ("UUID", "0192f0c1-2b3a-7c4d-8e5f-60718293a4b5", false),
        ("a letter between", "VRFLFAè70A01F205B", false),
        ("number of an act", "D.D.U.O. 5545/2012 del 22/06/2012", false),
    ] {
        assert_eq!(PersonTaxCode::looks_like(text), found, "{name}");
    }
}

#[test]
fn a_dote_number_carries_no_tax_code() {
    assert!(DoteNumber::parse("DR/2012-000123").is_ok());
    assert_eq!(DoteNumber::parse("DR/VRFLFA70A01F205B"), Err(Reason::ContainsTaxCode));
    assert_eq!(DoteNumber::parse(&"A".repeat(41)), Err(Reason::WrongLength));
}

#[test]
fn parts_of_codes() {
    assert_eq!(IstatMunicipality::parse("015146").map(|code| code.province().to_owned()), Ok("015".to_owned()));
    for (code, level) in [("3", 1), ("3.4", 2), ("3.4.5.1.0", 5)] {
        assert_eq!(Profession::parse(code).map(|found| found.level()), Ok(level), "{code}");
    }
    let activity = Ateco::parse(AtecoEdition::Ateco2025, "25.11.00").expect("valid");
    assert_eq!((activity.edition().as_str(), activity.as_str()), ("2025", "25.11.00"));
    assert_eq!(AtecoEdition::parse("2007"), Ok(AtecoEdition::Ateco2007));
    assert_eq!(AtecoEdition::parse("2002"), Err(Reason::WrongFormat));
}

#[test]
fn reasons_have_distinct_codes() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
}
