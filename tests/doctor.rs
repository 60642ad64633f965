//! `gonogo doctor` and `gonogo points`, as text and as JSON.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::gonogo::{GONOGO, Sandbox};
use crate::support::need;
use crate::support::served_rehearsal::ServedRehearsal;

/// A profile in which nearly every line causes a warning.
const WITH_WARNINGS: &str = r#"environment = "prod"
production = true
solo = true

[values.app]
url = "http://app.internal.io:8004"
public_url = "https://localhost"
token = { env = "NO_SUCH_TOKEN" }

[values.redis]
url = "redis://redis.internal.io:6379"
channel = "other:activity"
password = { command = ["no-such-program", "x"] }

[values.rabbitmq]
url = "amqps://rabbit.example.com"
username = "guest"
password = { file = "/no/such/file" }

[values.source]
repository = "/no/such/checkout"

[[contact]]
role = "SRE"
name = "TODO"
channel = "pager 1"
"#;

fn doctor(profile: &str, arguments: &[&str]) -> Sandbox {
    let arguments = ["doctor", "profile.toml"].iter().chain(arguments).copied();
    Sandbox::new().profile(profile).args(arguments)
}

#[test]
fn every_warning_has_a_location_and_a_hint() {
    let output = doctor(WITH_WARNINGS, &[]).env("PATH", "/nowhere").run().code(1);
    let lines = [
        "profile.toml:6:1: app.url: http:// to app.internal.io is not encrypted\n    hint: use https:// if possible",
        "profile.toml:7:1: app.public_url: points to this host, in a production environment",
        "profile.toml:8:1: the environment variable NO_SUCH_TOKEN is not set\n    hint: export it before the run",
        "profile.toml:11:1: redis.url: redis:// to redis.internal.io is not encrypted",
        "profile.toml:12:1: redis.channel = \"other:activity\" (default \"advanced:activity\"): ",
        "profile.toml:13:1: program no-such-program not found",
        "profile.toml:16:1: rabbitmq.url: \"amqps://rabbit.example.com\" looks like a placeholder",
        "profile.toml:17:1: rabbitmq.username: RabbitMQ's default user",
        "profile.toml:18:1: /no/such/file is not a readable file",
        "profile.toml:3:1: solo in a production environment",
        "profile.toml:25:1: contact SRE: name \"TODO\" looks like a placeholder",
        "directory /no/such/checkout not found: needed by ",
        "program poetry not found: needed by validate.package-metadata/check, validate.package-metadata/export",
        "jaeger.url is missing: cannot check infra.observability, verify.traces\n    hint: add url to [values.jaeger]",
    ];
    let _ = lines.iter().fold(output, |output, line| output.stdout_has(line));
}

/// One line says it; the places are what differs.
#[test]
fn what_is_wrong_with_several_values_alike_is_said_once() {
    let hosts = |count: usize| {
        let value = |number: usize| format!("v{number} = \"https://127.0.0.1:{number}\"\n");
        let probe = |number: usize| {
            format!(
                "{{ id = \"p{number}\", title = \"P\", kind = \"http\", with = {{ url = \"{{{{ own.v{number} }}}}\" }} }}"
            )
        };
        let values: String = (1..=count).map(value).collect();
        let probes: Vec<_> = (1..=count).map(probe).collect();
        let checklist = format!(
            "name = \"own\"\n[[section]]\nid = \"a\"\ntitle = \"A\"\n[[section.point]]\nid = \"a.b\"\ntitle = \"B\"\nwhy = \"W\"\nprobe = [{}]\n",
            probes.join(", ")
        );
        let head = "environment = \"x\"\nproduction = true\nchecklist = \"checklist.toml\"\n[values.own]\n";
        (head.to_owned() + &values, checklist)
    };
    let doctor = |count: usize, arguments: &[&str]| {
        let (profile, checklist) = hosts(count);
        doctor(&profile, arguments).checklist(&checklist).run().code(1)
    };
    let what = "points to this host, in a production environment";
    let _ = doctor(1, &[]).stdout_has(&format!("profile.toml:5:1: own.v1: {what}\n"));
    let output = doctor(12, &[]);
    let places: Vec<_> = (1..=12).map(|number| format!("own.v{number} (line {})", number + 4)).collect();
    let told =
        format!("profile.toml: {what}: {}\n    hint: give the host that users reach", places.join(", "));
    let output = output.stdout_has(&told);
    assert_eq!(output.stdout.matches(what).count(), 1, "{output}");
    // For programs, each is one.
    let report: Value = doctor(12, &["--format", "json"]).json();
    let all = report["findings"].as_array().unwrap().iter();
    assert_eq!(all.filter(|one| one["what"].as_str().is_some_and(|told| told.contains(what))).count(), 12);
}

