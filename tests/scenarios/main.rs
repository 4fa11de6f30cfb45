//! Scenarios from outside: the real program with the demo city, driven by real peers over its public interfaces.
#![allow(clippy::unwrap_used)]

mod harness;
mod phone;

mod call;
mod kills;
mod matter;
mod meetings;
mod rights;
