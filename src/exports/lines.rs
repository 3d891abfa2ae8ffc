//! Records as lines: NDJSON with a first and a last line about the export, or CSV with a line of headers.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::stream::Writer;

/// The form that a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, a record a line.
    Ndjson,
    /// A table: RFC 4180.
    Csv,
}

/// How the answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

enum Packer {
    Identity(Writer),
    Gzip(GzEncoder<Writer>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Writer>>),
}

impl Packer {
    fn out(&mut self) -> &mut dyn Write {
        match self {
            Self::Identity(writer) => writer,
            Self::Gzip(encoder) => encoder,
            Self::Zstd(encoder) => encoder.as_mut(),
        }
    }

    fn finish(self) -> io::Result<()> {
        let writer = match self {
            Self::Identity(writer) => writer,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        writer.complete()
    }
}

/// Writes the lines of one export.
pub struct Lines {
    packer: Packer,
    form: Form,
    /// The columns of a table.
    columns: Vec<String>,
    buffer: Vec<u8>,
    count: u64,
}

impl Lines {
    /// Lines that go to `writer`. `columns` are those of a table.
    pub fn new(writer: Writer, form: Form, packing: Packing, columns: Vec<String>) -> io::Result<Self> {
        let packer = match packing {
            Packing::Identity => Packer::Identity(writer),
            Packing::Gzip => Packer::Gzip(GzEncoder::new(writer, Compression::fast())),
            Packing::Zstd => Packer::Zstd(Box::new(zstd::stream::write::Encoder::new(writer, 1)?)),
        };
        Ok(Self { packer, form, columns, buffer: Vec::new(), count: 0 })
    }

    /// What comes before the records.
    pub fn begin(&mut self, resource: &str, cursor: &str, read_at: &str) -> io::Result<()> {
        match self.form {
            Form::Ndjson => {
                let head = json!({"_export": {"resource": resource, "cursor": cursor, "read_at": read_at}});
                writeln!(self.packer.out(), "{head}")
            }
            Form::Csv => {
                let row = table_row(self.columns.iter().map(String::as_str))?;
                self.packer.out().write_all(&row)
            }
        }
    }

    /// Some records.
    pub fn records<V: Serialize>(&mut self, views: &[V]) -> io::Result<()> {
        self.buffer.clear();
        for view in views {
            match self.form {
                Form::Ndjson => {
                    serde_json::to_writer(&mut self.buffer, view)?;
                    self.buffer.push(b'\n');
                }
                Form::Csv => {
                    let record = serde_json::to_value(view)?;
                    self.buffer.extend(table_row(cells(&record, &self.columns).iter().map(String::as_str))?);
                }
            }
            self.count += 1;
        }
        self.packer.out().write_all(&self.buffer)
    }

    /// What comes after the records; then the answer is complete.
    pub fn end(mut self, cursor: &str) -> io::Result<()> {
        if self.form == Form::Ndjson {
            writeln!(self.packer.out(), "{}", json!({"_end": {"items": self.count, "cursor": cursor}}))?;
        }
        self.packer.finish()
    }
}

/// A value as it stands in a table: texts as they are, nothing for null, everything else as JSON.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A record's cells in these columns.
pub fn cells(record: &Value, columns: &[String]) -> Vec<String> {
    columns.iter().map(|column| cell(record.get(column))).collect()
}

/// A row of a table.
pub fn table_row<'c>(cells: impl Iterator<Item = &'c str>) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_or_json() {
        assert_eq!(cell(Some(&json!("a \"b\""))), "a \"b\"");
        assert_eq!(cell(Some(&json!(null))), "");
        assert_eq!(cell(None), "");
        assert_eq!(cell(Some(&json!([1, {"a": true}]))), r#"[1,{"a":true}]"#);
        assert_eq!(table_row(["a,b", "c\"d", ""].into_iter()).unwrap(), b"\"a,b\",\"c\"\"d\",\r\n");
    }
}
