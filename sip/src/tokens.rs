//! Unguessable texts (branches, tags, Call-IDs, nonces) from one seed.
//!
//! A keyed hash over a counter: with a seed from the system's random source nobody can guess
//! the next token; with a fixed seed a test repeats itself.

use ring::hmac;

/// The source of tokens.
#[derive(Debug)]
pub struct Tokens {
    key: hmac::Key,
    counter: u64,
}

impl Tokens {
    /// A source; outside of tests `seed` comes from the system's random source.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), counter: 0 }
    }

    /// 20 hexadecimal digits (80 bits; RFC 3261 §19.3 wants 32 for a tag).
    pub fn tag(&mut self) -> String {
        hex(&self.bytes()[..10])
    }

    /// A branch with the magic cookie.
    pub fn branch(&mut self) -> String {
        format!("{}{}", crate::Via::MAGIC_COOKIE, hex(&self.bytes()[..12]))
    }

    /// A Call-ID. It names no host: that would tell strangers our inner addresses.
    pub fn call_id(&mut self) -> String {
        hex(&self.bytes()[..16])
    }

    /// A number below `bound` (which is not 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        let bytes = self.bytes();
        let number = bytes[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        number % bound.max(1)
    }

    /// 32 random bytes, for instance the seed of another source.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        self.keyed(&self.counter.to_be_bytes())
    }

    /// A token that depends on `parts` alone: the same question gets the same tag, without memory.
    pub fn derived(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"derived");
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        hex(&context.sign().as_ref()[..10])
    }

    fn keyed(&self, data: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.key, data).as_ref());
        bytes
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_repeat_with_the_seed_and_only_then() {
        let (mut a, mut b, mut c) = (Tokens::new([1; 32]), Tokens::new([1; 32]), Tokens::new([2; 32]));
        let first = a.tag();
        assert_eq!(first, b.tag());
        assert_ne!(first, a.tag());
        assert_ne!(first, c.tag());
        assert_eq!(a.derived(&["x", "y"]), b.derived(&["x", "y"]));
        assert_ne!(a.derived(&["x", "y"]), a.derived(&["xy", ""]));
        assert!((0..100).all(|_| a.below(7) < 7));
    }
}
