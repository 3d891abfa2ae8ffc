//! The schema: migrations go up, down and up again; `schema.rs` says what they make; every constraint has a name and a
//! meaning.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::Text;
use ricolloca::db::constraints::{BACKSTOPS, CONSTRAINTS};
use ricolloca::db::migrate;

use crate::support::postgres::Database;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(conn: &mut PgConnection, query: &str) -> Vec<String> {
    diesel::sql_query(query).load::<Line>(conn).unwrap().into_iter().map(|row| row.line).collect()
}

#[test]
fn migrations_go_up_down_and_up_again() {
    let database = Database::empty();
    let applied = migrate::migrate(&database.url).unwrap();
    assert!(!applied.is_empty());
    migrate::revert_all(&database.url).unwrap();
    let left = lines(
        &mut database.connect(),
        "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%' \
         UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'diesel%'",
    );
    assert_eq!(left, Vec::<String>::new(), "left behind by down.sql");
    assert_eq!(migrate::migrate(&database.url).unwrap(), applied);
    assert!(migrate::migrate(&database.url).unwrap().is_empty(), "a second run has nothing to do");
}

#[test]
fn schema_rs_is_what_the_migrations_make() {
    let generated = generate(&mut Database::new().connect());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/schema.rs");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == generated, "src/db/schema.rs is not current: UPDATE_SCHEMA=1 cargo test --test it schema");
}

/// The tables as Diesel needs to know them. Tables with columns that Diesel has no type for are read by hand-written SQL only.
fn generate(conn: &mut PgConnection) -> String {
    let columns = lines(
        conn,
        "SELECT concat_ws('|', c.table_name, c.column_name, c.udt_name, c.is_nullable, t.table_type) AS line \
         FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) \
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_\\_%' ORDER BY c.table_name, c.ordinal_position",
    );
    let keys: BTreeMap<String, String> = lines(
        conn,
        "SELECT concat_ws('|', k.conrelid::regclass, string_agg(a.attname, ', ' ORDER BY array_position(k.conkey, a.attnum))) AS line \
         FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) \
         WHERE k.contype = 'p' AND k.connamespace = 'public'::regnamespace GROUP BY k.conrelid",
    )
    .into_iter()
    .filter_map(|line| line.split_once('|').map(|(table, key)| (table.to_owned(), key.to_owned())))
    .collect();
    let mut tables: BTreeMap<String, Vec<(String, Option<String>)>> = BTreeMap::new();
    for line in &columns {
        let [table, column, sql, nullable, kind] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let ty = match sql {
            "uuid" => Some("Uuid"),
            "int8" => Some("Int8"),
            "int4" => Some("Int4"),
            "text" => Some("Text"),
            "timestamptz" => Some("Timestamptz"),
            "date" => Some("Date"),
            "jsonb" => Some("Jsonb"),
            "bytea" => Some("Bytea"),
            "bool" => Some("Bool"),
            _ => None,
        };
        let nullable = nullable == "YES" && kind != "VIEW";
        let ty = ty.map(|ty| if nullable { format!("Nullable<{ty}>") } else { ty.to_owned() });
        tables.entry(table.to_owned()).or_default().push((column.to_owned(), ty));
    }
    tables.retain(|_, columns| columns.iter().all(|(_, ty)| ty.is_some()));
    let mut text = String::from(
        "// Generated from the migrations by the test `schema`; to refresh it: UPDATE_SCHEMA=1 cargo test --test it schema\n\n",
    );
    for (table, columns) in &tables {
        let all: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let key = keys.get(table).cloned().unwrap_or_else(|| all.join(", "));
        writeln!(text, "diesel::table! {{\n    {table} ({key}) {{").unwrap();
        for (name, ty) in columns {
            writeln!(text, "        {name} -> {},", ty.as_deref().unwrap_or_default()).unwrap();
        }
        text.push_str("    }\n}\n\n");
    }
    text.push_str("diesel::allow_tables_to_appear_in_same_query!(\n");
    for table in tables.keys() {
        writeln!(text, "    {table},").unwrap();
    }
    text.push_str(");\n");
    text
}

