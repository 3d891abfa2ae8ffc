//! For every filter: values, and which records they find.

use serde_json::Value;

use super::ground::{Ground, client_code};

/// A filter with a value, and whether a record is found by it.
pub struct Row {
    pub filter: &'static str,
    pub value: String,
    pub finds: Box<dyn Fn(&Value) -> bool>,
}

fn row(filter: &'static str, value: impl Into<String>, finds: impl Fn(&Value) -> bool + 'static) -> Row {
    Row { filter, value: value.into(), finds: Box::new(finds) }
}

/// Finds the records whose member has one of the values.
fn is(filter: &'static str, member: &'static str, values: &str) -> Row {
    let wanted: Vec<String> = values.split(',').map(str::to_owned).collect();
    row(filter, values, move |item| {
        item[member].as_str().is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
    })
}

/// Finds the records whose reference leads to one of these.
fn of(filter: &'static str, member: &'static str, ids: &[&str]) -> Vec<Row> {
    let found: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    vec![
        row(filter, ids.join(","), move |item| found.iter().any(|id| item[member] == **id)),
        // The record that refers to nothing known is found by nothing.
        row(filter, "01890000-0000-7000-8000-000000000000", |_| false),
    ]
}

/// Both bounds of a date, each at the very day and a day beyond.
fn days(from: &'static str, to: &'static str, member: &'static str, day: &str) -> Vec<Row> {
    let (early, late) = (day.to_owned(), day.to_owned());
    vec![
        row(from, day, move |item| item[member].as_str().is_some_and(|value| value >= early.as_str())),
        row(to, day, move |item| item[member].as_str().is_some_and(|value| value <= late.as_str())),
        row(from, "2090-01-01", |_| false),
        row(to, "1990-01-01", |_| false),
    ]
}

/// Finds the records for which `finds` holds of the network in which they lie.
fn within(filter: &'static str, value: &str, networks: &[&str]) -> Row {
    let networks: Vec<String> = networks.iter().map(|id| (*id).to_owned()).collect();
    row(filter, value, move |item| networks.iter().any(|id| item["partnership_id"] == **id))
}

/// The filters that every list has; `items` is the whole list.
fn common(ground: &Ground, kind: &str, items: &[Value]) -> Vec<Row> {
    let text = |item: &Value, member: &str| item[member].as_str().unwrap().to_owned();
    let mut rows = vec![is("id", "id", &text(&items[0], "id"))];
    let named = items.iter().find(|item| item["external_id"].is_string()).unwrap();
    rows.push(is("external_id", "external_id", &format!("{},nobody", text(named, "external_id"))));
    for (since, until, member) in
        [("created_since", "created_until", "created_at"), ("updated_since", "updated_until", "updated_at")]
    {
        for instant in [text(&items[0], member), text(&items[items.len() - 1], member)] {
            let (early, late) = (instant.clone(), instant.clone());
            rows.push(row(since, &instant, move |item| item[member].as_str().unwrap() >= early.as_str()));
            rows.push(row(until, &instant, move |item| item[member].as_str().unwrap() <= late.as_str()));
        }
        rows.push(row(since, "2090-01-01T00:00:00Z", |_| false));
        rows.push(row(until, "1990-01-01T00:00:00Z", |_| false));
    }
    let mut sources = vec![(ground.world.operators[2].clone(), vec![])];
    match kind {
        "organisations" => {
            let registered = items.iter().filter(|item| item["external_id"].is_string());
            sources.push((
                ground.region.clone(),
                registered.map(|item| text(item, "id")).chain([ground.region.clone()]).collect(),
            ));
            sources.remove(0);
        }
        "calls" => sources.push((ground.region.clone(), items.iter().map(|item| text(item, "id")).collect())),
        "partnerships" => {
            sources.push((ground.world.operators[0].clone(), vec![ground.first.id.clone()]));
            sources.remove(0);
        }
        _ => {
            let own = items.iter().filter(|item| item["partnership_id"] == *ground.first.id);
            sources.push((ground.world.operators[0].clone(), own.map(|item| text(item, "id")).collect()));
        }
    }
    for (source, found) in sources {
        rows.push(row("source_organisation", source, move |item| found.iter().any(|id| item["id"] == **id)));
    }
    rows
}

/// What lies in a partnership: by it, by its call.
fn placed(ground: &Ground) -> Vec<Row> {
    let (first, second) = (&ground.first, &ground.second);
    let mut rows = of("partnership", "partnership_id", &[&first.id]);
    rows.push(within("partnership", &format!("{},{}", first.id, second.id), &[&first.id, &second.id]));
    rows.push(within("call", &first.call, &[&first.id, &ground.draft]));
    rows.push(within("call", &second.call, &[&second.id]));
    rows
}

/// Every filter of a kind.
pub fn rows(ground: &Ground, kind: &str, items: &[Value]) -> Vec<Row> {
    let mut rows = common(ground, kind, items);
    rows.extend(match kind {
        "organisations" => organisations(ground),
        "calls" => calls(),
        "partnerships" => partnerships(ground),
        "members" => members(ground),
        "cohorts" => cohorts(ground),
        "participants" => participants(ground),
        "actions" => actions(ground),
        _ => outcomes(ground),
    });
    rows
}

