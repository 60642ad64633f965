//! What the digest of a profile covers: any release and any checkout, with or without its values.

use std::fs;

use super::with_probe;
use crate::support::gonogo::Sandbox;

#[test]
fn the_next_release_needs_no_new_permission() {
    let sandbox = with_probe("command", r#"{ argv = ["printf", "{{ release }}/{{ previous }}"] }"#);
    let digest = sandbox.digest("profile.toml");
    let release = |new: &str, old: &str| {
        sandbox.run_with(&["check", "profile.toml", "--release", new, "--previous", old])
    };
    let _ = release("1", "0").code(2).stderr_has("'{{ release }}/{{ previous }}'");
    let first = ["check", "profile.toml", "--release", "1", "--previous", "0", "--trust", &digest];
    let _ = sandbox.run_with(&first).code(0);
    let _ = release("2", "1").code(0);
    let _ = release("team/v3+b.1", "2").code(0);
    // A release that is not a plain tag could be a command.
    let output = release("$(reboot)", "2")
        .code(2)
        .stderr_has("For release $(reboot), profile.toml also does the following");
    let _ = output.stderr_has("printf '$(reboot)/2'");
    assert_eq!(sandbox.digest("profile.toml"), digest);
}

#[test]
fn a_template_that_depends_on_the_release_needs_new_permission() {
    let sandbox = with_probe(
        "command",
        r#"{ argv = ["printf", "{% if release == 'v2' %}evil{% else %}good{% endif %}"] }"#,
    );
    let digest = sandbox.digest("profile.toml");
    let check = |release: &str| {
        sandbox.run_with(&["check", "profile.toml", "--release", release, "--trust", &digest])
    };
    let _ = check("v1").code(0);
    let _ = check("v2")
        .code(2)
        .stderr_has("For release v2, profile.toml also does the following")
        .stderr_has("printf evil");
}

#[test]
fn a_checkout_in_another_directory_has_the_same_digest() {
    let profile = |root: &str| {
        format!(
            "environment = \"t\"\n[values]\nsource.repository = \"{root}\"\nvault.url = \"https://v.example\"\nvault.token_path = \"p\"\nvault.auth.token = {{ file = \"{root}/token\" }}\n"
        )
    };
    let digests: Vec<_> = ["a", "a", "b/c"]
        .map(|below| {
            let sandbox = Sandbox::new();
            let root = fs::canonicalize(sandbox.work()).unwrap().join(below);
            fs::create_dir_all(&root).unwrap();
            fs::write(root.join("profile.toml"), profile(&root.display().to_string())).unwrap();
            sandbox.digest_in(&root, "profile.toml")
        })
        .into();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let elsewhere = Sandbox::new().profile(&profile("/srv/other"));
    assert_ne!(elsewhere.digest("profile.toml"), digests[0]);
}

#[test]
fn the_digest_is_printed_even_if_values_are_missing() {
    let sandbox = Sandbox::new().profile("environment = \"t\"\n[values]\nsource.repository = \"nowhere\"\n");
    let output = sandbox.run_with(&["doctor", "profile.toml"]).code(1).stdout_has("missing");
    let printed = sandbox.run_with(&["doctor", "--trust-digest", "profile.toml"]).code(0);
    assert!(printed.stdout.len() == 65 && printed.stderr.is_empty(), "{printed}");
    assert!(!output.stdout.contains(printed.stdout.trim_end()));
    let broken = Sandbox::new().profile("environment = 1");
    let _ =
        broken.run_with(&["doctor", "--trust-digest", "profile.toml"]).code(2).stderr_has("profile.toml:1");
}
