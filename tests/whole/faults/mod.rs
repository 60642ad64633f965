//! Faults that are injected into the real servers, one at a time.

pub mod application;
pub mod brokers;
pub mod release;

use crate::support::full_stack::FullStack;

/// A fault, the points that it must fail, and texts that their observations must contain.
pub struct StackFault {
    pub name: &'static str,
    pub inject: fn(&mut FullStack),
    pub fix: fn(&mut FullStack),
    pub points: &'static [&'static str],
    pub messages: &'static [&'static str],
}

/// All faults.
pub fn all() -> impl Iterator<Item = &'static StackFault> {
    brokers::FAULTS.iter().chain(application::FAULTS).chain(release::FAULTS)
}
