//! Calls (通话): the hotline's telephony, from the trunk to the agent's ear.
//!
//! Pure cores: [`queue`] (ACD: who serves whom) and [`call`] (one call: legs, plan, hold, transfer). The switch owns
//! the live machines, feeds them and performs their effects; nothing in these two folders touches a socket or a clock.
//!
//! Public commands: [`queue::Command`] (agent's state, wrap-up, priority with reason, taking a call out) and
//! [`call::Command`] (hold, resume, transfer, hang up, keys). Events: [`queue::QueueEvent`] and [`call::CallEvent`],
//! written to the log by the switch.
//!
//! Must not know: cases, messages, meetings, who may do what (the desk checks rights before it commands).

pub mod call;
pub mod edge;
pub mod queue;
