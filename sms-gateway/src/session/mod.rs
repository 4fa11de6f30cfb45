//! Protocol sessions.
