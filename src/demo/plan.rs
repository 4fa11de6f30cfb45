//! What the demo city consists of, drawn without touching the database.

use std::collections::HashMap;

use super::map::{Dice, divide, ring};
use super::people::{DemoUser, GIVEN, SURNAMES, Seat, USERS, VILLAGES};
use super::places::{CITY, COUNTIES, COUNTY_OFFICES, County, DUTIES, JINSHUI, OFFICES, Office};
use crate::ids::{GridId, IdSource, PersonId, PhoneNumber, Point, PostId, SeededIds, Timestamp, UnitId};
use crate::orgs::{Area, DutyLead, NewDuty, NewGrid, NewUnit, Ring, UnitKind};

/// Seed of the whole demo.
const SEED: u64 = 4101;
/// 2025-01-01 00:00 in China: since when the demo city is as it is.
const SINCE: Timestamp = Timestamp(1_735_660_800_000);
/// Villages per township: a few more in 金水区, where the demo's stories happen.
const VILLAGES_EACH: usize = 5;
/// Villages per township of 金水区.
const VILLAGES_JINSHUI: usize = 6;
/// Grids per village.
const GRIDS_EACH: usize = 2;
/// Grids per village of 金水区.
const GRIDS_JINSHUI: usize = 3;
/// Which of 金水区's townships the accounts `township1`, `village1`, `grid1` live in: 文化路街道.
const DEMO_TOWNSHIP: usize = 7;

/// Somebody with a post.
pub(super) struct Hire {
    pub(super) person: PersonId,
    pub(super) post: PostId,
    pub(super) name: String,
    pub(super) phone: PhoneNumber,
    pub(super) unit: UnitId,
    pub(super) title: String,
    pub(super) role: &'static str,
    pub(super) chief: bool,
    pub(super) from: Timestamp,
    pub(super) user: Option<&'static str>,
    pub(super) extension: Option<&'static str>,
}

/// Units and people of the demo that other domains' demo data hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoIds {
    /// 郑州市.
    pub city: UnitId,
    /// 金水区.
    pub jinshui: UnitId,
    /// 文化路街道.
    pub township: UnitId,
    /// Its first community.
    pub village: UnitId,
    /// 市自来水公司.
    pub water: UnitId,
    /// The grid that `grid1` leads.
    pub grid: GridId,
    /// `water1`.
    pub water_handler: PersonId,
    /// `grid1`.
    pub grid_worker: PersonId,
}

/// The ids, which are the same on every machine.
pub fn ids() -> DemoIds {
    Plan::draw().ids
}

/// The demo city.
pub(super) struct Plan {
    pub(super) units: Vec<NewUnit>,
    pub(super) grids: Vec<NewGrid>,
    pub(super) chiefs: Vec<Hire>,
    pub(super) users: Vec<Hire>,
    pub(super) duties: Vec<NewDuty>,
    pub(super) phone_areas: Vec<(&'static str, UnitId)>,
    pub(super) ids: DemoIds,
}

/// Makes a plan step by step.
struct Drawer {
    ids: SeededIds,
    dice: Dice,
    units: Vec<NewUnit>,
    grids: Vec<NewGrid>,
    chiefs: Vec<Hire>,
    /// Offices by their place in the tree: `water`, `jinshui/chengguan`.
    offices: HashMap<String, UnitId>,
    phones: u32,
}

impl Plan {
    /// Draws it; always the same.
    pub(super) fn draw() -> Self {
        let mut drawer = Drawer {
            ids: SeededIds::new(SEED, SINCE),
            dice: Dice::new(SEED),
            units: Vec::new(),
            grids: Vec::new(),
            chiefs: Vec::new(),
            offices: HashMap::new(),
            phones: 0,
        };
        let city = drawer.city();
        for office in OFFICES {
            drawer.office(city, office);
        }
        let counties: Vec<UnitId> = COUNTIES.iter().map(|county| drawer.county(city, county)).collect();
        let duties = drawer.duties(city, &counties);
        let (users, ids) = drawer.users(city, &counties);
        let phone_areas = COUNTIES.iter().map(|c| c.prefix).zip(counties).chain([("0371", city)]).collect();
        Self { units: drawer.units, grids: drawer.grids, chiefs: drawer.chiefs, users, duties, phone_areas, ids }
    }
}

impl Drawer {
    fn city(&mut self) -> UnitId {
        let (code, gov_code, name) = CITY;
        let pieces: Vec<Ring> = COUNTIES.iter().flat_map(|c| c.pieces).map(|r| ring(*r)).collect();
        let unit =
            NewUnit { duty_phone: Some("037112345".into()), ..self.unit(None, code, UnitKind::City, name, gov_code) };
        let place = Point { lon: 113.62, lat: 34.75 };
        let id = self.found(unit, Some(place), Some(area(pieces)));
        self.chief(id, "市政务热线分管负责人");
        id
    }

