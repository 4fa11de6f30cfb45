//! The demo city's responders 力量: the crews of the city's companies and one emergency team in each county, each with two
//! people on duty and a chief.

use super::map::Rect;
use super::places::{COUNTIES, OFFICES};
use crate::access::{Actor, CommandError};
use crate::dispatch::{Dispatch, NewResponder, Rung};
use crate::events::dispatch::LadderRole;
use crate::ids::{OrgPath, Point};
use crate::log::Vault;
use crate::store::Tx;

/// Crews: the office they belong to, their name, what they can do, where they stand.
const CREWS: &[(&str, &str, &str, (f64, f64))] = &[
    ("water", "供水抢修一队", "water", (113.668, 34.787)),
    ("water", "供水抢修二队", "water", (113.612, 34.742)),
    ("water", "供水抢修三队", "water", (113.735, 34.760)),
    ("drainage", "排水抢险队", "drainage", (113.700, 34.735)),
    ("power", "电力抢修一队", "power", (113.655, 34.760)),
    ("power", "电力抢修二队", "power", (113.590, 34.770)),
    ("gas", "燃气抢修队", "gas", (113.688, 34.772)),
    ("heating", "供热抢修队", "heating", (113.615, 34.760)),
    ("chengguan", "市政道路抢修队", "road", (113.640, 34.745)),
    ("jiaojing", "交警机动队", "traffic", (113.700, 34.752)),
];
/// How long each on a ladder may take to answer.
const ANSWER_SECONDS: i64 = 120;
/// Duty numbers of the demo: 139 0010 0001 and on.
const FIRST_PHONE: u64 = 13_900_100_001;
const SURNAMES: [&str; 9] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周"];

/// Makes them all.
pub(super) async fn hire(tx: &mut Tx, vault: &Vault, actor: &Actor) -> Result<(), CommandError> {
    let dispatch = Dispatch::new(vault.clone());
    for (number, responder) in all().enumerate() {
        let new = NewResponder { ladder: ladder(number), ..responder };
        dispatch.add_responder(tx, actor, new).await?;
    }
    Ok(())
}

fn all() -> impl Iterator<Item = NewResponder> {
    let city = OrgPath::root().child(super::places::CITY.0);
    let counties = city.clone();
    let crews = CREWS.iter().map(move |(office, name, skill, (lon, lat))| {
        debug_assert!(OFFICES.iter().any(|o| o.code == *office), "a crew belongs to an office of the city");
        responder(name, skill, city.child(office), *lon, *lat)
    });
    let teams = COUNTIES.iter().map(move |county| {
        let (lon, lat) = middle(county.pieces);
        responder(&format!("{}应急队", county.name), "rescue", counties.child(county.code), lon, lat)
    });
    crews.chain(teams)
}

fn responder(name: &str, skill: &str, org: OrgPath, lon: f64, lat: f64) -> NewResponder {
    NewResponder {
        name: name.to_owned(),
        skill: skill.to_owned(),
        org,
        place: Some(Point { lon, lat }),
        answer_seconds: ANSWER_SECONDS,
        ladder: Vec::new(),
    }
}

/// The southern middle of a county's largest rectangle: its name stands in the middle of the map's picture.
fn middle(pieces: &[Rect]) -> (f64, f64) {
    let area = |[w, s, e, n]: &Rect| (e - w) * (n - s);
    let largest = pieces.iter().max_by(|a, b| area(a).total_cmp(&area(b)));
    largest.map_or((113.62, 34.75), |[w, s, e, n]| ((w + e) / 2.0, s + (n - s) * 0.3))
}

fn ladder(number: usize) -> Vec<(Rung, Option<crate::ids::Timestamp>, Option<crate::ids::Timestamp>)> {
    let rung = |at: usize, role, title: &str| {
        let index = number * 3 + at;
        let name = format!("{}{title}", SURNAMES[index % SURNAMES.len()]);
        (Rung { role, name, phone: (FIRST_PHONE + index as u64).to_string() }, None, None)
    };
    vec![rung(0, LadderRole::Duty, "师傅"), rung(1, LadderRole::Duty, "班长"), rung(2, LadderRole::Chief, "队长")]
}
