//! The demo city's map: county areas near their true places, cut into townships, villages and grids that tile.
//! Deterministic: the same seed draws the same map.
//!
//! Must not know: the database, organisations.

use crate::ids::Point;
use crate::orgs::{Area, Ring};

/// A small generator with a seed: the map and the invented names are the same on every machine.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of these.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[(self.next() % from.len() as u64) as usize]
    }
}

/// A rectangle: west, south, east, north.
pub(super) type Rect = [f64; 4];

/// The ring of a rectangle.
pub(super) fn ring(rect: Rect) -> Ring {
    let [w, s, e, n] = rect;
    [(w, s), (e, s), (e, n), (w, n)].map(|(lon, lat)| Point { lon, lat }).to_vec()
}

/// Cuts convex pieces into `count` convex parts of about equal size that tile them: no gap, no overlap.
pub(super) fn divide(pieces: &[Ring], count: usize, dice: &mut Dice) -> Vec<Ring> {
    let sizes: Vec<f64> = pieces.iter().map(size).collect();
    let shares = shares(&sizes, count);
    let mut parts = Vec::with_capacity(count);
    for (piece, share) in pieces.iter().zip(shares) {
        cut(piece.clone(), share, dice, &mut parts);
    }
    parts
}

/// How many of `count` parts each piece gets: at least one, else by size.
fn shares(sizes: &[f64], count: usize) -> Vec<usize> {
    let total: f64 = sizes.iter().sum();
    let mut shares = vec![1; sizes.len()];
    for _ in sizes.len()..count {
        // The piece whose parts are largest gets the next.
        let load = |i: usize| sizes[i] / total / shares[i] as f64;
        let most = (0..sizes.len()).max_by(|a, b| load(*a).total_cmp(&load(*b))).unwrap_or(0);
        shares[most] += 1;
    }
    shares
}

fn cut(piece: Ring, count: usize, dice: &mut Dice, parts: &mut Vec<Ring>) {
    if count <= 1 {
        parts.push(piece);
        return;
    }
    let first = count / 2;
    let share = first as f64 / count as f64;
    let (one, other) = split(&piece, share, dice);
    cut(one, first, dice, parts);
    cut(other, count - first, dice, parts);
}

/// Splits a convex ring across its longer side, a little askew, so that the first part has about `share` of its size.
fn split(piece: &Ring, share: f64, dice: &mut Dice) -> (Ring, Ring) {
    let (mut low, mut high) = (piece[0], piece[0]);
    for p in piece {
        low = Point { lon: low.lon.min(p.lon), lat: low.lat.min(p.lat) };
        high = Point { lon: high.lon.max(p.lon), lat: high.lat.max(p.lat) };
    }
    let skew = (dice.unit() - 0.5) * 0.5;
    // A line n·p = c; n points along the longer side.
    let normal = if high.lon - low.lon > high.lat - low.lat { (1.0, skew) } else { (skew, 1.0) };
    let along = |p: &Point| p.lon * normal.0 + p.lat * normal.1;
    let (mut from, mut to) = piece.iter().map(along).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let whole = size(piece);
    for _ in 0..40 {
        let middle = (from + to) / 2.0;
        if size(&halves(piece, normal, middle).0) < whole * share { from = middle } else { to = middle }
    }
    halves(piece, normal, (from + to) / 2.0)
}

/// The two sides of a convex ring at a line. Both get the very same crossing points, so they meet exactly.
fn halves(piece: &Ring, normal: (f64, f64), at: f64) -> (Ring, Ring) {
    let (mut below, mut above) = (Ring::new(), Ring::new());
    for (n, a) in piece.iter().enumerate() {
        let b = &piece[(n + 1) % piece.len()];
        let (da, db) = (a.lon * normal.0 + a.lat * normal.1 - at, b.lon * normal.0 + b.lat * normal.1 - at);
        if da <= 0.0 {
            below.push(*a);
        }
        if da >= 0.0 {
            above.push(*a);
        }
        if da * db < 0.0 {
            let t = da / (da - db);
            let crossing = Point { lon: a.lon + (b.lon - a.lon) * t, lat: a.lat + (b.lat - a.lat) * t };
            below.push(crossing);
            above.push(crossing);
        }
    }
    (below, above)
}

fn size(ring: &Ring) -> f64 {
    if ring.len() < 3 { 0.0 } else { Area::polygon(ring.clone()).size() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_tile_the_whole(seed: u64, count in 2usize..40, x in 0.0..1.0f64, y in 0.0..1.0f64) {
            let pieces = [ring([0.0, 0.0, 0.6, 1.0]), ring([0.6, 0.0, 1.0, 1.0])];
            let parts = divide(&pieces, count, &mut Dice::new(seed));
            prop_assert_eq!(parts.len(), count);
            let areas: Vec<Area> = parts.into_iter().map(Area::polygon).collect();
            let sum: f64 = areas.iter().map(Area::size).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "sizes add up to {}", sum);
            let holding = areas.iter().filter(|a| a.contains(Point { lon: x, lat: y })).count();
            prop_assert_eq!(holding, 1, "a point lies in one part");
            prop_assert!(areas.iter().all(|a| a.size() > 1.0 / (count as f64) / 6.0), "no slivers");
        }
    }
}
