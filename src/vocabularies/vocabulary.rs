//! One vocabulary, its entries, and the questions asked of it.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Map, Value};

use super::text::folded;

/// The longest text that is compared with codes to suggest one: no code is a quarter as long, and the comparison's cost
/// grows with the length.
const LONGEST_SUGGESTION: usize = 40;

/// What a code means during one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The code.
    pub code: String,
    /// The Italian label, as its publisher writes it.
    pub label_it: String,
    /// The English label, where there is one.
    pub label_en: Option<String>,
    /// The first day it holds; `None`: as long as anyone asks.
    pub valid_from: Option<NaiveDate>,
    /// The first day it no longer holds; `None`: it still does.
    pub valid_to: Option<NaiveDate>,
    /// The code above it: in the same vocabulary, or in [`Vocabulary::parents_in`].
    pub parent: Option<String>,
    /// What else its publisher says.
    pub attributes: Map<String, Value>,
}

impl Entry {
    /// An entry without dates, parent and attributes.
    pub(super) fn new(code: impl Into<String>, label_it: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            label_it: label_it.into(),
            label_en: None,
            valid_from: None,
            valid_to: None,
            parent: None,
            attributes: Map::new(),
        }
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// Whether it holds on a date.
    pub fn holds_on(&self, date: NaiveDate) -> bool {
        self.distance(date).is_zero()
    }

    /// An attribute that is a text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    /// How far a date is from the period; zero on a day that it holds.
    fn distance(&self, date: NaiveDate) -> TimeDelta {
        let early = self.valid_from.map(|first| first - date);
        // The last day is the one before `valid_to`, so that day itself is already one too far.
        let late = self.valid_to.map(|end| date - end + TimeDelta::days(1));
        early.max(late).unwrap_or_default().max(TimeDelta::zero())
    }
}

/// The answer to "what does this code mean on that date".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lookup<'a> {
    /// This.
    Found(&'a Entry),
    /// The code exists, but not on that date; `nearest` is the entry whose period is closest to it.
    NotValidOn {
        /// The entry to name in the refusal, with its dates.
        nearest: &'a Entry,
    },
    /// The vocabulary never held the code. [`Vocabulary::suggest`] may know what was meant.
    Unknown,
}

impl<'a> Lookup<'a> {
    /// The entry, if the code holds on the date.
    pub fn found(self) -> Option<&'a Entry> {
        match self {
            Self::Found(entry) => Some(entry),
            Self::NotValidOn { .. } | Self::Unknown => None,
        }
    }
}

/// A list of codes with their meaning.
#[derive(Debug)]
pub struct Vocabulary {
    /// The name in the API, kebab-case.
    pub name: &'static str,
    /// The English title.
    pub title_en: &'static str,
    /// The Italian title.
    pub title_it: &'static str,
    /// Who publishes it; to be named wherever the entries are served.
    pub source: &'static str,
    /// Under which licence.
    pub licence: &'static str,
    /// What a reader of the list should know, in English; may be empty.
    pub note_en: &'static str,
    /// The vocabulary that the entries' parents are in, when it is another one.
    pub parents_in: Option<&'static str>,
    entries: Vec<Entry>,
    /// Where the entries of a code are, in the order of the list.
    by_code: HashMap<String, Vec<usize>>,
    /// The labels of each entry as they are searched, so that no search folds thousands of them again.
    searched: Vec<String>,
}

/// What a vocabulary says about itself.
#[derive(Clone, Copy)]
pub(super) struct Heading {
    pub(super) name: &'static str,
    pub(super) title_en: &'static str,
    pub(super) title_it: &'static str,
    pub(super) source: &'static str,
    pub(super) licence: &'static str,
    pub(super) note_en: &'static str,
    pub(super) parents_in: Option<&'static str>,
}

impl Vocabulary {
    pub(super) fn new(heading: Heading, entries: Vec<Entry>) -> Self {
        let Heading { name, title_en, title_it, source, licence, note_en, parents_in } = heading;
        let mut by_code: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_code.entry(entry.code.clone()).or_default().push(index);
        }
        let searched = entries
            .iter()
            .map(|entry| folded(&format!("{}\n{}", entry.label_it, entry.label_en.as_deref().unwrap_or_default())))
            .collect();
        Self { name, title_en, title_it, source, licence, note_en, parents_in, entries, by_code, searched }
    }

    /// Every entry in the order of the list, historical ones too.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every entry of a code, in the order of the list.
    pub fn versions(&self, code: &str) -> impl Iterator<Item = &Entry> {
        self.by_code.get(code).into_iter().flatten().filter_map(|index| self.entries.get(*index))
    }

    /// The entry of a code that holds longest into the future: the current one, or the last there was.
    pub fn latest(&self, code: &str) -> Option<&Entry> {
        self.versions(code).max_by_key(|entry| entry.valid_to.unwrap_or(NaiveDate::MAX))
    }

    /// What a code means on a date.
    pub fn on(&self, code: &str, date: NaiveDate) -> Lookup<'_> {
        match self.versions(code).min_by_key(|entry| entry.distance(date)) {
            Some(entry) if entry.holds_on(date) => Lookup::Found(entry),
            Some(nearest) => Lookup::NotValidOn { nearest },
            None => Lookup::Unknown,
        }
    }

    /// The code that was probably meant by one that is unknown: the same in another case, or the closest within one slip
    /// (two in codes longer than five characters). `None` when nothing is close, since a far-fetched hint is worse than
    /// none.
    pub fn suggest(&self, code: &str) -> Option<&str> {
        if code.len() > LONGEST_SUGGESTION {
            return None;
        }
        let wanted = code.trim().to_lowercase();
        self.entries
            .iter()
            .map(|entry| {
                let known = entry.code.to_lowercase();
                let slips = strsim::osa_distance(&wanted, &known);
                // Where every code is one slip from every other, as in two letters, a hint would be a guess.
                let allowed = match known.chars().count() {
                    0..=2 => 0,
                    3..=5 => 1,
                    _ => 2,
                };
                (slips, allowed, entry.code.as_str())
            })
            .filter(|(slips, allowed, _)| slips <= allowed)
            .min_by_key(|(slips, ..)| *slips)
            .map(|(.., code)| code)
    }

    /// The entries whose Italian or English label contains a text, whatever its case and accents, or whose code starts
    /// with it. An empty text finds all.
    pub fn search(&self, text: &str) -> impl Iterator<Item = &Entry> {
        let wanted = folded(text.trim());
        self.entries.iter().zip(&self.searched).filter_map(move |(entry, labels)| {
            (labels.contains(&wanted) || entry.code.to_lowercase().starts_with(&wanted)).then_some(entry)
        })
    }
}
