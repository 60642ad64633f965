//! Values that follow from others.

use crate::checklist::action::NOTED_PLACEHOLDER;

/// Adds the values that follow from others, where they are not given.
pub(super) fn add(values: &mut toml::Table, release: Option<&str>) {
    // Filled in when the action starts.
    let noted = [("replicas".to_owned(), NOTED_PLACEHOLDER.into())];
    values.insert("noted".into(), toml::Value::Table(noted.into_iter().collect()));
    add_iac_defaults(values, release);
    add_registry_defaults(values);
}

/// Sets defaults of `iac`: the tool's program, and a plan file that each run creates again.
fn add_iac_defaults(values: &mut toml::Table, release: Option<&str>) {
    let Some(toml::Value::Table(iac)) = values.get_mut("iac") else { return };
    let program = match iac.get("tool").and_then(toml::Value::as_str) {
        Some("cloudformation") => Some("aws"),
        tool => tool,
    };
    let program = program.map(|program| toml::Value::from(program.to_owned()));
    if let (Some(program), false) = (program, iac.contains_key("program")) {
        iac.insert("program".into(), program);
    }
    if let (Some(release), false) = (release, iac.contains_key("plan_file")) {
        iac.insert("plan_file".into(), format!("{}.tfplan", release.replace('/', "-")).into());
        iac.insert("fresh_plan".into(), true.into());
    }
}

/// Removes slashes at the end of the registry's address, which images are named by; adds the prefix of their names, which
/// is another than the address where a registry has several repositories below paths.
fn add_registry_defaults(values: &mut toml::Table) {
    let Some(toml::Value::Table(registry)) = values.get_mut("registry") else { return };
    let Some(url) = registry.get("url").and_then(toml::Value::as_str) else { return };
    let url = url.trim_end_matches('/').to_owned();
    let prefix = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned();
    registry.insert("url".into(), url.into());
    let prefix = registry.get("image_prefix").and_then(toml::Value::as_str).unwrap_or(&prefix);
    let prefix = prefix.trim_end_matches('/').to_owned();
    registry.insert("image_prefix".into(), prefix.into());
}