    fn office(&mut self, city: UnitId, office: &Office) {
        let kind = if office.company { UnitKind::Company } else { UnitKind::Department };
        let unit = NewUnit {
            duty_phone: Some(format!("0371{}", office.phone)),
            ..self.unit(Some(city), office.code, kind, office.name, "")
        };
        let id = self.found(unit, Some(Point { lon: office.place.0, lat: office.place.1 }), None);
        self.offices.insert(office.code.to_owned(), id);
        self.chief(id, "分管负责人");
    }

    fn county(&mut self, city: UnitId, county: &County) -> UnitId {
        let pieces: Vec<Ring> = county.pieces.iter().map(|r| ring(*r)).collect();
        let whole = area(pieces.clone());
        let unit = NewUnit {
            duty_phone: Some(self.landline(county)),
            ..self.unit(Some(city), county.code, UnitKind::County, county.name, county.gov_code)
        };
        let id = self.found(unit, Some(whole.middle()), Some(whole));
        self.chief(id, "热线分管负责人");
        for (code, name) in COUNTY_OFFICES {
            let name = format!("{}{name}", county.name);
            let unit = NewUnit {
                duty_phone: Some(self.landline(county)),
                ..self.unit(Some(id), code, UnitKind::Department, &name, "")
            };
            let office = self.found(unit, None, None);
            self.offices.insert(format!("{}/{code}", county.code), office);
            self.chief(office, "分管负责人");
        }
        for (n, part) in divide(&pieces, county.townships, &mut self.dice).into_iter().enumerate() {
            self.township(id, county, n, part);
        }
        id
    }

    fn township(&mut self, parent: UnitId, county: &County, n: usize, part: Ring) {
        let name = county.names.get(n).map_or_else(|| invented_township(n), |name| (*name).to_owned());
        let gov_code = below(county.gov_code, n + 1);
        let code = format!("{:03}", n + 1);
        let whole = Area::polygon(part.clone());
        let unit = NewUnit {
            duty_phone: Some(self.landline(county)),
            ..self.unit(Some(parent), &code, UnitKind::Township, &name, &gov_code)
        };
        let id = self.found(unit, Some(whole.middle()), Some(whole));
        self.chief(id, "分管负责人");
        let (villages, grids) =
            if county.code == JINSHUI { (VILLAGES_JINSHUI, GRIDS_JINSHUI) } else { (VILLAGES_EACH, GRIDS_EACH) };
        let first = usize::try_from(self.dice.next() % VILLAGES.len() as u64).unwrap_or(0);
        let urban = name.ends_with("街道");
        for (v, part) in divide(&[part], villages, &mut self.dice).into_iter().enumerate() {
            let base = VILLAGES[(first + v) % VILLAGES.len()];
            let name = format!("{base}{}", if urban { "社区" } else { "村" });
            self.village(id, county, &below(&gov_code, v + 1), v, &name, part, grids);
        }
    }

