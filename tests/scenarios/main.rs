//! Scenarios from outside: the real program with the demo city, driven by real peers over its public interfaces.
#![allow(clippy::unwrap_used)]

mod ear;
mod harness;
mod lines;
mod phone;

mod browser;
mod call;
mod console;
mod kills;
mod matter;
mod meetings;
mod rights;
mod story;
mod take_up;
