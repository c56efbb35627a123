//! Durations in the format of Go: `1h30m`, `250ms`, `1.5h`.

use std::fmt::Write;
use std::time::Duration;

/// The maximum of Go's `time.Duration` in nanoseconds, which is about 292 years.
const LONGEST: u64 = i64::MAX as u64;
/// The same as a duration.
pub(crate) const LONGEST_DURATION: Duration = Duration::from_nanos(LONGEST);

/// How many characters of an invalid text an error quotes.
const QUOTED: usize = 40;

/// The error of parsing a text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: {reason}")]
pub struct InvalidDuration {
    text: Box<str>,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("expected a form like 1h30m, 250ms or 1.5h")]
    Form,
    #[error("a number has no unit; expected one of ns, us, ms, s, m, h")]
    NoUnit,
    #[error("the units are ns, us, ms, s, m, h")]
    OtherUnit,
    #[error("it is below zero")]
    Negative,
    #[error("it is longer than 292 years")]
    TooLong,
}

/// Parses a duration in the grammar of Go's `time.ParseDuration`: numbers, each with an optional fraction and a
/// unit, one after another. The units are `ns`, `us` (or `µs`), `ms`, `s`, `m` and `h`. A `+` before them and a
/// bare `0` are allowed.
///
/// Zero is accepted; callers that require more than zero check that themselves.
///
/// # Errors
///
/// If a number has no unit or an unknown unit, the text begins with `-`, or the duration is longer than [`i64::MAX`]
/// nanoseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mainspring::wire::parse_duration;
///
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
/// assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
///
/// let error = parse_duration("5").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#""5" is not a duration: a number has no unit; expected one of ns, us, ms, s, m, h"#
/// );
/// assert!(parse_duration("1d").is_err());
/// assert!(parse_duration("9999999999999h").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let nanoseconds = parse(text).map_err(|reason| {
        let mut quoted: String = text.chars().take(QUOTED).collect();
        if quoted.len() < text.len() {
            quoted.push('…');
        }
        InvalidDuration { text: quoted.into(), reason }
    })?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn parse(text: &str) -> Result<u64, Reason> {
    if text.starts_with('-') {
        return Err(Reason::Negative);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Reason::Form);
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        total = total.checked_add(part).filter(|sum| *sum <= LONGEST).ok_or(Reason::TooLong)?;
        rest = after;
    }
    Ok(total)
}

/// The first number with its unit, in nanoseconds, and the rest of the text.
fn part(text: &str) -> Result<(u64, &str), Reason> {
    let (integer, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if integer.is_empty() && fraction.is_empty() {
        return Err(Reason::Form);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000, // The micro sign, and the Greek letter.
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        "" => return Err(Reason::NoUnit),
        _ => return Err(Reason::OtherUnit),
    };
    let integer = match integer {
        "" => 0,
        integer => integer.parse::<u64>().map_err(|_| Reason::TooLong)?,
    };
    let integer = integer.checked_mul(unit).ok_or(Reason::TooLong)?;
    let part = integer.checked_add(fraction_of(unit, fraction)).ok_or(Reason::TooLong)?;
    Ok((part, rest))
}

/// The leading digits of a text, and the rest of it.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The fraction of a unit that the digits after the decimal point denote. Computed in floats, as in Go, so that
/// 0.3333333333333333333h is 20 minutes; up to nine digits are exact. Digits that do not fit in an `i64` are ignored.
fn fraction_of(unit: u64, digits: &str) -> u64 {
    let mut numerator = 0_u64;
    let mut scale = 1.0;
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        let next = numerator.checked_mul(10).and_then(|tens| tens.checked_add(digit));
        let Some(next) = next.filter(|next| *next <= LONGEST) else { break };
        numerator = next;
        scale *= 10.0;
    }
    (numerator as f64 * (unit as f64 / scale)) as u64
}

/// Formats a duration for [`parse_duration`], in the shortest form: `1h30m`, `1m30.5s`, `250ms`, `0s`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mainspring::wire::format_duration;
///
/// assert_eq!(format_duration(Duration::from_secs(5_400)), "1h30m");
/// assert_eq!(format_duration(Duration::from_millis(1_500)), "1.5s");
/// assert_eq!(format_duration(Duration::from_micros(250)), "250us");
/// assert_eq!(format_duration(Duration::ZERO), "0s");
/// ```
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.subsec_nanos();
    match (duration.as_secs(), nanoseconds) {
        (0, 0) => "0s".into(),
        (0, 1..1_000) => format!("{nanoseconds}ns"),
        (0, 1_000..1_000_000) => decimal(nanoseconds.into(), 1_000, 3) + "us",
        (0, _) => decimal(nanoseconds.into(), 1_000_000, 6) + "ms",
        (seconds, _) => {
            let mut text = String::new();
            for (unit, count) in [("h", seconds / 3_600), ("m", seconds / 60 % 60)] {
                if count > 0 {
                    // Writing to a `String` does not fail.
                    let _ = write!(text, "{count}{unit}");
                }
            }
            let rest = seconds % 60 * 1_000_000_000 + u64::from(nanoseconds);
            if rest > 0 {
                text += &decimal(rest, 1_000_000_000, 9);
                text.push('s');
            }
            text
        }
    }
}

