//! The rights that a `kubectl` command needs, from its arguments: the verbs of the requests that kubectl sends for it
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>). A dry run on the
//! server needs those of the command itself.

use super::{RequiredRight, right};

/// Options with their value in the next word.
const WITH_VALUE: [&str; 24] = [
    "-n",
    "--namespace",
    "--context",
    "--kubeconfig",
    "--cluster",
    "--user",
    "-s",
    "--server",
    "--as",
    "-f",
    "--filename",
    "-k",
    "--kustomize",
    "-l",
    "--selector",
    "-o",
    "--output",
    "-p",
    "--patch",
    "--type",
    "-c",
    "--container",
    "--timeout",
    "--replicas",
];

/// Short and singular names of resources, and their names in rules of RBAC.
const RESOURCES: [(&[&str], &str); 11] = [
    (&["deployment", "deployments", "deploy"], "deployments.apps"),
    (&["statefulset", "statefulsets", "sts"], "statefulsets.apps"),
    (&["daemonset", "daemonsets", "ds"], "daemonsets.apps"),
    (&["replicaset", "replicasets", "rs"], "replicasets.apps"),
    (&["job"], "jobs.batch"),
    (&["cronjob", "cronjobs", "cj"], "cronjobs.batch"),
    (&["pod", "po"], "pods"),
    (&["service", "svc"], "services"),
    (&["configmap", "cm"], "configmaps"),
    (&["secret"], "secrets"),
    (&["horizontalpodautoscaler", "horizontalpodautoscalers", "hpa"], "horizontalpodautoscalers.autoscaling"),
];

/// The rights that a command needs, if it is one of `kubectl`.
pub(super) fn kubectl_rights(argv: &[String]) -> Option<RequiredRight> {
    let (program, arguments) = argv.split_first()?;
    if program.rsplit('/').next() != Some("kubectl") {
        return None;
    }
    let verbs = verbs(&words(arguments))?;
    let place = match namespace(arguments) {
        Some(namespace) => format!("namespace {namespace}"),
        None => "the namespace of its context".to_owned(),
    };
    Some(right("Kubernetes verbs", format!("{verbs} in {place}")))
}

/// The words that are no options, up to `--`.
fn words(arguments: &[String]) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = arguments.iter().map(String::as_str).take_while(|word| *word != "--");
    while let Some(word) = rest.next() {
        if WITH_VALUE.contains(&word) {
            rest.next();
        } else if !word.starts_with('-') {
            words.push(word);
        }
    }
    words
}

fn namespace(arguments: &[String]) -> Option<&str> {
    let mut rest = arguments.iter().map(String::as_str).take_while(|word| *word != "--");
    while let Some(word) = rest.next() {
        if matches!(word, "-n" | "--namespace") {
            return rest.next();
        }
        if let Some(name) = word.strip_prefix("--namespace=").or_else(|| word.strip_prefix("-n=")) {
            return Some(name);
        }
    }
    None
}

/// `None` for commands that send nothing to the cluster.
fn verbs(words: &[&str]) -> Option<String> {
    let (command, rest) = words.split_first()?;
    let of = |at: usize| rest.get(at).map_or_else(|| "what it names".to_owned(), |target| resource(target));
    Some(match (*command, rest.first().copied()) {
        ("config" | "version" | "completion" | "kustomize", _) => return None,
        ("patch" | "label" | "annotate" | "edit", _) => format!("get, patch {}", of(0)),
        ("scale", _) => format!("get {0}, patch {0}/scale", of(0)),
        ("rollout", Some("status")) => format!("get, list, watch {}", of(1)),
        ("rollout", Some("history")) => format!("get {}, list {}", of(1), revisions(&of(1))),
        ("rollout", Some("undo")) => format!("get, patch {}, list {}", of(1), revisions(&of(1))),
        ("set" | "rollout", _) => format!("get, patch {}", of(1)),
        ("wait", _) => format!("get, list, watch {}", of(0)),
        ("delete", _) => format!("delete, get, list, watch {}", of(0)),
        ("get" | "describe", Some(target)) if !target.contains('/') && rest.len() == 1 => {
            format!("list {}", of(0))
        }
        ("get" | "describe", _) => format!("get {}", of(0)),
        ("logs", _) => "get pods, get pods/log".to_owned(),
        ("exec" | "cp", _) => "get pods, create pods/exec".to_owned(),
        ("apply" | "create" | "replace", _) => "get, create, patch of what its files describe".to_owned(),
        (other, _) => format!("those of `kubectl {other}`"),
    })
}

/// The resource of `deployment/app` or `deployment`, as a rule of RBAC names it.
fn resource(target: &str) -> String {
    let kind = target.split('/').next().unwrap_or_default();
    let plain = kind.split('.').next().unwrap_or_default();
    let known = RESOURCES.iter().find(|(names, _)| names.contains(&plain));
    known.map_or_else(|| kind.to_owned(), |(_, name)| (*name).to_owned())
}

/// Where the revisions of a resource are.
fn revisions(resource: &str) -> &str {
    if resource == "deployments.apps" { "replicasets.apps" } else { "controllerrevisions.apps" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_of_a_command_are_those_of_its_requests() {
        for (command, rights) in [
            (
                "kubectl --context=c --namespace=n set image deployment/a a=b:1",
                Some("get, patch deployments.apps in namespace n"),
            ),
            (
                "kubectl -n n set image deploy a a=b:1 --dry-run=server",
                Some("get, patch deployments.apps in namespace n"),
            ),
            (
                "/usr/bin/kubectl scale deployment/w --replicas=0",
                Some("get deployments.apps, patch deployments.apps/scale in the namespace of its context"),
            ),
            (
                "kubectl scale --replicas 0 sts/w -n n",
                Some("get statefulsets.apps, patch statefulsets.apps/scale in namespace n"),
            ),
            (
                "kubectl rollout status deployment/a --timeout=10m",
                Some("get, list, watch deployments.apps in the namespace of its context"),
            ),
            (
                "kubectl rollout undo deployment/a -n=n",
                Some("get, patch deployments.apps, list replicasets.apps in namespace n"),
            ),
            (
                "kubectl rollout undo ds/a",
                Some(
                    "get, patch daemonsets.apps, list controllerrevisions.apps in the namespace of its context",
                ),
            ),
            (
                "kubectl rollout restart deployments.apps/a",
                Some("get, patch deployments.apps in the namespace of its context"),
            ),
            ("kubectl get pods -l app=a -o json", Some("list pods in the namespace of its context")),
            ("kubectl get cm a", Some("get configmaps in the namespace of its context")),
            (
                "kubectl exec -i deploy/app -- curl -n x",
                Some("get pods, create pods/exec in the namespace of its context"),
            ),
            (
                "kubectl apply -f x.yaml",
                Some("get, create, patch of what its files describe in the namespace of its context"),
            ),
            ("kubectl drain node", Some("those of `kubectl drain` in the namespace of its context")),
            ("kubectl config current-context", None),
            ("kubectl", None),
            ("helm upgrade app", None),
        ] {
            let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let found = kubectl_rights(&argv).map(|right| right.grant);
            assert_eq!(found.as_deref(), rights, "{command}");
        }
    }
}
