//! What people say with a verb: texts trimmed, bounded, without control characters; places on the globe.

use crate::access::Refusal;
use crate::events::cases::Place;

/// Longest title, characters.
pub(super) const TITLE_MAX: usize = 80;
/// Longest text of any other kind, characters.
pub(super) const TEXT_MAX: usize = 4_000;
/// Longest place, name.
pub(super) const SHORT_MAX: usize = 200;

/// A text that must say something: trimmed, without control characters, not too long.
pub(super) fn text(said: &str, field: &str, max: usize) -> Result<String, Refusal> {
    let kept: String = said.trim().chars().filter(|c| *c == '\n' || !is_control(*c)).collect();
    if kept.is_empty() {
        return Err(Refusal::invalid("case.nothing_said", "该项不能为空").field(field));
    }
    let length = kept.chars().count();
    if length > max {
        return Err(Refusal::invalid("case.too_long", format!("该项最多 {max} 字，现有 {length} 字")).field(field));
    }
    Ok(kept)
}

/// A text that may be absent; blank is absent.
pub(super) fn text_opt(said: &Option<String>, field: &str, max: usize) -> Result<Option<String>, Refusal> {
    match said.as_deref().map(str::trim).filter(|s| !s.is_empty()) {
        Some(s) => text(s, field, max).map(Some),
        None => Ok(None),
    }
}

/// Control characters, and those that turn the direction of writing (a name must not read backwards).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The refusal of a class that is not in the tree.
pub(super) fn unknown_class(code: &str) -> Refusal {
    Refusal::invalid("case.unknown_class", format!("没有事项分类「{}」，可用的分类见 /api/v1/classes", cut(code)))
        .field("/class_code")
}

/// A place's text must fit, its coordinates come in pairs and lie on the globe (degrees).
pub(super) fn check_place(place: Option<&Place>) -> Result<(), Refusal> {
    let Some(place) = place else { return Ok(()) };
    text_opt(&Some(place.text.clone()), "/place/text", SHORT_MAX)?;
    let bad = |field: &str| {
        Err(Refusal::invalid("case.bad_point", "坐标须同时给出经度（−180 至 180）和纬度（−90 至 90）").field(field))
    };
    match (place.lon, place.lat) {
        (None, None) => Ok(()),
        (Some(lon), Some(_)) if !(-180.0..=180.0).contains(&lon) => bad("/place/lon"),
        (Some(_), Some(lat)) if !(-90.0..=90.0).contains(&lat) => bad("/place/lat"),
        (Some(_), Some(_)) => Ok(()),
        (None, _) => bad("/place/lon"),
        (_, None) => bad("/place/lat"),
    }
}

/// Hostile input in a message is shown short.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
