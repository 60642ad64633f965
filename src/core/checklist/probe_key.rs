//! The name of a probe in a plan.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::plan::PointId;

/// Names one probe of the plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeKey {
    /// Its point.
    pub point: PointId,
    /// Its id within the point.
    pub probe: String,
}

impl ProbeKey {
    /// The key of `probe` of `point`.
    pub fn new(point: impl Into<String>, probe: impl Into<String>) -> Self {
        Self { point: point.into(), probe: probe.into() }
    }
}

/// Whether a probe of a plan is made from the one of this id in a file: it is the same, or that of an item of its list.
pub(super) fn is_made_from(id: &str, of_file: &str) -> bool {
    let item = id.strip_prefix(of_file);
    item.is_some_and(|item| item.is_empty() || item.starts_with('[') && item.ends_with(']'))
}

impl FromStr for ProbeKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, probe) = text.split_once('/').ok_or_else(|| {
            format!("expected POINT/PROBE, such as `verify.pipeline/canary`, found {text:?}")
        })?;
        Ok(Self::new(point, probe))
    }
}

impl Serialize for ProbeKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProbeKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for ProbeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.point, self.probe)
    }
}
