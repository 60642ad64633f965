//! The commands that show by hand what was seen of each object.

use gonogo_core::checklist::spec::{KubernetesSpec, deployment_target};
use gonogo_core::text::shell_word;

use super::references::ConfigMaps;

/// The deployment, or why it cannot be read.
pub(super) fn deployment(spec: &KubernetesSpec, name: &str) -> String {
    shell_line(&spec.kubectl(&["get", &deployment_target(name), "--output=json"]))
}

/// The deployment, and the config maps that are not there or cannot be read: kubectl says why.
pub(super) fn variables(spec: &KubernetesSpec, name: &str, maps: &ConfigMaps) -> String {
    let unread = maps.iter().filter(|(_, content)| !matches!(content, Ok(Some(_))));
    let unread: Vec<_> = unread.map(|(map, _)| format!("configmap/{map}")).collect();
    let target = deployment_target(name);
    let mut words = vec!["get", &target];
    words.extend(unread.iter().map(String::as_str));
    words.push("--output=json");
    shell_line(&spec.kubectl(&words))
}

/// The pods with these labels.
pub(super) fn pods(spec: &KubernetesSpec, labels: &str) -> String {
    shell_line(&spec.kubectl(&["get", "pods", &format!("--selector={labels}"), "--output=json"]))
}

/// The dry run; of another program than kubectl, only whether it is there.
pub(super) fn dry_run(spec: &KubernetesSpec) -> String {
    if let Some(argv) = spec.server_dry_run() {
        return shell_line(&argv);
    }
    let program = spec.dry_run.first().cloned().unwrap_or_default();
    shell_line(&["command".into(), "-v".into(), program])
}

fn shell_line(argv: &[String]) -> String {
    argv.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}
