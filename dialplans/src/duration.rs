//! Durations as people write them: `8s`, `500ms`, `2m`, `1m30s`, `1h`.

use crate::time::Millis;

/// Parses a duration; `None` if it is none. A bare number is none: its unit would be a guess.
pub(crate) fn parse_duration(text: &str) -> Option<Millis> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        if unit >= last_unit {
            return None; // `30s1m`, `1s1s`: written by mistake
        }
        last_unit = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[unit_end..];
    }
    (last_unit != u64::MAX).then_some(Millis(total))
}

/// Writes a duration the way it is read.
pub(crate) fn write_duration(duration: Millis) -> String {
    let (h, m, s, ms) = (duration.0 / 3_600_000, duration.0 / 60_000 % 60, duration.0 / 1_000 % 60, duration.0 % 1_000);
    let mut text = String::new();
    for (number, unit) in [(h, "h"), (m, "m"), (s, "s"), (ms, "ms")] {
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, ms) in [("8s", 8_000), ("500ms", 500), ("1m30s", 90_000), ("1h", 3_600_000)] {
            assert_eq!(parse_duration(text), Some(Millis(ms)), "{text}");
            assert_eq!(write_duration(Millis(ms)), text);
        }
        for wrong in ["", "8", "s", "8 s", "30s1m", "1s1s", "-1s", "8sec", "99999999999999999999s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
