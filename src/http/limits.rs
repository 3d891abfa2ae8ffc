//! How much a client may ask for. Every answer says how much is left, so that nobody has to find out by being refused.
//!
//! A quota is a number of units a minute of the clock; a request costs as many as its operation is worth ([`cost`](super::cost::cost)). The requests of a
//! client count for its organisation as well, and look-ups by tax code have a quota of their own: guessing codes is what it keeps slow.
//! The headers (`X-RateLimit-*` of the ModI guidelines, `RateLimit` of the IETF draft `draft-ietf-httpapi-ratelimit-headers`) tell of the
//! quota that has least left.
//!
//! Several processes share the quotas: each counts by itself, and tells the others through the database ([`exchange`]) what was used since
//! it told last, once that is a hundredth of the quota, or the quota is nearly used up. Together they let pass what one would, but for that
//! hundredth of each.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::web;
use uuid::Uuid;

use super::State;
use crate::clock::Clock;
use crate::db::usage;
use crate::vault::Vault;

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Units a window, for each kind of subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// For a client with a valid token.
    pub client: u32,
    /// For all clients of an organisation together.
    pub organisation: u32,
    /// For an address without a token.
    pub address: u32,
    /// Requests for a token, for an address: each costs a slow hash.
    pub token: u32,
    /// Look-ups by tax code, for a client.
    pub lookup: u32,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Those of a client.
    Client(String),
    /// Those of an organisation's clients.
    Organisation(Uuid),
    /// Look-ups by tax code, of a client.
    Lookup(String),
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
            Self::Organisation(_) => "organisation",
            Self::Lookup(_) => "lookup",
            Self::Address(_) => "address",
            Self::Token(_) => "token",
        }
    }

    const fn quota(&self, quotas: &Quotas) -> u32 {
        match self {
            Self::Client(_) => quotas.client,
            Self::Organisation(_) => quotas.organisation,
            Self::Lookup(_) => quotas.lookup,
            Self::Address(_) => quotas.address,
            Self::Token(_) => quotas.token,
        }
    }

    /// What the processes know it by: its name is nobody else's business.
    fn name(&self, vault: &Vault) -> Uuid {
        let text = match self {
            Self::Client(id) | Self::Lookup(id) => id.clone(),
            Self::Organisation(id) => id.to_string(),
            Self::Address(address) | Self::Token(address) => address.to_string(),
        };
        vault.usage_name(&format!("{}/{text}", self.policy()))
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
    /// Units a window.
    pub limit: u32,
    /// Units left in this window.
    pub remaining: u32,
    /// Seconds until the next window, rounded up.
    pub reset: u64,
    /// Whether this request was within the quota.
    pub allowed: bool,
}

/// What is known of a subject in the window of a minute.
#[derive(Clone, Copy, Default)]
struct Window {
    minute: u64,
    /// Used by all processes, as far as it was told.
    told: u32,
    /// Used here, and being told.
    telling: u32,
    /// Used here since.
    fresh: u32,
}

impl Window {
    const fn used(&self) -> u32 {
        self.told.saturating_add(self.telling).saturating_add(self.fresh)
    }

    fn turn(&mut self, minute: u64) {
        if self.minute != minute {
            *self = Self { minute, ..Self::default() };
        }
    }
}

/// What one process tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Whose.
    pub subject: Subject,
    /// What it is known by to all.
    pub name: Uuid,
    /// In which minute since 1970.
    pub minute: u64,
    /// Units since it was told last.
    pub units: u32,
}