/// Actions have no foreign keys: their statements check the same.
#[test]
fn what_an_action_refers_to_is_there_and_stays() {
    let database = Database::new();
    let mut conn = database.connect();
    let mut tell = |statement: &str| match diesel::sql_query(statement).execute(&mut conn) {
        Ok(_) => String::new(),
        Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, info)) => {
            info.constraint_name().unwrap_or_default().to_owned()
        }
        Err(error) => error.to_string(),
    };
    let id = |number: u32| format!("'{number:08}-0000-7000-8000-000000000000'");
    let head = "version, created_at, updated_at";
    let one = "1, now(), now()";
    let organisation = id(1);
    for statement in [
        format!(
            "INSERT INTO organisation (id, {head}, source_organisation_id, tax_code, name) VALUES ({organisation}, {one}, {organisation}, 't', 'n')"
        ),
        format!(
            "INSERT INTO call (id, {head}, source_organisation_id, code, title, allocation_cents, applications_from, applications_to, activities_from, activities_to, \
                reporting_deadline, rules) VALUES ({}, {one}, {organisation}, 'c', 't', 1, now(), now(), now(), now(), now(), '{{}}')",
            id(2)
        ),
        format!(
            "INSERT INTO partnership (id, {head}, source_organisation_id, call_id, lead_organisation_id, title, provinces, starts_on, ends_on, budget_cents, \
                requested_cents, state) VALUES ({}, {one}, {organisation}, {}, {organisation}, 't', '[]', now(), now(), 1, 1, 'active')",
            id(3),
            id(2)
        ),
    ] {
        assert_eq!(tell(&statement), "");
    }
    let nobody = id(9);
    let action = |own: &str, [source, partnership, cohort, performer, rectifies]: [&str; 5]| {
        format!(
            "INSERT INTO action (id, {head}, source_organisation_id, partnership_id, cohort_id, performer_organisation_id, rectifies_id, kind, mode, status, \
                planned_on, minutes, financing, attendance, deliverables, cost_lines, details, requested_cents) \
             VALUES ({own}, {one}, {source}, {partnership}, {cohort}, {performer}, {rectifies}, 'k', 'm', 's', now(), 1, 'f', '[]', '[]', '[]', '{{}}', 0)"
        )
    };
    let whole = [organisation.as_str(), &id(3), "NULL", &organisation, "NULL"];
    assert_eq!(tell(&action(&id(4), whole)), "");
    let rectifying = [whole[0], whole[1], whole[2], whole[3], &id(4)];
    assert_eq!(tell(&action(&id(5), rectifying)), "");
    for (place, name) in ["source", "partnership", "cohort", "performer", "rectifies"].iter().enumerate() {
        let mut broken = whole;
        broken[place] = &nobody;
        assert_eq!(tell(&action(&id(6), broken)), format!("action_{name}_fk"));
    }
    let change = |column: &str| format!("UPDATE action SET {column} = {nobody} WHERE id = {}", id(4));
    assert_eq!(tell(&change("partnership_id")), "action_partnership_fk");
    assert_eq!(tell(&change("cohort_id")), "action_cohort_fk");
    for table in ["organisation", "partnership", "cohort", "participant", "action"] {
        assert_eq!(tell(&format!("UPDATE {table} SET id = {nobody}")), format!("the id of {table} does not change"));
        assert_eq!(tell(&format!("DELETE FROM {table}")), format!("DELETE of {table} would lose events"));
    }
}

#[test]
fn every_constraint_is_named_and_has_a_meaning() {
    let names = lines(
        &mut Database::new().connect(),
        "SELECT conname::text AS line FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n' \
           AND conrelid::regclass::text NOT LIKE '\\_\\_diesel%' \
         UNION SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
          WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND i.indrelid::regclass::text NOT LIKE '\\_\\_diesel%'",
    );
    for name in &names {
        let mapped = CONSTRAINTS.iter().any(|(known, ..)| known == name);
        let backstop = BACKSTOPS.contains(&name.as_str()) || name.ends_with("_pk") || name.ends_with("_fk");
        assert!(
            mapped || backstop,
            "{name}: add it to CONSTRAINTS (with its problem) or BACKSTOPS in src/db/constraints.rs"
        );
        assert!(!(mapped && backstop), "{name} stands in both lists");
    }
    for known in CONSTRAINTS.iter().map(|(name, ..)| *name).chain(BACKSTOPS.iter().copied()) {
        assert!(names.iter().any(|name| name == known), "{known} is in src/db/constraints.rs, not in the database");
    }
}
