//! Times in the claims of a JWT.

use serde::Deserialize;

/// Seconds since the Unix epoch, which may have a fraction (`NumericDate` of RFC 7519, section 2). We count whole seconds, and
/// take of the two beside a fraction the one by which less is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct NumericDate {
    /// The second at or before it.
    pub floor: i64,
    /// The second at or after it.
    pub ceil: i64,
}

impl NumericDate {
    /// The end of the year 9999. Whole seconds until then are exact in an `f64`.
    const LAST: f64 = 253_402_300_799.0;
}

impl TryFrom<f64> for NumericDate {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        // What is no number is in no range.
        if !(0.0..=Self::LAST).contains(&seconds) {
            return Err("no time between 1970 and 9999");
        }
        Ok(Self { floor: seconds.floor() as i64, ceil: seconds.ceil() as i64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn date(json: &str) -> Option<NumericDate> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_date_may_have_a_fraction() {
        let between = |floor, ceil| Some(NumericDate { floor, ceil });
        assert_eq!(date("1800000000"), between(NOW, NOW));
        assert_eq!(date("1800000000.0"), between(NOW, NOW));
        assert_eq!(date("1.8e9"), between(NOW, NOW));
        assert_eq!(date("1800000000.25"), between(NOW, NOW + 1));
        assert_eq!(date("1799999999.999999"), between(NOW - 1, NOW));
        assert_eq!(date("0"), between(0, 0));
        assert_eq!(date("253402300799"), between(253_402_300_799, 253_402_300_799));
    }

    #[test]
    fn a_date_is_a_number_of_our_time() {
        for wrong in [
            "\"1800000000\"",
            "\"NaN\"",
            "\"Infinity\"",
            "NaN",
            "Infinity",
            "-Infinity",
            "-1",
            "-0.5",
            "253402300799.5",
            "253402300800",
            "9223372036854775807",
            "18446744073709551615",
            "1e300",
            "1e999",
            "null",
            "true",
            "[]",
            "{}",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(NumericDate::try_from(wrong).is_err(), "{wrong}");
        }
    }
}
