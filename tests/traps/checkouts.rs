//! Checkouts that an enemy has made: the profile is the user's own, and trusted.

use std::fs;
use std::process::Command;

use super::scene::{Scene, honest, path};
use super::{Kind, Trap};
use crate::bench::checkout::Checkout;
use crate::probes::git_traps;

const PROFILE: &str = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
const CHECKLIST: &str = r#"
name = "own"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.p"
title = "P"
why = "W"
probe = [{ id = "g", title = "commit", kind = "git", deadline = "2s", with = { repository = "@checkout@", tag = "v1" } }]
"#;

fn checkout(
    name: &'static str,
    set: fn(&Scene, &Checkout),
    stock: &'static str,
    named: &[(&'static str, &'static str)],
) -> Trap {
    let lay = move |scene: &mut Scene| {
        let checkout = Checkout::new();
        set(scene, &checkout);
        place(scene, checkout);
    };
    Trap {
        name: name.into(),
        kind: Kind::Checkout,
        needs: &[],
        lay: Box::new(lay),
        stock,
        named: named.to_vec(),
    }
}

/// The profile is not in the checkout, but whoever runs gonogo is.
pub fn place(scene: &mut Scene, checkout: Checkout) {
    let at = checkout.path().to_owned();
    scene.change(|sandbox| sandbox.standing_in(&at));
    scene.checkout = Some(checkout);
    scene.write("checklist.toml", CHECKLIST);
    scene.write("profile.toml", PROFILE);
}

/// The traps of the git probe.
fn of_the_probe() -> impl Iterator<Item = Trap> {
    git_traps::TRAPS.iter().map(|trap| Trap {
        name: trap.name.into(),
        kind: Kind::Checkout,
        needs: &[],
        lay: Box::new(|scene| {
            let checkout = Checkout::new();
            (trap.set)(&checkout, &path(&scene.mark()));
            place(scene, checkout);
        }),
        stock: trap.sprung_by,
        named: vec![("check", trap.told)],
    })
}

pub fn traps() -> Vec<Trap> {
    of_the_probe().chain(elsewhere()).chain(waiting()).chain(whom_to_trust()).collect()
}

fn append(file: &std::path::Path, text: &str) {
    let before = fs::read_to_string(file).unwrap_or_default();
    fs::write(file, before + text).unwrap();
}

/// What leads to another place.
fn elsewhere() -> Vec<Trap> {
    vec![
        checkout(
            "core.worktree",
            |scene, at| {
                fs::copy(at.path().join("file"), scene.evil().join("file")).unwrap();
                at.git(&["config", "core.worktree", &path(&scene.evil())]);
                fs::write(at.path().join("file"), "changed").unwrap();
            },
            // Git says that nothing of it has changed, though the file before one's eyes has.
            "git status --porcelain --untracked-files=no | grep -q . || touch @mark@",
            &[("check", "its configuration (core.worktree) names another work tree")],
        ),
        checkout(
            "another repository behind .git",
            |scene, at| {
                let other = scene.evil().join("git");
                fs::rename(at.path().join(".git"), &other).unwrap();
                fs::write(at.path().join(".git"), format!("gitdir: {}\n", other.display())).unwrap();
                append(&other.join("config"), &scene.filled("[core]\n\tfsmonitor = touch @mark@\n"));
            },
            "git status",
            &[("check", "core.fsmonitor")],
        ),
        checkout(
            "a partial clone that fetches over http",
            |scene, at| git_traps::lacks(at, "url", &scene.filled("@web@/x.git")),
            "git rev-parse --verify --quiet 'refs/tags/v1^{commit}'",
            &[("check", "names what is not in this checkout; fetch it first (nothing is fetched here)")],
        ),
        checkout(
            "a name that steers the terminal",
            |_, at| fs::write(at.path().join("\u{1b}[2Jx\u{202e}"), "").unwrap(),
            "ls --show-control-chars",
            &[("check", r"?? \u{1b}[2Jx\u{202e}")],
        ),
    ]
}

fn fifo(at: &std::path::Path) {
    let _ = fs::remove_file(at);
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
}

