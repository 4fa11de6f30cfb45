//! Templates: what the hub says by SMS, as data with named holes.

use std::collections::BTreeMap;

use liandong_sms::session::lanes::Lane;
use serde::Deserialize;

use crate::log::HIDDEN;

/// The shipped templates.
const SHIPPED: &str = include_str!("data/templates.toml");
/// A hole's filling is cut to this: a title or a reason never makes five segments of one reminder.
const FILLING_MAX: usize = 60;

/// Holes whose fillings open a door: they reach the phone, and no screen and no log.
const SECRETS: [&str; 2] = ["query_code", "guest_link"];

/// What a "1" to a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Signing for the case.
    Sign,
    /// Accepting the order.
    Order,
}

/// One template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its lane.
    pub lane: Lane,
    /// What a "1" to it means.
    #[serde(default)]
    pub question: Option<Question>,
    /// The text with its holes `{name}`.
    pub text: String,
}

/// All templates by name.
#[derive(Debug, Clone)]
pub struct Templates(BTreeMap<String, Template>);

/// A template file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not TOML of the right shape.
    #[error("templates: {0}")]
    Shape(#[from] Box<toml::de::Error>),
    /// A brace without its partner, or a hole without a name.
    #[error("templates: [{0}]: a hole is written {{name}}, with letters and _ only")]
    Hole(String),
}

impl Templates {
    /// The shipped ones.
    pub fn shipped() -> Result<Self, TemplateError> {
        Self::parse(SHIPPED)
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let templates: BTreeMap<String, Template> = toml::from_str(text).map_err(Box::new)?;
        for (name, template) in &templates {
            if holes(&template.text).is_none() {
                return Err(TemplateError::Hole(name.clone()));
            }
        }
        Ok(Self(templates))
    }

    /// The template called `name`.
    pub fn get(&self, name: &str) -> Option<&Template> {
        self.0.get(name)
    }
}

impl Template {
    /// The text as screens and the log show it; `None` where it hides nothing.
    pub fn shown(&self, values: &BTreeMap<String, String>) -> Option<String> {
        let hidden = |name: &str| values.contains_key(name) && self.text.contains(&format!("{{{name}}}"));
        if !SECRETS.iter().any(|name| hidden(name)) {
            return None;
        }
        let mut values = values.clone();
        for name in SECRETS {
            values.entry(name.to_owned()).and_modify(|value| HIDDEN.clone_into(value));
        }
        Some(self.fill(&values))
    }

    /// The text with its holes filled; an unknown hole stays empty rather than keeping the message back.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let mut text = String::with_capacity(self.text.len() + 64);
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, behind)) = after.split_once('}') else { break };
            text.extend(values.get(name).into_iter().flat_map(|v| clean(v)));
            rest = behind;
        }
        text.push_str(rest);
        text
    }
}

/// A filling on one line, without characters that a phone cannot show, cut with an ellipsis.
fn clean(value: &str) -> Vec<char> {
    let mut chars: Vec<char> =
        value.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    // Links are never cut: half an address helps nobody.
    if chars.len() > FILLING_MAX && !value.starts_with("http") {
        chars.truncate(FILLING_MAX - 1);
        chars.push('…');
    }
    chars
}

/// The names of the holes; `None` if braces do not match.
fn holes(text: &str) -> Option<Vec<&str>> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        let fine = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if !fine || before.contains('}') {
            return None;
        }
        names.push(name);
        rest = behind;
    }
    (!rest.contains('}')).then_some(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_shipped_templates_are_sound_and_signed() {
        let templates = Templates::shipped().unwrap();
        assert!(templates.0.len() >= 10);
        for (name, template) in &templates.0 {
            assert!(template.text.starts_with('【'), "[{name}] does not begin with its signature");
        }
    }

    #[test]
    fn hostile_fillings_stay_one_short_line() {
        let template = Template { lane: Lane::Notice, question: None, text: "「{title}」{gone}".into() };
        let title = format!("漏水\n\u{1b}[31m{}", "很长".repeat(60));
        let text = template.fill(&BTreeMap::from([("title".into(), title)]));
        assert!(!text.contains('\n') && !text.contains('\u{1b}') && text.chars().count() <= FILLING_MAX + 2, "{text}");
    }

    #[test]
    fn an_open_brace_is_refused() {
        assert!(matches!(Templates::parse("[a]\nlane='notice'\ntext='{x'"), Err(TemplateError::Hole(_))));
    }
}
