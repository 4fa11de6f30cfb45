//! Deterministic damage to good inputs: the same seed gives the same inputs on every machine.

/// Inputs are cut to this: longer ones only make the run slow.
pub const INPUT_MAX: usize = 16 * 1024;
/// Changes stacked on one input.
const CHANGES_MAX: usize = 4;
/// Values at the edges of lengths and counters.
const EDGES: [u32; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// xorshift64*: small, seeded, the same everywhere.
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 for 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from((self.roll() >> 16) % end).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// One of `seeds`, damaged: bits flipped, cut, doubled, spliced with another seed, words of the language put in.
pub fn mutate(seeds: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=dice.below(CHANGES_MAX) {
        change(&mut input, seeds, words, dice);
    }
    input.truncate(INPUT_MAX);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let to = at + dice.below(input.len() - at + 1).min(64);
    match dice.below(10) {
        0 => flip(input, dice),
        1 => input.truncate(at),
        2 => drop(input.drain(at..to)),
        3 => drop(input.splice(at..at, input[at..to].to_vec())),
        4 => drop(input.splice(at..at, input[at..to].repeat(dice.below(200)))),
        5 => edge(input, at, dice),
        6 => drop(input.splice(at..to, dice.pick(words).map(|w| w.as_bytes().to_vec()).unwrap_or_default())),
        7 => drop(input.splice(at..at, dice.pick(words).map(|w| w.as_bytes().to_vec()).unwrap_or_default())),
        8 => {
            let other = dice.pick(seeds).cloned().unwrap_or_default();
            input.truncate(at);
            input.extend_from_slice(&other[dice.below(other.len() + 1)..]);
        }
        _ => {
            let octet = u8::try_from(dice.below(256)).unwrap_or(0);
            input.insert(at, octet);
        }
    }
}

fn flip(input: &mut [u8], dice: &mut Dice) {
    let at = dice.below(input.len());
    if let Some(octet) = input.get_mut(at) {
        *octet ^= 1 << dice.below(8);
    }
}

/// Overwrites one, two or four octets, big-endian as on the wire.
fn edge(input: &mut [u8], at: usize, dice: &mut Dice) {
    let octets = dice.pick(&EDGES).copied().unwrap_or(0).to_be_bytes();
    let width = [1, 2, 4][dice.below(3)];
    for (place, octet) in input[at..].iter_mut().zip(&octets[4 - width..]) {
        *place = *octet;
    }
}
