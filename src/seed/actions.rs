//! Actions and outcomes of the demo data, as clients would send them.

use chrono::NaiveDate;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{CAPITALS, pick};
use crate::identifiers::synthetic;

/// The `count`-th action of a partnership: each on a day of its own, so that nobody is in two places at once.
#[expect(clippy::too_many_arguments, reason = "the facts of one action, used once")]
pub fn action(
    random: &mut StdRng,
    day: &impl Fn(u64) -> NaiveDate,
    number: usize,
    count: usize,
    partnership: Uuid,
    cohorts: &[Uuid],
    participants: &[Uuid],
    province: usize,
) -> Value {
    let (code, municipality, _) = CAPITALS.get(province).copied().unwrap_or(("MI", "015146", ""));
    let on = day(70 + count as u64);
    let company = synthetic::organisation(9_000_100 + 6 * u32::try_from(number % 20).unwrap_or_default(), 15);
    let payer = company.as_str();
    // Participants stand in the cohorts by turns.
    let group = count % cohorts.len().max(1);
    let members: Vec<Uuid> = participants.iter().copied().skip(group).step_by(cohorts.len().max(1)).collect();
    let attendees = |from: usize, number: usize| -> Vec<Value> {
        (0..number.min(members.len()))
            .filter_map(|place| members.get((from + place) % members.len()))
            .map(|id| json!({"participant": {"id": id}, "minutes": 60}))
            .collect()
    };
    let (mode, financing, attendance, unit, details) = match count % 20 {
        0 => (
            "system",
            "grant",
            vec![],
            4_000,
            json!({"kind": "skills_shortage_analysis", "ateco": "25.11", "professions": ["6.2.1", "3.1.3"], "provinces": [code], "gaps": [{"profession": "6.2.1", "missing": random.gen_range(1..30)}]}),
        ),
        1 => (
            "system",
            "grant",
            vec![],
            3_500,
            json!({"kind": "worker_aggregation", "crisis_company_tax_code": payer, "procedure": "collective_dismissal", "meetings": random.gen_range(1..6)}),
        ),
        2 => (
            "system",
            "grant",
            vec![],
            3_000,
            json!({"kind": "needs_analysis", "provinces": [code], "employers_surveyed": random.gen_range(10..200), "vacancies": [{"profession": "6.2.1", "count": random.gen_range(1..20)}]}),
        ),
        3 => (
            "system",
            "grant",
            vec![],
            2_500,
            json!({"kind": "worker_marketing", "scope": "territorial", "channel": "event", "audience": random.gen_range(20..300), "anonymous_profiles": random.gen_range(5..60)}),
        ),
        4 => (
            "system",
            "grant",
            vec![],
            2_500,
            json!({"kind": "target_company_identification", "company_tax_code": payer, "ateco": "28", "site_municipality": municipality, "vacancies": random.gen_range(0..12), "contact_outcome": "willing"}),
        ),
        5 | 6 => (
            "group",
            "own_resources",
            attendees(count, 8),
            2_000,
            json!({"kind": "training", "eqf_level": 3, "isced_field": "0715", "certificate": true}),
        ),
        7 => (
            "individual",
            "own_resources",
            attendees(count, 1),
            1_000,
            json!({"kind": "income_support", "from_on": on, "to_on": on, "amount_cents": 50_000, "payer_tax_code": payer}),
        ),
        8 => (
            "individual",
            "own_resources",
            attendees(count, 1),
            1_000,
            json!({"kind": "work_life_balance", "service": "childcare", "vouchers": random.gen_range(1..10)}),
        ),
        9 => (
            "individual",
            "own_resources",
            attendees(count, 1),
            1_000,
            json!({"kind": "socio_assistance", "provider_tax_code": payer, "referral": true}),
        ),
        10..13 => (
            "group",
            "grant",
            attendees(count, 6),
            3_200,
            json!({"kind": "outplacement", "method": "collective", "sessions": 1, "cv_delivered": false, "contacts": 0, "interviews": 0}),
        ),
        _ => (
            "individual",
            "grant",
            attendees(count, 1),
            3_800,
            json!({"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": random.gen_range(0..8), "interviews": random.gen_range(0..3)}),
        ),
    };
    let quantity = random.gen_range(1..5);
    json!({
        "external_id": format!("pt-{number:02}-a{count:04}"), "partnership": {"id": partnership}, "cohort": {"id": cohorts.get(group)},
        "mode": mode, "status": "completed", "planned_on": on, "started_on": on, "ended_on": on, "municipality": municipality,
        "minutes": 60, "financing": financing, "attendance": attendance,
        "cost_lines": [{"basis": "standard_unit_cost", "quantity": quantity, "unit_cost_cents": unit, "amount_cents": quantity * unit}],
        "details": details,
    })
}

/// What became of a participant.
pub fn outcome(random: &mut StdRng, day: &impl Fn(u64) -> NaiveDate, serial: usize, participant: Uuid) -> Value {
    let starts = random.gen_range(100..300);
    let employer = synthetic::organisation(8_000_000 + random.gen_range(0..400), 15);
    let name = format!("e-{serial:04}");
    let cob = synthetic::cob(2_012_000_000 + serial as u64);
    match random.gen_range(0..10) {
        // A quarter or so lasts: open-ended, or a fixed term of six months and more.
        0..2 => {
            json!({"external_id": name, "participant": {"id": participant}, "kind": "employment", "contract_type": "A.01.00", "working_time": "F",
            "employer_tax_code": employer.as_str(), "starts_on": day(starts), "cob": cob.as_str(), "ccnl": "C011", "profession": "6.2.1"})
        }
        2..7 => {
            json!({"external_id": name, "participant": {"id": participant}, "kind": "employment", "contract_type": "A.02.00",
            "working_time": pick(random, &["F", "P"]), "employer_tax_code": employer.as_str(), "starts_on": day(starts),
            "ends_on": day(starts + random.gen_range(29..200)), "cob": cob.as_str()})
        }
        7 => {
            json!({"external_id": name, "participant": {"id": participant}, "kind": "traineeship", "contract_type": "C.01.00",
            "employer_tax_code": employer.as_str(), "starts_on": day(starts), "ends_on": day(starts + 180), "cob": cob.as_str()})
        }
        8 => {
            json!({"external_id": name, "participant": {"id": participant}, "kind": "self_employment", "starts_on": day(starts),
            "vat_opened_on": day(starts)})
        }
        _ => {
            json!({"external_id": name, "participant": {"id": participant}, "kind": "searching", "starts_on": day(starts)})
        }
    }
}
