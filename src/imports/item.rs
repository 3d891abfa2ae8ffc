//! What a line says.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Violation;
use crate::http::extract::is_external_id;
use crate::kind::Kind;
use crate::{shape, text};

/// What every line has. What [`super::wire::ImportLine`] says of `data` is checked with the record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Kind of record.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The sender's name for it.
    pub external_id: String,
    /// True to delete it.
    #[serde(default)]
    pub delete: Option<bool>,
    /// The record.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
}

/// What one line asks for.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its line, from 1.
    pub line: i64,
    /// Of which kind the record is.
    pub kind: Kind,
    /// The sender's name for it.
    pub external_id: String,
    /// Digest of what is asked: equal for equal lines.
    pub digest: Uuid,
    /// The record as JSON; `None` for its deletion.
    pub data: Option<Box<RawValue>>,
}

/// A line that says nothing that could be carried out.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Its line, from 1.
    pub line: i64,
    /// What kind of record it names, if any.
    pub kind: Option<Kind>,
    /// What record it names, if any.
    pub external_id: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<Violation>,
}

/// Reads a line.
pub fn read(line: i64, text: &[u8]) -> Result<Item, Unreadable> {
    let parsed: Result<Envelope, _> = serde_json::from_slice(text);
    let problem = |parsed: &Envelope| match (&parsed.data, parsed.delete.unwrap_or_default()) {
        _ if !is_external_id(&parsed.external_id) => Some(Violation::new(
            "/external_id",
            "wrong_format",
            text!(
                "1 to 100 letters, digits and . _ : -, beginning with a letter or digit; never a tax code."
                    / "Da 1 a 100 lettere, cifre e . _ : -, iniziando con una lettera o una cifra; mai un codice fiscale."
            ),
        )),
        (None, false) => {
            Some(Violation::new("/data", "required", text!("The field is required." / "Il campo è obbligatorio.")))
        }
        (Some(_), true) => Some(Violation::new(
            "/data",
            "not_allowed",
            text!("A deletion has no `data`." / "Una cancellazione non ha `data`."),
        )),
        _ => None,
    };
    match parsed {
        Ok(parsed) => match problem(&parsed) {
            None => Ok(Item {
                line,
                digest: digest(parsed.data.as_deref()),
                kind: parsed.kind,
                external_id: parsed.external_id,
                data: parsed.data,
            }),
            Some(violation) => Err(Unreadable {
                line,
                kind: Some(parsed.kind),
                external_id: Some(parsed.external_id).filter(|name| is_external_id(name)),
                errors: vec![violation],
            }),
        },
        Err(_) => Err(unreadable(line, text)),
    }
}

fn digest(data: Option<&RawValue>) -> Uuid {
    let digest = Sha256::digest(data.map_or(&[][..], |data| data.get().as_bytes()));
    Uuid::from_slice(digest.get(..16).unwrap_or_default()).unwrap_or_default()
}

/// Finds out what is wrong with a line, as for a request's body.
fn unreadable(line: i64, text: &[u8]) -> Unreadable {
    let Ok(document) = serde_json::from_slice::<Value>(text) else {
        let detail = text!("The line is not JSON." / "La riga non è JSON.");
        return Unreadable {
            line,
            kind: None,
            external_id: None,
            errors: vec![Violation::new("", "malformed_json", detail)],
        };
    };
    let named = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let kind = named("type").and_then(|name| Kind::from_name(&name));
    let external_id = named("external_id").filter(|name| is_external_id(name));
    let errors = shape::parse::<Envelope>(document).err().unwrap_or_else(|| {
        let detail = text!("A member stands twice." / "Un membro compare due volte.");
        vec![Violation::new("", "wrong_form", detail)]
    });
    Unreadable { line, kind, external_id, errors }
}

/// An item as it is kept until it is carried out.
#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    l: i64,
    k: &'a str,
    e: &'a str,
    d: Uuid,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    b: Option<&'a RawValue>,
}

