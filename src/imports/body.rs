//! From bytes to lines: decompression and limits. What comes in is fed in small pieces, so that a small piece that inflates to
//! much is noticed before memory is.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder as Zstd};
use zstd::stream::zio;

use super::item::{self, Item, Unreadable};
use super::{MAX_BYTES, MAX_LINE};
use crate::error::{Code, Problem};
use crate::text;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Bytes that are decompressed at a time: at zstd's best they become 2 MiB.
const PIECE: usize = 64;

/// Bytes that are read at a time where nothing is decompressed.
const PLAIN: usize = 64 * 1024;

/// The largest window that a zstd frame may ask for, as a power of two: what RFC 8878 recommends every decoder to support.
const WINDOW_LOG: u32 = 23;

/// A line, read.
pub type Read = Result<Item, Unreadable>;

/// Takes a body piece by piece and gives what its lines say.
pub struct Body {
    decoder: Decoder,
}

enum Decoder {
    Identity(Lines),
    Gzip(Box<MultiGzDecoder<Lines>>),
    Zstd(Box<zio::Writer<Lines, Zstd<'static>>>),
}

impl Body {
    /// A body of at most so many lines.
    pub fn new(encoding: Encoding, most: i64) -> io::Result<Self> {
        let lines = Lines::new(most);
        let decoder = match encoding {
            Encoding::Identity => Decoder::Identity(lines),
            Encoding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(lines))),
            Encoding::Zstd => {
                let mut zstd = Zstd::new()?;
                zstd.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
                Decoder::Zstd(Box::new(zio::Writer::new(lines, zstd)))
            }
        };
        Ok(Self { decoder })
    }

    /// Takes some bytes, in pieces; `each` is asked after every piece for whether what was read should be taken now.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let written = match &mut self.decoder {
            Decoder::Identity(lines) => lines.write_all(bytes),
            Decoder::Gzip(decoder) => decoder.write_all(bytes),
            Decoder::Zstd(decoder) => decoder.write_all(bytes),
        };
        written.map_err(|_| self.problem())
    }

    /// The pieces in which a body is fed.
    pub fn pieces(&self, bytes: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (length, piece) = (bytes.len(), if matches!(self.decoder, Decoder::Identity(_)) { PLAIN } else { PIECE });
        (0..length).step_by(piece).map(move |start| start..length.min(start + piece))
    }

    /// What was read since it was asked last.
    pub fn take(&mut self) -> Vec<Read> {
        std::mem::take(&mut self.lines().read)
    }

    /// Bytes of the lines that were read and not taken yet.
    pub fn held(&mut self) -> usize {
        self.lines().held
    }

    /// Bytes after decompression, so far.
    pub fn bytes(&mut self) -> u64 {
        self.lines().bytes
    }

    /// Ends it; answers the last lines. A compressed body that is cut off is noticed here.
    pub fn finish(&mut self) -> Result<Vec<Read>, Problem> {
        let finished = match &mut self.decoder {
            Decoder::Identity(_) => Ok(()),
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Zstd(decoder) => decoder.finish(),
        };
        finished.map_err(|_| self.problem())?;
        let lines = self.lines();
        lines.end();
        if let Some(problem) = lines.broken.take() {
            return Err(problem);
        }
        Ok(self.take())
    }

    /// Lines that were read, empty ones not counted.
    pub fn count(&mut self) -> i64 {
        self.lines().count
    }

    fn lines(&mut self) -> &mut Lines {
        match &mut self.decoder {
            Decoder::Identity(lines) => lines,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.writer_mut(),
        }
    }

    fn problem(&mut self) -> Problem {
        self.lines().broken.take().unwrap_or_else(|| {
            Problem::because(
                Code::MalformedBody,
                text!(
                    "The body cannot be decompressed: it is cut off, damaged, or compressed in another way than `Content-Encoding` says."
                        / "Il corpo non può essere decompresso: è troncato, danneggiato o compresso diversamente da quanto dice `Content-Encoding`."
                ),
            )
        })
    }
}

/// Cuts bytes into lines and reads them.
struct Lines {
    most: i64,
    partial: Vec<u8>,
    /// Lines so far, empty ones included: they are what an error names.
    line: i64,
    count: i64,
    bytes: u64,
    held: usize,
    read: Vec<Read>,
    broken: Option<Problem>,
}

impl Lines {
    const fn new(most: i64) -> Self {
        Self { most, partial: Vec::new(), line: 0, count: 0, bytes: 0, held: 0, read: Vec::new(), broken: None }
    }

    fn refuse(&mut self, problem: Problem) -> io::Error {
        self.broken = Some(problem);
        io::ErrorKind::InvalidData.into()
    }

