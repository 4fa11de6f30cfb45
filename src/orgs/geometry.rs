//! Areas on the map: polygons read from GeoJSON, and an index that finds which of many contains a point.
//! Distances within a city are small, so degrees are treated as a plane.
//!
//! Must not know: what an area belongs to.

use rstar::{AABB, RTree, RTreeObject};
use serde_json::{Value, json};

use crate::access::Refusal;
use crate::ids::Point;

/// Corners of one area: bounds work per lookup and the size of what an administrator may upload.
const CORNERS_MAX: usize = 20_000;

/// A closed ring of corners, the last joined to the first.
pub type Ring = Vec<Point>;

/// An area: one or several polygons, each an outer ring and its holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    polygons: Vec<Vec<Ring>>,
}

impl Area {
    /// A polygon without holes.
    pub fn polygon(outer: Ring) -> Self {
        Self { polygons: vec![vec![outer]] }
    }

    /// Several polygons without holes.
    pub fn pieces(outers: Vec<Ring>) -> Self {
        Self { polygons: outers.into_iter().map(|outer| vec![outer]).collect() }
    }

    /// Reads a GeoJSON geometry, `Polygon` or `MultiPolygon` (RFC 7946 §3.1.6, §3.1.7), or a feature that has one.
    pub fn from_geojson(value: &Value) -> Result<Self, Refusal> {
        let geometry = value.get("geometry").unwrap_or(value);
        let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
        let polygons = match geometry.get("type").and_then(Value::as_str) {
            Some("Polygon") => vec![read_polygon(coordinates)?],
            Some("MultiPolygon") => list(coordinates)?.iter().map(read_polygon).collect::<Result<_, _>>()?,
            _ => return Err(bad_area("type应为Polygon或MultiPolygon")),
        };
        let area = Self { polygons };
        match area.points().count() {
            0 => Err(bad_area("没有顶点")),
            n if n > CORNERS_MAX => Err(bad_area("顶点超过20000个")),
            _ => Ok(area),
        }
    }

    /// As a GeoJSON geometry.
    pub fn to_geojson(&self) -> Value {
        let rings = |p: &Vec<Ring>| Value::from(p.iter().map(write_ring).collect::<Vec<_>>());
        match self.polygons.as_slice() {
            [one] => json!({ "type": "Polygon", "coordinates": rings(one) }),
            many => json!({ "type": "MultiPolygon", "coordinates": many.iter().map(rings).collect::<Vec<_>>() }),
        }
    }

    /// Whether `point` lies inside or on the edge.
    pub fn contains(&self, point: Point) -> bool {
        self.polygons.iter().any(|rings| match rings.split_first() {
            Some((outer, holes)) => {
                let inside = |ring: &Ring| side(ring, point);
                inside(outer) != Side::Out && holes.iter().all(|h| inside(h) != Side::In)
            }
            None => false,
        })
    }

    /// Its size in square degrees.
    pub fn size(&self) -> f64 {
        let sum = |rings: &Vec<Ring>| match rings.split_first() {
            Some((outer, holes)) => ring_size(outer) - holes.iter().map(ring_size).sum::<f64>(),
            None => 0.0,
        };
        self.polygons.iter().map(sum).sum()
    }

    /// The middle of its corners: a place to put its label.
    pub fn middle(&self) -> Point {
        let (mut lon, mut lat, mut n) = (0.0, 0.0, 0.0);
        for p in self.points() {
            lon += p.lon;
            lat += p.lat;
            n += 1.0;
        }
        Point { lon: lon / n, lat: lat / n }
    }

    fn points(&self) -> impl Iterator<Item = Point> + '_ {
        self.polygons.iter().flatten().flatten().copied()
    }

    fn envelope(&self) -> AABB<[f64; 2]> {
        let corners: Vec<[f64; 2]> = self.points().map(|p| [p.lon, p.lat]).collect();
        AABB::from_points(&corners)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    In,
    Edge,
    Out,
}

/// Even-odd rule; a point on an edge is told apart so that neighbours both hold their common border.
fn side(ring: &Ring, p: Point) -> Side {
    let mut inside = false;
    for (a, b) in edges(ring) {
        let cross = (b.lon - a.lon) * (p.lat - a.lat) - (b.lat - a.lat) * (p.lon - a.lon);
        let within = (a.lon.min(b.lon)..=a.lon.max(b.lon)).contains(&p.lon)
            && (a.lat.min(b.lat)..=a.lat.max(b.lat)).contains(&p.lat);
        if cross == 0.0 && within {
            return Side::Edge;
        }
        if (a.lat > p.lat) != (b.lat > p.lat) {
            let crossing = a.lon + (p.lat - a.lat) / (b.lat - a.lat) * (b.lon - a.lon);
            if p.lon < crossing {
                inside = !inside;
            }
        }
    }
    if inside { Side::In } else { Side::Out }
}

fn edges(ring: &Ring) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

fn ring_size(ring: &Ring) -> f64 {
    (edges(ring).map(|(a, b)| a.lon * b.lat - b.lon * a.lat).sum::<f64>() / 2.0).abs()
}

fn bad_area(why: &str) -> Refusal {
    Refusal::invalid("orgs.area", format!("边界不是有效的GeoJSON多边形：{why}")).field("/boundary")
}

fn list(value: &Value) -> Result<&Vec<Value>, Refusal> {
    value.as_array().ok_or_else(|| bad_area("coordinates应为数组"))
}

