//! For real peers, by hand.
