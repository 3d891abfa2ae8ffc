//! Places that are few: so many in all, and so many for each organisation, so that none can take them from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// Places, and who has taken them. Cloning is cheap.
#[derive(Clone)]
pub struct Places {
    most: usize,
    each: usize,
    taken: Arc<Mutex<HashMap<Uuid, usize>>>,
}

/// A place that was taken; given back when dropped.
pub struct Place {
    taken: Arc<Mutex<HashMap<Uuid, usize>>>,
    organisation: Uuid,
}

impl Places {
    /// So many places, and so many for each organisation.
    pub fn new(most: usize, each: usize) -> Self {
        Self { most, each, taken: Arc::default() }
    }

    /// Takes one for an organisation, where there is one for it.
    pub fn take(&self, organisation: Uuid) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all: usize = taken.values().sum();
        let own = taken.get(&organisation).copied().unwrap_or_default();
        if of_all >= self.most || own >= self.each {
            return None;
        }
        taken.insert(organisation, own + 1);
        Some(Place { taken: Arc::clone(&self.taken), organisation })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get(&self.organisation).copied().unwrap_or_default() {
            0 | 1 => taken.remove(&self.organisation),
            more => taken.insert(self.organisation, more - 1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_and_what_is_given_back_is_free_again() {
        let places = Places::new(4, 2);
        let of = |number: u128| places.take(Uuid::from_u128(number));
        let mut held = vec![of(1).unwrap(), of(1).unwrap()];
        assert!(of(1).is_none(), "it has its share");
        held.extend([of(2).unwrap(), of(3).unwrap()]);
        assert!(of(4).is_none(), "there are no more");
        held.remove(0);
        held.push(of(4).unwrap());
        assert!(of(5).is_none());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty(), "nothing is remembered of who has none");
    }
}
