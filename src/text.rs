//! What clients read, in English and Italian at once: the language is known only where the answer is written, long after a rule
//! has found out what is wrong. The macro [`text!`](crate::text) makes leaving one language out impossible.

use std::borrow::Cow;
use std::fmt;

/// The answer's language, from `Accept-Language`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The default.
    English,
    /// For `it`.
    Italian,
}

impl Language {
    /// Its tag (RFC 5646), for `Content-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Italian => "it",
        }
    }
}

/// A text in both languages. Shown without a language (in the log, that is) it is English.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    english: Cow<'static, str>,
    italian: Cow<'static, str>,
}

impl Text {
    /// A text from what it says in each language.
    pub fn new(english: fmt::Arguments<'_>, italian: fmt::Arguments<'_>) -> Self {
        let cow = |text: fmt::Arguments<'_>| text.as_str().map_or_else(|| Cow::Owned(text.to_string()), Cow::Borrowed);
        Self { english: cow(english), italian: cow(italian) }
    }

    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Italian => &self.italian,
        }
    }
}

impl Text {
    /// The same text with another word for one in it, in each language.
    #[must_use]
    pub fn with_word(&self, english: [&str; 2], italian: [&str; 2]) -> Self {
        let replaced = |text: &str, [old, new]: [&str; 2]| Cow::Owned(text.replace(old, new));
        Self { english: replaced(&self.english, english), italian: replaced(&self.italian, italian) }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

/// A [`Text`]: `text!("English {name}" / "italiano {name}")`. What stands behind a comma is formatted into both.
#[macro_export]
macro_rules! text {
    ($english:literal / $italian:literal $(, $($arguments:tt)*)?) => {
        $crate::text::Text::new(format_args!($english $(, $($arguments)*)?), format_args!($italian $(, $($arguments)*)?))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_speaks_both_languages() {
        let (day, codes) = ("2012-07-02", ["a", "b"]);
        let text = text!("From {day}: {}." / "Dal {day}: {}.", codes.join(", "));
        assert_eq!(text.get(Language::English), "From 2012-07-02: a, b.");
        assert_eq!(text.get(Language::Italian), "Dal 2012-07-02: a, b.");
        assert_eq!(text.to_string(), text.get(Language::English));
        let plain = text!("No." / "No, affatto.");
        assert!(matches!(plain.italian, Cow::Borrowed("No, affatto.")));
    }
}
