//! `gonogo status`: the state of a run, without its screen.

use super::world::World;
use crate::support::need;

#[test]
fn the_state_of_an_open_run_is_printed_for_people_and_programs() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let log = world.log().display().to_string();
    let mut status = |args: &[&str]| {
        world.set_args(&[&["status"], args].concat());
        world.sandbox.run().code(5)
    };
    let profile = "profile.toml";
    for run in [&[][..], &[profile], &[&log]] {
        let output = status(run);
        let _ = output.stdout_has("staging v1.4.0: PENDING 1/3, open").stdout_has("needs confirmation");
    }
    let json = status(&["--json", profile]).json();
    assert_eq!((&json["standing"], &json["done"], &json["total"]), (&"open".into(), &1.into(), &3.into()));
    let points = json["points"].as_array().unwrap();
    let headers = points.iter().find(|point| point["id"] == "service.headers").unwrap();
    assert_eq!(headers["status"], "needs confirmation");
    // What a confirmation would sign.
    assert_eq!(headers["evidence"][0]["probe"], "headers");
    assert!(headers["evidence"][0]["hash"].as_str().is_some_and(|hash| hash.len() == 64), "{headers}");
}

#[test]
fn a_sealed_run_has_the_exit_code_of_its_verdict_and_no_open_one_is_said() {
    need!("ssh-keygen");
    let mut world = World::sealed("all well");
    let log = world.log().display().to_string();
    world.set_args(&["status", &log]);
    let _ = world.sandbox.run().code(1).stdout_has("PENDING 2/3, sealed");
    world.set_args(&["status"]);
    let _ = world.sandbox.run().code(2).stderr_has("no run is open on this machine");
    world.set_args(&["status", "profile.toml"]);
    let _ = world.sandbox.run().code(2).stderr_has("no run of staging is open here");
}
