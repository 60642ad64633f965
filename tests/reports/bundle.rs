//! A log in an archive.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode};

use super::ComparedRuns;
use crate::runs::world::ALICE;
use crate::support::gonogo::GONOGO;
use crate::support::need;

#[track_caller]
fn tar(dir: &std::path::Path, args: &[&str]) -> String {
    let output = Command::new("tar").current_dir(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_bundle_can_be_verified_and_reported_and_stock_tools_verify_it() {
    need!("ssh-keygen", "tar");
    let mut runs = ComparedRuns::new();
    let (log, work) = (runs.old.display().to_string(), runs.world.sandbox.work());
    runs.world.set_args(&["bundle", &log, "--output", "run.tar.gz"]);
    let _ = runs.world.sandbox.run().code(0).stdout_has("run.tar.gz");
    let _ = runs
        .world
        .sandbox
        .run()
        .code(2)
        .stderr_has("already exists; give another file with --output, or --force to replace it");
    fs::write(work.join("run.tar.gz"), "an old one").unwrap();
    runs.world.set_args(&["bundle", &log, "--output", "run.tar.gz", "--force"]);
    let _ = runs.world.sandbox.run().code(0);
    runs.world.set_args(&["bundle", &log, "--output", "again.tar.gz"]);
    let _ = runs.world.sandbox.run().code(0);
    assert_eq!(fs::read(work.join("run.tar.gz")).unwrap(), fs::read(work.join("again.tar.gz")).unwrap());
    let _ = runs.gonogo(&["verify", "run.tar.gz"]).code(0).stdout_has("sealed by");
    let plain = runs.gonogo(&["report", &log]).code(0).stdout;
    assert_eq!(runs.gonogo(&["report", "run.tar.gz"]).code(0).stdout, plain);

    let stem = runs.old.file_stem().unwrap().to_str().unwrap().to_owned();
    tar(&work, &["xzf", "run.tar.gz"]);
    let signatures = work.join(&stem).join("signatures");
    let count = fs::read_dir(&signatures).unwrap().count();
    assert_eq!(count, 12, "six signed entries, two files each");
    let mut verify = Command::new("ssh-keygen");
    verify.current_dir(&signatures).args(["-Y", "verify", "-n", "gonogo-entry-v1", "-I", ALICE]);
    verify.args(["-s", "000001.sig", "-f"]).arg(&runs.signers);
    let output = verify.stdin(fs::File::open(signatures.join("000001.msg")).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Packs the bundle again with one change.
const FORGE: &str = r"
import io, sys, tarfile
change = sys.argv[1]
members = []
with tarfile.open('run.tar.gz') as old:
    for info in old:
        members.append((info, old.extractfile(info).read()))
stem = members[0][0].name.split('/')[0]
def add(name, data=b'x', kind=tarfile.REGTYPE, link=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    members.append((info, data))
if change == 'edit':
    info, data = members[1]
    members[1] = (info, b'X' + data[1:])
elif change == 'drop':
    members.pop()
elif change == 'more':
    add(f'{stem}/signatures/999999.sig')
elif change == 'first':
    members.insert(0, members.pop())
elif change == 'up':
    add(f'{stem}/../../evil')
elif change == 'absolute':
    add('/tmp/evil')
elif change == 'link':
    add(f'{stem}/{stem}.jsonl.d/link', b'', tarfile.SYMTYPE, '/etc/passwd')
elif change == 'stray':
    add(f'{stem}/stray')
elif change == 'other':
    add('other/file')
with tarfile.open('bad.tar.gz', 'w:gz') as new:
    for info, data in members:
        new.addfile(info, io.BytesIO(data))
";

#[test]
fn a_forged_or_truncated_bundle_is_rejected() {
    need!("ssh-keygen", "python3");
    let mut runs = ComparedRuns::new();
    let (log, work) = (runs.old.display().to_string(), runs.world.sandbox.work());
    runs.world.set_args(&["bundle", &log, "--output", "run.tar.gz"]);
    let _ = runs.world.sandbox.run().code(0);
    for (change, message) in [
        ("edit", "000001.msg does not match the log"),
        ("drop", ".sig is missing"),
        ("more", "999999.sig does not match the log"),
        ("first", "its first file is not the log"),
        ("up", "is not a regular file in its directory"),
        ("absolute", "is not a regular file in its directory"),
        ("link", "is not a regular file in its directory"),
        ("stray", "stray does not belong there"),
        ("other", "it contains more than one directory"),
    ] {
        let forged = Command::new("python3").current_dir(&work).args(["-c", FORGE, change]).output().unwrap();
        assert!(forged.status.success(), "{}", String::from_utf8_lossy(&forged.stderr));
        let _ = runs.gonogo(&["verify", "bad.tar.gz"]).code(2).stderr_has(message);
    }
    let whole = fs::read(work.join("run.tar.gz")).unwrap();
    fs::write(work.join("bad.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    let _ = runs.gonogo(&["verify", "bad.tar.gz"]).code(2).stderr_has("bad.tar.gz");
}

/// Bundles and settings are private; reports can be read by others.
#[test]
fn created_files_are_not_writable_by_others_under_any_umask() {
    need!("ssh-keygen");
    let runs = ComparedRuns::new();
    let sandbox = &runs.world.sandbox;
    let log = runs.old.display().to_string();
    let signers = runs.signers.display();
    let script = format!(
        "umask 000 && \"$0\" bundle '{log}' --output own.tar.gz && \"$0\" report '{log}' --signers '{signers}' \
         --output html:run.html --output junit:run.xml && XDG_CONFIG_HOME=$PWD/new \"$0\" init --as carol@example --no-passphrase"
    );
    let output = sandbox.command("sh").args(["-c", &script, GONOGO]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mode = |name: &str| fs::metadata(sandbox.work().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("own.tar.gz"), mode("run.html"), mode("run.xml")], [0o600, 0o644, 0o644]);
    assert_eq!([mode("new/gonogo"), mode("new/gonogo/settings.toml")], [0o700, 0o600]);
}

#[test]
fn only_a_run_log_is_packed_and_a_pipe_without_reader_does_not_block() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let work = runs.world.sandbox.work();
    fs::write(work.join("id"), "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    fs::hard_link(work.join("id"), work.join("id.jsonl")).unwrap();
    runs.world.set_args(&["bundle", "id.jsonl", "--output", "id.tar.gz"]);
    let _ = runs
        .world
        .sandbox
        .run()
        .code(2)
        .stderr_has("not a run log: line 1 is not the entry that opens a run");
    assert!(!work.join("id.tar.gz").exists());
    fs::write(work.join("empty.jsonl"), "").unwrap();
    runs.world.set_args(&["bundle", "empty.jsonl"]);
    let output = runs.world.sandbox.run().code(2);
    let _ = output.stderr_has("empty.jsonl: not a run log: the file is empty");
    let log = runs.old.display().to_string();
    let output = runs.gonogo(&["report", &log, "--output", "xml:run.xml"]).code(2);
    let _ = output.stderr_has("unknown format \"xml\", expected one of markdown, html, json, junit, dsse");
    rustix::fs::mknodat(CWD, work.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let log = runs.old.display().to_string();
    let _ = runs.gonogo(&["report", &log, "--output", "html:pipe"]).stderr_has("this pipe has no reader");
}
