//! Units and grids as values, and the rules for their codes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::geometry::Area;
use crate::access::Refusal;
use crate::ids::{GridId, OrgPath, PersonId, Point, Timestamp, UnitId};

/// What a unit is. The first four are the levels of government; a department or a company stands beside them, at any level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// 市.
    City,
    /// 县、市、区、开发区.
    County,
    /// 乡、镇、街道办事处.
    Township,
    /// 村、社区.
    Village,
    /// 部门.
    Department,
    /// 公共服务企业.
    Company,
}

impl UnitKind {
    /// All kinds, the levels of government first.
    pub const ALL: &[Self] =
        &[Self::City, Self::County, Self::Township, Self::Village, Self::Department, Self::Company];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::County => "county",
            Self::Township => "township",
            Self::Village => "village",
            Self::Department => "department",
            Self::Company => "company",
        }
    }

    /// Whether it is a level of government (and so has an area of its own), not an office beside it.
    pub fn is_level(self) -> bool {
        matches!(self, Self::City | Self::County | Self::Township | Self::Village)
    }

    /// Whether a unit of this kind may stand directly under one of `parent`.
    pub fn fits_under(self, parent: Option<Self>) -> bool {
        match (self, parent) {
            (Self::City, None) | (Self::County, Some(Self::City)) => true,
            (Self::Township, Some(p)) => p == Self::County,
            (Self::Village, Some(p)) => p == Self::Township,
            (Self::Department | Self::Company, Some(p)) => p != Self::Village,
            _ => false,
        }
    }
}

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for UnitKind {
    type Err = Refusal;
    fn from_str(s: &str) -> Result<Self, Refusal> {
        Self::ALL.iter().copied().find(|k| k.as_str() == s).ok_or_else(|| {
            Refusal::invalid("orgs.kind", "单位类型应为 city、county、township、village、department、company 之一")
                .field("/kind")
        })
    }
}

/// A unit as it is at one instant.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its id, the same through all its changes.
    pub id: UnitId,
    /// The unit above; none for the city.
    pub parent: Option<UnitId>,
    /// Its place in the tree.
    pub path: OrgPath,
    /// Its own part of the path.
    pub code: String,
    /// What it is.
    pub kind: UnitKind,
    /// Its name.
    pub name: String,
    /// Code of GB/T 2260 or of the statistics bureau, 4 to 12 digits, where it has one.
    pub gov_code: Option<String>,
    /// The telephone that is answered day and night.
    pub duty_phone: Option<String>,
    /// Where its office is.
    pub place: Option<Point>,
    /// The area it governs.
    pub boundary: Option<Area>,
    /// Since when it is as it is here.
    pub valid_from: Timestamp,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// What is needed to found a unit.
#[derive(Debug, Clone)]
pub struct NewUnit {
    /// Its id; a new one if none is given.
    pub id: Option<UnitId>,
    /// The unit above.
    pub parent: Option<UnitId>,
    /// Its part of the path: 1 to 32 letters, digits, `-`.
    pub code: String,
    /// What it is.
    pub kind: UnitKind,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Its official code.
    pub gov_code: Option<String>,
    /// Its duty phone.
    pub duty_phone: Option<String>,
    /// Where its office is.
    pub place: Option<Point>,
    /// Its area.
    pub boundary: Option<Area>,
    /// From when; now if none is given.
    pub from: Option<Timestamp>,
}

/// A grid 网格 as it is at one instant.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Its id.
    pub id: GridId,
    /// Its code, unique among grids.
    pub code: String,
    /// Its name.
    pub name: String,
    /// `community`, `rural` or `dedicated` 专属.
    pub kind: String,
    /// The unit it belongs to.
    pub unit: UnitId,
    /// Who leads it 网格长.
    pub leader: Option<PersonId>,
    /// Its area.
    pub area: Area,
    /// Since when it is as it is here.
    pub valid_from: Timestamp,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// Longest path part: paths of six levels stay below the length that rights' patterns are tested with.
const CODE_MAX: usize = 32;
/// Longest name in characters.
const NAME_MAX: usize = 100;

/// A path part: letters, digits and `-` only. Rights search paths by SQL LIKE and rely on there being no `%`, `_`, `|`, `/`.
pub fn check_code(code: &str) -> Result<(), Refusal> {
    let good =
        !code.is_empty() && code.len() <= CODE_MAX && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if good {
        return Ok(());
    }
    Err(Refusal::invalid("orgs.code", format!("单位代码应为1至{CODE_MAX}位字母、数字或短横线")).field("/code"))
}

/// A name: not empty, not too long, no control characters.
pub fn check_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::invalid("orgs.name", format!("名称应为1至{NAME_MAX}个字，不含控制字符")).field("/name"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_cannot_carry_what_sql_or_paths_treat_specially() {
        for good in ["jinshui", "410105", "a-1"] {
            check_code(good).unwrap();
        }
        for bad in ["", "a/b", "a%", "a_b", "a|b", "金水", "a b", &"x".repeat(33)] {
            assert_eq!(check_code(bad).unwrap_err().code, "orgs.code", "{bad}");
        }
    }

    #[test]
    fn levels_stand_under_their_own_level_only() {
        assert!(UnitKind::City.fits_under(None));
        assert!(UnitKind::Village.fits_under(Some(UnitKind::Township)));
        assert!(UnitKind::Company.fits_under(Some(UnitKind::City)));
        assert!(!UnitKind::Township.fits_under(Some(UnitKind::City)));
        assert!(!UnitKind::County.fits_under(None));
        assert!(!UnitKind::County.fits_under(Some(UnitKind::Department)));
        assert_eq!("village".parse::<UnitKind>().unwrap(), UnitKind::Village);
        assert_eq!("planet".parse::<UnitKind>().unwrap_err().code, "orgs.kind");
    }
}