/// A number of fractions of a unit as a decimal number of units, without trailing zeros.
fn decimal(parts: u64, unit: u64, digits: usize) -> String {
    let text = format!("{}.{:0digits$}", parts / unit, parts % unit);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60 * 1_000_000_000;

    /// From the tests of Go's `time` package.
    #[test]
    fn parses_the_cases_of_go() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("+0", 0),
            ("5s", 5_000_000_000),
            ("30s", 30_000_000_000),
            ("1478s", 1_478_000_000_000),
            ("+5s", 5_000_000_000),
            ("5.0s", 5_000_000_000),
            ("5.6s", 5_600_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.0s", 1_000_000_000),
            ("1.00s", 1_000_000_000),
            ("1.004s", 1_004_000_000),
            ("1.0040s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("13ms", 13_000_000),
            ("14s", 14_000_000_000),
            ("15m", 15 * MINUTE),
            ("16h", 16 * 60 * MINUTE),
            ("3h30m", 210 * MINUTE),
            ("10.5s4m", 4 * MINUTE + 10_500_000_000),
            ("1h2m3s4ms5us6ns", 62 * MINUTE + 3_004_005_006),
            ("39h9m14.425s", (39 * 60 + 9) * MINUTE + 14_425_000_000),
            ("52763797000ns", 52_763_797_000),
            ("0.3333333333333333333h", 20 * MINUTE),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9223372036854775807ns", LONGEST),
            ("9223372036854775.807us", LONGEST),
            ("9223372036s854ms775us807ns", LONGEST),
            ("0.100000000000000000000h", 6 * MINUTE),
            ("0.830103483285477580700h", 49 * MINUTE + 48_372_539_827),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn rejects_the_invalid_cases_of_go_and_negative_durations() {
        use Reason::*;
        for (text, reason) in [
            ("", Form),
            ("+", Form),
            (".", Form),
            ("s", Form),
            (".s", Form),
            ("+.s", Form),
            (" 1s", Form),
            ("none", Form),
            ("3", NoUnit),
            ("1s2", NoUnit),
            ("00", NoUnit),
            ("1d", OtherUnit),
            ("1S", OtherUnit),
            ("1 s", OtherUnit),
            ("1s ", OtherUnit),
            ("1.2.3s", NoUnit),
            ("\u{85}\u{85}", Form),
            ("1\u{ffff}s", OtherUnit),
            ("-", Negative),
            ("-0", Negative),
            ("-5s", Negative),
            ("9223372036854775808ns", TooLong),
            ("9223372036854775.808us", TooLong),
            ("9223372036854ms775us808ns", TooLong),
            ("9223372036855s", TooLong),
            ("9999999999999h", TooLong),
            ("99999999999999999999999h", TooLong),
            ("2562047h2562047h", TooLong),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert_eq!((&*error.text, error.reason), (text, reason));
        }
    }

    #[test]
    fn error_quotes_the_start_of_a_long_text() {
        let error = parse_duration(&"µ".repeat(1 << 20)).unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }

    #[test]
    fn formats_in_the_shortest_form() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1us"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (10_000_000_000, "10s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (60 * MINUTE + 1, "1h0.000000001s"),
            (LONGEST, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(nanoseconds)), text);
        }
        assert!(format_duration(Duration::MAX).ends_with("h15.999999999s"));
    }

    /// Texts that resemble durations.
    const NEAR: &str = r"[-+]?([0-9]{0,25}(\.[0-9]{0,25})?(ns|us|µs|ms|s|m|h|d)?){0,4}";

    proptest! {
        #[test]
        fn formatted_duration_parses_to_the_same(nanoseconds in 0..=LONGEST, shift in 0..64) {
            let duration = Duration::from_nanos(nanoseconds >> shift);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), near in NEAR) {
            let _ = parse_duration(&text);
            let _ = parse_duration(&near);
        }
    }
}
