//! CSV as items. A column is named by the path of a field: `name`, `cohort.external_id`, `attendance.0.minutes`. Which type its values
//! have says the schema of the kind, the same that the service checks against.

use std::io::{self, BufRead as _, BufReader, Cursor, Read};

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value, json};

use crate::kind::Kind;
use crate::{openapi, shape};

/// A table that is being read.
pub struct Table {
    kind: Kind,
    columns: Vec<Column>,
    reader: csv::Reader<Box<dyn Read>>,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    ExternalId,
    Delete,
    Field(Vec<String>, Type),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Date,
    Whole,
    Number,
    Truth,
}

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It cannot be read.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A column has a name that no field has.
    #[error("the column `{0}` is not a field of this kind{1}")]
    Column(String, String),
    /// There is no name for the records.
    #[error("the column `external_id` is missing")]
    NoName,
    /// A column stands twice.
    #[error("the column `{0}` stands twice")]
    Twice(String),
}

impl Table {
    /// Reads the head of a table.
    pub fn open(file: Box<dyn Read>, kind: Kind) -> Result<Self, Wrong> {
        let mut file = BufReader::new(file);
        let head = file.fill_buf()?;
        let mark = if head.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        let separator = separator_of(head);
        file.consume(mark);
        // With a line end at the very end, and one kind of it, lines can be counted.
        let plain: Box<dyn Read> = Box::new(LineFeeds(file).chain(Cursor::new(b"\n")));
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(plain);
        let columns = columns(reader.headers()?, kind)?;
        Ok(Self { kind, columns, reader })
    }

    /// The next row as an item, with the line on which it begins. Rows with nothing in them are passed over.
    pub fn next_item(&mut self) -> Result<Option<(u64, Vec<u8>)>, Wrong> {
        let mut row = StringRecord::new();
        loop {
            if !self.reader.read_record(&mut row)? {
                return Ok(None);
            }
            if row.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            // The reader says right where it stands after a row; where one begins it says wrong after an empty line.
            let within: usize = row.iter().map(|cell| cell.matches('\n').count()).sum();
            let line = self.reader.position().line().saturating_sub(1 + u64::try_from(within).unwrap_or(0));
            let item = item(self.kind, &self.columns, &row);
            return Ok(Some((line, serde_json::to_vec(&item).unwrap_or_default())));
        }
    }
}

/// What separates the cells: what stands oftenest in the first line, outside of quotes. A spreadsheet that writes commas in numbers
/// separates by semicolons.
fn separator_of(head: &[u8]) -> u8 {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| {
        let mut quoted = false;
        let is_separator = |byte: &&u8| {
            quoted ^= **byte == b'"';
            !quoted && **byte == wanted
        };
        first.iter().filter(is_separator).count()
    };
    [b'\t', b';', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// A text with line feeds as its only line ends.
struct LineFeeds<R>(R);

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let mut kept = 0;
            for at in 0..read {
                if buffer.get(at) != Some(&b'\r') {
                    buffer.swap(kept, at);
                    kept += 1;
                }
            }
            if read == 0 || kept > 0 {
                return Ok(kept);
            }
        }
    }
}

fn columns(head: &StringRecord, kind: Kind) -> Result<Vec<Column>, Wrong> {
    let document = openapi::document(openapi::DEFAULT_URL);
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let root = json!({"$ref": format!("#/components/schemas/{}", input_name(kind))});
    let mut known = Vec::new();
    collect(&schemas, &root, "", 0, &mut known);
    let columns = head
        .iter()
        .map(str::trim)
        .map(|name| match name {
            "external_id" => Ok(Column::ExternalId),
            "delete" => Ok(Column::Delete),
            name => {
                let path: Vec<String> = name.split('.').map(str::to_owned).collect();
                type_of(&schemas, &root, &path).map(|of| Column::Field(path, of)).ok_or_else(|| {
                    let close = shape::closest(name, &known);
                    Wrong::Column(
                        name.to_owned(),
                        close.map_or_else(String::new, |close| format!("; did you mean `{close}`?")),
                    )
                })
            }
        })
        .collect::<Result<Vec<Column>, Wrong>>()?;
    for (index, column) in columns.iter().enumerate() {
        if columns.iter().take(index).any(|other| other == column) {
            return Err(Wrong::Twice(head.get(index).unwrap_or_default().to_owned()));
        }
    }
    if columns.contains(&Column::ExternalId) { Ok(columns) } else { Err(Wrong::NoName) }
}

/// The name of the schema of what clients send of a kind.
fn input_name(kind: Kind) -> String {
    let name = kind.name();
    let (first, rest) = name.split_at(1);
    format!("{}{rest}Input", first.to_ascii_uppercase())
}

