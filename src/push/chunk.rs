//! Lines that are sent together, under a key that says what they are.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::source::{Line, Source};
use crate::remote::Failure;

/// Bytes after which a chunk is full, whatever its lines.
const BYTES: usize = 32 * 1024 * 1024;

/// Lines that are sent together.
pub struct Chunk {
    /// The lines, compressed.
    pub body: Vec<u8>,
    /// Names the content and how it is sent: equal for the same again.
    pub digest: String,
    /// Bytes of the input up to its end.
    pub read_to: u64,
    names: Vec<Arc<str>>,
    /// For each line, its file and its number there.
    places: Vec<(u32, u64)>,
}

impl Chunk {
    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.places.len()
    }

    /// Where a line of the chunk, from 1, stands in the input.
    pub fn place(&self, line: i64) -> Option<(&str, u64)> {
        let (file, number) = self.places.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        Some((self.names.get(usize::try_from(*file).ok()?)?, *number))
    }

    /// Where its last line stands, for people.
    pub fn last_place(&self) -> String {
        let last = self.place(i64::try_from(self.places.len()).unwrap_or_default());
        last.map_or_else(String::new, |(name, number)| format!("{name}:{number}"))
    }
}

/// Cuts the input into chunks.
pub struct Chunks {
    source: Source,
    most: usize,
    scope: String,
    /// A line that did not fit into the chunk before.
    held: Option<Line>,
}

impl Chunks {
    /// Chunks of at most so many lines; `scope` is what else makes an import another one: to whom and how it is sent.
    pub fn new(source: Source, most: u32, scope: &str) -> Self {
        Self { source, most: usize::try_from(most).unwrap_or(usize::MAX), scope: scope.to_owned(), held: None }
    }

    /// Whether there is another line.
    pub fn has_more(&mut self) -> Result<bool, Failure> {
        if self.held.is_none() {
            self.held = self.source.next_line()?;
        }
        Ok(self.held.is_some())
    }

    /// The next chunk.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, Failure> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).map_err(unlikely)?;
        encoder.include_checksum(true).map_err(unlikely)?;
        let mut digest = Sha256::new();
        digest.update(self.scope.as_bytes());
        let (mut places, mut bytes) = (Vec::new(), 0);
        while places.len() < self.most && bytes < BYTES && self.has_more()? {
            let Some(line) = self.held.take() else { break };
            for part in [line.text.as_slice(), b"\n"] {
                std::io::Write::write_all(&mut encoder, part).map_err(unlikely)?;
                digest.update(part);
            }
            bytes += line.text.len() + 1;
            places.push((u32::try_from(line.file).unwrap_or(u32::MAX), line.number));
        }
        if places.is_empty() {
            return Ok(None);
        }
        let body = encoder.finish().map_err(unlikely)?;
        Ok(Some(Chunk {
            body,
            digest: hexadecimal(&digest.finalize()),
            read_to: self.source.bytes_read(),
            names: self.source.names().to_vec(),
            places,
        }))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unlikely(error: std::io::Error) -> Failure {
    Failure::File("memory".to_owned(), error)
}
