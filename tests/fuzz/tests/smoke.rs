//! Each fuzz target over its seeds and some thousand deterministic mutations of them, on stable Rust, within `make test`.
//! A panic names the target and shows the input in hex: make it a test beside the parser, then mend the parser.
#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // an allocator that counts cannot be had otherwise; it only forwards to the system's

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use liandong_fuzz::mutate::{Dice, INPUT_MAX, mutate};
use liandong_fuzz::{TARGETS, Target};

/// Octets that one input may hold at once: the machines' own tables and 1,000 octets for each of the input. A count or length
/// inside the input that bought memory would pass it at once.
const ALLOCATED_MAX: usize = 48 << 20;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting what the thread holds.
struct Counting;

fn note(change: isize) {
    // At a thread's end its cells are gone: what is freed then needs no count.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn size(layout: Layout) -> isize {
    isize::try_from(layout.size()).unwrap_or(isize::MAX)
}

// SAFETY: every call goes to `System` unchanged; the counting allocates nothing (const-initialised cells without destructor).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(size(layout));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-size(layout));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The committed seeds of a target, in the order of their names.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
    let mut files: Vec<PathBuf> = std::iter::once(own)
        .chain(target.more_seeds.iter().map(|folder| root().join(folder)))
        .flat_map(|folder| std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn run(target: &Target, input: &[u8]) {
    if std::env::var_os("FUZZ_TRACE").is_some() {
        eprintln!("{} {}", target.name, hex(input)); // for an input that never comes to an end
    }
    let before = HELD.get();
    PEAK.set(before);
    let kept = catch_unwind(AssertUnwindSafe(|| (target.body)(input)));
    let peak = usize::try_from(PEAK.get() - before).unwrap_or(0);
    assert!(kept.is_ok(), "{} panics (see above) at the input {}", target.name, hex(input));
    assert!(peak <= ALLOCATED_MAX, "{} holds {peak} octets at the input {}", target.name, hex(input));
}

fn smoke(name: &str) {
    let target = liandong_fuzz::named(name).unwrap();
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for seed in &seeds {
        run(target, seed);
    }
    let seed = name.bytes().fold(7_u64, |seed, octet| seed.wrapping_mul(31).wrapping_add(u64::from(octet)));
    let mut dice = Dice::new(seed);
    for _ in 0..target.smoke {
        run(target, &mutate(&seeds, target.words, &mut dice));
    }
}

macro_rules! smoke_tests {
    ($($name:ident)*) => {
        $(#[test] fn $name() { smoke(stringify!($name)); })*
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

smoke_tests! {
    sip_message sip_stream sip_values sip_endpoint sdp rtc_sdp rtc_datagram rtp relay
    smpp_pdu smpp_session sms_text plan livekit_signal livekit_token flow numbers
}

#[test]
fn every_target_has_its_smoke_test_and_its_fuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let fuzzers = std::fs::read_to_string(root().join("tests/fuzz/targets/Cargo.toml")).unwrap();
    for name in names {
        assert!(fuzzers.contains(&format!("name = \"{name}\"")), "targets/Cargo.toml lacks {name}");
    }
}

/// The runs are worth something only if mutations still parse often enough to get past the first check.
#[test]
fn mutations_are_the_same_everywhere_and_short() {
    let seeds = [b"abc".repeat(2_000), b"xyz".repeat(10)];
    let make = || {
        let mut dice = Dice::new(5);
        (0..500).map(|_| mutate(&seeds, &["word"], &mut dice)).collect::<Vec<_>>()
    };
    let made = make();
    assert_eq!(made, make());
    assert!(made.iter().all(|input| input.len() <= INPUT_MAX));
    assert!(made.iter().any(|input| input.len() > 7_000) && made.iter().any(|input| input.len() < 30));
}