fn organisations(ground: &Ground) -> Vec<Row> {
    let company = ground.company.clone();
    let company = move || {
        let company = company.clone();
        move |item: &Value| item["id"] == *company
    };
    let accredited = ground.world.operators.clone();
    let (then, now) = (company(), accredited.clone());
    vec![
        is("tax_code", "tax_code", &format!("{},{}", client_code(0), client_code(1))),
        is("province", "province", "BG,SO"),
        is("province", "province", "MI"),
        is("municipality", "municipality", "016024"),
        row("sector", "25", company()),
        row("sector", "C", company()),
        row("sector", "25.11.00,62", company()),
        row("sector", "25.12", |_| false),
        row("legal_form", "1.3.20", company()),
        row("operator", "true", |item| !item["accreditation"].is_null()),
        row("operator", "false", |item| item["accreditation"].is_null()),
        row("accredited_on", "2012-07-10", move |item| now.iter().any(|id| item["id"] == **id)),
        row("accredited_on", "2011-12-31", move |item| then(item) || accredited.iter().any(|id| item["id"] == **id)),
        row("accredited_on", "2009-12-31", |_| false),
    ]
}

fn calls() -> Vec<Row> {
    let mut rows = vec![
        is("code", "code", "PT-2013"),
        row("applications_on", "2013-06-30", |item| item["code"] == "PT-2013"),
        row("applications_on", "2012-07-01", |item| item["code"] != "PT-2013"),
        row("activities_on", "2014-12-31", |item| item["code"] == "PT-2013"),
        row("activities_on", "2015-01-01", |_| false),
    ];
    rows.extend(days("reporting_deadline_from", "reporting_deadline_to", "reporting_deadline", "2014-06-30"));
    rows
}

fn partnerships(ground: &Ground) -> Vec<Row> {
    let world = &ground.world;
    let mut rows = of("call", "call_id", &[&ground.second.call]);
    rows.extend(of("lead_organisation", "lead_organisation_id", &[&world.operators[1]]));
    let is_second = |ground: &Ground| {
        let id = ground.second.id.clone();
        move |item: &Value| item["id"] == *id
    };
    let not_draft = {
        let draft = ground.draft.clone();
        move |item: &Value| item["id"] != *draft
    };
    let province =
        |code: &'static str| move |item: &Value| item["provinces"].as_array().unwrap().contains(&code.into());
    rows.extend([
        is("state", "state", "draft,submitted"),
        is("state", "state", "active"),
        row("organisation", &world.others[0], not_draft),
        row("organisation", &world.operators[1], is_second(ground)),
        row("province", "SO", province("SO")),
        row("province", "MI,CO", province("MI")),
        row("province", "VA", |_| false),
        row("sector", "62", is_second(ground)),
        row("sector", "J", is_second(ground)),
        row("sector", "63", |_| false),
        row("running_on", "2012-10-01", |_| true),
        row("running_on", "2014-06-30", is_second(ground)),
        row("running_on", "2012-08-31", |_| false),
    ]);
    for (from, to, member, day) in [
        ("starts_from", "starts_to", "starts_on", "2012-09-01"),
        ("ends_from", "ends_to", "ends_on", "2014-06-30"),
        ("submitted_from", "submitted_to", "submitted_on", "2012-07-10"),
        ("decided_from", "decided_to", "decided_on", "2012-08-10"),
        ("decided_from", "decided_to", "decided_on", "2012-09-03"),
    ] {
        rows.extend(days(from, to, member, day));
    }
    rows
}

fn members(ground: &Ground) -> Vec<Row> {
    let mut rows = placed(ground);
    rows.extend(of("organisation", "organisation_id", &[&ground.world.others[0]]));
    let company = ground.world.others[..4].to_vec();
    rows.extend([
        is("category", "category", "company,third_sector"),
        is("category", "category", "local_authority"),
        row("member_on", "2012-07-31", |item| item["joined_on"] == "2012-07-01"),
        row("member_on", "2012-08-01", |item| item["left_on"].is_null()),
        row("province", "MI", move |item| company.iter().any(|id| item["organisation_id"] == **id)),
        row("province", "BG", |_| false),
        // Nobody in the two networks has a sector: see `a_sector_of_a_member_is_that_of_its_organisation`.
        row("sector", "25", |_| false),
    ]);
    rows.extend(days("joined_from", "joined_to", "joined_on", "2012-07-01"));
    rows.extend(days("joined_from", "joined_to", "joined_on", "2012-08-01"));
    rows.extend(days("left_from", "left_to", "left_on", "2012-07-31"));
    rows
}

