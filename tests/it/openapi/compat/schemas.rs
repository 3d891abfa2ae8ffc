//! Whether every value of one schema is a value of another.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ptr;

use serde_json::Value;

use super::{follow, members};

/// What says nothing about which values there are.
const ANNOTATIONS: [&str; 8] =
    ["description", "title", "example", "examples", "deprecated", "discriminator", "readOnly", "writeOnly"];
/// What [`Comparison::fits`] understands.
const UNDERSTOOD: [&str; 21] = [
    "$ref",
    "type",
    "enum",
    "const",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "default",
    "contentMediaType",
    "contentSchema",
];
const FORMS: [&str; 2] = ["oneOf", "anyOf"];
/// Bounds, with what is true of each where it is not stated, and whether a greater one admits more.
const BOUNDS: [(&str, f64, bool); 8] = [
    ("minLength", 0.0, false),
    ("maxLength", f64::INFINITY, true),
    ("minimum", f64::NEG_INFINITY, false),
    ("maximum", f64::INFINITY, true),
    ("minItems", 0.0, false),
    ("maxItems", f64::INFINITY, true),
    ("minProperties", 0.0, false),
    ("maxProperties", f64::INFINITY, true),
];

/// A comparison in one direction: of what is sent, what the receiver takes.
pub struct Comparison<'a> {
    /// The document of who sends.
    sender: &'a Value,
    /// The document of who receives.
    receiver: &'a Value,
    /// Whether the receiver ignores members it does not know, and misses those that do not come any more.
    answer: bool,
    /// Pairs of schemas, by their places, that are compared already or being compared: schemas may refer to themselves.
    seen: HashSet<Pair>,
    /// The same in the order in which they were met, to forget the last ones.
    met: Vec<Pair>,
}

type Pair = (*const Value, *const Value);

impl<'a> Comparison<'a> {
    /// Clients of the old document send, the new service receives.
    pub fn request(old: &'a Value, new: &'a Value) -> Self {
        Self { sender: old, receiver: new, answer: false, seen: HashSet::new(), met: Vec::new() }
    }

    /// The new service sends, clients of the old document receive.
    pub fn response(old: &'a Value, new: &'a Value) -> Self {
        Self { sender: new, receiver: old, answer: true, seen: HashSet::new(), met: Vec::new() }
    }

    /// The reasons why a value that is sent might not be understood.
    pub fn compare(&mut self, old: &'a Value, new: &'a Value, at: &str) -> Vec<String> {
        let mut found = Vec::new();
        let (sent, taken) = if self.answer { (new, old) } else { (old, new) };
        self.fits(sent, taken, at, &mut found);
        found
    }

    fn fits(&mut self, sent: &'a Value, taken: &'a Value, at: &str, found: &mut Vec<String>) {
        let (sent, taken) = (follow(self.sender, sent), follow(self.receiver, taken));
        let pair = (ptr::from_ref(sent), ptr::from_ref(taken));
        if !self.seen.insert(pair) {
            return;
        }
        self.met.push(pair);
        for schema in [sent, taken] {
            let odd = members(schema).map(|(name, _)| name).find(|name| {
                !ANNOTATIONS.contains(name)
                    && !UNDERSTOOD.contains(name)
                    && !FORMS.contains(name)
                    && !name.starts_with("x-")
            });
            if let Some(odd) = odd
                && sent != taken
            {
                found.push(format!("{at}: cannot tell, for `{odd}`"));
                return;
            }
        }
        // Each form of what is sent has to be taken; what is taken may be of any form.
        if let Some(forms) = forms(sent) {
            for form in forms {
                // A form is held to what it promised by its name: another one may promise less.
                let namesake = self::forms(taken)
                    .into_iter()
                    .flatten()
                    .find(|other| form.get("$ref").is_some_and(|name| other.get("$ref") == Some(name)));
                self.fits(form, namesake.unwrap_or(taken), at, found);
            }
            return;
        }
        if let Some(forms) = forms(taken) {
            let mut nearest: Option<Vec<String>> = None;
            for form in forms {
                // What was seen on the way to a form that does not fit was not found to fit.
                let met = self.met.len();
                let mut reasons = Vec::new();
                self.fits(sent, form, at, &mut reasons);
                if reasons.is_empty() {
                    return;
                }
                for pair in self.met.drain(met..) {
                    self.seen.remove(&pair);
                }
                if nearest.as_ref().is_none_or(|nearest| reasons.len() < nearest.len()) {
                    nearest = Some(reasons);
                }
            }
            found.extend(nearest.unwrap_or_default());
            return;
        }
        self.scalars(sent, taken, at, found);
        self.objects(sent, taken, at, found);
        // What a text holds, where it holds something of a form.
        match (sent.get("contentSchema"), taken.get("contentSchema")) {
            (Some(one), Some(other)) => self.fits(one, other, &format!("{at} content"), found),
            (None, Some(_)) => found.push(format!("{at}: content of any form")),
            _ => {}
        }
        match (sent.get("items"), taken.get("items")) {
            (Some(one), Some(other)) => self.fits(one, other, &format!("{at}[]"), found),
            (None, Some(_)) if types(sent).contains("array") => found.push(format!("{at}: items of any form")),
            _ => {}
        }
    }

