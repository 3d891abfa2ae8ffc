//! What holds for every code, not only for the vectors.

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

use crate::identifiers::{Cob, Cup, OrganisationTaxCode, PersonTaxCode, Reason, Sex, synthetic};

prop_compose! {
    /// Anyone born between 1900 and 2011.
    fn people()(
        surname in "[A-Z]{3}",
        name in "[A-Z]{3}",
        born in 0_i32..40_900,
        female in any::<bool>(),
        belfiore in "[A-Z][0-9]{3}",
    ) -> (PersonTaxCode, NaiveDate, Sex) {
        let born = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a day") + chrono::Days::new(u64::try_from(born).expect("positive"));
        let sex = if female { Sex::Female } else { Sex::Male };
        (synthetic::person(&surname, &name, born.year(), born.month(), born.day(), sex, &belfiore), born, sex)
    }
}

proptest! {
    #[test]
    fn a_changed_digit_is_detected(serial in 0_u32..10_000_000, office in 1_u16..1000, at in 0_usize..11, step in 1_u8..10) {
        let code = synthetic::organisation(serial, office);
        let changed: String = code
            .as_str()
            .bytes()
            .enumerate()
            .map(|(index, digit)| char::from(if index == at { (digit - b'0' + step) % 10 + b'0' } else { digit }))
            .collect();
        let answer = OrganisationTaxCode::parse(&changed);
        prop_assert!(matches!(answer, Err(Reason::WrongCheckCharacter | Reason::AllZeros)));
    }

    #[test]
    fn people_survive_any_omocodia((code, born, sex) in people(), subset in 0_u8..128) {
        let varied = synthetic::with_omocodia(&code, subset);
        prop_assert_eq!(PersonTaxCode::parse(varied.as_str()), Ok(varied.clone()));
        prop_assert_eq!(varied.as_str() == code.as_str(), subset == 0);
        prop_assert_eq!(varied.sex(), Some(sex));
        prop_assert_eq!(varied.agrees_with(born.year(), sex), vec![]);
        prop_assert_eq!(varied.birth_year_in(born), Some(born.year()));
        prop_assert!(PersonTaxCode::looks_like(varied.as_str()));
    }

    #[test]
    fn a_changed_last_letter_is_detected((code, _, _) in people(), step in 1_u8..26) {
        let last = code.as_str().bytes().next_back().expect("a letter");
        let other = format!("{}{}", &code.as_str()[..15], char::from((last - b'A' + step) % 26 + b'A'));
        prop_assert_eq!(PersonTaxCode::parse(&other), Err(Reason::WrongCheckCharacter));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = PersonTaxCode::parse(&text);
        let _ = OrganisationTaxCode::parse(&text);
        let _ = PersonTaxCode::looks_like(&text);
    }

    #[test]
    fn a_code_is_found_wherever_it_hides((code, _, _) in people(), before in "[a-z0-9 ]{0,12}", after in "[a-z0-9 ]{0,12}") {
        let text = [before.as_str(), code.as_str(), after.as_str()].concat();
        prop_assert!(PersonTaxCode::looks_like(&text));
    }

    #[test]
    fn synthetic_notices_and_projects_are_valid(serial in any::<u64>(), year in 2000_i32..2100, project in any::<u32>()) {
        let notice = synthetic::cob(serial);
        prop_assert_eq!(Cob::parse(notice.as_str()), Ok(notice));
        let project = synthetic::cup(year, project);
        prop_assert_eq!(Cup::parse(project.as_str()), Ok(project));
    }
}

#[test]
fn synthetic_people_are_the_vectors() {
    for (code, expected) in [
        (synthetic::person("VRF", "LFA", 1970, 1, 1, Sex::Male, "F205"), "VRFLFA70A01F205B"),
        (synthetic::person("cmp", "bte!", 1985, 12, 31, Sex::Female, "A794"), "CMPBTE85T71A794P"),
        (synthetic::person("FO", "AIX", 1999, 2, 28, Sex::Male, "B157"), "FOXAIX99B28B157M"),
    ] {
        assert!(code.as_str().starts_with(expected), "{}", code.as_str());
    }
    assert_eq!(synthetic::organisation(9_999_990, 12).as_str(), "99999900121");
}

#[test]
#[should_panic(expected = "born on a day that is not")]
fn nobody_is_born_on_31_february() {
    let _ = synthetic::person("TST", "PRV", 1970, 2, 31, Sex::Male, "F205");
}
