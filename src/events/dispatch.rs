//! Events of `dispatch`.
