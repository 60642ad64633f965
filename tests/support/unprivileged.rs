//! Programs with the rights of an ordinary user: root may inspect every process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

/// Drops the capability that allows root to inspect other processes.
const DROP_PTRACE: [&str; 2] = ["setpriv", "--bounding-set=-sys_ptrace"];

fn prefix() -> &'static [&'static str] {
    if geteuid().is_root() { &DROP_PTRACE } else { &["env"] }
}

/// Writes a script that runs a program without the capability to inspect other processes, with the core file size limit
/// raised as far as the system allows.
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

/// Whether a program of an ordinary user can inspect a process of the same user. It reads the link to the executable, which
/// needs the same permission as reading the memory.
#[track_caller]
pub fn can_inspect(pid: u32) -> bool {
    let (program, arguments) = prefix().split_first().unwrap();
    let mut readlink = Command::new(program);
    readlink.args(arguments).args(["readlink", &format!("/proc/{pid}/exe")]);
    readlink.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}
