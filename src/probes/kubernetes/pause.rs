//! What a command of `kubectl` would pause. A dry run tells only that the cluster would take the command.

use gonogo_core::checklist::spec::PauseCheck;
use gonogo_core::outcome::Observation;

/// The name of the observation, by which a checklist can leave it to people.
pub(super) const EFFECT: &str = "effect of the command";

/// Options of kubectl and of `scale` whose value is the next word, if it is not part of their own
/// (<https://kubernetes.io/docs/reference/kubectl/generated/kubectl_scale/>).
const WITH_VALUE: [&str; 35] = [
    "--as",
    "--as-group",
    "--as-uid",
    "--cache-dir",
    "--certificate-authority",
    "--client-certificate",
    "--client-key",
    "--cluster",
    "--context",
    "--current-replicas",
    "--field-manager",
    "--filename",
    "--kubeconfig",
    "--kustomize",
    "--namespace",
    "--output",
    "--password",
    "--profile",
    "--profile-output",
    "--replicas",
    "--request-timeout",
    "--resource-version",
    "--selector",
    "--server",
    "--template",
    "--timeout",
    "--tls-server-name",
    "--token",
    "--user",
    "--username",
    "-f",
    "-l",
    "-n",
    "-o",
    "-s",
];

/// The words of a command and its options, as kubectl reads them: options may stand anywhere.
#[derive(Default)]
struct ParsedCommand<'a> {
    words: Vec<&'a str>,
    options: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> ParsedCommand<'a> {
    /// Everything after the program, up to words that are not for kubectl.
    fn of(argv: &'a [String]) -> Self {
        let mut parsed = Self::default();
        let mut rest = argv.iter().skip(1).map(String::as_str).take_while(|word| *word != "--");
        while let Some(word) = rest.next() {
            match (word.strip_prefix('-'), word.split_once('=')) {
                (None, _) => parsed.words.push(word),
                (Some(_), Some((name, value))) => parsed.options.push((name, Some(value))),
                (Some(_), None) if WITH_VALUE.contains(&word) => parsed.options.push((word, rest.next())),
                (Some(_), None) => parsed.options.push((word, None)),
            }
        }
        parsed
    }

    /// The value of an option; the last one counts.
    fn value(&self, name: &str) -> Option<&'a str> {
        self.options.iter().rev().find(|(option, _)| *option == name)?.1
    }

    fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(option, value)| *option == name && *value != Some("false"))
    }

    /// What follows the verb, as `kind/name`: `deployment/a deployment/b`, or `deployment a b`.
    fn targets(&self) -> Vec<String> {
        let after_verb = self.words.get(1..).unwrap_or_default();
        match after_verb.split_first() {
            Some((kind, names)) if !kind.contains('/') => {
                names.iter().map(|name| format!("{}/{name}", singular(kind))).collect()
            }
            _ => after_verb.iter().map(|target| with_singular_kind(target)).collect(),
        }
    }
}

fn with_singular_kind(target: &str) -> String {
    target.split_once('/').map_or(target.into(), |(kind, name)| format!("{}/{name}", singular(kind)))
}

/// `deployments.apps`, `deploy`: every name of that kind.
fn singular(kind: &str) -> &str {
    match kind.split('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "deployment" | "deployments" | "deploy" => "deployment",
        _ => kind,
    }
}

/// Whether a command of `kubectl` pauses what consumes, and nothing else, as far as its words tell. None if it neither
/// scales nor pauses a rollout.
pub(super) fn judge(argv: &[String], check: &PauseCheck) -> Option<Observation> {
    let command = ParsedCommand::of(argv);
    let expected = format!("scales deployment/{} to 0", check.consumer);
    match command.words.as_slice() {
        ["scale", ..] => judge_scale(&command, check, &expected),
        ["rollout", "pause", ..] => {
            let seen = "pauses only later rollouts: the pods that run go on consuming";
            Some(Observation::new(EFFECT, expected, seen, false))
        }
        _ => None,
    }
}

