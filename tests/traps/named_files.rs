//! Files that somebody names, or that are read because of who they are, and that are no files, or have no end.

use std::fs;
use std::sync::Arc;

use super::base::Base;
use super::scene::{Scene, path};
use super::{Kind, Trap};
use crate::runs::world::ALICE;

/// A file, where it is, and the commands that read it.
struct Read {
    name: &'static str,
    file: &'static str,
    by: &'static [&'static str],
    /// Whether nobody names it, so that no link is followed.
    is_own: bool,
}

const PLAN: &[&str] = &["check", "run", "doctor", "points"];
const LOG: &[&str] = &["verify", "report", "diff", "review"];

const FILES: [Read; 9] = [
    Read { name: "a profile", file: "profile.toml", by: PLAN, is_own: false },
    Read { name: "a checklist", file: "checklist.toml", by: PLAN, is_own: false },
    Read { name: "a file of trusted signers", file: "signers", by: LOG, is_own: false },
    Read { name: "a file of revoked keys", file: "revoked", by: LOG, is_own: false },
    Read { name: "a key", file: "alice", by: &["run", "report", "abandon"], is_own: false },
    Read { name: "a public key", file: "bob.pub", by: &["run", "report", "abandon"], is_own: false },
    Read { name: "an envelope", file: "envelope", by: &["report"], is_own: false },
    Read {
        name: "a file of settings",
        file: "$XDG_CONFIG_HOME/gonogo/settings.toml",
        by: &["run", "verify", "report", "diff", "review", "abandon"],
        is_own: false,
    },
    Read {
        name: "a file of what was allowed",
        file: "$(echo $STATE/trust/*)",
        by: &["check", "run"],
        is_own: true,
    },
];

/// What is in its place.
struct Shape {
    name: &'static str,
    lay: &'static str,
    stock: &'static str,
    words: &'static str,
    words_of_own: &'static str,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "a FIFO",
        lay: "rm $TRAP && mkfifo -m 600 $TRAP",
        stock: "timeout 1 cat $TRAP",
        words: "expected a regular file",
        words_of_own: "expected a regular file",
    },
    Shape {
        name: "a directory",
        lay: "rm $TRAP && cp -r @outside@/dir $TRAP",
        stock: "grep -r . $TRAP",
        words: "expected a regular file",
        words_of_own: "expected a regular file",
    },
    Shape {
        name: "a device",
        lay: "ln -sf /dev/zero $TRAP",
        stock: "timeout 1 cat $TRAP >/dev/null",
        words: "expected a regular file",
        words_of_own: "a symbolic link",
    },
    Shape {
        name: "64 GiB long",
        lay: "truncate -s 64G $TRAP",
        stock: "timeout 1 cksum $TRAP",
        words: "larger than",
        words_of_own: "larger than",
    },
];

pub fn traps(base: &Arc<Base>) -> Vec<Trap> {
    FILES.iter().flat_map(|file| SHAPES.iter().map(|shape| trap(base, file, shape))).collect()
}

fn trap(base: &Arc<Base>, file: &'static Read, shape: &'static Shape) -> Trap {
    let name = format!("{} that is {}", file.name, shape.name).into();
    let (lay, stock) = (shape.lay, shape.stock);
    let words = if file.is_own { shape.words_of_own } else { shape.words };
    let base = Arc::clone(base);
    let place = move |scene: &mut Scene| {
        place(&base, scene);
        let script = format!("TRAP={}; {lay} && printf %s \"$TRAP\"", file.file);
        let (code, trap) = scene.shell(&script);
        assert_eq!(code, Some(0), "{trap}");
        scene.change(|sandbox| sandbox.env("TRAP", trap));
    };
    let named = file.by.iter().map(|command| (*command, words)).collect();
    Trap { name, kind: Kind::NamedFile, needs: &[], lay: Box::new(place), stock, named }
}

/// All of them as they should be, what the profile makes happen allowed.
pub fn place(base: &Base, scene: &mut Scene) {
    base.lay(scene);
    // That of the place where the base was made.
    fs::remove_dir_all(scene.sandbox.state().join("gonogo/trust")).unwrap();
    let digest = scene.sandbox.digest("profile.toml");
    let run = ["run", "profile.toml", "--as", ALICE, "--key", "alice", "--trust", &digest];
    scene.open(&run, &[], &|_, screen| screen.contains("log saved")).unwrap();
    let (code, told) = scene.shell(
        "touch revoked && cp alice.pub bob.pub && mkdir -p $XDG_CONFIG_HOME/gonogo && \
         echo 'theme = \"light\"' >$XDG_CONFIG_HOME/gonogo/settings.toml && echo '{}' >envelope",
    );
    assert_eq!(code, Some(0), "{told}");
}

/// All that reads them, as far as it comes.
pub fn walk(base: &Base, scene: &mut Scene) -> Result<(), String> {
    const TRUST: [&str; 4] = ["--signers", "signers", "--revoked", "revoked"];
    let log = path(&base.named(scene));
    let kept = path(&base.log(scene));
    for command in ["doctor", "points"] {
        scene.run(&[command, "profile.toml"])?;
    }
    scene.run(&["check", "profile.toml", "--release", "v2", "--previous", "v1"])?;
    for words in [&["verify", &log][..], &["report", &log], &["diff", &log, "honest.jsonl"]] {
        scene.run(&[words, &TRUST].concat())?;
    }
    let signed = ["report", &log, "--format", "dsse", "--add", "envelope", "--as", ALICE];
    let abandon = ["abandon", &kept, "--reason", "over", "--as", ALICE];
    scene.open(&[&["review", &log], &TRUST[..]].concat(), &[], &|_, screen| screen.contains("OPEN"))?;
    for key in ["bob.pub", "alice"] {
        let run = ["run", "profile.toml", "--as", ALICE, "--key", key];
        scene.run(&[&signed[..], &["--key", key], &TRUST].concat())?;
        scene.open(&run, &[("y to allow:", "n\r")], &|_, screen| screen.contains("log saved"))?;
        scene.run(&[&abandon[..], &["--key", key]].concat())?;
    }
    Ok(())
}
