//! The duty list 职责清单: whose matter a class is in an area. Pure.
//!
//! Must not know: the class tree itself (that is data of `cases`); a class is a dotted code here, and `water.supply`
//! covers `water.supply.pipe_burst`.

use std::fmt;
use std::str::FromStr;

use super::tree::Tree;
use super::unit::UnitKind;
use crate::access::Refusal;
use crate::ids::{OrgPath, UnitId};

/// Who leads in a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DutyLead {
    /// This unit, everywhere in the line's area.
    Unit(UnitId),
    /// The government of this level at the place 属地: the township that the place lies in, say.
    Local(UnitKind),
}

impl fmt::Display for DutyLead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(id) => write!(f, "unit:{id}"),
            Self::Local(kind) => write!(f, "local:{kind}"),
        }
    }
}

impl FromStr for DutyLead {
    type Err = Refusal;
    fn from_str(s: &str) -> Result<Self, Refusal> {
        let bad = || {
            Refusal::invalid(
                "orgs.duty_lead",
                "牵头单位应写作 unit:单位编号 或 local:county、local:township、local:village",
            )
            .field("/lead")
        };
        match s.split_once(':') {
            Some(("unit", id)) => id.parse().map(Self::Unit).map_err(|_| bad()),
            Some(("local", kind)) => {
                kind.parse().ok().filter(|k: &UnitKind| k.is_level()).map(Self::Local).ok_or_else(bad)
            }
            _ => Err(bad()),
        }
    }
}

/// A line of the duty list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Its id.
    pub id: String,
    /// The class it covers, with all below it.
    pub class: String,
    /// The unit whose area it holds in.
    pub area: UnitId,
    /// Who leads.
    pub lead: DutyLead,
    /// Who helps.
    pub co: Vec<UnitId>,
}

/// Whose matter it is, and by which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyAnswer {
    /// The unit that leads.
    pub lead: UnitId,
    /// Units that help.
    pub co: Vec<UnitId>,
    /// The line that says so.
    pub duty: String,
}

/// The duty list at one instant.
#[derive(Debug, Default)]
pub struct DutyList {
    lines: Vec<Duty>,
}

impl DutyList {
    /// A list of these lines.
    pub fn new(lines: Vec<Duty>) -> Self {
        Self { lines }
    }

    /// All lines.
    pub fn lines(&self) -> &[Duty] {
        &self.lines
    }

    /// Whose matter `class` is at the unit `place` lies in. The line with the most exact class wins; among these the one
    /// with the smallest area; then the first by id. A line whose lead cannot be found at the place is passed over.
    pub fn answer(&self, tree: &Tree, class: &str, place: UnitId) -> Option<DutyAnswer> {
        let path = &tree.unit(place)?.path;
        let mut fitting: Vec<(&Duty, usize)> =
            self.lines.iter().filter_map(|d| Some((d, fit(d, tree, class, path)?))).collect();
        fitting.sort_by(|(a, a_area), (b, b_area)| {
            b.class.len().cmp(&a.class.len()).then(b_area.cmp(a_area)).then(a.id.cmp(&b.id))
        });
        fitting.into_iter().find_map(|(duty, _)| {
            let lead = match duty.lead {
                DutyLead::Unit(id) => tree.unit(id)?.id,
                DutyLead::Local(kind) => tree.level_of(place, kind)?.id,
            };
            let co = duty.co.iter().copied().filter(|c| *c != lead && tree.unit(*c).is_some()).collect();
            Some(DutyAnswer { lead, co, duty: duty.id.clone() })
        })
    }
}

/// The length of the line's area path if it covers the class and the place.
fn fit(duty: &Duty, tree: &Tree, class: &str, path: &OrgPath) -> Option<usize> {
    let area = &tree.unit(duty.area)?.path;
    (covers(&duty.class, class) && path.is_within(area)).then_some(area.as_str().len())
}

/// Whether a class code is `wide` or lies below it.
fn covers(wide: &str, class: &str) -> bool {
    class.strip_prefix(wide).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A class code: parts of lower-case letters, digits and `_`, joined by dots.
pub fn check_class(class: &str) -> Result<(), Refusal> {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if class.len() <= 100 && class.split('.').all(part) {
        return Ok(());
    }
    Err(Refusal::invalid("orgs.class", "事项类别代码应由小写字母、数字、下划线组成，用点分级，如 water.supply")
        .field("/class"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::orgs::tree::tests::unit;
    use crate::orgs::unit::Unit;

    struct City {
        tree: Tree,
        units: Vec<Unit>,
    }

    fn city() -> City {
        let zz = unit(1, None, "zz", UnitKind::City);
        let jinshui = unit(2, Some(&zz), "jinshui", UnitKind::County);
        let town = unit(3, Some(&jinshui), "001", UnitKind::Township);
        let village = unit(4, Some(&town), "001", UnitKind::Village);
        let water = unit(5, Some(&zz), "water", UnitKind::Company);
        let jinshui_water = unit(6, Some(&jinshui), "water", UnitKind::Company);
        let units = vec![zz, jinshui, town, village, water, jinshui_water];
        City { tree: Tree::new(units.clone()), units }
    }

    fn line(id: &str, class: &str, area: &Unit, lead: DutyLead) -> Duty {
        Duty { id: id.into(), class: class.into(), area: area.id, lead, co: vec![] }
    }

    #[test]
    fn the_most_exact_class_wins_and_then_the_smallest_area() {
        let City { tree, units } = city();
        let [zz, jinshui, town, village, water, jinshui_water] = units.as_slice() else { unreachable!() };
        let list = DutyList::new(vec![
            line("1", "water", zz, DutyLead::Unit(water.id)),
            line("2", "water", jinshui, DutyLead::Unit(jinshui_water.id)),
            line("3", "water.supply.pipe_burst", zz, DutyLead::Unit(water.id)),
            line("4", "env", zz, DutyLead::Local(UnitKind::Township)),
        ]);
        let lead = |class: &str, place: &Unit| list.answer(&tree, class, place.id).map(|a| (a.lead, a.duty));
        assert_eq!(lead("water.quality", village), Some((jinshui_water.id, "2".into())));
        assert_eq!(lead("water.quality", zz), Some((water.id, "1".into())));
        assert_eq!(lead("water.supply.pipe_burst", village), Some((water.id, "3".into())));
        assert_eq!(lead("env.garbage", village), Some((town.id, "4".into())));
        assert_eq!(lead("env.garbage", jinshui), None, "no township is known at a county's place");
        assert_eq!(lead("waterway", village), None, "a class is matched by whole parts");
    }

    #[test]
    fn leads_are_written_and_read() {
        let id = UnitId(uuid::Uuid::from_u128(9));
        for lead in [DutyLead::Unit(id), DutyLead::Local(UnitKind::County)] {
            assert_eq!(lead.to_string().parse::<DutyLead>().unwrap(), lead);
        }
        for bad in ["", "unit:x", "local:company", "jinshui"] {
            assert!(bad.parse::<DutyLead>().is_err(), "{bad}");
        }
        assert!(check_class("water.supply").is_ok());
        assert!(check_class("Water").is_err() && check_class("a..b").is_err() && check_class("").is_err());
    }
}
