//! Programs that may do no more than those of an ordinary user: root's may look into every process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

/// What takes root's right to look into processes away.
const TAKEN: [&str; 2] = ["setpriv", "--bounding-set=-sys_ptrace"];

fn prefix() -> &'static [&'static str] {
    if geteuid().is_root() { &TAKEN } else { &["env"] }
}

/// Writes a script that runs a program as an ordinary user's, with core files as large as the system lets them be.
#[track_caller]
pub fn wrapper(directory: &Path, program: &str) -> String {
    let path = directory.join("unprivileged");
    let script = format!(
        "#!/bin/sh\nulimit -S -c \"$(ulimit -H -c)\"\nexec {} {program} \"$@\"\n",
        prefix().join(" ")
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Whether an ordinary user's program can look into a process of that user: at what it runs, which takes no more than its
/// memory does.
#[track_caller]
pub fn can_look_into(pid: u32) -> bool {
    let (program, arguments) = prefix().split_first().unwrap();
    let mut reads = Command::new(program);
    reads.args(arguments).args(["readlink", &format!("/proc/{pid}/exe")]);
    reads.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}
