//! The tree of units at one instant: lookups by id, path, level and place. Pure.

use std::collections::{BTreeMap, HashMap};

use super::unit::{Unit, UnitKind};
use crate::ids::{OrgPath, UnitId};

/// All units that exist at one instant.
#[derive(Debug, Default)]
pub struct Tree {
    units: HashMap<UnitId, Unit>,
    by_path: BTreeMap<OrgPath, UnitId>,
    children: HashMap<Option<UnitId>, Vec<UnitId>>,
}

impl Tree {
    /// A tree of these units. Children are kept in the order of their codes.
    pub fn new(units: impl IntoIterator<Item = Unit>) -> Self {
        let mut tree = Self::default();
        for unit in units {
            tree.by_path.insert(unit.path.clone(), unit.id);
            tree.units.insert(unit.id, unit);
        }
        for id in tree.by_path.values() {
            let parent = tree.units[id].parent;
            tree.children.entry(parent).or_default().push(*id);
        }
        tree
    }

    /// The unit with this id.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(&id)
    }

    /// The unit at this place.
    pub fn at_path(&self, path: &OrgPath) -> Option<&Unit> {
        self.by_path.get(path).and_then(|id| self.unit(*id))
    }

    /// The units directly under `parent`; with `None`, the top.
    pub fn children(&self, parent: Option<UnitId>) -> impl Iterator<Item = &Unit> {
        self.children.get(&parent).into_iter().flatten().filter_map(|id| self.unit(*id))
    }

    /// The unit and all below it, in the order of paths.
    pub fn subtree(&self, top: &OrgPath) -> impl Iterator<Item = &Unit> {
        let top = top.clone();
        self.by_path
            .range(top.clone()..)
            .take_while(move |(path, _)| path.is_within(&top))
            .filter_map(|(_, id)| self.unit(*id))
    }

    /// The unit itself and those above it, up to the city.
    pub fn upwards(&self, id: UnitId) -> impl Iterator<Item = &Unit> {
        std::iter::successors(self.unit(id), |u| u.parent.and_then(|p| self.unit(p)))
    }

    /// The unit's government of this level: a village's county, a department's city.
    pub fn level_of(&self, id: UnitId, level: UnitKind) -> Option<&Unit> {
        self.upwards(id).find(|u| u.kind == level)
    }

    /// The county that the unit is or lies in.
    pub fn county_of(&self, id: UnitId) -> Option<&Unit> {
        self.level_of(id, UnitKind::County)
    }

    /// How many units there are.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// All units in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.by_path.values().filter_map(|id| self.unit(*id))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::Timestamp;

    /// A small unit for tests of pure parts; its id is made from `n`.
    pub(crate) fn unit(n: u128, parent: Option<&Unit>, code: &str, kind: UnitKind) -> Unit {
        let above = parent.map_or_else(OrgPath::root, |p| p.path.clone());
        Unit {
            id: UnitId(uuid::Uuid::from_u128(n)),
            parent: parent.map(|p| p.id),
            path: above.child(code),
            code: code.into(),
            kind,
            name: code.into(),
            gov_code: None,
            duty_phone: None,
            place: None,
            boundary: None,
            valid_from: Timestamp(0),
            valid_to: None,
        }
    }

    fn sample() -> (Tree, Vec<Unit>) {
        let city = unit(1, None, "zz", UnitKind::City);
        let jinshui = unit(2, Some(&city), "jinshui", UnitKind::County);
        let erqi = unit(3, Some(&city), "erqi", UnitKind::County);
        let town = unit(4, Some(&jinshui), "001", UnitKind::Township);
        let village = unit(5, Some(&town), "001", UnitKind::Village);
        let water = unit(6, Some(&city), "water", UnitKind::Company);
        let all = vec![city, jinshui, erqi, town, village, water];
        (Tree::new(all.clone()), all)
    }

    #[test]
    fn lookups_go_up_down_and_by_path() {
        let (tree, all) = sample();
        let [city, jinshui, erqi, town, village, water] = all.as_slice() else { unreachable!() };
        assert_eq!(tree.at_path(&village.path).unwrap().id, village.id);
        assert_eq!(tree.county_of(village.id).unwrap().id, jinshui.id);
        assert!(tree.county_of(water.id).is_none(), "a city's company lies in no county");
        let codes: Vec<_> = tree.children(Some(city.id)).map(|u| u.code.as_str()).collect();
        assert_eq!(codes, ["erqi", "jinshui", "water"]);
        let below: Vec<_> = tree.subtree(&jinshui.path).map(|u| u.id).collect();
        assert_eq!(below, [jinshui.id, town.id, village.id]);
        assert_eq!(tree.upwards(town.id).map(|u| u.id).collect::<Vec<_>>(), [town.id, jinshui.id, city.id]);
        assert_eq!(tree.subtree(&erqi.path).count(), 1);
    }
}
