//! The layout, held by a program: who may speak to the database, who may speak HTTP, who depends on whom.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| (path.strip_prefix(&root).unwrap().to_path_buf(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Lines of code, without comments.
fn mentions(text: &str, what: &str) -> bool {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).any(|line| line.contains(what))
}

fn is_named(path: &Path, names: &[&str]) -> bool {
    names.contains(&path.file_name().unwrap().to_str().unwrap())
}

#[test]
fn only_stores_speak_diesel() {
    for (path, text) in sources() {
        let may = path.starts_with("db")
            || is_named(&path, &["store.rs"])
            || path.components().any(|part| part.as_os_str() == "store");
        assert!(
            may || !mentions(&text, "diesel"),
            "{}: put the query into the slice's store.rs, or the mechanism into db/",
            path.display()
        );
    }
}

#[test]
fn only_the_edge_speaks_http() {
    const EDGE: &[&str] = &["routes.rs", "app.rs", "main.rs", "serve.rs", "health.rs", "housekeeping.rs"];
    for (path, text) in sources() {
        let may = path.starts_with("http") || path.starts_with("docs") || is_named(&path, EDGE);
        assert!(
            may || !mentions(&text, "actix_web"),
            "{}: handlers belong into routes.rs, mechanisms into http/",
            path.display()
        );
    }
}

#[test]
fn rules_and_models_are_pure() {
    for (path, text) in sources() {
        let pure = is_named(&path, &["rules.rs", "model.rs", "details.rs"])
            || path.components().any(|part| part.as_os_str() == "rules");
        for what in ["diesel", "actix_web", "crate::clock", "Context", "Conn"] {
            assert!(
                !pure || !mentions(&text, what),
                "{}: {what} has no place in rules and models; pass facts",
                path.display()
            );
        }
    }
}

/// A slice may use those before it. What looks backwards (does anything refer to this record?) is asked in SQL by the slice
/// that is asked, so that the order of the code stays that of the domain.
const ORDER: [&str; 8] =
    ["organisations", "calls", "partnerships", "members", "cohorts", "participants", "actions", "outcomes"];

#[test]
fn slices_depend_on_each_other_in_one_order() {
    for (path, text) in sources() {
        let slice = path.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        let Some(place) = ORDER.iter().position(|name| *name == slice) else { continue };
        for later in &ORDER[place + 1..] {
            assert!(!mentions(&text, &format!("crate::{later}::")), "{}: {slice} comes before {later}", path.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= 450 || path.ends_with("schema.rs"),
            "{} has {lines} lines and wants to be two files",
            path.display()
        );
    }
}

/// The string literal that a text begins with, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let rest = text.trim_start().strip_prefix('"')?;
    let mut escaped = false;
    let end = rest.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    Some((rest[..end].to_owned(), &rest[end + 1..]))
}

/// The pieces of a text that stand between two marks, sorted: another language may name them in another order.
fn between(text: &str, open: char, close: char) -> Vec<&str> {
    let pieces = text.split(open).skip(1).step_by(if open == close { 2 } else { 1 });
    let mut pieces: Vec<&str> = pieces.filter_map(|piece| piece.split(close).next()).collect();
    pieces.sort_unstable();
    pieces
}

#[test]
fn texts_in_two_languages_say_something_of_their_own_with_the_same_names_and_values() {
    let mut seen = 0;
    for (path, source) in sources() {
        for call in source.split("text!(").skip(1) {
            let Some((english, rest)) = literal(call) else { continue };
            let Some((italian, _)) = rest.trim_start().strip_prefix('/').and_then(literal) else { continue };
            let place = format!("{}: {english} / {italian}", path.display());
            seen += 1;
            assert_ne!(english, italian, "{place}: the same in both languages");
            assert_eq!(between(&english, '{', '}'), between(&italian, '{', '}'), "{place}: other values");
            assert_eq!(between(&english, '`', '`'), between(&italian, '`', '`'), "{place}: other names");
        }
    }
    assert!(seen > 200, "only {seen} texts were found: does this test still read the sources as they are written?");
}

/// What `SECURITY.md` calls as a witness is there.
#[test]
fn the_tests_that_prove_security_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> =
        page.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named.into_iter().filter(|(file, _)| *file != "file") {
        let plain = root.join(format!("tests/it/{file}.rs"));
        let folder = root.join(format!("tests/it/{file}/mod.rs"));
        let text = fs::read_to_string(plain).or_else(|_| fs::read_to_string(folder)).unwrap();
        assert!(text.contains(&format!("#[test]\nfn {test}() {{")), "SECURITY.md names {file}::{test}");
    }
}
