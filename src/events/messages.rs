//! Events of `messages`.
