//! Who guesses a client's secret has to wait longer and longer.
//!
//! Failures are counted for a client from one network, and for a client from everywhere: the second only keeps those out from whose
//! network the client has not obtained a token lately, so that nobody can lock out a client whose name he knows. An unknown client is
//! treated like a known one. What is remembered has a fixed size: two pairs that fall into one cell, by a hash that nobody can foresee,
//! share it, so no flood of names makes another's failures forgotten.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::limits::network;

/// Failures in a row that cost nothing: of a client from one network, and from everywhere.
const FREE: (u32, u32) = (10, 100);

/// The first wait; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(5);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// After so long without a failure, all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// For so long a network is one from which the client comes.
const KNOWN: Duration = Duration::from_secs(24 * 3600);

const CELLS: usize = 1 << 16;

#[derive(Clone, Copy, Default)]
struct Cell {
    failures: u32,
    failed: Option<Instant>,
    succeeded: Option<(u64, Instant)>,
}

impl Cell {
    fn wait(&self, free: u32, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.failed?);
        let beyond = self.failures.checked_sub(free)?;
        let wait = FIRST.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST);
        wait.checked_sub(since).filter(|left| !left.is_zero())
    }

    fn fail(&mut self, now: Instant) {
        if self.failed.is_some_and(|last| now.saturating_duration_since(last) > FORGOTTEN) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(now);
    }
}

/// What this process remembers of failed attempts.
pub struct Lockout {
    cells: Mutex<Vec<Cell>>,
    hasher: RandomState,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { cells: Mutex::new(vec![Cell::default(); CELLS]), hasher: RandomState::new() }
    }
}

impl Lockout {
    fn hash(&self, client: &str, from: Option<IpAddr>) -> u64 {
        self.hasher.hash_one((client, from.map(network)))
    }

    fn with<T>(&self, hash: u64, look: impl FnOnce(&mut Cell) -> T) -> T {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(hash % CELLS as u64).unwrap_or_default();
        match cells.get_mut(place) {
            Some(cell) => look(cell),
            None => look(&mut Cell::default()),
        }
    }

    /// How long an attempt for this client from this address has to wait; `None` where it need not.
    pub fn wait(&self, client: &str, from: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let here = self.hash(client, from);
        let (wait, known) = self.with(here, |cell| {
            let known = cell.succeeded.is_some_and(|(of, at)| of == here && now.saturating_duration_since(at) < KNOWN);
            (cell.wait(FREE.0, now), known)
        });
        let everywhere = || self.with(self.hash(client, None), |cell| cell.wait(FREE.1, now));
        if known { wait } else { wait.max(everywhere()) }
    }

    /// An attempt failed.
    pub fn failed(&self, client: &str, from: Option<IpAddr>, now: Instant) {
        self.with(self.hash(client, from), |cell| cell.fail(now));
        if from.is_some() {
            self.with(self.hash(client, None), |cell| cell.fail(now));
        }
    }

    /// An attempt succeeded.
    pub fn succeeded(&self, client: &str, from: Option<IpAddr>, now: Instant) {
        let here = self.hash(client, from);
        self.with(here, |cell| *cell = Cell { failures: 0, failed: None, succeeded: Some((here, now)) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn who_fails_again_and_again_waits_longer_and_longer() {
        let (lockout, mut now) = (Lockout::default(), Instant::now());
        for _ in 0..FREE.0 {
            assert_eq!(lockout.wait("a", address(1), now), None);
            lockout.failed("a", address(1), now);
        }
        let mut waits = Vec::new();
        for _ in 0..10 {
            let wait = lockout.wait("a", address(1), now).unwrap();
            assert_eq!(lockout.wait("a", address(1), now + wait), None, "after that it may try again");
            waits.push(wait.as_secs());
            now += wait;
            lockout.failed("a", address(1), now);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(lockout.wait("b", address(1), now), None, "another client");
        assert_eq!(lockout.wait("a", address(2), now), None, "another network");
        lockout.succeeded("a", address(1), now);
        assert_eq!(lockout.wait("a", address(1), now), None, "who knows the secret starts over");
    }

    #[test]
    fn guessing_from_everywhere_does_not_lock_out_the_client_itself() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        lockout.succeeded("a", address(1), now);
        for guess in 0..2 * FREE.1 {
            let from = Some(IpAddr::from([10, 0, u8::try_from(guess).unwrap(), 1]));
            lockout.failed("a", from, now);
        }
        assert!(lockout.wait("a", address(2), now).is_some(), "from wherever it was not seen");
        assert_eq!(lockout.wait("a", address(1), now), None, "from where it was");
        assert_eq!(lockout.wait("a", address(2), now + LONGEST), None);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        (0..30).for_each(|_| lockout.failed("a", address(1), now));
        let later = now + FORGOTTEN + Duration::from_secs(1);
        lockout.failed("a", address(1), later);
        assert_eq!(lockout.wait("a", address(1), later), None);
    }

    #[test]
    fn a_flood_of_names_makes_nothing_forgotten_and_locks_out_few() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        (0..20).for_each(|_| lockout.failed("a", address(1), now));
        (0..100_000).for_each(|name| lockout.failed(&name.to_string(), address(1), now));
        assert!(lockout.wait("a", address(1), now).is_some());
        let locked = (0..1000).filter(|name| lockout.wait(&format!("honest-{name}"), address(3), now).is_some());
        assert!(locked.count() < 5);
    }
}