/// What git waits for, without an end.
fn waiting() -> Vec<Trap> {
    const STATUS: &str = "timeout 1 git status";
    const LATE: &[(&str, &str)] = &[("check", "git -C @checkout@"), ("run", "Release to promote:")];
    vec![
        checkout(
            "include of a FIFO",
            |scene, at| {
                append(&at.path().join(".git/config"), &scene.filled("[include]\n\tpath = @evil@/fifo\n"));
            },
            STATUS,
            LATE,
        ),
        checkout("a FIFO as its configuration", |_, at| fifo(&at.path().join(".git/config")), STATUS, LATE),
        checkout("a FIFO as packed-refs", |_, at| fifo(&at.path().join(".git/packed-refs")), STATUS, LATE),
        checkout(
            "a FIFO as alternates",
            |_, at| fifo(&at.path().join(".git/objects/info/alternates")),
            STATUS,
            LATE,
        ),
        checkout(
            "a FIFO as its attributes",
            |_, at| fifo(&at.path().join(".git/info/attributes")),
            "timeout 1 git check-attr -a file",
            &[("check", "P")],
        ),
        checkout(
            "a FIFO as a work file",
            |_, at| fifo(&at.path().join("file")),
            "timeout 1 cat file",
            &[("check", "1 file changed or untracked: M file")],
        ),
    ]
}

/// What says in place of the user whom to trust, and who the user is.
fn whom_to_trust() -> Vec<Trap> {
    vec![
        checkout(
            "gpg.ssh.allowedSignersFile",
            |_, at| {
                let allowed = at.path().join(".git/allowed");
                fs::write(&allowed, &honest().signer).unwrap();
                at.git(&["config", "gpg.ssh.allowedSignersFile", &path(&allowed)]);
            },
            "grep -q alice \"$(git config gpg.ssh.allowedSignersFile)\" && touch @mark@",
            &[
                ("verify", "trusted signers required"),
                ("report", "trusted signers required"),
                ("diff", "trusted signers required"),
                ("review", "trusted signers required"),
            ],
        ),
        checkout(
            "gpg.ssh.revocationFile",
            |scene, at| {
                at.git(&["config", "gpg.ssh.revocationFile", "/dev/null"]);
                scene.write("signers", &honest().signer);
                scene.write("revoked", honest().signer.split_once(' ').unwrap().1);
                scene.write("git", "[gpg \"ssh\"]\n\tallowedSignersFile = @work@/signers\n\trevocationFile = @work@/revoked\n");
            },
            "[ \"$(git config gpg.ssh.revocationFile)\" = /dev/null ] && touch @mark@",
            &[("verify", "revoked   @work@/revoked (git, gpg.ssh.revocationFile)"), ("verify", "INVALID")],
        ),
        checkout(
            "user.email and user.signingkey",
            |_, at| {
                at.git(&["config", "user.email", "mallory@x"]);
                at.git(&["config", "user.signingkey", "/dev/null"]);
            },
            "[ \"$(git config user.email)\" = mallory@x ] && touch @mark@",
            &[("run", "Your name in run logs")],
        ),
    ]
}

/// Everything, in the checkout; the user's own profile, which is trusted.
pub fn walk(scene: &mut Scene) -> Result<(), String> {
    let at = |name: &str| path(&scene.sandbox.work().join(name));
    let (profile, log) = (at("profile.toml"), at("run.jsonl"));
    fs::write(&log, &honest().log).unwrap();
    let digest = scene.sandbox.digest(&profile);
    scene.run(&["check", &profile])?;
    scene.run(&["check", &profile, "--release", "v1", "--trust", &digest])?;
    scene.run(&["check", &profile, "--format", "json"])?;
    scene.run(&["doctor", &profile])?;
    scene.run(&["points", &profile])?;
    scene.run(&["verify", &log])?;
    for format in scene.some(&["markdown", "html", "json", "junit"]) {
        scene.run(&["report", &log, "--format", format])?;
    }
    scene.run(&["diff", &log, &log])?;
    scene.open(&["review", &log], &[], &|_, _| true)?;
    scene.open(
        &["run", &profile, "--release", "v1", "--previous", "none"],
        &[("Your name in run logs", "\u{3}")],
        &|_, _| true,
    )?;
    scene.open_run(&[], &[("Release to promote:", "\r")])?;
    scene.open_run(&["--release", "v1", "--previous", "none"], &[])
}
