//! Events of `meetings`.
