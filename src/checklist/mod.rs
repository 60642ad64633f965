//! Sections, control points and probe specs; how a profile tailors them; and the lock that keeps every
//! control point in place.

pub mod plan;
pub mod spec;

pub use plan::{Confirm, Contact, Plan, Point, PointId, Probe, ProbeKey, Role, Section, Tailoring};
