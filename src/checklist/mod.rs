//! Sections, control points and probe specs; how a profile tailors them; and the checks that keep every control point
//! in place.

pub mod action;
mod changes;
mod decode;
pub mod doubts;
mod edition;
mod file;
mod fill;
mod freeze;
mod index;
pub mod literals;
mod lock;
mod meant;
pub mod needs;
pub mod permissions;
mod placeholder;
pub mod plan;
mod profile;
mod source;
pub mod spec;
mod tailor;
#[cfg(test)]
mod tests;
mod written_out;

pub use action::{Action, ActionKey, Program, ROLLBACK};
pub use changes::{PlanChange, loosenings};
pub use edition::{Edition, Exemptible, Lock, LockedPoint, LockedSection, altered_points};
pub use file::{Checklist, STANDARD_NAME};
pub use freeze::{Promotion, freeze};
#[cfg(test)]
pub use index::SCANS;
pub use lock::{POINTS, check_logged};
pub use placeholder::is_placeholder;
pub use plan::{
    Confirm, Contact, Plan, Point, PointId, Probe, ProbeKey, Rehearsal, Role, Section, Tailoring,
};
pub use profile::Profile;
pub use source::Source;
pub use spec::form::check_release;
