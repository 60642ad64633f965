//! Sections, control points and probe specs; how a profile tailors them; and the checks that keep every control point
//! in place.

pub mod action;
mod decode;
mod edition;
mod file;
mod index;
#[cfg(any(test, feature = "testing"))]
pub mod key_tables;
pub mod lint;
mod literal_secrets;
mod lock;
mod notify;
mod observation_names;
mod overrides;
pub mod permissions;
mod placeholder;
pub mod plan;
mod plan_diff;
mod probe_key;
mod profile;
pub mod requirements;
mod resolve;
mod source;
pub mod spec;
mod suggest;
pub mod suspected_secrets;
mod template;
#[cfg(test)]
mod tests;

pub use action::{Action, ActionCommand, ActionKey, NOTED_PLACEHOLDER, ROLLBACK};
pub use edition::{Edition, ExemptionRule, Lock, LockedPoint, LockedSection, altered_points};
pub use file::{Checklist, STANDARD, STANDARD_NAME};
#[cfg(any(test, feature = "testing"))]
pub use index::SCANS;
pub use lock::{STANDARD_POINTS, check_logged};
pub use notify::{Notify, NotifyEvent};
pub use observation_names::ObservationNames;
pub use placeholder::is_placeholder;
pub use plan::{
    Confirm, Contact, Plan, Point, PointId, Probe, ProbeKey, Rehearsal, Role, Section, Tailoring,
};
pub use plan_diff::{PlanChange, loosenings};
pub use profile::Profile;
pub use resolve::{Promotion, resolve};
pub use source::SourceFile;
pub use spec::syntax::{check_release, is_link};
