//! Liandong.
