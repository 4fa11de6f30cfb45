//! Events of `calls`.
