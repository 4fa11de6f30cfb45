//! One call in the media path (being built).