    #[allow(clippy::too_many_arguments)] // a row of the plan, used once
    fn village(
        &mut self,
        parent: UnitId,
        county: &County,
        gov_code: &str,
        n: usize,
        name: &str,
        part: Ring,
        grids: usize,
    ) {
        let whole = Area::polygon(part.clone());
        let unit = self.unit(Some(parent), &format!("{:03}", n + 1), UnitKind::Village, name, gov_code);
        let id = self.found(unit, Some(whole.middle()), Some(whole));
        let kind = if name.ends_with("社区") { "community" } else { "rural" };
        for (g, part) in divide(&[part], grids, &mut self.dice).into_iter().enumerate() {
            // 12-digit village code and a serial of three; where the village has no code, its place stands for it.
            let stem = if gov_code.is_empty() {
                format!("{}-{:04}", county.code, self.grids.len())
            } else {
                gov_code.to_owned()
            };
            self.grids.push(NewGrid {
                id: Some(GridId::new(&mut self.ids)),
                code: format!("{stem}{:03}", g + 1),
                name: format!("{name}第{}网格", ["一", "二", "三"][g % 3]),
                kind: kind.to_owned(),
                unit: id,
                leader: None,
                area: Area::polygon(part),
                from: Some(SINCE),
            });
        }
    }

    fn unit(&mut self, parent: Option<UnitId>, code: &str, kind: UnitKind, name: &str, gov_code: &str) -> NewUnit {
        NewUnit {
            id: Some(UnitId::new(&mut self.ids)),
            parent,
            code: code.to_owned(),
            kind,
            name: name.to_owned(),
            gov_code: Some(gov_code.to_owned()),
            duty_phone: None,
            place: None,
            boundary: None,
            from: Some(SINCE),
        }
    }

    fn found(&mut self, unit: NewUnit, place: Option<Point>, boundary: Option<Area>) -> UnitId {
        let id = unit.id.unwrap_or_else(|| UnitId::new(&mut self.ids));
        self.units.push(NewUnit { id: Some(id), place, boundary, ..unit });
        id
    }

    fn chief(&mut self, unit: UnitId, title: &str) {
        let name = format!("{}{}", self.dice.pick(SURNAMES), self.dice.pick(GIVEN));
        let hire = self.hire(unit, name, title, "chief");
        self.chiefs.push(Hire { chief: true, ..hire });
    }

    fn hire(&mut self, unit: UnitId, name: String, title: &str, role: &'static str) -> Hire {
        Hire {
            person: PersonId::new(&mut self.ids),
            post: PostId::new(&mut self.ids),
            name,
            phone: self.mobile(),
            unit,
            title: title.to_owned(),
            role,
            chief: false,
            from: SINCE,
            user: None,
            extension: None,
        }
    }

    /// Invented mobile numbers: 199 0000 0001 and on.
    fn mobile(&mut self) -> PhoneNumber {
        self.phones += 1;
        let text = format!("1990000{:04}", self.phones % 10_000);
        PhoneNumber::parse(&text).expect("eleven digits are a number")
    }

    fn landline(&mut self, county: &County) -> String {
        let left = 12 - county.prefix.len();
        let number = self.dice.next() % 10u64.pow(u32::try_from(left).unwrap_or(0));
        format!("{}{number:0left$}", county.prefix)
    }

