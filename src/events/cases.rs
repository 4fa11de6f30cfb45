//! Events of `cases`.
