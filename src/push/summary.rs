//! What became of all chunks together.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

use super::chunk::Chunk;

/// What became of items, in the order in which it is told.
const EFFECTS: [&str; 9] =
    ["read", "created", "changed", "unchanged", "deleted", "waiting", "refused", "superseded", "skipped"];

/// Examples that are told of a cause.
const EXAMPLES: usize = 3;

/// The sum of reports.
#[derive(Default)]
pub struct Summary {
    counts: BTreeMap<&'static str, i64>,
    /// By what makes two causes the same.
    causes: BTreeMap<String, Value>,
    rejected: Vec<String>,
    plan_hash: Option<String>,
}

impl Summary {
    /// Adds the report on a chunk. Lines are named as they stand in the input.
    pub fn add(&mut self, report: &Value, chunk: &Chunk) {
        for name in EFFECTS {
            let number = report.pointer(&format!("/items/{name}")).and_then(Value::as_i64).unwrap_or_default();
            *self.counts.entry(name).or_default() += number;
        }
        self.plan_hash = report.get("plan_hash").and_then(Value::as_str).map(str::to_owned);
        if let Some(state @ ("rejected" | "cancelled")) = report.get("state").and_then(Value::as_str) {
            let reason = report.get("reason").and_then(Value::as_str).unwrap_or("for no stated reason");
            self.rejected.push(format!("{state}: {reason}"));
        }
        for cause in report.get("causes").and_then(Value::as_array).into_iter().flatten() {
            let same = json!(["type", "code", "rule", "pointer", "reference"].map(|name| cause.get(name))).to_string();
            let mut examples: Vec<Value> = cause.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
            for example in &mut examples {
                let place = example.get("line").and_then(Value::as_i64).and_then(|line| chunk.place(line));
                if let (Some((file, line)), Some(members)) = (place, example.as_object_mut()) {
                    members.insert("file".to_owned(), file.into());
                    members.insert("line".to_owned(), line.into());
                }
            }
            let items = cause.get("items").and_then(Value::as_i64).unwrap_or_default();
            let known = self.causes.entry(same).or_insert_with(|| {
                let mut cause = cause.clone();
                if let Some(members) = cause.as_object_mut() {
                    members.insert("items".to_owned(), 0.into());
                    members.insert("examples".to_owned(), Value::Array(Vec::new()));
                }
                cause
            });
            let before = known.get("items").and_then(Value::as_i64).unwrap_or_default();
            if let Some(members) = known.as_object_mut() {
                members.insert("items".to_owned(), (before + items).into());
                if let Some(shown) = members.get_mut("examples").and_then(Value::as_array_mut) {
                    shown.extend(examples);
                    shown.truncate(EXAMPLES);
                }
            }
        }
    }

    /// Whether nothing was refused.
    pub fn is_clean(&self) -> bool {
        self.rejected.is_empty() && self.count("refused") == 0
    }

    fn count(&self, name: &str) -> i64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// The numbers, in words.
    pub fn counts(&self) -> String {
        let told = EFFECTS.iter().filter(|name| self.count(name) > 0);
        told.map(|name| format!("{} {name}", self.count(name))).collect::<Vec<_>>().join(", ")
    }

    fn causes(&self) -> Vec<&Value> {
        let mut causes: Vec<&Value> = self.causes.values().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.get("items").and_then(Value::as_i64)));
        causes
    }

    /// As JSON, for other programs.
    pub fn to_json(&self) -> String {
        let counts: BTreeMap<&str, i64> = EFFECTS.iter().map(|name| (*name, self.count(name))).collect();
        let all =
            json!({"items": counts, "rejected": self.rejected, "plan_hash": self.plan_hash, "causes": self.causes()});
        format!("{all:#}\n")
    }

    /// For people: the numbers, then the causes, most blocking first.
    pub fn print(&self, dry_run: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}{}", if dry_run { "dry run, nothing was changed: " } else { "" }, self.counts())?;
        if let Some(hash) = self.plan_hash.as_ref().filter(|_| dry_run) {
            writeln!(out, "plan_hash {hash}")?;
        }
        for rejected in &self.rejected {
            writeln!(out, "{rejected}")?;
        }
        for cause in self.causes() {
            let text = |name: &str| cause.get(name).and_then(Value::as_str).unwrap_or_default();
            let named = cause.get("reference").and_then(|reference| {
                let member = |name: &str| reference.get(name).and_then(Value::as_str);
                let name = member("external_id").or_else(|| member("tax_code")).or_else(|| member("id"))?;
                Some(format!("unknown {} {name}", member("kind").or_else(|| member("type"))?))
            });
            let what = named.unwrap_or_else(|| {
                let rule = text("rule");
                format!("{} {}", text("type"), if rule.is_empty() { text("code") } else { rule })
            });
            let items = cause.get("items").and_then(Value::as_i64).unwrap_or_default();
            writeln!(out, "\n{what} blocks {items} items (to be mended by the {})", text("mended_by"))?;
            let pointer = text("pointer");
            writeln!(
                out,
                "  {}{}",
                if pointer.is_empty() { String::new() } else { format!("{pointer}: ") },
                text("detail")
            )?;
            for example in cause.get("examples").and_then(Value::as_array).into_iter().flatten() {
                let part = |name: &str| match example.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                writeln!(out, "  {}:{} {} {}", part("file"), part("line"), part("type"), part("external_id"))?;
            }
        }
        out.flush()
    }
}