#[test]
fn findings_are_available_as_json() {
    let report: Value = doctor(WITH_WARNINGS, &["--format", "json"]).run().code(1).json();
    let found = report["findings"].as_array().unwrap();
    let solo = found.iter().find(|one| one["what"] == "solo in a production environment").unwrap();
    assert_eq!((&solo["level"], &solo["place"]["line"]), (&"warning".into(), &3.into()));
}

#[test]
fn a_literal_secret_is_rejected_and_not_repeated() {
    let profile = "environment = \"x\"\n[values.grafana]\nurl = \"https://g.io\"\nheaders = { Authorization = \"Bearer swordfish\" }\n";
    let output = doctor(profile, &[]).run().code(2).lacks("swordfish");
    let _ = output.stderr_has("profile.toml:4:13: a plaintext secret in Authorization");
}

/// In the profile as in its own checklist.
#[test]
fn a_possible_secret_is_a_warning_and_not_repeated() {
    let key = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
    let checklist = format!(
        "name = \"own\"\n[[section]]\nid = \"a\"\ntitle = \"A\"\n[[section.point]]\nid = \"a.b\"\ntitle = \"B\"\nwhy = \"see {key}\"\n\
         probe = [{{ id = \"p\", title = \"P\", kind = \"command\", with = {{ argv = [\"true\", \"--password\", \"hunter22\"] }} }}]\n"
    );
    let profile = "environment = \"x\"\nchecklist = \"checklist.toml\"\n[[points.\"a.b\".probe]]\nid = \"q\"\ntitle = \"Q\"\n\
                   kind = \"command\"\nwith = { argv = [\"true\"], env = { DB_PASSWORD = \"short\" } }\n";
    let sandbox = doctor(profile, &[]).checklist(&checklist);
    let output = sandbox.run().code(1).lacks(&key).lacks("hunter22").lacks("\"short\"");
    let lines = [
        "checklist.toml:8:1: why looks like an AWS access key\n    hint: if it is one, use a reference",
        "checklist.toml:9:92: the value of --password may be a secret",
        "profile.toml:7:35: DB_PASSWORD is named like a secret, and its value may be one",
    ];
    let _ = lines.iter().fold(output, |output, line| output.stdout_has(line));
}

#[test]
fn the_profile_of_a_rehearsal_contains_no_possible_secret() {
    let served = ServedRehearsal::start(&[]);
    let profile = served.dir.join("rehearsal.toml").display().to_string();
    let output = served.sandbox.run_with(&["doctor", &profile]).lacks("may be a").lacks("plaintext");
    // With its tools nothing is missing, and its own settings need no look.
    let with_tools = served.command(GONOGO).args(["doctor", &profile]).output().unwrap();
    let printed = String::from_utf8(with_tools.stdout).unwrap();
    assert_eq!(with_tools.status.code(), Some(0), "{printed}");
    assert!(printed.contains(": 1 hint\n"), "{printed}");
    // Made-up hosts are its own, and the scan's action writes the report.
    let output = output.lacks("placeholder").lacks("is not readable").stdout_has("rehearsal.toml: ");
    let _ = output.stdout_has("does not exist yet: the action deploy.image-build-scan/scan writes it for ");
}