/// Counts requests. In parts with a lock each, so that threads seldom wait for each other.
pub struct Meter {
    quotas: Quotas,
    vault: Arc<Vault>,
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Part {
    windows: HashMap<Subject, Window>,
    /// Shared by all subjects that came when there was no room for one more: memory is bounded whoever calls.
    rest: Window,
    /// When room was made last: once a minute is enough.
    swept: u64,
}

/// Parts of the table.
const PARTS: usize = 16;

/// Subjects that a part remembers, at most.
const ROOM: usize = 8192;

fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Meter {
    /// Counts against these quotas. The vault names whose they are, for the other processes.
    pub fn new(quotas: Quotas, vault: Arc<Vault>) -> Self {
        Self { quotas, vault, parts: (0..PARTS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    fn with<T>(&self, subject: &Subject, minute: u64, look: impl FnOnce(&mut Window) -> T) -> T {
        self.of(subject, minute, |window| {
            window.turn(minute);
            look(window)
        })
    }

    fn of<T>(&self, subject: &Subject, minute: u64, look: impl FnOnce(&mut Window) -> T) -> T {
        let place = usize::try_from(self.hasher.hash_one(subject) % PARTS as u64).unwrap_or_default();
        match self.parts.get(place) {
            Some(part) => {
                let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
                look(part.window(subject, minute))
            }
            None => look(&mut Window::default()),
        }
    }

    /// Counts one request at `now` that costs each of these subjects so many units; none of them where one has too few left. Answers how
    /// the one stands that has least left of its quota.
    pub fn charge(&self, subjects: &[(Subject, u32)], now: SystemTime) -> Option<Standing> {
        let elapsed = since_epoch(now);
        let minute = elapsed.as_secs() / WINDOW.as_secs();
        let into = elapsed.as_secs() % WINDOW.as_secs();
        let fits = |(subject, cost): &(Subject, u32)| {
            let limit = subject.quota(&self.quotas);
            self.with(subject, minute, |window| window.used().saturating_add((*cost).min(limit)) <= limit)
        };
        let refused = subjects.iter().find(|one| !fits(one));
        let standings = subjects.iter().map(|(subject, cost)| {
            let limit = subject.quota(&self.quotas);
            let used = self.with(subject, minute, |window| {
                if refused.is_none() {
                    window.fresh = window.fresh.saturating_add((*cost).min(limit));
                }
                window.used()
            });
            let allowed = refused.is_none_or(|(other, _)| other != subject);
            let remaining = limit.saturating_sub(used);
            Standing { policy: subject.policy(), limit, remaining, reset: WINDOW.as_secs() - into, allowed }
        });
        let left = |standing: &Standing| u64::from(standing.remaining) * 1_000_000 / u64::from(standing.limit.max(1));
        standings.min_by_key(|standing| (standing.allowed, left(standing)))
    }

    /// Counts what was used without having been asked for, as far as the quota reaches.
    pub fn add(&self, subject: &Subject, units: u32, now: SystemTime) {
        let minute = since_epoch(now).as_secs() / WINDOW.as_secs();
        let limit = subject.quota(&self.quotas);
        self.with(subject, minute, |window| {
            let left = limit.saturating_sub(window.used());
            window.fresh = window.fresh.saturating_add(units.min(left));
        });
    }

    /// Whether nothing is left of a quota.
    pub fn is_spent(&self, subject: &Subject, now: SystemTime) -> bool {
        let minute = since_epoch(now).as_secs() / WINDOW.as_secs();
        self.with(subject, minute, |window| window.used()) >= subject.quota(&self.quotas)
    }

    /// What is worth telling the other processes by now; until [`Meter::learn`] it counts as being told.
    pub fn tell(&self, now: SystemTime) -> Vec<Use> {
        let minute = since_epoch(now).as_secs() / WINDOW.as_secs();
        let mut told = Vec::new();
        for part in &self.parts {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (subject, window) in &mut part.windows {
                let limit = subject.quota(&self.quotas);
                let much = u64::from(window.fresh) * 100 >= u64::from(limit);
                let nearly = u64::from(window.used()) * 10 >= u64::from(limit) * 8;
                if window.minute == minute && window.telling == 0 && window.fresh > 0 && (much || nearly) {
                    window.telling = std::mem::take(&mut window.fresh);
                    let (subject, units) = (subject.clone(), window.telling);
                    told.push(Use { name: subject.name(&self.vault), subject, minute, units });
                }
            }
        }
        told
    }

    /// What all have used by now, with what was told; `None` where it could not be told, and will be again.
    pub fn learn(&self, told: &[Use], totals: Option<&HashMap<(Uuid, u64), u32>>) {
        for Use { subject, name, minute, .. } in told {
            let known = |window: &mut Window| {
                // The next window may have begun meanwhile.
                if window.minute != *minute {
                    return;
                }
                let telling = std::mem::take(&mut window.telling);
                match totals.and_then(|totals| totals.get(&(*name, *minute))) {
                    Some(total) => window.told = *total,
                    None => window.fresh = window.fresh.saturating_add(telling),
                }
            };
            self.of(subject, *minute, known);
        }
    }
}

impl Part {
    fn window(&mut self, subject: &Subject, minute: u64) -> &mut Window {
        if self.windows.len() >= ROOM && !self.windows.contains_key(subject) {
            if self.swept != minute {
                self.windows.retain(|_, window| window.minute == minute);
                self.swept = minute;
            }
            if self.windows.len() >= ROOM {
                return &mut self.rest;
            }
        }
        self.windows.entry(subject.clone()).or_default()
    }
}

/// The time by which quotas are counted: the machine's, whatever day the service takes it to be.
pub fn now() -> SystemTime {
    Clock::System.now().into()
}

/// How often the processes tell each other.
const PERIOD: Duration = Duration::from_millis(100);

/// Tells the other processes, until the service stops. While the database is out of reach, each counts by itself.
pub async fn exchange(state: web::Data<State>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        for (client, times) in state.housekeeping().context().probes.take() {
            state.meter.add(&Subject::Lookup(client), times, now());
        }
        let told = Arc::new(state.meter.tell(now()));
        if told.is_empty() {
            continue;
        }
        let shared = Arc::clone(&told);
        let answer = state.housekeeping().query(move |conn, _| Ok(usage::add(conn, &shared)?)).await;
        if let Err(problem) = &answer {
            tracing::debug!(%problem, "what was used of quotas could not be told");
        }
        state.meter.learn(&told, answer.ok().as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { client: 3, organisation: 5, address: 2, token: 1, lookup: 1 };

    fn meter(quotas: Quotas) -> Meter {
        Meter::new(quotas, Arc::new(Vault::new(&[1; 32])))
    }

    fn client(name: &str) -> Subject {
        Subject::Client(name.to_owned())
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(60_000 + seconds)
    }

    fn charge(meter: &Meter, subject: Subject, now: SystemTime) -> Standing {
        meter.charge(&[(subject, 1)], now).unwrap()
    }

    #[test]
    fn a_quota_is_used_up_and_comes_back_with_the_next_window() {
        let meter = meter(QUOTAS);
        let remaining: Vec<u32> = (0..3).map(|_| charge(&meter, client("a"), at(0)).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = charge(&meter, client("a"), at(20) + Duration::from_millis(500));
        assert_eq!((refused.allowed, refused.remaining, refused.reset), (false, 0, 40));
        assert!(charge(&meter, client("b"), at(0)).allowed, "clients do not share");
        let later = charge(&meter, client("a"), at(60));
        assert_eq!((later.allowed, later.remaining, later.reset), (true, 2, 60));
    }

    #[test]
    fn what_one_quota_refuses_costs_no_other() {
        let meter = meter(QUOTAS);
        let organisation = Subject::Organisation(Uuid::nil());
        let ask =
            |name: &str, cost: u32| meter.charge(&[(client(name), cost), (organisation.clone(), cost)], at(0)).unwrap();
        let standing = ask("a", 3);
        assert_eq!((standing.policy, standing.remaining, standing.allowed), ("client", 0, true), "it has least left");
        assert_eq!((ask("a", 1).policy, ask("a", 1).allowed), ("client", false));
        let refused = ask("b", 3);
        assert_eq!((refused.policy, refused.remaining, refused.allowed), ("organisation", 2, false));
        assert_eq!((ask("b", 2).allowed, ask("b", 1).policy), (true, "organisation"));
        let other = Subject::Organisation(Uuid::max());
        assert!(meter.charge(&[(client("b"), 1), (other, 1)], at(0)).unwrap().allowed, "one unit was left to b");
    }

    #[test]
    fn an_operation_never_costs_more_than_all() {
        let meter = meter(QUOTAS);
        assert!(meter.charge(&[(client("a"), 100)], at(0)).unwrap().allowed, "a small quota lets one pass");
        assert!(!meter.charge(&[(client("a"), 1)], at(0)).unwrap().allowed);
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
        let meter = meter(QUOTAS);
        let flood = u32::try_from(2 * PARTS * ROOM).unwrap();
        let refused = (0..flood).filter(|n| !charge(&meter, Subject::Address(IpAddr::V4((*n).into())), at(0)).allowed);
        assert!(refused.count() > 0);
        assert!(meter.parts.iter().all(|part| part.lock().unwrap().windows.len() <= ROOM));
        assert!(charge(&meter, Subject::address([192, 0, 2, 1].into()), at(60)).allowed, "there is room again");
    }

    #[test]
    fn what_could_not_be_told_is_told_again() {
        let meter = meter(Quotas { client: 100, ..QUOTAS });
        assert!((0..10).all(|_| charge(&meter, client("a"), at(0)).allowed));
        let told = meter.tell(at(0));
        assert_eq!((told.len(), told[0].units), (1, 10));
        assert_eq!(meter.tell(at(0)), [], "it is being told");
        meter.learn(&told, None);
        let told = meter.tell(at(0));
        assert_eq!(told[0].units, 10);
        meter.learn(&told, Some(&HashMap::from([((told[0].name, told[0].minute), 99)])));
        assert_eq!(charge(&meter, client("a"), at(0)).remaining, 0, "others have used the rest");
        assert!(!charge(&meter, client("a"), at(0)).allowed);
        meter.learn(&told, Some(&HashMap::from([((told[0].name, told[0].minute), 99)])));
        assert_eq!(charge(&meter, client("a"), at(60)).remaining, 99);
        meter.learn(&told, Some(&HashMap::from([((told[0].name, told[0].minute), 99)])));
        assert_eq!(charge(&meter, client("a"), at(61)).remaining, 98, "what comes late is of the window before");
    }
}
