//! Events of `orgs`.