/// The names of the observations of other kinds than Redis are known in part: only a typo is reported.
#[test]
fn a_misspelled_name_in_people_is_reported_for_other_kinds_too() {
    let profile = |names: &str| {
        format!(
            "environment = \"x\"\n[[point]]\nsection = \"infra\"\n[point.add]\nid = \"infra.own\"\ntitle = \"t\"\n\
             why = \"w\"\n[[point.add.probe]]\nid = \"p\"\ntitle = \"t\"\nkind = \"kubernetes\"\n\
             with = {{ context = \"c\", namespace = \"n\", rollout = {{ deployment = \"web\" }} }}\n[points.\"infra.own\"]\npeople = [{names}]\n"
        )
    };
    let output = doctor(&profile("\"image off web\""), &[]).run().code(1);
    let _ = output
        .stdout_has("profile.toml:14:11: people: no observation of infra.own has the name \"image off web\"");
    let _ = doctor(&profile("\"image of web\", \"restarts of web\""), &[]).run().lacks("no observation of");
}

/// What is missing stands in the order of the file, and what has no place at the end.
#[test]
fn findings_stand_in_the_order_of_the_file() {
    let output = doctor(WITH_WARNINGS, &[]).env("PATH", "/nowhere").run().code(1);
    let lines: Vec<u32> = output
        .stdout
        .lines()
        .skip_while(|line| *line != "missing")
        .take_while(|line| *line != "warning")
        .filter_map(|line| line.trim_start().strip_prefix("profile.toml:")?.split(':').next()?.parse().ok())
        .collect();
    assert!(lines.len() > 5 && lines.is_sorted(), "{lines:?} in {output}");
}

/// What a probe would report once it runs, without running it.
#[test]
fn a_probe_that_checks_nothing_and_a_misspelled_observation_are_reported() {
    let profile = "environment = \"x\"\n[values.redis]\nurl = \"redis://127.0.0.1\"\nlatency_alert = \"A\"\n\
        [values.prometheus]\nurl = \"http://127.0.0.1\"\n[points.\"infra.redis\"]\n\
        people = [\"latency-monitor-treshold\", \"persistence\"]\n\
        [[points.\"infra.redis\".probe]]\nid = \"own\"\ntitle = \"t\"\nkind = \"prometheus\"\n\
        with = { api = { url = \"http://127.0.0.1\" } }\n";
    let output = doctor(profile, &[]).run().code(1);
    let output = output.stdout_has(
        "profile.toml:8:11: people: no observation of infra.redis has the name \"latency-monitor-treshold\"\n    \
         hint: did you mean \"latency-monitor-threshold\"?",
    );
    let _ = output
        .stdout_has(
            "profile.toml:9:1: infra.redis/own checks nothing: a prometheus probe needs `rules`, `jobs`,",
        )
        .lacks("has the name \"persistence\"");
}

/// They would take far longer than the deadline of a probe. They are rejected when the file is read, also in values.
#[test]
fn too_complex_patterns_and_paths_are_rejected_with_their_location() {
    let profile = r#"environment = "x"
[values.own]
path = "$..a..b"
[[points."infra.redis".probe]]
id = "own"
title = "Own"
kind = "http"
with = { url = "https://h.internal.io", body = [{ matches = "((a?){300}a{300}b){50}" }] }
[[points."infra.redis".probe]]
id = "own-path"
title = "Own path"
kind = "http"
with = { url = "https://h.internal.io", json = [{ path = "$..*..*" }] }
[[points."infra.redis".probe]]
id = "own-filled"
title = "Own filled"
kind = "command"
with = { argv = ["true"], json = [{ path = "{{ own.path }}" }] }
"#;
    let lines = [
        "profile.toml:8:51: `((a?){300}a{300}b){50}` is too large a regular expression: expected at most about 4000 characters and repetitions; write it shorter",
        "profile.toml:13:51: a JSON path with more than one `..`: expected at most one; write the keys between, as in $.items[*].name",
        "profile.toml:3:1: own.path: a JSON path with more than one `..`",
    ];
    let output = doctor(profile, &[]).run().code(2);
    let _ = lines.iter().fold(output, |output, line| output.stderr_has(line));
}

/// The secret is named in the checklist.
#[test]
fn an_unset_secret_of_a_probe_is_reported_and_its_use_is_a_permission() {
    let checklist = r#"
name = "mine"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.p"
title = "P"
why = "w"
probe = [{ id = "p", title = "P", kind = "http", with = { url = "https://a.io/", headers = { Authorization = { secret = { env = "NOWHERE_TOKEN" } } } } }]
"#;
    let profile = r#"environment = "x"
checklist = "checklist.toml"
"#;
    let sandbox = doctor(profile, &[]).checklist(checklist);
    let _ = sandbox.run().code(1).stdout_has("the environment variable NOWHERE_TOKEN is not set");
    let _ = sandbox
        .env("NOWHERE_TOKEN", "t")
        .args(["points", "profile.toml"])
        .run()
        .stdout_has("requests that send ");
}

