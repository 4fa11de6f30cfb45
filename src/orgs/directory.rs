//! The directory: tree, grids, duty list and phone areas at one instant, in memory, shared by all who look things up.
//! It is replaced as a whole when something changed; nobody sees half a change.

use std::collections::{BTreeMap, HashMap};

use super::duty::{DutyAnswer, DutyList};
use super::geometry::AreaIndex;
use super::tree::Tree;
use super::unit::{Grid, Unit, UnitKind};
use crate::ids::{GridId, PhoneNumber, Point, Timestamp, UnitId};

/// How far a point may lie outside all areas and still count as in the nearest: maps and GPS err by as much.
const NEAR_M: f64 = 200.0;

/// Everything that is looked up without asking the database.
#[derive(Debug, Default)]
pub struct Directory {
    /// The units.
    pub tree: Tree,
    /// The duty list.
    pub duties: DutyList,
    grids: HashMap<GridId, Grid>,
    grids_of: HashMap<UnitId, Vec<GridId>>,
    grid_index: AreaIndex<GridId>,
    unit_index: AreaIndex<UnitId>,
    phone_areas: BTreeMap<String, UnitId>,
    next_change: Option<Timestamp>,
}

impl Directory {
    /// A directory of what is valid; `next_change` is when that will be something else.
    pub fn new(
        units: Vec<Unit>,
        grids: Vec<Grid>,
        duties: DutyList,
        phone_areas: BTreeMap<String, UnitId>,
        next_change: Option<Timestamp>,
    ) -> Self {
        let bounded = units.iter().filter(|u| u.kind.is_level());
        let unit_index = AreaIndex::new(bounded.filter_map(|u| Some((u.id, u.boundary.clone()?))));
        let grid_index = AreaIndex::new(grids.iter().map(|g| (g.id, g.area.clone())));
        let mut grids_of: HashMap<UnitId, Vec<GridId>> = HashMap::new();
        for grid in &grids {
            grids_of.entry(grid.unit).or_default().push(grid.id);
        }
        let grids = grids.into_iter().map(|g| (g.id, g)).collect();
        Self { tree: Tree::new(units), duties, grids, grids_of, grid_index, unit_index, phone_areas, next_change }
    }

    /// When the directory will be out of date by itself: a change was entered ahead of its time.
    pub fn next_change(&self) -> Option<Timestamp> {
        self.next_change
    }

    /// A grid by its id.
    pub fn grid(&self, id: GridId) -> Option<&Grid> {
        self.grids.get(&id)
    }

    /// How many grids there are.
    pub fn grid_count(&self) -> usize {
        self.grids.len()
    }

    /// The grids that belong to a unit.
    pub fn grids_of(&self, unit: UnitId) -> impl Iterator<Item = &Grid> {
        self.grids_of.get(&unit).into_iter().flatten().filter_map(|g| self.grid(*g))
    }

    /// The grid at a point, or the nearest within 200 m.
    pub fn grid_at(&self, point: Point) -> Option<&Grid> {
        self.grid_index
            .at(point)
            .or_else(|| around(point).find_map(|p| self.grid_index.at(p)))
            .and_then(|g| self.grid(g))
    }

    /// The lowest unit whose area holds the point: through its grid, or by the units' own boundaries.
    pub fn unit_at(&self, point: Point) -> Option<&Unit> {
        if let Some(unit) = self.grid_at(point).and_then(|g| self.tree.unit(g.unit)) {
            return Some(unit);
        }
        self.unit_index
            .all_at(point)
            .filter_map(|u| self.tree.unit(u))
            .max_by_key(|u| (u.kind, std::cmp::Reverse(u.id)))
    }

    /// Whose matter `class` is at a point; where the point is unknown, pass the unit that is known.
    pub fn duty_at(&self, class: &str, point: Point) -> Option<DutyAnswer> {
        self.duty_in(class, self.unit_at(point)?.id)
    }

    /// Whose matter `class` is in the area of a unit.
    pub fn duty_in(&self, class: &str, unit: UnitId) -> Option<DutyAnswer> {
        self.duties.answer(&self.tree, class, unit)
    }

    /// The unit from whose area a number calls, by its longest known beginning.
    pub fn area_of_phone(&self, phone: &PhoneNumber) -> Option<&Unit> {
        let digits = phone.as_str();
        (1..=digits.len()).rev().find_map(|n| self.phone_areas.get(&digits[..n])).and_then(|u| self.tree.unit(*u))
    }