    fn scalars(&self, sent: &Value, taken: &Value, at: &str, found: &mut Vec<String>) {
        let (one, other) = (types(sent), types(taken));
        for kind in &one {
            if !(other.contains(kind) || *kind == "integer" && other.contains("number")) {
                found.push(format!("{at}: {kind} where {} was meant", Vec::from_iter(other.clone()).join(" or ")));
            }
        }
        if let Some(other) = values(taken) {
            match values(sent) {
                Some(one) => {
                    found.extend(one.difference(&other).map(|value| format!("{at}: the value {value} is not known")));
                }
                None => found.push(format!("{at}: more values than the listed ones")),
            }
        } else {
            for form in ["pattern", "format", "contentMediaType"] {
                if taken.get(form).is_some_and(|form_taken| sent.get(form) != Some(form_taken)) {
                    found.push(format!("{at}: another {form}"));
                }
            }
        }
        for (bound, unstated, upper) in BOUNDS {
            let of = |schema: &Value| schema[bound].as_f64().unwrap_or(unstated);
            if if upper { of(sent) > of(taken) } else { of(sent) < of(taken) } {
                found.push(format!("{at}: {bound} {} where {} was meant", of(sent), of(taken)));
            }
        }
        if !self.answer && sent.get("default") != taken.get("default") {
            found.push(format!("{at}: another default"));
        }
    }

    fn objects(&mut self, sent: &'a Value, taken: &'a Value, at: &str, found: &mut Vec<String>) {
        for name in required(taken).difference(&required(sent)) {
            found.push(format!("{at}/{name}: required, but need not come"));
        }
        let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (members(&sent["properties"]).collect(), members(&taken["properties"]).collect());
        for (name, member) in &one {
            let at = format!("{at}/{name}");
            match (other.get(name), taken.get("additionalProperties")) {
                (Some(known), _) => self.fits(member, known, &at, found),
                (None, Some(Value::Bool(false))) if !self.answer => found.push(format!("{at}: no longer taken")),
                (None, Some(form @ Value::Object(_))) => self.fits(member, form, &at, found),
                _ => {}
            }
        }
        for name in other.keys().filter(|name| self.answer && !one.contains_key(*name)) {
            found.push(format!("{at}/{name}: no longer comes"));
        }
        let open = |schema: &Value| {
            types(schema).contains("object") && schema.get("additionalProperties") != Some(&Value::Bool(false))
        };
        if open(sent) {
            match (sent.get("additionalProperties"), taken.get("additionalProperties")) {
                (_, Some(Value::Bool(false))) if !self.answer => {
                    found.push(format!("{at}: members of any name no longer taken"))
                }
                (Some(one @ Value::Object(_)), Some(other @ Value::Object(_))) => {
                    self.fits(one, other, &format!("{at}/*"), found);
                }
                (None | Some(Value::Bool(_)), Some(Value::Object(_))) => {
                    found.push(format!("{at}: members of any form"))
                }
                _ => {}
            }
        }
    }
}

fn forms(schema: &Value) -> Option<&Vec<Value>> {
    FORMS.iter().find_map(|form| schema[form].as_array())
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::from(["null", "boolean", "number", "string", "array", "object"]),
    }
}

fn values(schema: &Value) -> Option<BTreeSet<String>> {
    let one = schema.get("const").map(|value| BTreeSet::from([value.to_string()]));
    one.or_else(|| Some(schema["enum"].as_array()?.iter().map(Value::to_string).collect()))
}