/// What a schema refers to, or the schema itself; and its alternatives.
fn forms<'a>(schemas: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    let schema = name.and_then(|name| schemas.get(name)).unwrap_or(schema);
    let alternatives = ["oneOf", "anyOf", "allOf"].iter().filter_map(|form| schema.get(form)?.as_array()).flatten();
    let mut all = vec![schema];
    all.extend(alternatives.flat_map(|alternative| forms(schemas, alternative)));
    all
}

/// The schema of a field.
fn member<'a>(schemas: &'a Value, schema: &'a Value, name: &str) -> Option<&'a Value> {
    let is_place = name.parse::<u16>().is_ok();
    forms(schemas, schema).into_iter().find_map(|form| match form.get("items") {
        Some(items) if is_place => Some(items),
        _ => form.get("properties")?.get(name),
    })
}

fn type_of(schemas: &Value, schema: &Value, path: &[String]) -> Option<Type> {
    let Some((name, rest)) = path.split_first() else { return leaf(schemas, schema) };
    type_of(schemas, member(schemas, schema, name)?, rest)
}

fn leaf(schemas: &Value, schema: &Value) -> Option<Type> {
    forms(schemas, schema).into_iter().find_map(|form| {
        let stated = form.get("type")?;
        let is =
            |name: &str| stated == name || stated.as_array().is_some_and(|names| names.iter().any(|one| one == name));
        if is("integer") {
            Some(Type::Whole)
        } else if is("number") {
            Some(Type::Number)
        } else if is("boolean") {
            Some(Type::Truth)
        } else if is("string") {
            Some(if form.get("format").is_some_and(|format| format == "date") { Type::Date } else { Type::Text })
        } else {
            None
        }
    })
}

/// All paths that lead to a value, with 0 for places in lists.
fn collect(schemas: &Value, schema: &Value, at: &str, depth: u32, found: &mut Vec<String>) {
    // Deeper nests no schema of ours.
    if depth > 6 {
        return;
    }
    let join = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    if !at.is_empty() && leaf(schemas, schema).is_some() && !found.iter().any(|known| known == at) {
        found.push(at.to_owned());
    }
    for form in forms(schemas, schema) {
        for (name, field) in form.get("properties").and_then(Value::as_object).into_iter().flatten() {
            collect(schemas, field, &join(name), depth + 1, found);
        }
        if let Some(items) = form.get("items") {
            collect(schemas, items, &join("0"), depth + 1, found);
        }
    }
}

/// The headers that a table of a kind may have, with 0 for places in lists, which may be any number.
pub fn headers(kind: Kind) -> Vec<String> {
    let document = openapi::document(openapi::DEFAULT_URL);
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let root = json!({"$ref": format!("#/components/schemas/{}", input_name(kind))});
    let mut known = Vec::new();
    collect(&schemas, &root, "", 0, &mut known);
    known.sort();
    known
}

fn item(kind: Kind, columns: &[Column], row: &StringRecord) -> Value {
    let mut data = Value::Object(Map::new());
    let (mut name, mut delete) = ("", false);
    for (column, text) in columns.iter().zip(row) {
        let text = text.trim();
        match column {
            Column::ExternalId => name = text,
            Column::Delete => {
                delete = ["true", "1", "yes", "si", "sì", "vero", "x"].contains(&text.to_lowercase().as_str())
            }
            // What is left empty is left out.
            Column::Field(..) if text.is_empty() => {}
            Column::Field(path, of) => put(&mut data, path, value(text, *of)),
        }
    }
    close_up(&mut data);
    if delete {
        json!({"type": kind.name(), "external_id": name, "delete": true})
    } else {
        json!({"type": kind.name(), "external_id": name, "data": data})
    }
}

/// A value of the field's type; a text that is none stays one, and the service says what is wrong with it.
fn value(text: &str, of: Type) -> Value {
    match of {
        Type::Text => Value::from(text),
        Type::Date => Value::from(date(text).unwrap_or_else(|| text.to_owned())),
        Type::Whole => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Type::Number => text.replace(',', ".").parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
        Type::Truth => match text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "si" | "sì" | "vero" => Value::Bool(true),
            "false" | "0" | "no" | "falso" => Value::Bool(false),
            _ => Value::from(text),
        },
    }
}

/// A date as spreadsheets set to Italian write it, 31/12/2012, as dates are sent.
fn date(text: &str) -> Option<String> {
    chrono::NaiveDate::parse_from_str(text, "%d/%m/%Y").ok().map(|date| date.to_string())
}

