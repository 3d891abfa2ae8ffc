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

/// An amount for people: `5,000,000.00 EUR` in English, `5.000.000,00 EUR` in Italian. The currency is named by its code, which
/// is the same in both (ISO 4217).
pub fn euros(cents: i64) -> Text {
    let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
    let (whole, rest) = ((cents / 100).to_string(), cents % 100);
    let grouped = |between: &str| {
        let digits = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
        digits.collect::<Vec<_>>().join(between)
    };
    Text::new(
        format_args!("{sign}{}.{rest:02} EUR", grouped(",")),
        format_args!("{sign}{},{rest:02} EUR", grouped(".")),
    )
}

/// A [`Text`]: `text!("English {name}" / "italiano {name}")`. What stands behind a comma is formatted into both. What is named
/// behind a semicolon is a text itself: `text!("At most {most}." / "Al massimo {most}."; most = euros(cents))`.
#[macro_export]
macro_rules! text {
    ($english:literal / $italian:literal; $($name:ident = $part:expr),+) => {{
        use $crate::text::Language::{English, Italian};
        $(let $name: $crate::text::Text = $part;)+
        $crate::text::Text::new(
            format_args!($english, $($name = $name.get(English)),+),
            format_args!($italian, $($name = $name.get(Italian)),+),
        )
    }};
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

    #[test]
    fn amounts_are_written_as_the_language_has_it() {
        let written = |cents| {
            let amount = euros(cents);
            (amount.get(Language::English).to_owned(), amount.get(Language::Italian).to_owned())
        };
        for (cents, english, italian) in [
            (0, "0.00 EUR", "0,00 EUR"),
            (5, "0.05 EUR", "0,05 EUR"),
            (99_999, "999.99 EUR", "999,99 EUR"),
            (100_000, "1,000.00 EUR", "1.000,00 EUR"),
            (500_000_000, "5,000,000.00 EUR", "5.000.000,00 EUR"),
            (-123_456, "-1,234.56 EUR", "-1.234,56 EUR"),
            (i64::MAX, "92,233,720,368,547,758.07 EUR", "92.233.720.368.547.758,07 EUR"),
            (i64::MIN, "-92,233,720,368,547,758.08 EUR", "-92.233.720.368.547.758,08 EUR"),
        ] {
            assert_eq!(written(cents), (english.to_owned(), italian.to_owned()));
        }
    }

    #[test]
    fn a_text_in_a_text_speaks_the_same_language() {
        let text = text!("At most {most}." / "Al massimo {most}."; most = euros(20_000_000));
        assert_eq!(text.get(Language::English), "At most 200,000.00 EUR.");
        assert_eq!(text.get(Language::Italian), "Al massimo 200.000,00 EUR.");
    }
}
