//! How many requests a client may send. Every answer says how much is left, so that nobody has to find out by being refused.
//!
//! A quota holds for a fixed window, which begins with the first request after the last one ended: what the headers say
//! (`X-RateLimit-*` of the ModI guidelines, `RateLimit` of the IETF draft `draft-ietf-httpapi-ratelimit-headers`) is then
//! exact, and nobody has to compute with fractions.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Requests a window, for each kind of subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// For a client with a valid token.
    pub client: u32,
    /// For an address without one.
    pub address: u32,
    /// Requests for a token, for an address: each costs a slow hash.
    pub token: u32,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Those of a client.
    Client(String),
    /// Those from a network address: an IPv4 address, or the /64 that an IPv6 subscriber has to itself.
    Address(IpAddr),
    /// Those for a token, from such an address.
    Token(IpAddr),
}

impl Subject {
    /// What comes from an address without a valid token.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    /// What comes from an address for a token.
    pub fn token(address: IpAddr) -> Self {
        Self::Token(network(address))
    }

    /// The name of its quota, as it stands in `RateLimit-Policy`.
    pub const fn policy(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Address(_) => "address",
            Self::Token(_) => "token",
        }
    }

    const fn quota(&self, quotas: &Quotas) -> u32 {
        match self {
            Self::Client(_) => quotas.client,
            Self::Address(_) => quotas.address,
            Self::Token(_) => quotas.token,
        }
    }
}

/// What counts as one place on the network.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

/// How a subject stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The name of the quota.
    pub policy: &'static str,
    /// Requests a window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Seconds until the next window, rounded up.
    pub reset: u64,
    /// Whether this request was within the quota.
    pub allowed: bool,
}

#[derive(Clone, Copy)]
struct Window {
    ends: Instant,
    used: u32,
}

/// Counts requests. In parts with a lock each, so that threads seldom wait for each other.
pub struct Meter {
    quotas: Quotas,
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Part {
    windows: HashMap<Subject, Window>,
    /// Shared by all subjects that came when there was no room for one more: memory is bounded whoever calls.
    rest: Option<Window>,
}

/// Parts of the table.
const PARTS: usize = 16;

/// Subjects that a part remembers, at most.
const ROOM: usize = 8192;

impl Meter {
    /// Counts against these quotas.
    pub fn new(quotas: Quotas) -> Self {
        Self { quotas, parts: (0..PARTS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// Counts one request of `subject` at `now`.
    pub fn charge(&self, subject: Subject, now: Instant) -> Standing {
        let (policy, limit) = (subject.policy(), subject.quota(&self.quotas));
        let place = usize::try_from(self.hasher.hash_one(&subject) % PARTS as u64).unwrap_or_default();
        let Some(part) = self.parts.get(place) else {
            return Standing { policy, limit, remaining: limit, reset: 0, allowed: true };
        };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let window = part.window(subject, now);
        if window.ends <= now {
            *window = Window { ends: now + WINDOW, used: 0 };
        }
        let allowed = window.used < limit;
        if allowed {
            window.used += 1;
        }
        let left = window.ends.saturating_duration_since(now);
        Standing {
            policy,
            limit,
            remaining: limit - window.used.min(limit),
            reset: left.as_secs() + u64::from(left.subsec_nanos() > 0),
            allowed,
        }
    }
}

impl Part {
    fn window(&mut self, subject: Subject, now: Instant) -> &mut Window {
        let fresh = Window { ends: now + WINDOW, used: 0 };
        if self.windows.len() >= ROOM && !self.windows.contains_key(&subject) {
            self.windows.retain(|_, window| window.ends > now);
            if self.windows.len() >= ROOM {
                return self.rest.get_or_insert(fresh);
            }
        }
        self.windows.entry(subject).or_insert(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { client: 3, address: 2, token: 1 };

    fn client(name: &str) -> Subject {
        Subject::Client(name.to_owned())
    }

    #[test]
    fn a_quota_is_used_up_and_comes_back_with_the_next_window() {
        let meter = Meter::new(QUOTAS);
        let start = Instant::now();
        let remaining: Vec<u32> = (0..3).map(|_| meter.charge(client("a"), start).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = meter.charge(client("a"), start + Duration::from_millis(500));
        assert_eq!((refused.allowed, refused.remaining, refused.reset), (false, 0, 60));
        assert!(meter.charge(client("b"), start).allowed, "clients do not share");
        let later = meter.charge(client("a"), start + WINDOW);
        assert_eq!((later.allowed, later.remaining, later.reset), (true, 2, 60));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_subject() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8:1:2::1"), subject("2001:db8:1:2:ffff::9"));
        assert_ne!(subject("2001:db8:1:2::1"), subject("2001:db8:1:3::1"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        assert_ne!(subject("192.0.2.1"), Subject::token("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_flood_of_subjects_shares_one_window_instead_of_growing() {
        let meter = Meter::new(QUOTAS);
        let start = Instant::now();
        let flood = u32::try_from(2 * PARTS * ROOM).unwrap();
        let refused = (0..flood).filter(|n| !meter.charge(Subject::Address(IpAddr::V4((*n).into())), start).allowed);
        assert!(refused.count() > 0);
        assert!(meter.parts.iter().all(|part| part.lock().unwrap().windows.len() <= ROOM));
        assert!(meter.charge(Subject::address([192, 0, 2, 1].into()), start + WINDOW).allowed, "there is room again");
    }
}