/// A point whose probe reads a file.
const POINT: &str = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
    title = \"P\"\nwhy = \"W\"\n[[section.point.probe]]\nid = \"p\"\ntitle = \"P\"\nkind = \"scan\"\n\
    with = { report = \"report.json\" }\n";

/// A FIFO in the place of a file that a probe reads does not block.
#[test]
fn a_fifo_in_place_of_a_file_is_reported() {
    need!("mkfifo");
    let sandbox = doctor("environment = \"x\"\nchecklist = \"checklist.toml\"\n", &[]).checklist(POINT);
    let fifo = sandbox.command("mkfifo").arg("report.json").status().unwrap();
    assert!(fifo.success());
    let _ = sandbox.run().code(1).stdout_has("report.json is not readable: expected a regular file");
}

#[test]
fn doctor_runs_no_command() {
    let profile =
        "environment = \"x\"\n[values.redis]\npassword = { command = [\"sh\", \"-c\", \"touch ran\"] }\n";
    let sandbox = doctor(profile, &[]);
    let _ = sandbox.run().code(1);
    assert!(!sandbox.work().join("ran").exists());
}

#[test]
fn points_list_their_probes_and_required_permissions() {
    let output = Sandbox::new().args(["points"]).run().code(0);
    let output = output.stdout_has("secrets.token-rotated  Realtime token rotated (mandatory)");
    let output = output.stdout_has("Redis ACL: -@all +ping +info +config|get +latency|latest");
    let output = output.stdout_has("registry scope: repository:platform/advanced-app:pull,push");
    // Actions, dry runs and steps of the rollback.
    let set_image = "Kubernetes verbs: get, patch deployments.apps in namespace ";
    assert!(output.stdout.matches(set_image).count() >= 6, "{}", output.stdout);
    let _ = output.stdout_has("Kubernetes verbs: get, list, watch deployments.apps in namespace ");
    let report: Value = Sandbox::new().args(["points", "--format", "json"]).run().code(0).json();
    let sections = report["sections"].as_array().unwrap();
    let points: Vec<_> = sections.iter().flat_map(|section| section["points"].as_array().unwrap()).collect();
    assert_eq!((sections.len(), points.len()), (6, 27));
    // The example for production leaves nothing out.
    let missing = |point: &&&Value| {
        point["probes"].as_array().unwrap().iter().any(|probe| probe["missing"] != Value::Array(Vec::new()))
    };
    assert_eq!(points.iter().filter(missing).count(), 0);
    let mine = Sandbox::new().profile("environment = \"x\"\n").args(["points", "profile.toml"]).run().code(0);
    let _ = mine.stdout_has("missing 1 value: jaeger.url");
}

/// The script speaks plain HTTP only, and needs Python modules that this interpreter does not have.
#[test]
fn a_demo_script_that_cannot_be_used_is_reported() {
    let report = |url: &str, python: &str| {
        let profile = format!(
            "environment = \"x\"\n[values.app]\nurl = \"{url}\"\ntoken = {{ env = \"T\" }}\n[values.source]\nrepository = \".\"\n"
        );
        let sandbox = doctor(&profile, &[]);
        let program = sandbox.work().join("python3");
        fs::write(&program, python).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", sandbox.work().display());
        sandbox.env("PATH", path).run().code(1)
    };
    let output = report("https://app.internal.io", "#!/bin/sh\nexit 1\n");
    let lines = [
        "profile.toml:3:1: verify.pipeline/demo cannot run: it uses http only, and the address is https://\n    hint: add leave_out = { demo",
        "Python module httpx not found",
        "Python module websockets not found",
    ];
    let _ = lines.iter().fold(output, |output, line| output.stdout_has(line));
    let _ =
        report("http://app.internal.io", "#!/bin/sh\nexit 0\n").lacks("cannot run").lacks("Python module");
}
