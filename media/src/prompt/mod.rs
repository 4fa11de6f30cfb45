//! Prompts: audio files decoded once to 8 kHz speech, and the player that gives their frames on
//! the media clock. Knows names and samples, not legs or calls.

mod player;
mod store;

pub use player::{Player, Repeat, Sound};
pub use store::{Clip, PromptError, PromptStore, decode_file};