    fn users(&mut self, city: UnitId, counties: &[UnitId]) -> (Vec<Hire>, DemoIds) {
        let jinshui = COUNTIES.iter().position(|c| c.code == JINSHUI).map_or(city, |n| counties[n]);
        let child = |units: &[NewUnit], parent: UnitId, kind: UnitKind, n: usize| {
            units
                .iter()
                .filter(|u| u.parent == Some(parent) && u.kind == kind)
                .nth(n)
                .and_then(|u| u.id)
                .unwrap_or(parent)
        };
        let township = child(&self.units, jinshui, UnitKind::Township, DEMO_TOWNSHIP);
        let village = child(&self.units, township, UnitKind::Village, 0);
        let water = self.offices.get("water").copied().unwrap_or(city);
        let place = |seat: Seat| match seat {
            Seat::City => city,
            Seat::Jinshui => jinshui,
            Seat::Township => township,
            Seat::Village => village,
            Seat::Water => water,
        };
        let users: Vec<Hire> = USERS.iter().map(|u| self.user(u, place(u.seat))).collect();
        let person =
            |name: &str| users.iter().find(|h| h.user == Some(name)).map_or(PersonId(uuid::Uuid::nil()), |h| h.person);
        let grid_worker = person("grid1");
        let grid = self.grids.iter_mut().find(|g| g.unit == village);
        let grid = grid.map(|g| {
            g.leader = Some(grid_worker);
            g.id
        });
        let ids = DemoIds {
            city,
            jinshui,
            township,
            village,
            water,
            grid: grid.flatten().unwrap_or(GridId(uuid::Uuid::nil())),
            water_handler: person("water1"),
            grid_worker,
        };
        (users, ids)
    }

    fn user(&mut self, user: &'static DemoUser, unit: UnitId) -> Hire {
        let hire = self.hire(unit, user.name.to_owned(), user.title, user.role);
        Hire { user: Some(user.user), extension: user.extension, ..hire }
    }

    fn duties(&mut self, city: UnitId, counties: &[UnitId]) -> Vec<NewDuty> {
        let mut lines = Vec::new();
        for (class, lead, co) in DUTIES {
            let co: Vec<UnitId> = co.iter().filter_map(|c| self.offices.get(*c).copied()).collect();
            match lead.split_at(1) {
                ("=", code) => lines.extend(self.offices.get(code).map(|o| (*class, city, DutyLead::Unit(*o), co))),
                ("~", code) => {
                    for (county, id) in COUNTIES.iter().zip(counties) {
                        let office = self.offices.get(&format!("{}/{code}", county.code));
                        lines.extend(office.map(|o| (*class, *id, DutyLead::Unit(*o), co.clone())));
                    }
                }
                _ => lines.extend(lead.parse().ok().map(|kind| (*class, city, DutyLead::Local(kind), co))),
            }
        }
        let mut duty = |(class, area, lead, co): (&str, UnitId, DutyLead, Vec<UnitId>)| NewDuty {
            id: Some(self.ids.uuid().to_string()),
            class: class.to_owned(),
            area,
            lead,
            co,
            from: Some(SINCE),
        };
        lines.into_iter().map(&mut duty).collect()
    }
}

fn area(pieces: Vec<Ring>) -> Area {
    Area::pieces(pieces)
}

/// The code one level below: three digits appended.
fn below(gov_code: &str, n: usize) -> String {
    if gov_code.is_empty() { String::new() } else { format!("{gov_code}{n:03}") }
}

fn invented_township(n: usize) -> String {
    let names = ["永兴", "长安", "福山", "新城", "清河", "安和", "东湖", "西岭", "南塘"];
    format!("{}镇", names[n % names.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_the_same_every_time() {
        let (a, b) = (Plan::draw(), Plan::draw());
        assert_eq!(a.ids, b.ids);
        assert_eq!(a.units.len(), b.units.len());
        for (x, y) in a.units.iter().zip(&b.units) {
            assert_eq!((&x.id, &x.name, &x.duty_phone, &x.boundary), (&y.id, &y.name, &y.duty_phone, &y.boundary));
        }
        assert_eq!(
            a.grids.iter().map(|g| &g.code).collect::<Vec<_>>(),
            b.grids.iter().map(|g| &g.code).collect::<Vec<_>>()
        );
    }

    #[test]
    fn names_and_codes_do_not_repeat_where_they_must_not() {
        let plan = Plan::draw();
        let mut codes: Vec<_> = plan.grids.iter().map(|g| g.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), plan.grids.len());
        let mut phones: Vec<_> = plan.chiefs.iter().chain(&plan.users).map(|h| h.phone.as_str().to_owned()).collect();
        phones.sort_unstable();
        phones.dedup();
        assert_eq!(phones.len(), plan.chiefs.len() + plan.users.len());
    }
}