/// Takes the items out of lists that had no cell: those after them move up.
fn close_up(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| item.as_object().is_none_or(|members| !members.is_empty()));
            items.iter_mut().for_each(close_up);
        }
        Value::Object(members) => members.values_mut().for_each(close_up),
        _ => {}
    }
}

/// Sets a value at a path; lists grow as needed.
fn put(target: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *target = value;
        return;
    };
    if let Ok(place) = name.parse::<u16>() {
        let place = usize::from(place);
        if !target.is_array() {
            *target = Value::Array(Vec::new());
        }
        if let Some(list) = target.as_array_mut() {
            while list.len() <= place.min(10_000) {
                list.push(Value::Object(Map::new()));
            }
            if let Some(slot) = list.get_mut(place) {
                put(slot, rest, value);
            }
        }
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Some(members) = target.as_object_mut() {
        put(members.entry(name.clone()).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(kind: Kind, text: &str) -> Result<Vec<(u64, Value)>, Wrong> {
        let mut table = Table::open(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), kind)?;
        let mut items = Vec::new();
        while let Some((line, text)) = table.next_item()? {
            items.push((line, serde_json::from_slice(&text).unwrap()));
        }
        Ok(items)
    }

    #[test]
    fn a_row_is_an_item_with_values_of_the_schema_s_types() {
        let text = "external_id,partnership.external_id,minutes,details.kind,details.sessions,details.cv_delivered,attendance.0.participant.external_id,attendance.0.minutes,attendance.1.minutes,evidence,delete\n\
                    A-1,P-1,60,outplacement,1,true,W-1,30,5,\"register, page 1\",\nA-2,,,,,,,,,,x\n";
        let found = items(Kind::Action, text).unwrap();
        let data = json!({"partnership": {"external_id": "P-1"}, "minutes": 60, "details": {"kind": "outplacement", "sessions": 1, "cv_delivered": true},
            "attendance": [{"participant": {"external_id": "W-1"}, "minutes": 30}, {"minutes": 5}], "evidence": "register, page 1"});
        assert_eq!(found[0], (2, json!({"type": "action", "external_id": "A-1", "data": data})));
        assert_eq!(found[1], (3, json!({"type": "action", "external_id": "A-2", "delete": true})));
    }

    #[test]
    fn tables_of_italian_spreadsheets_are_read() {
        let found =
            items(Kind::Participant, "\u{feff}external_id;tax_code;birth_year;sex\r\nW-1;ABC;1970;male\r\n").unwrap();
        assert_eq!(found[0].1["data"], json!({"tax_code": "ABC", "birth_year": 1970, "sex": "male"}));
    }

    #[test]
    fn lines_are_those_of_the_file() {
        for (end, last) in [("\n", ""), ("\n", "\n"), ("\r\n", ""), ("\r\n", "\r\n")] {
            let rows = ["external_id,name", "O-1,one", "", ",", "O-2,\"two", "lines\"", "O-3,three"].join(end);
            let found = items(Kind::Organisation, &format!("{rows}{last}")).unwrap();
            let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [2, 5, 7], "{end:?} {last:?}");
        }
    }

    #[test]
    fn cells_of_spreadsheets_are_understood() {
        let text = "external_id\tjoined_on\tleft_on\nM-1\t31/12/2012\t31.12.2012\n";
        let found = items(Kind::Member, text).unwrap();
        assert_eq!(found[0].1["data"], json!({"joined_on": "2012-12-31", "left_on": "31.12.2012"}));
        let text = "external_id,details.certificate,attendance.0.minutes,attendance.1.minutes,attendance.2.minutes\nA-1,VERO,,5,7\n";
        let found = items(Kind::Action, text).unwrap();
        assert_eq!(
            found[0].1["data"],
            json!({"details": {"certificate": true}, "attendance": [{"minutes": 5}, {"minutes": 7}]})
        );
    }

    #[test]
    fn a_column_of_no_field_is_told_with_the_closest_one() {
        let wrong = items(Kind::Cohort, "external_id,naem\n").unwrap_err().to_string();
        assert!(wrong.contains("`naem`") && wrong.contains("`name`"), "{wrong}");
        assert!(matches!(items(Kind::Cohort, "name\n"), Err(Wrong::NoName)));
        assert!(matches!(items(Kind::Cohort, "external_id,name,name\n"), Err(Wrong::Twice(_))));
        assert!(
            matches!(items(Kind::Cohort, "external_id,partnership\n"), Err(Wrong::Column(..))),
            "an object is no cell"
        );
    }

    #[test]
    fn every_kind_has_headers() {
        for kind in Kind::ALL {
            assert!(headers(kind).len() > 3, "{kind}: {:?}", headers(kind));
        }
        assert!(headers(Kind::Action).contains(&"attendance.0.participant.external_id".to_owned()));
    }
}
