use super::*;
use crate::partnerships::composition::{Finding, RuleVerdict, check_composition};
use crate::rules_catalogue::*;

fn check(network: &Network, rules: &CallRules) -> Vec<Finding> {
    check_composition(&network.composition(day(TODAY)), rules, day(TODAY))
}

fn broken(network: &Network, rules: &CallRules) -> Vec<&'static str> {
    check(network, rules).iter().filter(|finding| finding.is_violated()).map(|finding| finding.rule).collect()
}

fn broken_2012(network: &Network) -> Vec<&'static str> {
    broken(network, &CallRules::default())
}

fn verdict(network: &Network, rules: &CallRules, rule: &str) -> RuleVerdict {
    check(network, rules).iter().find(|finding| finding.rule == rule).unwrap().verdict
}

#[test]
fn the_smallest_network_holds() {
    assert_eq!(broken_2012(&network()), [""; 0]);
}

#[test]
fn an_empty_network_breaks_every_rule_of_composition_at_once() {
    assert_eq!(
        broken_2012(&Network::default()),
        [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OPERATOR_IN_CHARGE, COMPOSITION_OTHER_SUBJECTS]
    );
    let findings = check(&Network::default(), &CallRules::default());
    let missing: Vec<(i64, i64)> = findings
        .iter()
        .filter_map(|finding| Some((finding.missing.as_ref()?.needed, finding.missing.as_ref()?.present)))
        .collect();
    assert_eq!(missing, [(3, 0), (1, 0), (2, 0)]);
}

#[test]
fn an_organisation_counts_once_however_often_it_stands_there() {
    let mut network = network();
    network.members.pop();
    network.members.push(Membership { id: Uuid::from_u128(900), ..membership(2, MemberCategory::Company) });
    assert_eq!(broken_2012(&network), [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS]);
}

#[test]
fn the_operator_is_not_one_of_the_others() {
    let mut network = network();
    network.members.pop();
    network.members.push(Membership { id: Uuid::from_u128(900), ..membership(1, MemberCategory::ThirdSector) });
    assert_eq!(broken_2012(&network), [COMPOSITION_MIN_SUBJECTS, COMPOSITION_OTHER_SUBJECTS]);
}

#[test]
fn two_operators_do_not_replace_one_of_the_others() {
    let mut network = network();
    network.members.pop();
    network.members.push(membership(4, MemberCategory::AccreditedOperator));
    let accredited = accreditation(AccreditationKind::Provisional, None);
    network.organisations.insert(Uuid::from_u128(4), organisation(4, Some(accredited)));
    assert_eq!(broken_2012(&network), [COMPOSITION_OTHER_SUBJECTS]);
}

#[test]
fn an_operator_that_is_in_charge_of_nobody_does_not_do() {
    let mut network = network();
    network.in_charge.insert(Uuid::from_u128(1), InCharge { current: 4, with_valid_dote: 0 });
    assert_eq!(broken_2012(&network), [COMPOSITION_OPERATOR_IN_CHARGE]);
}

#[test]
fn workers_of_somebody_who_is_no_operator_do_not_count() {
    let mut network = network();
    network.in_charge = [(Uuid::from_u128(2), InCharge { current: 1, with_valid_dote: 1 })].into();
    assert_eq!(broken_2012(&network), [COMPOSITION_OPERATOR_IN_CHARGE]);
}

#[test]
fn an_accreditation_that_has_ended_does_not_do() {
    let mut network = network();
    operator_of(&mut network).accreditation =
        Some(Json(accreditation(AccreditationKind::Definitive, Some("2012-09-10"))));
    assert_eq!(broken_2012(&network), [""; 0], "its last day still counts");
    operator_of(&mut network).accreditation =
        Some(Json(accreditation(AccreditationKind::Definitive, Some("2012-09-09"))));
    assert_eq!(broken_2012(&network), [COMPOSITION_OPERATOR_IN_CHARGE, OPERATOR_ACCREDITED_ON_DATE]);
}

#[test]
fn members_count_from_their_first_day_to_their_last() {
    for (joined, left, counts) in [
        ("2012-09-10", None, true),
        ("2012-09-11", None, false),
        ("2012-07-01", Some("2012-09-10"), true),
        ("2012-07-01", Some("2012-09-09"), false),
    ] {
        let mut network = network();
        let member = network.members.get_mut(2).unwrap();
        (member.joined_on, member.left_on) = (day(joined), left.map(day));
        assert_eq!(broken_2012(&network).is_empty(), counts, "{joined} {left:?}");
    }
}

#[test]
fn categories_are_data_of_the_call() {
    let mut rules = CallRules { other_categories: vec![MemberCategory::Advisor], ..CallRules::default() };
    assert_eq!(broken(&network(), &rules), [COMPOSITION_OTHER_SUBJECTS]);
    rules.min_other_subjects = 0;
    assert_eq!(broken(&network(), &rules), [""; 0]);
    rules.min_subjects = 4;
    assert_eq!(broken(&network(), &rules), [COMPOSITION_MIN_SUBJECTS]);
}

#[test]
fn only_definitive_accreditation_counts_where_the_call_says_so() {
    let mut rules = CallRules::default();
    let mut network = network();
    operator_of(&mut network).accreditation = Some(Json(accreditation(AccreditationKind::Provisional, None)));
    assert_eq!(verdict(&network, &rules, ACCREDITATION_DEFINITIVE), RuleVerdict::NotApplicable);
    assert_eq!(broken(&network, &rules), [""; 0]);
    rules.definitive_accreditation_only = true;
    assert_eq!(broken(&network, &rules), [COMPOSITION_OPERATOR_IN_CHARGE, ACCREDITATION_DEFINITIVE]);
    assert_eq!(broken(&super::network(), &rules), [""; 0]);
}

#[test]
fn operators_have_a_site_in_lombardy_where_the_call_says_so() {
    let mut rules = CallRules::default();
    let mut network = network();
    assert_eq!(verdict(&network, &rules, OPERATOR_SITE_IN_LOMBARDY), RuleVerdict::NotApplicable);
    rules.operating_site_in_lombardy = true;
    assert_eq!(broken(&network, &rules), [OPERATOR_SITE_IN_LOMBARDY]);
    operator_of(&mut network).accreditation.as_mut().unwrap().units.push(unit());
    assert_eq!(broken(&network, &rules), [""; 0]);
}

#[test]
fn cohorts_have_their_size_and_name_their_company_where_the_call_says_so() {
    let mut rules = CallRules::default();
    let mut network = network();
    network.cohorts.push(CohortFacts { workers: 9, names_company: false });
    assert_eq!(verdict(&network, &rules, COHORT_MIN_SIZE), RuleVerdict::NotApplicable);
    rules.min_cohort_size = Some(10);
    rules.one_crisis_company_per_cohort = true;
    assert_eq!(broken(&network, &rules), [COHORT_MIN_SIZE, COHORT_ONE_CRISIS_COMPANY]);
    network.cohorts = vec![CohortFacts { workers: 10, names_company: true }];
    assert_eq!(broken(&network, &rules), [""; 0]);
    network.cohorts.clear();
    assert_eq!(verdict(&network, &rules, COHORT_MIN_SIZE), RuleVerdict::Satisfied);
}
