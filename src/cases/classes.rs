//! The class tree 事项分类 as data: codes, words, default nature and time limits.
//!
//! Must not know: cases, who is responsible for a class (that is the duty list of `orgs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::cases::{Budget, ClockKind, Nature, TimeUnit, Urgency};

/// The tree.
#[derive(Debug, Clone)]
pub struct Classes {
    /// Its version; cases keep the one they were captured under.
    pub version: String,
    groups: Vec<Group>,
    by_code: BTreeMap<String, (usize, usize)>,
    nature: BTreeMap<Nature, Limits>,
    urgency: BTreeMap<Urgency, Limits>,
}

/// A group of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its code, the part before the dot.
    pub code: String,
    /// Its word.
    pub zh: String,
    /// Limits of the whole group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Its leaves.
    pub classes: Vec<Class>,
}

/// A leaf of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its code, `group.leaf`.
    pub code: String,
    /// Its word.
    pub zh: String,
    /// The nature that is usual.
    pub nature: Nature,
    /// Its own limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Whether it is no longer given to new cases.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// Time limits with their provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Where they come from, shown beside them.
    pub source: String,
    /// To sign 签收.
    pub sign: Budget,
    /// To reach the citizen or the place 首次联系.
    pub contact: Budget,
    /// To settle 办结.
    pub settle: Budget,
}

impl Limits {
    /// The limit of one kind of clock, where the class sets it.
    pub fn of(&self, kind: ClockKind) -> Option<Budget> {
        match kind {
            ClockKind::Sign => Some(self.sign),
            ClockKind::Contact => Some(self.contact),
            ClockKind::Settle => Some(self.settle),
            _ => None,
        }
    }

    /// Whether signing comes before contact and contact before settling.
    pub fn are_ordered(&self) -> bool {
        minutes(self.sign) <= minutes(self.contact) && minutes(self.contact) <= minutes(self.settle)
    }
}

/// A budget in minutes, working time taken at eight hours a day: to compare, never to count by.
pub(super) fn minutes(budget: Budget) -> u64 {
    let each = match budget.unit {
        TimeUnit::Minutes | TimeUnit::WorkingMinutes => 1,
        TimeUnit::Hours => 60,
        TimeUnit::WorkingDays => 8 * 60,
        TimeUnit::NaturalDays => 24 * 60,
    };
    u64::from(budget.amount) * each
}

impl Classes {
    /// The tree that comes with the program.
    pub fn shipped() -> Self {
        Self::parse(include_str!("data/classes.toml")).expect("the shipped class tree is checked by the tests")
    }

    /// Reads a tree and checks that codes are unique and lie in their group.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut by_code = BTreeMap::new();
        for (g, group) in file.groups.iter().enumerate() {
            for (c, class) in group.classes.iter().enumerate() {
                if class.code.split_once('.').is_none_or(|(head, leaf)| head != group.code || leaf.is_empty()) {
                    return Err(format!("class {:?} does not lie in its group {:?}", class.code, group.code));
                }
                if by_code.insert(class.code.clone(), (g, c)).is_some() {
                    return Err(format!("class {:?} is there twice", class.code));
                }
            }
        }
        if let Some(missing) = Nature::ALL.iter().find(|n| !file.nature.contains_key(n)) {
            return Err(format!("nature {:?} has no limits", missing.as_str()));
        }
        let tree =
            Self { version: file.version, groups: file.groups, by_code, nature: file.nature, urgency: file.urgency };
        let unordered = tree.all_limits().find(|l| !l.are_ordered()).map(|l| l.source.clone());
        match unordered {
            Some(source) => Err(format!("limits {source:?}: sign ≤ contact ≤ settle does not hold")),
            None => Ok(tree),
        }
    }

    /// The groups with their leaves, in the tree's order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A leaf by its code.
    pub fn class(&self, code: &str) -> Option<&Class> {
        let (g, c) = self.by_code.get(code)?;
        self.groups.get(*g)?.classes.get(*c)
    }

    /// All codes.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.by_code.keys().map(String::as_str)
    }

    /// Whether `code` is `top` or lies below it (`water.supply` within `water`).
    pub fn is_within(code: &str, top: &str) -> bool {
        code.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The limit of a clock and where it comes from: the class's own, its group's, the urgency's, the nature's.
    pub fn limit(&self, kind: ClockKind, code: &str, nature: Nature, urgency: Urgency) -> Option<(Budget, &str)> {
        let place = self.by_code.get(code);
        let class = self.class(code).and_then(|c| c.limits.as_ref());
        let group = place.and_then(|(g, _)| self.groups[*g].limits.as_ref());
        let found = class.or(group).or_else(|| self.urgency.get(&urgency)).or_else(|| self.nature.get(&nature))?;
        Some((found.of(kind)?, &found.source))
    }

    fn all_limits(&self) -> impl Iterator<Item = &Limits> {
        let classes =
            self.groups.iter().flat_map(|g| g.limits.iter().chain(g.classes.iter().filter_map(|c| c.limits.as_ref())));
        classes.chain(self.nature.values()).chain(self.urgency.values())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    nature: BTreeMap<Nature, Limits>,
    #[serde(default)]
    urgency: BTreeMap<Urgency, Limits>,
    groups: Vec<Group>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_shipped_tree_has_its_leaves_and_limits() {
        let tree = Classes::shipped();
        assert!(tree.groups().len() >= 12 && tree.codes().count() >= 60, "{} leaves", tree.codes().count());
        let limit = |k, c| tree.limit(k, c, Nature::Help, Urgency::Normal).unwrap().0;
        assert_eq!(limit(ClockKind::Sign, "water.supply.pipe_burst"), Budget { amount: 15, unit: TimeUnit::Minutes });
        assert_eq!(limit(ClockKind::Settle, "water.supply.meter"), Budget { amount: 10, unit: TimeUnit::WorkingDays });
        assert_eq!(tree.limit(ClockKind::Judge, "gas.leak", Nature::Help, Urgency::Normal), None);
        for code in [
            "water.supply.pipe_burst",
            "water.supply.outage",
            "power.outage",
            "gas.leak",
            "heating.none",
            "road.damage",
            "road.manhole",
            "lighting.streetlamp",
            "noise.construction",
            "env.garbage",
            "traffic.signal",
            "transit.bus",
            "property.service",
            "consult.policy",
            "other.other",
        ] {
            assert!(tree.class(code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_code_contains_what_lies_below_it_only() {
        assert!(Classes::is_within("water.supply.outage", "water") && Classes::is_within("water", "water"));
        assert!(!Classes::is_within("waterway.x", "water"));
    }

    #[test]
    fn a_broken_tree_is_refused_with_the_reason() {
        let shipped = include_str!("data/classes.toml");
        let doubled = shipped.replace("\"power.voltage\"", "\"power.outage\"");
        assert!(Classes::parse(&doubled).unwrap_err().contains("twice"));
        let strayed = shipped.replace("\"power.voltage\"", "\"gas.voltage\"");
        assert!(Classes::parse(&strayed).unwrap_err().contains("does not lie"));
    }
}
