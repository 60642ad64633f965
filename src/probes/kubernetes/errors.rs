//! What `kubectl` means when it fails.

use super::super::error::ProbeError;
use super::super::process::ProgramResult;
use gonogo_core::checklist::spec::KubernetesSpec;
use gonogo_core::text;

/// The longest piece of what `kubectl` says, in bytes.
const MAX_REASON: usize = 300;
/// Logins that failed or are over: of the API server, of clients' plugins (`aws`, `gke-gcloud-auth-plugin`, `kubelogin`)
/// and of identity providers.
const LOGIN: [&str; 15] = [
    "(Unauthorized)",
    "must be logged in",
    "asked for the client to provide credentials",
    "getting credentials",
    "exec plugin",
    "auth-plugin",
    "SSO session",
    "Token has expired",
    "token has expired",
    "ExpiredToken",
    "invalid_grant",
    "AADSTS",
    // Our own certificate.
    "tls: bad certificate",
    "tls: certificate required",
    "tls: expired certificate",
];
/// Certificates that are not accepted.
const CERTIFICATE: [&str; 2] = ["x509:", "failed to verify certificate"];
/// Clusters that do not answer.
const CONNECTION: [&str; 10] = [
    "Unable to connect",
    "was refused",
    "connection refused",
    "dial tcp",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "deadline exceeded",
    "no route to host",
    "connection reset",
];
/// Commands that kubectl does not have.
const USAGE: [&str; 7] = [
    "error: unknown",
    "unknown flag",
    "unknown shorthand flag",
    "unknown command",
    "error: invalid",
    "error: required flag",
    "error: the server doesn't have a resource type",
];

/// What `kubectl` said when it failed, and why.
pub(super) struct KubectlFailure {
    /// All of it.
    whole: String,
    /// A short piece of it, for people.
    pub(super) message: String,
}

/// What a failed dry run says about the command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DryRun {
    /// It would fail.
    Wrong(String),
    /// It has none.
    Unsupported,
    /// Nothing was tried.
    Unknown,
}

impl KubectlFailure {
    pub(super) fn of(result: &ProgramResult) -> Self {
        let bytes = if result.stderr.bytes.is_empty() { &result.stdout.bytes } else { &result.stderr.bytes };
        Self::read(&String::from_utf8_lossy(bytes))
    }

    /// The lines of the client's own log come before what it says, and repeat it.
    fn read(whole: &str) -> Self {
        let said: Vec<_> = whole.lines().filter(|line| !is_log(line) && !line.trim().is_empty()).collect();
        let said = if said.is_empty() { whole.to_owned() } else { said.join("\n") };
        Self { whole: whole.to_owned(), message: text::excerpt(said.as_bytes(), MAX_REASON) }
    }

    fn has(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.whole.contains(part))
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.has(&["(NotFound)"])
    }

    /// Why nothing could be checked.
    pub(super) fn explain(&self, spec: &KubernetesSpec) -> ProbeError {
        let message = &self.message;
        ProbeError::new(if self.has(&["(Forbidden)"]) {
            format!("permission denied: {message}")
        } else if self.has(&["context"])
            && self.has(&["does not exist", "no context exists", "context was not found"])
        {
            format!("no context `{}` in the kubeconfig", spec.context)
        } else if self.has(&LOGIN) {
            format!("credentials are missing, expired or refused: {message}")
        } else if self.has(&CERTIFICATE) {
            format!("the cluster's certificate is not trusted: {message}")
        } else if self.has(&CONNECTION) {
            format!("the cluster does not answer: {message}")
        } else {
            format!("kubectl: {message}")
        })
    }

    /// What a failed dry run says.
    pub(super) fn judge_dry_run(&self) -> DryRun {
        let message = &self.message;
        let is_unreached = self.has(&LOGIN) || self.has(&CERTIFICATE) || self.has(&CONNECTION);
        let is_untried = is_unreached || self.has(&["failed calling webhook"]);
        if self.is_not_found() {
            DryRun::Wrong(format!("its target does not exist: {message}"))
        } else if self.has(&["denied the request"]) {
            DryRun::Wrong(format!("denied by admission control: {message}"))
        } else if self.has(&["(Forbidden)"]) {
            // A right that is missing now is missing in the night too.
            DryRun::Wrong(format!("permission denied: {message}"))
        } else if self.has(&["does not support dry run", "unknown flag: --dry-run"]) {
            // Some commands, and some webhooks, have none.
            DryRun::Unsupported
        } else if is_untried {
            DryRun::Unknown
        } else if self.has(&USAGE) || self.has(&["(Invalid)"]) {
            DryRun::Wrong(message.clone())
        } else {
            DryRun::Unknown
        }
    }
}

