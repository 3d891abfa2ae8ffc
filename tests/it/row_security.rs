//! The second lock: what PostgreSQL itself shows of people, whatever a query of the service asks for. See
//! docs/decisions/0010-two-locks.md.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::{Value, json};

use crate::sight::truth;
use crate::support::service::{Client, Service};
use crate::support::world::{World, with};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

const TABLES: [&str; 4] = ["participant", "action", "outcome", "outcome_revision"];

fn count(conn: &mut PgConnection, query: &str) -> i64 {
    diesel::sql_query(format!("SELECT count(*) AS n FROM {query}")).get_result::<Count>(conn).unwrap().n
}

fn names(conn: &mut PgConnection, query: &str) -> BTreeSet<String> {
    diesel::sql_query(query).load::<Name>(conn).unwrap().into_iter().map(|row| row.name).collect()
}

/// Replaces what members are shown by PostgreSQL.
fn show(conn: &mut PgConnection, what: &str) {
    for table in TABLES {
        conn.batch_execute(&format!("ALTER POLICY seen_rows ON {table} USING ({what}) WITH CHECK ({what})")).unwrap();
    }
}

#[test]
fn an_organisation_reaches_the_rows_it_sees_and_nobody_else_any() {
    let service = Service::demo();
    let mut conn = service.database.connect();
    let organisations = names(&mut conn, "SELECT DISTINCT organisation_id::text AS name FROM client");
    assert!(organisations.len() > 2);
    let mut some = 0;
    for organisation in &organisations {
        for (table, shown) in
            TABLES.map(|table| (table, table)).into_iter().chain([("outcome_revision", "known.outcome")])
        {
            let seen = format!(
                "(SELECT FROM {table} r WHERE EXISTS (SELECT FROM sight s WHERE s.partnership_id = r.partnership_id AND s.organisation_id = '{organisation}')) x"
            );
            conn.batch_execute("RESET ROLE").unwrap();
            let (seen, all) = (count(&mut conn, &seen), count(&mut conn, table));
            assert!(all > 0, "{table}");
            conn.batch_execute(&format!("SET ROLE ricolloca_member; SET ricolloca.organisation = '{organisation}'"))
                .unwrap();
            let reached = count(&mut conn, shown);
            assert!(if shown == table { reached == seen } else { reached <= seen }, "{shown}: {reached} of {seen}");
            some += i64::from(seen > 0 && seen < all);
            conn.batch_execute("SET ricolloca.organisation = ''").unwrap();
            assert_eq!(count(&mut conn, shown), 0, "{shown} for nobody");
            conn.batch_execute("RESET ricolloca.organisation").unwrap();
            assert_eq!(count(&mut conn, shown), 0, "{shown} where nothing was said");
            conn.batch_execute("SET ROLE ricolloca_region").unwrap();
            assert_eq!(count(&mut conn, table), all);
        }
    }
    assert!(some > 4, "each sees some of it");
}

#[test]
fn nobody_writes_rows_that_he_does_not_reach() {
    let service = Service::demo();
    let mut conn = service.database.connect();
    let stranger = "SET ROLE ricolloca_member; SET ricolloca.organisation = '00000000-0000-0000-0000-000000000001'";
    for table in TABLES {
        conn.batch_execute("RESET ROLE").unwrap();
        conn.batch_execute(&format!(
            "CREATE TEMPORARY TABLE one AS SELECT * FROM {table} LIMIT 1; GRANT SELECT ON one TO PUBLIC"
        ))
        .unwrap();
        conn.batch_execute(stranger).unwrap();
        let refused = conn.batch_execute(&format!("INSERT INTO {table} SELECT * FROM one")).unwrap_err().to_string();
        assert!(refused.contains("row-level security"), "{table}: {refused}");
        if table != "outcome_revision" {
            let touched = diesel::sql_query(format!("UPDATE {table} SET version = version + 1")).execute(&mut conn);
            assert_eq!(touched.unwrap(), 0, "{table}");
        }
        conn.batch_execute("RESET ROLE; DROP TABLE one").unwrap();
    }
}

