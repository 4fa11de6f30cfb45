//! Recording a call: two tracks in time ([`timeline`], pure), WAV files that play after a kill
//! ([`wav`]) and the thread that writes them ([`Writer`]).
//!
//! The media path never waits for the disk: it hands chunks over a bounded queue; what does not
//! fit is dropped, counted and silent in the file.

pub mod timeline;
pub mod wav;
mod writer;

pub use timeline::{Chunk, Timeline, Track};
pub use writer::{RecordEvent, RecordKey, RecordSummary, Writer, WriterHandle};