/// `E1127 10:00:04.123456   12345 memcache.go:265] …`
fn is_log(line: &str) -> bool {
    let mut bytes = line.bytes();
    let is_level = bytes.next().is_some_and(|byte| b"IWEF".contains(&byte));
    is_level && line.len() > 5 && bytes.take(4).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> KubernetesSpec {
        serde_json::from_str(r#"{"context": "production", "namespace": "realtime"}"#).unwrap()
    }

    #[test]
    fn the_cause_of_a_failure_is_named() {
        let unreachable = "E1127 10:00:04.123456   12345 memcache.go:265] couldn't get current server API group list: \
                           Get \"https://h:6443/api\": dial tcp 10.0.0.1:6443: connect: connection refused\n\
                           The connection to the server h:6443 was refused - did you specify the right host or port?";
        for (said, cause) in [
            (
                "Error from server (Forbidden): deployments.apps is forbidden: User \"u\" cannot get",
                "permission denied: Error",
            ),
            ("error: context \"production\" does not exist", "no context `production`"),
            (
                "error: You must be logged in to the server (Unauthorized)",
                "credentials are missing, expired or refused",
            ),
            (
                "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
                "credentials are",
            ),
            (
                "Unable to connect to the server: getting credentials: exec: executable gke-gcloud-auth-plugin not found",
                "credentials are",
            ),
            ("error: the server has asked for the client to provide credentials", "credentials are"),
            (
                "The SSO session associated with this profile has expired or is otherwise invalid.",
                "credentials are",
            ),
            (
                "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "the cluster's certificate is not trusted",
            ),
            (
                "Unable to connect to the server: x509: certificate has expired or is not yet valid",
                "the cluster's certificate",
            ),
            ("Unable to connect to the server: remote error: tls: bad certificate", "credentials are"),
            (
                "Unable to connect to the server: net/http: TLS handshake timeout",
                "the cluster does not answer",
            ),
            (
                "Unable to connect to the server: dial tcp: lookup h: no such host",
                "the cluster does not answer",
            ),
            (unreachable, "the cluster does not answer: The connection to the server h:6443 was refused"),
            ("Error from server (InternalError): an error on the server", "kubectl: Error from server"),
        ] {
            let why = KubectlFailure::read(said).explain(&spec()).to_string();
            assert!(why.starts_with(cause), "{said}: {why}");
        }
    }

    #[test]
    fn a_command_that_would_fail_is_distinguished_from_one_that_was_not_tried() {
        let wrong = |said: &str| matches!(KubectlFailure::read(said).judge_dry_run(), DryRun::Wrong(_));
        for said in [
            "Error from server (NotFound): deployments.apps \"advanced-worker\" not found",
            "Error from server (Forbidden): deployments.apps \"advanced-worker\" is forbidden: User cannot patch",
            "Error from server (Forbidden): admission webhook \"v.gatekeeper.sh\" denied the request: no",
            "error: unknown command \"scael\" for \"kubectl\"",
            "error: unknown flag: --replica",
            "Error: unknown shorthand flag: 'x' in -x",
            "The Deployment \"a\" is invalid: (Invalid)",
            "error: invalid argument \"x\" for \"--replicas\" flag",
        ] {
            assert!(wrong(said), "{said}");
        }
        for said in [
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Error from server (BadRequest): admission webhook hook.example.com does not support dry run",
            "Error from server (InternalError): Internal error occurred: failed calling webhook \"h\": context deadline exceeded",
            "error: unknown flag: --dry-run",
            "error: You must be logged in to the server (Unauthorized)",
            "The connection to the server h:6443 was refused - did you specify the right host or port?",
            "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        ] {
            assert!(!wrong(said), "{said}");
        }
        let unsupported = "error: unknown flag: --dry-run";
        assert_eq!(KubectlFailure::read(unsupported).judge_dry_run(), DryRun::Unsupported);
    }
}