fn read_polygon(value: &Value) -> Result<Vec<Ring>, Refusal> {
    list(value)?.iter().map(read_ring).collect()
}

fn read_ring(value: &Value) -> Result<Ring, Refusal> {
    let mut ring = list(value)?.iter().map(read_point).collect::<Result<Ring, _>>()?;
    // GeoJSON repeats the first corner at the end; we do not.
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    if ring.len() < 3 {
        return Err(bad_area("每个环至少三个不同的顶点"));
    }
    Ok(ring)
}

fn read_point(value: &Value) -> Result<Point, Refusal> {
    let number = |i: usize| value.get(i).and_then(Value::as_f64);
    match (number(0), number(1)) {
        (Some(lon), Some(lat)) if lon.abs() <= 180.0 && lat.abs() <= 90.0 => Ok(Point { lon, lat }),
        _ => Err(bad_area("顶点应为[经度,纬度]，经度不超过±180，纬度不超过±90")),
    }
}

fn write_ring(ring: &Ring) -> Value {
    ring.iter().chain(ring.first()).map(|p| json!([p.lon, p.lat])).collect()
}

/// Finds which of many areas contains a point.
#[derive(Debug)]
pub struct AreaIndex<K> {
    tree: RTree<Entry<K>>,
}

impl<K: Copy + Ord> Default for AreaIndex<K> {
    fn default() -> Self {
        Self::new([])
    }
}

#[derive(Debug, Clone)]
struct Entry<K> {
    key: K,
    area: Area,
}

impl<K> RTreeObject for Entry<K> {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        self.area.envelope()
    }
}

impl<K: Copy + Ord> AreaIndex<K> {
    /// An index of these areas.
    pub fn new(areas: impl IntoIterator<Item = (K, Area)>) -> Self {
        let entries = areas.into_iter().map(|(key, area)| Entry { key, area }).collect();
        Self { tree: RTree::bulk_load(entries) }
    }

    /// The area that contains `point`; on a common border the one with the smallest key, so that the answer is always the
    /// same.
    pub fn at(&self, point: Point) -> Option<K> {
        self.all_at(point).min()
    }

    /// All areas that contain `point`.
    pub fn all_at(&self, point: Point) -> impl Iterator<Item = K> + '_ {
        self.tree
            .locate_in_envelope_intersecting(&AABB::from_point([point.lon, point.lat]))
            .filter(move |e| e.area.contains(point))
            .map(|e| e.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn p(lon: f64, lat: f64) -> Point {
        Point { lon, lat }
    }

    fn square(x: f64, y: f64, size: f64) -> Ring {
        vec![p(x, y), p(x + size, y), p(x + size, y + size), p(x, y + size)]
    }

    #[test]
    fn a_hole_is_outside_and_an_edge_is_inside() {
        let area = Area { polygons: vec![vec![square(0.0, 0.0, 4.0), square(1.0, 1.0, 2.0)]] };
        assert!(area.contains(p(0.5, 0.5)) && area.contains(p(0.0, 2.0)) && area.contains(p(4.0, 4.0)));
        assert!(!area.contains(p(2.0, 2.0)) && !area.contains(p(5.0, 1.0)));
        assert!((area.size() - 12.0).abs() < 1e-12);
    }

    #[test]
    fn geojson_comes_back_as_it_was() {
        let one = Area::polygon(square(113.0, 34.0, 0.5));
        let two = Area { polygons: vec![vec![square(0.0, 0.0, 1.0)], vec![square(2.0, 0.0, 1.0)]] };
        for area in [one, two] {
            assert_eq!(Area::from_geojson(&area.to_geojson()).unwrap(), area);
            assert_eq!(Area::from_geojson(&json!({ "type": "Feature", "geometry": area.to_geojson() })).unwrap(), area);
        }
    }

    #[test]
    fn wrong_geojson_is_refused_with_what_is_wrong() {
        for bad in [
            json!(null),
            json!({ "type": "Point", "coordinates": [1, 2] }),
            json!({ "type": "Polygon", "coordinates": "x" }),
            json!({ "type": "Polygon", "coordinates": [] }),
            json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]] }),
            json!({ "type": "Polygon", "coordinates": [[[0, 0], [200, 1], [2, 2]]] }),
        ] {
            assert_eq!(Area::from_geojson(&bad).unwrap_err().code, "orgs.area", "{bad}");
        }
    }

    #[test]
    fn a_common_border_has_one_owner() {
        let index =
            AreaIndex::new([(2, Area::polygon(square(0.0, 0.0, 1.0))), (1, Area::polygon(square(1.0, 0.0, 1.0)))]);
        assert_eq!(index.at(p(0.5, 0.5)), Some(2));
        assert_eq!(index.at(p(1.0, 0.5)), Some(1));
        assert_eq!(index.at(p(3.0, 0.5)), None);
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_looking_at_each(x in 0.0..10.0f64, y in 0.0..10.0f64) {
            let areas: Vec<(usize, Area)> =
                (0..100).map(|i| (i, Area::polygon(square((i % 10) as f64, (i / 10) as f64, 1.0)))).collect();
            let naive = areas.iter().filter(|(_, a)| a.contains(p(x, y))).map(|(k, _)| *k).min();
            prop_assert_eq!(AreaIndex::new(areas).at(p(x, y)), naive);
        }
    }
}
