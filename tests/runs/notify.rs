//! Notifications of a run: to a program, and to an address.

use std::fs;

use serde_json::Value;

use super::world::{ALICE, World, confirm, quit_with, seal, select};
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::wait;
use crate::support::web::Reply;

const TOKEN: &str = "hook-token-1234";

/// A world whose profile sends notifications: all to a program, the end of the run to an address, and the verdict to an
/// address that refuses it.
fn world() -> World {
    let mut world = World::new();
    world.web.route("/hook", Reply::status(204));
    world.web.route("/refusing", Reply::status(503).body("no"));
    let profile = world.sandbox.work().join("profile.toml");
    let notify = format!(
        r#"
[[notify]]
on = ["needs-confirmation", "action-failed", "verdict", "sealed"]
command = ["sh", "-c", "cat >> told; echo >> told"]
[[notify]]
on = ["verdict", "sealed"]
url = "{hook}"
secret = {{ env = "HOOK_TOKEN" }}
[[notify]]
on = ["verdict"]
url = "{refusing}"
"#,
        hook = world.web.url("/hook"),
        refusing = world.web.url("/refusing"),
    );
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replacen("[values]", &format!("{notify}[values]"), 1)).unwrap();
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("HOOK_TOKEN", TOKEN);
    world
}

fn told(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.sandbox.work().join("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn others_are_told_what_needs_them_and_what_has_ended() {
    need!("ssh-keygen");
    let mut world = world();
    let digest = world.sandbox.digest("profile.toml");
    let opening = ["--release", "v1.4.0", "--previous", "v1.3.0", "--trust", &digest];
    let mut terminal = world.open_with(&opening, 130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '1', 1);
    confirm(&mut terminal, "service.headers");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    terminal.wait_for_text("GO 3/3").open_verdict();
    // Its failure is shown, and holds nothing up.
    terminal.answer("y").wait_for_text("HTTP 503");
    terminal.answer("s").wait_for_text("A seal is your signature");
    terminal.answer("y").wait_for_text("SEALED");
    quit_with(terminal, 0);

    let told = told(&world);
    let events: Vec<_> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["needs-confirmation", "verdict", "sealed"], "{told:?}");
    assert_eq!(told[0]["point"], "service.headers");
    assert_eq!((&told[1]["decision"], &told[1]["by"]), (&Value::from("GO"), &Value::from(ALICE)));
    let entries = world.entries();
    for (event, kind) in told.iter().skip(1).zip(["verdict", "sealed"]) {
        let seq = usize::try_from(event["seq"].as_u64().unwrap()).unwrap();
        assert_eq!(entries[seq]["kind"], kind);
        assert_eq!(
            (&event["environment"], &event["release"]),
            (&Value::from("staging"), &Value::from("v1.4.0"))
        );
        assert!(event["join"].as_str().unwrap().starts_with("gonogo run /"), "{event}");
    }
    let hooks: Vec<_> =
        world.web.requests().into_iter().filter(|request| request.target == "/hook").collect();
    let bodies: Vec<Value> = hooks.iter().map(|hook| serde_json::from_str(&hook.body).unwrap()).collect();
    assert_eq!(bodies, told[1..]);
    assert_eq!(
        (hooks[0].method.as_str(), &hooks[0].headers["authorization"]),
        ("POST", &format!("Bearer {TOKEN}"))
    );
    assert_eq!(hooks[0].headers["content-type"], "application/json");
}

#[test]
fn notifications_need_permission_first() {
    let mut world = world();
    world.set_args(&["check", "profile.toml"]);
    let output = world.sandbox.run().code(2).stderr_has("cat >> told").stderr_has("notification");
    let _ = output.stderr_has("HOOK_TOKEN").stderr_has("not allowed yet");
}

/// A program that does not answer: the run goes on, and so does the exit.
#[test]
fn a_program_that_hangs_is_in_nobodys_way() {
    need!("ssh-keygen");
    let mut world = World::new();
    let profile = world.sandbox.work().join("profile.toml");
    let notify =
        "[[notify]]\non = [\"verdict\"]\ncommand = [\"sh\", \"-c\", \"touch started; sleep 1000\"]\n[values]";
    fs::write(&profile, fs::read_to_string(&profile).unwrap().replacen("[values]", notify, 1)).unwrap();
    let digest = world.sandbox.digest("profile.toml");
    let opening = ["--release", "v1.4.0", "--previous", "v1.3.0", "--trust", &digest];
    let mut terminal = world.open_with(&opening, 130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_probes();
    seal(&mut terminal, "PENDING");
    let started = world.sandbox.work().join("started");
    wait::until("the program", || started.exists().then_some(()));
    quit_with(terminal, 1);
}