    /// Takes the rest of a line, without its end.
    fn take_line(&mut self, rest: &[u8]) {
        let whole;
        let mut text = if self.partial.is_empty() {
            rest
        } else {
            self.partial.extend_from_slice(rest);
            whole = std::mem::take(&mut self.partial);
            whole.as_slice()
        };
        self.line += 1;
        if self.line == 1 {
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        let text = text.trim_ascii();
        if !text.is_empty() {
            self.count += 1;
            self.held += text.len();
            self.read.push(item::read(self.line, text));
        }
    }

    fn end(&mut self) {
        if !self.partial.is_empty() {
            self.take_line(&[]);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > MAX_BYTES {
            let detail = text!(
                "After decompression an import has at most {MAX_BYTES} bytes."
                    / "Dopo la decompressione un'importazione ha al massimo {MAX_BYTES} byte."
            );
            return Err(self.refuse(Problem::because(Code::BodyTooLarge, detail)));
        }
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, next) = rest.split_at(end);
            self.check_length(line.len())?;
            self.take_line(line);
            if self.line > self.most {
                let most = self.most;
                let detail = text!(
                    "An import of this mode has at most {most} lines."
                        / "Un'importazione di questo tipo ha al massimo {most} righe."
                );
                return Err(self.refuse(Problem::because(Code::BodyTooLarge, detail)));
            }
            rest = next.get(1..).unwrap_or_default();
        }
        self.check_length(rest.len())?;
        self.partial.extend_from_slice(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn check_length(&mut self, more: usize) -> io::Result<()> {
        if self.partial.len() + more <= MAX_LINE {
            return Ok(());
        }
        let line = self.line + 1;
        let detail =
            text!("Line {line} is longer than {MAX_LINE} bytes." / "La riga {line} è più lunga di {MAX_LINE} byte.");
        Err(self.refuse(Problem::because(Code::BodyTooLarge, detail)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(encoding: Encoding, bytes: &[u8], most: i64) -> Result<Vec<Read>, Problem> {
        let mut body = Body::new(encoding, most).unwrap();
        let mut read = Vec::new();
        for piece in body.pieces(bytes) {
            body.feed(&bytes[piece])?;
            read.append(&mut body.take());
        }
        read.append(&mut body.finish()?);
        Ok(read)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const THREE: &str = "\u{feff}{\"type\":\"action\",\"external_id\":\"A-1\",\"data\":{}}\r\n\n  \n{\"type\":\"action\",\"external_id\":\"A-2\",\"delete\":true}\n{broken";

    #[test]
    fn lines_are_found_however_they_are_packed_and_cut() {
        for (encoding, bytes) in [
            (Encoding::Identity, THREE.as_bytes().to_vec()),
            (Encoding::Gzip, gzip(THREE.as_bytes())),
            (Encoding::Gzip, [gzip(&THREE.as_bytes()[..30]), gzip(&THREE.as_bytes()[30..])].concat()),
            (Encoding::Zstd, zstd(THREE.as_bytes())),
            (Encoding::Zstd, [zstd(&THREE.as_bytes()[..30]), zstd(&THREE.as_bytes()[30..])].concat()),
        ] {
            let mut body = Body::new(encoding, 10).unwrap();
            let mut read = Vec::new();
            for byte in bytes.chunks(1) {
                body.feed(byte).unwrap();
                read.append(&mut body.take());
            }
            read.append(&mut body.finish().unwrap());
            let lines: Vec<(i64, bool)> = read
                .iter()
                .map(|read| read.as_ref().map_or_else(|e| (e.line, false), |item| (item.line, true)))
                .collect();
            assert_eq!(lines, [(1, true), (4, true), (5, false)], "{encoding:?}");
            assert_eq!((body.count(), body.bytes()), (3, THREE.len() as u64));
        }
    }

    #[test]
    fn what_is_cut_off_damaged_or_packed_otherwise_is_refused() {
        let long = THREE.repeat(1000);
        for (encoding, packed) in [(Encoding::Gzip, gzip(long.as_bytes())), (Encoding::Zstd, zstd(long.as_bytes()))] {
            for bytes in [&packed[..packed.len() - 1], &packed[..packed.len() / 2], &packed[..5], THREE.as_bytes(), b""]
            {
                assert_eq!(
                    read_all(encoding, bytes, 100_000).unwrap_err().code,
                    Code::MalformedBody,
                    "{encoding:?} {}",
                    bytes.len()
                );
            }
            let mut damaged = packed.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0x55;
            assert!(read_all(encoding, &damaged, 100_000).is_err());
        }
    }

    #[test]
    fn neither_a_long_line_nor_many_lines_nor_a_bomb_take_memory() {
        let long = vec![b' '; MAX_LINE + 1];
        let bomb = vec![b'\n'; 64 * 1024 * 1024];
        for (encoding, bytes) in
            [(Encoding::Identity, long.clone()), (Encoding::Gzip, gzip(&long)), (Encoding::Zstd, zstd(&long))]
        {
            assert_eq!(read_all(encoding, &bytes, 10).unwrap_err().code, Code::BodyTooLarge);
        }
        for (encoding, bytes) in [(Encoding::Gzip, gzip(&bomb)), (Encoding::Zstd, zstd(&bomb))] {
            assert_eq!(read_all(encoding, &bytes, 1_000_000).unwrap_err().code, Code::BodyTooLarge);
        }
    }
}
