//! One call as a pure machine.
