//! An answer that is written while it is sent, by a thread that waits for its reader, but not for ever.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// Pieces that are written before the reader has taken the first.
const AHEAD: usize = 8;

/// How long the reader may take none: it holds a snapshot of the database. Below the database's own patience with an idle transaction.
const STALLED: Duration = Duration::from_secs(30);

/// How long all of it may take. Who needs longer goes on from where it was cut off.
const LONGEST: Duration = Duration::from_secs(3600);

/// How often a thread looks whether its reader has taken something.
const LOOK: Duration = Duration::from_millis(2);

/// The two ends of an answer.
pub fn pipe() -> (Writer, Body) {
    patient(STALLED)
}

fn patient(stalled: Duration) -> (Writer, Body) {
    let (sender, receiver) = channel(AHEAD);
    let writer = Writer { sender, piece: Vec::with_capacity(PIECE), began: Instant::now(), stalled, complete: false };
    (writer, Body(receiver))
}

/// The end that the thread writes to. Unless it is completed, the reader's connection is closed in the middle of the answer, so that it
/// does not take what it has for all of it: also where the thread panicked.
pub struct Writer {
    sender: Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    began: Instant,
    stalled: Duration,
    complete: bool,
}

impl Writer {
    fn send(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let mut item = Ok(Bytes::from(piece));
        let since = Instant::now();
        loop {
            item = match self.sender.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(item)) => item,
            };
            if since.elapsed() > self.stalled || self.began.elapsed() > LONGEST {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends the answer.
    pub fn complete(mut self) -> io::Result<()> {
        self.send()?;
        self.complete = true;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let since = Instant::now();
        // Until the reader's side is told, the answer must not end: it ends when the sender is dropped.
        while !self.complete && !self.sender.is_closed() && since.elapsed() < self.stalled {
            if self.sender.try_send(Err(io::ErrorKind::ConnectionAborted.into())).is_ok() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// The end that is sent.
pub struct Body(Receiver<io::Result<Bytes>>);

impl MessageBody for Body {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.0.poll_recv(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_takes_nothing_is_given_up() {
        let (mut writer, body) = patient(Duration::from_millis(50));
        let piece = [b'x'; PIECE];
        for _ in 0..AHEAD {
            writer.write_all(&piece).unwrap();
        }
        assert_eq!(writer.write_all(&piece).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let began = Instant::now();
        drop(writer);
        assert!(began.elapsed() >= Duration::from_millis(50), "the reader is waited for to be told, but not for ever");
        drop(body);
    }

    #[test]
    fn only_what_is_complete_ends_without_an_error() {
        for complete in [true, false] {
            let (mut writer, Body(mut pieces)) = patient(Duration::from_millis(50));
            writer.write_all(b"a").unwrap();
            if complete {
                writer.complete().unwrap();
                assert_eq!(pieces.try_recv().unwrap().unwrap(), "a");
            } else {
                drop(writer);
                assert_eq!(pieces.try_recv().unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
            }
            assert!(pieces.try_recv().is_err());
        }
    }

    #[test]
    fn a_reader_that_hangs_up_is_noticed_at_once() {
        let (mut writer, body) = patient(STALLED);
        drop(body);
        assert_eq!(writer.write_all(&[b'x'; PIECE]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