/// Items as bytes, to be kept.
pub fn pack(items: &[Item]) -> Vec<u8> {
    let packed: Vec<Packed<'_>> = items
        .iter()
        .map(|item| Packed {
            l: item.line,
            k: item.kind.name(),
            e: &item.external_id,
            d: item.digest,
            b: item.data.as_deref(),
        })
        .collect();
    serde_json::to_vec(&packed).unwrap_or_default()
}

/// Items from bytes; `None` where they are not what [`pack`] made.
pub fn unpack(bytes: &[u8]) -> Option<Vec<Item>> {
    let packed: Vec<Packed<'_>> = serde_json::from_slice(bytes).ok()?;
    packed
        .into_iter()
        .map(|packed| {
            Some(Item {
                line: packed.l,
                kind: Kind::from_name(packed.k)?,
                external_id: packed.e.to_owned(),
                digest: packed.d,
                data: packed.b.map(ToOwned::to_owned),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record_or_a_deletion() {
        let item = read(7, br#"{"type":"action","external_id":"A-1","data":{"minutes":1}}"#).unwrap();
        assert_eq!((item.line, item.kind, item.external_id.as_str()), (7, Kind::Action, "A-1"));
        assert_eq!(item.data.as_ref().unwrap().get(), r#"{"minutes":1}"#);
        let deletion = read(8, br#"{"type":"cohort","external_id":"C-1","delete":true}"#).unwrap();
        assert!(deletion.data.is_none());
        assert_ne!(item.digest, deletion.digest);
        let again = unpack(&pack(&[item.clone(), deletion])).unwrap();
        assert_eq!(again[0].digest, item.digest);
        assert_eq!(again[0].data.as_ref().unwrap().get(), r#"{"minutes":1}"#);
        assert!(again[1].data.is_none());
        assert!(unpack(b"nonsense").is_none());
    }

    #[test]
    fn every_other_line_is_told_what_is_wrong_with_it() {
        for (line, pointer, code) in [
            ("{", "", "malformed_json"),
            ("{} {}", "", "malformed_json"),
            ("\u{0}", "", "malformed_json"),
            ("[]", "", "wrong_type"),
            (r#"{"external_id":"A-1","data":{}}"#, "/type", "required"),
            (r#"{"type":"nonsense","external_id":"A-1","data":{}}"#, "/type", "unknown_code"),
            (r#"{"type":"action","data":{}}"#, "/external_id", "required"),
            (r#"{"type":"action","external_id":"a b","data":{}}"#, "/external_id", "wrong_format"),
            (r#"{"type":"action","external_id":"VRFLFA70A01F205B","data":{}}"#, "/external_id", "wrong_format"),
            (r#"{"type":"action","external_id":"A-1"}"#, "/data", "required"),
            (r#"{"type":"action","external_id":"A-1","delete":false}"#, "/data", "required"),
            (r#"{"type":"action","external_id":"A-1","delete":true,"data":{}}"#, "/data", "not_allowed"),
            (r#"{"type":"action","external_id":"A-1","dta":{}}"#, "/dta", "unknown_field"),
            (r#"{"type":"action","external_id":"A-1","delete":"yes"}"#, "/delete", "wrong_type"),
            (r#"{"type":"action","type":"action","external_id":"A-1","data":{}}"#, "", "wrong_form"),
        ] {
            let errors = read(1, line.as_bytes()).unwrap_err().errors;
            assert!(errors.iter().any(|error| error.pointer == pointer && error.code == code), "{line}: {errors:?}");
        }
        let named = read(1, br#"{"type":"action","external_id":"A-1"}"#).unwrap_err();
        assert_eq!((named.kind, named.external_id.as_deref()), (Some(Kind::Action), Some("A-1")));
        assert_eq!(read(1, br#"{"type":"action","external_id":"VRFLFA70A01F205B"}"#).unwrap_err().external_id, None);
    }
}