#[test]
fn the_roles_have_no_way_around_it_and_no_right_to_rewrite_what_was() {
    let service = Service::demo();
    let mut conn = service.database.connect();
    let with_power = "SELECT rolname::text AS name FROM pg_roles WHERE rolname LIKE 'ricolloca\\_%' \
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolinherit)";
    assert_eq!(names(&mut conn, with_power), BTreeSet::new());
    let owned = "SELECT relname::text AS name FROM pg_class WHERE pg_get_userbyid(relowner) LIKE 'ricolloca\\_%'";
    assert_eq!(names(&mut conn, owned), BTreeSet::new(), "owners pass by the policies");
    // Every table that says in which partnership a record lies is locked, unless it names no worker.
    let open = "SELECT c.relname::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity AND NOT a.attisdropped \
          AND a.attname IN ('participant_id', 'person_sealed', 'worker_index', 'attendance', 'employer_sealed', 'sealed', 'body')";
    // `attendance`: ADR 10. Of one client or import each, found by nothing else, sealed, and gone after a while: what a key was answered, and
    // lines on their way. The last holds nobody's data.
    let known = ["attendance", "idempotency", "import_chunk", "import_waiting", "vault_check"];
    assert_eq!(names(&mut conn, open), known.map(str::to_owned).into());
    let grants = |conn: &mut PgConnection, right: &str| {
        names(
            conn,
            &format!(
                "SELECT table_name::text AS name FROM information_schema.role_table_grants WHERE grantee LIKE 'ricolloca\\_%' \
                 AND table_schema = 'public' AND privilege_type = '{right}'"
            ),
        )
    };
    let all = names(
        &mut conn,
        "SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    );
    assert_eq!(&all - &grants(&mut conn, "SELECT"), BTreeSet::new());
    let stays = [
        "call_revision",
        "cohort_revision",
        "outcome_revision",
        "audit_event",
        "audit_leaf",
        "audit_node",
        "audit_checkpoint",
    ];
    let by_command = ["client", "client_key", "data_key", "vault_check", "__diesel_schema_migrations"];
    let set = |some: &[&[&str]]| some.concat().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(&all - &grants(&mut conn, "UPDATE"), set(&[&stays, &by_command, &["signing_key", "audit_pending"]]));
    assert_eq!(&all - &grants(&mut conn, "DELETE"), set(&[&stays, &by_command]));
    assert_eq!(&all - &grants(&mut conn, "INSERT"), set(&[&by_command, &["signing_key"]]));
    assert_eq!(grants(&mut conn, "TRUNCATE"), BTreeSet::new());
}

/// Each way of reading, and what it shows of people.
fn readings(client: &Client, world: &Value) -> Vec<(String, usize)> {
    let items = |path: &str| client.get(path).expect(200).json()["items"].as_array().unwrap().len();
    let mut found: Vec<(String, usize)> = ["participants", "actions", "outcomes"]
        .into_iter()
        .map(|kind| (format!("list of {kind}"), items(&format!("/v1/{kind}?limit=100"))))
        .collect();
    for kind in ["participants", "actions", "outcomes"] {
        let id = world[kind].as_str().unwrap();
        found.push((format!("one of {kind}"), usize::from(client.get(&format!("/v1/{kind}/{id}")).status == 200)));
    }
    let code = world["tax_code"].as_str().unwrap();
    let look_up = client.post("/v1/participants/lookup", json!({"tax_code": code})).expect(200).json();
    found.push(("look-up".to_owned(), look_up["items"].as_array().unwrap().len()));
    let outcome = world["outcomes"].as_str().unwrap();
    found
        .push(("known then".to_owned(), items(&format!("/v1/outcomes?id={outcome}&as_known_at=2012-10-01T10:00:00Z"))));
    let revisions = client.get(&format!("/v1/outcomes/{outcome}/revisions"));
    found.push(("revisions".to_owned(), usize::from(revisions.status == 200)));
    let people = |kind: &str| ["participant", "action", "outcome"].contains(&kind);
    found.push(("exports".to_owned(), truth(client).keys().filter(|(kind, _)| people(kind)).count()));
    let changes = client.changes();
    let shown = changes.iter().filter(|item| people(item["type"].as_str().unwrap()) && !item["record"].is_null());
    found.push(("feed".to_owned(), shown.count()));
    let nothing = json!({"type": "participant", "depth": 0, "buckets": []});
    let compared = client.post("/v1/reconciliations", nothing).expect(200).json();
    found.push(("reconciliation".to_owned(), compared["differing"].as_array().unwrap().len()));
    found
}

#[test]
fn every_way_of_reading_and_writing_goes_through_it() {
    let mut world = World::new();
    let draft = world.active("P-1", 1);
    world.on("2012-10-01");
    let code =
        world.operator.get(&format!("/v1/participants/{}", draft.participant)).expect(200).json()["tax_code"].clone();
    let action = world
        .operator
        .post("/v1/actions", world.action_body(&draft.id, &draft.cohort, &draft.participant, "2012-09-20"));
    let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201).json();
    let known = json!({"participants": draft.participant, "actions": action.expect(201).json()["id"], "outcomes": outcome["id"],
        "tax_code": code});
    let mut conn = world.service.database.connect();
    let before = readings(&world.operator, &known);
    assert!(before.iter().all(|(_, shown)| *shown > 0), "{before:?}");
    let region = readings(&world.dote, &known);
    show(&mut conn, "false");
    let locked = readings(&world.operator, &known);
    assert!(locked.iter().all(|(_, shown)| *shown == 0), "{locked:?}");
    assert_eq!(readings(&world.dote, &known), region, "who sees everything is not an organisation");
    let path = format!("/v1/participants/{}", draft.participant);
    let body = world.participant_body(&draft.cohort, 1);
    world.operator.put(&path, Some(1), body).expect(404);
    world.operator.delete(&format!("/v1/outcomes/{}", outcome["id"].as_str().unwrap()), 1).expect(404);
    let new = world.participant_body(&draft.cohort, 2);
    let refused = world.operator.post("/v1/participants", with(&new, json!({"external_id": "W-2"})));
    assert!(refused.status >= 400, "{refused}");
    show(&mut conn, "true");
    assert_eq!(readings(&world.operator, &known), before);
    // The first lock holds alone, too.
    let strange = readings(&world.stranger, &known);
    assert!(strange.iter().all(|(_, shown)| *shown == 0), "{strange:?}");
}

