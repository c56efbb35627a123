//! Sizes in bytes in the configuration: `65536`, `64MiB`, `1GB`.

/// All units. `format` writes the binary ones.
const UNITS: [(&str, u64); 9] = [
    ("tib", 1 << 40),
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("tb", 1_000_000_000_000),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
];

/// Parse an integer and an optional unit, in upper or lower case. Fractions are invalid: a limit must not depend on
/// rounding.
pub fn parse(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let bytes = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, bytes)) => *bytes,
        None if unit.is_empty() => 1,
        None => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

/// Format in the largest binary unit that is exact.
pub fn format(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift) {
        Some((name, shift)) => format!("{}{name}", bytes >> shift),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_parses_and_formats_exactly() {
        for (text, bytes, short) in [
            ("0", 0, "0"),
            ("1023", 1_023, "1023"),
            ("1024", 1_024, "1KiB"),
            ("64MiB", 64 << 20, "64MiB"),
            ("64 mib", 64 << 20, "64MiB"),
            ("1GB", 1_000_000_000, "1000000000"),
            ("1536KiB", 1_536 << 10, "1536KiB"),
            ("3B", 3, "3"),
            ("18446744073709551615", u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
            assert_eq!(format(bytes), short);
            assert_eq!(parse(short), Some(bytes), "{short}");
        }
        for text in
            ["", "MiB", "1.5MiB", "-1", "64M", "1 day", "18446744073709551616", "99999999TiB"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