    /// The county from which a number calls.
    pub fn county_of_phone(&self, phone: &PhoneNumber) -> Option<&Unit> {
        self.area_of_phone(phone).and_then(|u| self.tree.county_of(u.id))
    }

    /// The duty phone of a unit, or of the nearest above it that has one.
    pub fn duty_phone(&self, unit: UnitId) -> Option<&str> {
        self.tree.upwards(unit).find_map(|u| u.duty_phone.as_deref())
    }

    /// The city.
    pub fn city(&self) -> Option<&Unit> {
        self.tree.children(None).find(|u| u.kind == UnitKind::City)
    }
}

/// Eight points around one at the distance that counts as near.
fn around(point: Point) -> impl Iterator<Item = Point> {
    const METRES_PER_DEGREE: f64 = 111_320.0;
    let lat = NEAR_M / METRES_PER_DEGREE;
    let lon = lat / point.lat.to_radians().cos().max(0.01);
    (0..8).map(move |i| {
        let angle = f64::from(i) * std::f64::consts::FRAC_PI_4;
        Point { lon: point.lon + lon * angle.cos(), lat: point.lat + lat * angle.sin() }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::orgs::duty::{Duty, DutyLead};
    use crate::orgs::geometry::Area;
    use crate::orgs::tree::tests::unit;

    fn square(x: f64, y: f64) -> Area {
        let p = |lon, lat| Point { lon, lat };
        Area::polygon(vec![p(x, y), p(x + 0.1, y), p(x + 0.1, y + 0.1), p(x, y + 0.1)])
    }

    fn directory() -> Directory {
        let mut zz = unit(1, None, "zz", UnitKind::City);
        zz.duty_phone = Some("037112345".into());
        let mut jinshui = unit(2, Some(&zz), "jinshui", UnitKind::County);
        jinshui.boundary = Some(square(113.7, 34.7));
        let town = unit(3, Some(&jinshui), "001", UnitKind::Township);
        let grid = Grid {
            id: GridId(uuid::Uuid::from_u128(9)),
            code: "g1".into(),
            name: "一网格".into(),
            kind: "community".into(),
            unit: town.id,
            leader: None,
            area: square(113.6, 34.7),
            valid_from: Timestamp(0),
            valid_to: None,
        };
        let line = Duty {
            id: "d".into(),
            class: "env".into(),
            area: zz.id,
            lead: DutyLead::Local(UnitKind::County),
            co: vec![],
        };
        let areas = BTreeMap::from([("037165".to_owned(), jinshui.id), ("0371".to_owned(), zz.id)]);
        Directory::new(vec![zz, jinshui, town], vec![grid], DutyList::new(vec![line]), areas, None)
    }

    #[test]
    fn a_point_finds_its_grid_and_else_the_lowest_boundary() {
        let d = directory();
        let at = |lon, lat| d.unit_at(Point { lon, lat }).map(|u| u.code.clone());
        assert_eq!(at(113.65, 34.75).as_deref(), Some("001"), "through the grid");
        assert_eq!(at(113.75, 34.75).as_deref(), Some("jinshui"), "through the boundary");
        assert_eq!(at(113.599, 34.75).as_deref(), Some("001"), "90 m outside is near enough");
        assert_eq!(at(110.0, 34.75), None);
        assert_eq!(d.duty_at("env.garbage", Point { lon: 113.65, lat: 34.75 }).unwrap().duty, "d");
    }

    #[test]
    fn the_longest_beginning_of_a_number_tells_the_area() {
        let d = directory();
        let county = |n: &str| d.county_of_phone(&PhoneNumber::parse(n).unwrap()).map(|u| u.code.clone());
        assert_eq!(county("0371-65901234").as_deref(), Some("jinshui"));
        assert_eq!(county("0371-60001234"), None, "the city is no county");
        assert_eq!(county("13800138000"), None);
    }

    #[test]
    fn a_unit_without_a_duty_phone_uses_the_next_above() {
        let d = directory();
        let town = d.tree.at_path(&crate::ids::OrgPath::from_stored("/zz/jinshui/001/")).unwrap().id;
        assert_eq!(d.duty_phone(town), Some("037112345"));
    }
}