/// The time that a look-up takes must not tell whether others know a tax code: what is theirs is passed over in the index, before any
/// condition is looked at.
#[test]
fn a_look_up_does_not_touch_workers_of_others() {
    let service = Service::demo();
    let mut conn = service.database.connect();
    conn.batch_execute("ANALYZE participant; SET ROLE ricolloca_member").unwrap();
    let organisation = "00000000-0000-0000-0000-000000000001";
    conn.batch_execute(&format!("SET ricolloca.organisation = '{organisation}'")).unwrap();
    conn.batch_execute(&format!(
        "CREATE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE \
         'EXPLAIN SELECT * FROM participant WHERE worker_index = ''\\x00'' AND deleted_at IS NULL AND operator_organisation_id = ''{organisation}'' \
            AND partnership_id IN (SELECT partnership_id FROM sight WHERE organisation_id = ''{organisation}'') \
            ORDER BY created_at DESC, id DESC LIMIT 100'; END $$"
    ))
    .unwrap();
    let lines: Vec<Name> =
        diesel::sql_query("SELECT plan AS name FROM pg_temp.plan() AS plan").load(&mut conn).unwrap();
    let plan = lines.into_iter().map(|line| line.name).collect::<Vec<_>>().join("\n");
    let mut lines = plan.lines().skip_while(|line| !line.contains(" on participant "));
    let (scan, condition) = (lines.next().unwrap(), lines.next().unwrap());
    // By whichever index: rows of others are none of those that it finds.
    assert!(scan.contains("Index Scan") && condition.contains("Index Cond"), "{plan}");
    assert!(condition.contains("operator_organisation_id"), "{plan}");
}