fn cohorts(ground: &Ground) -> Vec<Row> {
    let mut rows = placed(ground);
    let operator = &ground.world.operators[1];
    rows.extend(of("operator", "operator_organisation_id", &[operator]));
    rows.extend(of("crisis_company", "crisis_company_id", &[&ground.company]));
    rows.extend([
        is("province", "province", "BG"),
        is("province", "province", "MI,VA"),
        within("sector", "25", &[&ground.second.id]),
        within("sector", "25.11", &[&ground.second.id]),
        row("sector", "25.11.00", |_| false),
    ]);
    rows.extend(days("agreement_from", "agreement_to", "agreement_on", "2012-08-01"));
    rows
}

fn participants(ground: &Ground) -> Vec<Row> {
    let mut rows = placed(ground);
    let (cohort, operator) = (&ground.second.cohort, &ground.world.operators[1]);
    rows.extend(of("cohort", "cohort_id", &[cohort]));
    rows.extend(of("operator", "operator_organisation_id", &[operator]));
    rows.extend([
        row("active", "true", |item| item["left_on"].is_null()),
        row("active", "false", |item| item["left_on"].is_string()),
        is("entry_status", "entry_status", "unemployed,cigd"),
        is("entry_status", "entry_status", "cigs"),
        is("exit_reason", "exit_reason", "placed"),
        is("exit_reason", "exit_reason", "abandoned,completed"),
        row("province", "BG", |item| item["municipality"] == "016024"),
        row("province", "MI,SO", |item| item["municipality"] == "015146"),
        within("sector", "25", &[&ground.second.id]),
        row("sector", "24", |_| false),
        row("dote_path", "job_placement", |item| item["dote"]["path"] == "job_placement"),
        row("dote_path", "requalification,self_employment", |item| item["dote"]["path"] == "self_employment"),
        row("dote_on", "2013-01-01", |item| item["dote"]["valid_to"] == "2013-12-31"),
        row("dote_on", "2012-06-30", |_| false),
    ]);
    rows.extend(days("taken_charge_from", "taken_charge_to", "taken_charge_on", "2012-07-09"));
    rows.extend(days("left_from", "left_to", "left_on", "2012-08-10"));
    rows
}

fn actions(ground: &Ground) -> Vec<Row> {
    let mut rows = placed(ground);
    let (cohort, performer, worker) =
        (&ground.first.cohort, &ground.world.operators[0], ground.first.workers[0].clone());
    rows.extend(of("cohort", "cohort_id", &[cohort]));
    rows.extend(of("performer", "performer_organisation_id", &[performer]));
    let gone = &ground.first.workers[1];
    let attended = format!("{worker},{gone}");
    rows.extend([
        row("participant", attended, move |item| {
            item["attendance"].as_array().unwrap().iter().any(|attendance| attendance["participant_id"] == *worker)
        }),
        row("participant", gone, |_| false),
        is("kind", "kind", "training,needs_analysis"),
        is("kind", "kind", "outplacement"),
        is("mode", "mode", "group"),
        is("mode", "mode", "individual,system"),
        is("status", "status", "completed"),
        is("status", "status", "proposed,refused"),
        is("financing", "financing", "grant"),
        is("financing", "financing", "own_resources"),
        row("province", "BG", |item| item["municipality"] == "016024"),
        row("province", "MI", |item| item["municipality"] == "015146"),
        is("municipality", "municipality", "015146"),
        within("sector", "62", &[&ground.second.id]),
        row("sector", "A", |_| false),
    ]);
    rows.extend(days("planned_from", "planned_to", "planned_on", "2012-11-10"));
    rows.extend(days("started_from", "started_to", "started_on", "2012-10-10"));
    rows.extend(days("ended_from", "ended_to", "ended_on", "2012-11-10"));
    rows
}

fn outcomes(ground: &Ground) -> Vec<Row> {
    let mut rows = placed(ground);
    let worker = &ground.second.workers[0];
    rows.extend(of("participant", "participant_id", &[worker]));
    rows.extend([
        within("cohort", &ground.first.cohort, &[&ground.first.id]),
        row("cohort", &ground.second.id, |_| false),
        within("operator", &ground.world.operators[1], &[&ground.second.id]),
        row("operator", &ground.world.operators[2], |_| false),
        is("kind", "kind", "traineeship,inactive"),
        is("kind", "kind", "employment"),
        is("state", "state", "declared"),
        is("state", "state", "evidenced,verified"),
        is("contract_type", "contract_type", "C.01.00"),
        is("contract_type", "contract_type", "A.01.00,A.02.00"),
        is("working_time", "working_time", "P"),
        is("working_time", "working_time", "F"),
        within("province", "BG", &[&ground.second.id]),
        within("province", "MI,CO", &[&ground.first.id]),
        within("sector", "62", &[&ground.second.id]),
        row("sector", "61", |_| false),
    ]);
    rows.extend(days("starts_from", "starts_to", "starts_on", "2012-10-01"));
    rows.extend(days("starts_from", "starts_to", "starts_on", "2012-11-05"));
    rows.extend(days("ends_from", "ends_to", "ends_on", "2013-02-05"));
    rows.extend(days("state_changed_from", "state_changed_to", "state_changed_on", "2012-12-01"));
    rows.extend(days("state_changed_from", "state_changed_to", "state_changed_on", "2012-12-02"));
    rows
}
