//! What every vocabulary must hold, and how it answers.

mod published;

use std::collections::HashSet;

use chrono::NaiveDate;

use super::{Lookup, Vocabulary, all, get, load, municipality_on};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date of a test")
}

fn named(name: &str) -> &'static Vocabulary {
    get(name).expect(name)
}

#[test]
fn every_table_parses_and_nothing_is_lost() {
    load().expect("the tables of data/ parse");
    for (name, count) in [
        ("provinces", 12),
        ("municipalities", 1_502 + 290),
        // The rows of the table, and the two codes that the update of 2021 replaced.
        ("ateco-2007", 3_143 + 2),
        ("education-levels", 16),
        ("legal-forms", 62),
        ("contract-types", 28),
        ("member-categories", 16),
        ("action-kinds", 10),
        ("action-statuses", 12),
        ("entry-statuses", 6),
        ("working-times", 5),
        ("outcome-kinds", 7),
        ("outcome-states", 5),
        ("partnership-states", 7),
        ("financing-sources", 2),
    ] {
        assert_eq!(named(name).entries().len(), count, "{name}");
    }
    assert_eq!(all().len(), 15);
    let current = named("municipalities").entries().iter().filter(|entry| entry.valid_to.is_none()).count();
    assert_eq!(current, 1_502);
    assert!(get("Provinces").is_none());
}

#[test]
fn every_vocabulary_is_whole() {
    let mut names = HashSet::new();
    for vocabulary in all() {
        let name = vocabulary.name;
        assert!(names.insert(name), "{name} twice");
        assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
        for text in [vocabulary.title_en, vocabulary.title_it, vocabulary.source, vocabulary.licence] {
            assert!(!text.is_empty(), "{name}");
        }
        let parents = vocabulary.parents_in.map_or(vocabulary, named);
        for entry in vocabulary.entries() {
            let code = &entry.code;
            for text in [code, &entry.label_it].into_iter().chain(&entry.label_en) {
                assert!(!text.is_empty() && text.trim() == text, "{name} {code}: {text:?}");
            }
            if let (Some(from), Some(to)) = (entry.valid_from, entry.valid_to) {
                assert!(from < to, "{name} {code}");
            }
            if let Some(parent) = &entry.parent {
                assert!(parents.latest(parent).is_some(), "{name} {code}: parent {parent}");
            }
        }
    }
}

#[test]
fn a_code_never_means_two_things_on_one_day() {
    for vocabulary in all() {
        for entry in vocabulary.entries() {
            let first_day = entry.valid_from.unwrap_or(NaiveDate::MIN);
            let holders = vocabulary.versions(&entry.code).filter(|other| other.holds_on(first_day)).count();
            assert_eq!(holders, 1, "{} {} on {first_day}", vocabulary.name, entry.code);
        }
    }
}

#[test]
fn a_code_out_of_date_is_told_from_an_unknown_one() {
    let Lookup::NotValidOn { nearest } = municipality_on("012009", day("2024-05-01")) else {
        panic!("Bardello is gone, not unknown");
    };
    assert_eq!((nearest.label_it.as_str(), nearest.valid_to), ("BARDELLO", Some(day("2023-01-01"))));
    assert_eq!(municipality_on("999999", day("2024-05-01")), Lookup::Unknown);
    // Before all three periods of a code, the first is the nearest.
    let Lookup::NotValidOn { nearest } = municipality_on("015027", day("2000-01-01")) else {
        panic!("before its first period");
    };
    assert_eq!(nearest.valid_from, Some(day("2004-06-08")));
}

#[test]
fn mobility_has_ended() {
    let statuses = named("entry-statuses");
    for (code, after) in [
        ("cigs", true),
        ("cigd", true),
        ("mobility_223_91", false),
        ("mobility_236_93", false),
        ("mobility_in_derogation", false),
        ("unemployed", true),
    ] {
        assert!(statuses.on(code, day("2016-12-31")).found().is_some(), "{code}");
        assert_eq!(statuses.on(code, day("2017-01-01")).found().is_some(), after, "{code}");
    }
}

#[test]
fn closed_vocabularies_speak_both_languages() {
    for vocabulary in all().iter().filter(|vocabulary| vocabulary.licence == "EUPL-1.2") {
        for entry in vocabulary.entries() {
            assert!(entry.label_en.is_some(), "{} {}", vocabulary.name, entry.code);
        }
    }
}

#[test]
fn a_slip_is_recognised() {
    for (name, vocabulary, code, expected) in [
        ("other case", "provinces", "mb", Some("MB")),
        ("blank", "working-times", " F", Some("F")),
        ("any province could be meant", "provinces", "MX", None),
        ("hyphen for underscore", "member-categories", "local-authority", Some("local_authority")),
        ("plural", "action-kinds", "outplacements", Some("outplacement")),
        ("letter for digit", "contract-types", "A.O1.00", Some("A.01.00")),
        ("neighbours swapped", "education-levels", "IFST", Some("IFTS")),
        ("nothing like it", "outcome-kinds", "pension", None),
        ("empty", "outcome-kinds", "", None),
    ] {
        assert_eq!(named(vocabulary).suggest(code), expected, "{name}");
    }
    assert_eq!(named("municipalities").suggest(&"0".repeat(100_000)), None);
}

#[test]
fn labels_are_searched_as_people_write() {
    let codes =
        |name: &str, text: &str| -> Vec<String> { named(name).search(text).map(|entry| entry.code.clone()).collect() };
    assert_eq!(codes("legal-forms", "SOCIETA COOPERATIVA"), ["1.4.10", "1.4.20", "1.4.30"]);
    assert_eq!(codes("education-levels", "bachelor's"), ["L", "FLA"]);
    assert_eq!(codes("ateco-2007", "25.11"), ["25.11", "25.11.0", "25.11.00"]);
    assert_eq!(codes("provinces", "brianza"), ["MB"]);
    assert_eq!(codes("provinces", "").len(), 12);
    assert!(codes("provinces", "roma").is_empty());
}