fn judge_scale(command: &ParsedCommand, check: &PauseCheck, expected: &str) -> Option<Observation> {
    // Without a number, kubectl itself refuses.
    let replicas: u64 = command.value("--replicas")?.parse().ok()?;
    let targets = command.targets();
    let [consumer, application] =
        [&check.consumer, &check.application].map(|name| format!("deployment/{name}"));
    let wrong = |seen: String| Some(Observation::new(EFFECT, expected, seen, false));
    let listed = targets.join(", ");
    if replicas > 0 {
        return wrong(format!("scales to {replicas}, not to 0: consumers go on"));
    }
    if consumer != application && (command.has("--all") || targets.contains(&application)) {
        return wrong(format!("scales the application ({application}) to 0: it serves the users"));
    }
    if consumer == application {
        let why = format!("scales {listed} to 0, which serves the users, too, as the profile names it");
        return Some(Observation::unknown(EFFECT, expected, why));
    }
    if targets.contains(&consumer) {
        return Some(Observation::new(EFFECT, expected, format!("scales {listed} to 0"), true));
    }
    let listed = if listed.is_empty() { "what a selector or a file names".into() } else { listed };
    let why = format!("scales {listed} to 0, which the profile does not name as the worker");
    Some(Observation::unknown(EFFECT, expected, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(command: &str, application: &str) -> Option<Observation> {
        let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
        judge(&argv, &PauseCheck { consumer: "worker".into(), application: application.into() })
    }

    #[test]
    fn a_command_must_scale_the_worker_to_nothing_and_not_the_application() {
        for (command, ok, part) in [
            ("kubectl scale deployment worker --replicas=0", Some(true), "scales deployment/worker to 0"),
            ("kubectl --context c -n x scale --replicas 0 deploy/worker", Some(true), "deployment/worker"),
            ("kubectl scale deployments.apps worker relay --replicas=0", Some(true), "deployment/relay"),
            ("kubectl scale --replicas=3 --replicas=0 deployment/worker", Some(true), "to 0"),
            ("kubectl scale deployment worker --replicas=5", Some(false), "scales to 5, not to 0"),
            ("kubectl scale deployment worker --replicas=0 --replicas 1", Some(false), "scales to 1"),
            ("kubectl scale deployment app --replicas=0", Some(false), "scales the application"),
            ("kubectl scale deployment worker app --replicas=0", Some(false), "scales the application"),
            ("kubectl scale deployment --all --replicas=0", Some(false), "scales the application"),
            ("kubectl rollout pause deployment/worker", Some(false), "pauses only later rollouts"),
            ("kubectl scale deployment woker --replicas=0", None, "scales deployment/woker to 0"),
            ("kubectl scale statefulset worker --replicas=0", None, "scales statefulset/worker to 0"),
            ("kubectl scale deployment -l tier=worker --replicas=0", None, "a selector or a file"),
            ("kubectl scale -f worker.yaml --replicas=0", None, "a selector or a file"),
        ] {
            let seen = seen(command, "app").unwrap();
            assert_eq!(seen.ok, ok, "{command}: {seen:?}");
            assert!(seen.seen.contains(part), "{command}: {seen:?}");
        }
    }

    #[test]
    fn other_commands_and_those_that_kubectl_refuses_are_not_judged() {
        for command in [
            "kubectl patch deployment worker -p {}",
            "kubectl delete pod worker-0",
            "kubectl scale deployment worker",
            "kubectl scale deployment worker --replicas=none",
            "kubectl",
            "kubectl exec deploy/app -- scale deployment app --replicas=5",
        ] {
            assert_eq!(seen(command, "app"), None, "{command}");
        }
        // One deployment that serves and consumes, or a mistake: a person decides.
        assert_eq!(seen("kubectl scale deployment worker --replicas=0", "worker").unwrap().ok, None);
    }
}
