//! Logs that somebody names, and what lies beside them, that are no files, or lead elsewhere.

use std::sync::Arc;

use super::Trap;
use super::base::Base;
use super::log_files::laid;
use super::outside::CANARY;
use super::scene::{Scene, path};

pub fn traps(base: &Arc<Base>) -> Vec<Trap> {
    const IRREGULAR: &str = "expected a regular file";
    const READING: [&str; 5] = ["verify", "review", "report", "diff", "bundle"];
    let whole =
        |name, script, stock| laid(base, name, script, stock, &READING.map(|command| (command, IRREGULAR)));
    let attachment = |name, script, stock, words| {
        let named = ["verify", "report", "bundle"].map(|command| (command, words));
        laid(base, name, script, stock, &named)
    };
    vec![
        whole("a named log that is a FIFO", "rm $NAMED && mkfifo $NAMED", "timeout 1 cat $NAMED"),
        whole(
            "a named log that is a directory",
            "rm $NAMED && cp -r @outside@/dir $NAMED",
            "grep -r . $NAMED",
        ),
        whole("a named log that is a device", "ln -sf /dev/zero $NAMED", "timeout 1 cat $NAMED >/dev/null"),
        laid(
            base,
            "a named log that is a link to what is no log",
            "ln -sf @outside@/canary $NAMED",
            "tar chzf packed.tar.gz $(basename $NAMED) && tar xzOf packed.tar.gz",
            &[("bundle", "a symbolic link")],
        ),
        attachment(
            "an attachment that is a link",
            "mv $ATTACHED @outside@/torn && ln -s @outside@/torn $ATTACHED",
            "cat $ATTACHED",
            "a symbolic link",
        ),
        attachment(
            "an attachment with a second name",
            "ln $ATTACHED @outside@/torn",
            "echo more >>$ATTACHED",
            "it has more than one name",
        ),
        attachment(
            "an attachment that is a FIFO",
            "rm $ATTACHED && mkfifo $ATTACHED",
            "timeout 1 cat $ATTACHED",
            IRREGULAR,
        ),
        attachment(
            "an attachment that is a directory",
            "rm $ATTACHED && cp -r @outside@/dir $ATTACHED",
            "grep -r . $ATTACHED",
            IRREGULAR,
        ),
        attachment(
            "an attachment that is a device",
            "ln -sf /dev/zero $ATTACHED",
            "timeout 1 cat $ATTACHED >/dev/null",
            "a symbolic link",
        ),
        attachment(
            "named attachments in a directory that is a link",
            "mv $NAMED.d @outside@/kept && ln -s @outside@/kept $NAMED.d",
            "cat $ATTACHED",
            "a symbolic link",
        ),
    ]
}

/// All that reads a log that is named.
pub fn walk(base: &Base, scene: &mut Scene) -> Result<(), String> {
    let log = base.named(scene);
    let leads_to_a_file = log.is_symlink() && log.is_file();
    let log = path(&log);
    let with = |first: &'static str, more: &[&'static str]| {
        let words = [&[first, "@log@", "--signers", "signers"], more].concat();
        words.iter().map(|word| word.replace("@log@", &log)).collect::<Vec<_>>()
    };
    let all = [
        with("verify", &[]),
        with("verify", &["--against", "honest.jsonl"]),
        with("report", &["--format", "json"]),
        with("report", &["--format", "markdown"]),
        with("diff", &["honest.jsonl"]),
    ];
    // Who names a link means what it leads to, but does not see that it is packed.
    for words in all.iter().filter(|_| !leads_to_a_file) {
        scene.run(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    scene.run(&["bundle", &log, "--output", "out.tar.gz"])?;
    let (_, packed) = scene.shell(&format!("tar tzf out.tar.gz; tar xzOf out.tar.gz | grep -o {CANARY}"));
    let is_left_out = scene.names(&[("bundle", "not packed:")]).is_ok();
    if packed.contains(CANARY) || is_left_out && packed.contains(".jsonl.d/") {
        return Err(format!("gonogo bundle packs what is elsewhere: {packed}"));
    }
    if leads_to_a_file {
        return Ok(());
    }
    scene.run(&["verify", "honest.jsonl", "--signers", "signers", "--against", &log])?;
    let words = with("review", &[]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    scene.open(&words, &[], &|_, screen| screen.contains("OPEN") || screen.contains("INVALID"))
}
