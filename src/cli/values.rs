//! The values of options: formats, roles, themes.

use std::path::PathBuf;

use clap::ValueEnum;

use gonogo_core::checklist::Role;

/// The formats of probe results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// TAP version 14
    Tap,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Markdown, as forges render it
    Markdown,
    /// One HTML page, without scripts or external resources
    Html,
    /// One JSON object
    Json,
    /// JUnit XML: a test case per control point, and one for the log
    Junit,
    /// An in-toto statement about the log, signed with your key, in a DSSE envelope
    Dsse,
}

/// The formats for people and for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
}

/// The formats of the control points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PointsFormat {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
    /// A blank list in Markdown, to print or to discuss; `gonogo new checklist --from` reads it
    Markdown,
}

/// A format and the file to write in it: `junit:report.xml`.
pub(super) fn output<F: ValueEnum>(text: &str) -> Result<(F, PathBuf), String> {
    let expected = || format!("expected FORMAT:PATH such as junit:report.xml, found {text:?}");
    let (format, path) = text.split_once(':').filter(|(_, path)| !path.is_empty()).ok_or_else(expected)?;
    let known = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let format = F::from_str(format, true).map_err(|_| {
        let names: Vec<_> = known.map(|value| value.get_name().to_owned()).collect();
        format!("unknown format {format:?}, expected one of {}", names.join(", "))
    })?;
    Ok((format, PathBuf::from(path)))
}

/// The roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Runs the deployment
    Driver,
    /// Reviews, and confirms points that need two people
    Reviewer,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Driver => Self::Driver,
            RoleArg::Reviewer => Self::Reviewer,
        }
    }
}

/// The themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeArg {
    /// For dark backgrounds
    Dark,
    /// For light backgrounds
    Light,
}
