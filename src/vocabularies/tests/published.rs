//! What the published tables say, and what was mended in them.

use std::collections::HashSet;

use super::{day, named};
use crate::vocabularies::{
    PlacementRule, ateco, contract_type, counts_as_placement, education_level, legal_form, municipality_on, province,
};

#[test]
fn municipalities_are_judged_on_a_date() {
    for (name, code, date, expected) in [
        ("capital", "015146", "2012-06-29", Some("MILANO")),
        ("last day before the merger", "012009", "2022-12-31", Some("BARDELLO")),
        ("day of the merger", "012009", "2023-01-01", None),
        ("merged, a day early", "012144", "2022-12-31", None),
        ("merged, first day", "012144", "2023-01-01", Some("BARDELLO CON MALGESSO E BREGANO")),
        ("before the change of name", "017189", "2013-11-11", Some("TREMOSINE")),
        ("day of the change of name", "017189", "2013-11-12", Some("TREMOSINE SUL GARDA")),
        ("middle one of three", "018026", "2015-01-01", Some("CAMPOSPINOSO")),
        ("province not yet there", "108033", "2009-06-29", None),
        ("province's first day", "108033", "2009-06-30", Some("MONZA")),
        ("other region", "058091", "2012-06-29", None),
    ] {
        let found = municipality_on(code, day(date)).found().map(|entry| entry.label_it.as_str());
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn provinces_have_their_nuts_codes() {
    let monza = province("MB").expect("MB");
    assert_eq!(monza.label_it, "Monza e della Brianza");
    assert_eq!((monza.attribute("nuts3"), monza.attribute("istat_code")), (Some("ITC4D"), Some("108")));
    let codes: HashSet<_> = named("provinces").entries().iter().filter_map(|entry| entry.attribute("nuts3")).collect();
    assert_eq!(codes.len(), 12);
    assert!(!codes.contains("ITC45"), "ITC45 does not exist");
    assert!(named("provinces").note_en.contains("ITC45 does not exist"));
    for entry in named("provinces").entries() {
        let capital = entry.attribute("capital_istat_code").expect("capital");
        let parent = municipality_on(capital, day("2012-06-29")).found().and_then(|city| city.parent.as_deref());
        assert_eq!(parent, Some(entry.code.as_str()));
    }
}

#[test]
fn activities_form_a_tree() {
    let mut above = Vec::new();
    let mut code = "25.11.00";
    while let Some(parent) = ateco(code).expect(code).parent.as_deref() {
        above.push(parent);
        code = parent;
    }
    assert_eq!(above, ["25.11.0", "25.11", "25.1", "25", "C"]);
    let roots: Vec<_> = named("ateco-2007").entries().iter().filter(|entry| entry.parent.is_none()).collect();
    assert_eq!(roots.len(), 21, "only sections have nothing above them");
    assert_eq!(ateco("01").and_then(|entry| entry.parent.as_deref()), Some("A"));
    assert_eq!(ateco("99").and_then(|entry| entry.parent.as_deref()), Some("U"));
    // The table writes "88.1 ", with a blank.
    assert_eq!(ateco("88.10").and_then(|entry| entry.parent.as_deref()), Some("88.1"));
}

#[test]
fn activities_come_and_go() {
    let activities = named("ateco-2007");
    let holds = |code: &str, date: &str| activities.on(code, day(date)).found().is_some();
    assert!(!holds("96.09.05", "2008-12-31") && holds("96.09.05", "2009-01-01"), "inserted in 2009");
    assert!(holds("33.13.02", "2008-12-31") && !holds("33.13.02", "2009-01-01"), "removed in 2009");
    assert!(holds("01.13.20", "2012-06-29") && !holds("01.13.20", "2021-01-01"), "replaced in 2021");
    assert!(!holds("01.13.21", "2012-06-29") && holds("01.13.21", "2021-01-01"), "its successor");
    assert_eq!(ateco("01.13.20").map(|entry| &entry.label_it), ateco("01.13.2").map(|entry| &entry.label_it));
    assert_eq!(ateco("01.19.29").and_then(|entry| entry.attribute("replaces")), Some("01.19.20"));
}

#[test]
fn the_misprint_of_the_legal_forms_is_mended() {
    assert_eq!(legal_form("2.2.20").map(|entry| entry.label_it.as_str()), Some("Ministero"));
    let agency = legal_form("2.2.30").expect("2.2.30");
    assert_eq!((agency.label_it.as_str(), agency.attribute("published_as")), ("Agenzia dello Stato", Some("2.2.20")));
}

#[test]
fn contract_types_say_whether_they_place() {
    for (code, rule) in [
        ("A.01.00", Some(PlacementRule::Always)),
        ("A.02.00", Some(PlacementRule::MinDuration)),
        ("C.01.00", Some(PlacementRule::Never)),
        ("Z.99.99", None),
    ] {
        assert_eq!(counts_as_placement(code), rule, "{code}");
    }
    for entry in named("contract-types").entries() {
        assert!(counts_as_placement(&entry.code).is_some(), "{}", entry.code);
    }
    assert_eq!(contract_type("A.01.00").map(|entry| entry.label_it.as_str()), Some("Lavoro a tempo indeterminato"));
    assert_eq!(education_level("L").and_then(|entry| entry.label_en.as_deref()), Some("Bachelor’s degree"));
}
