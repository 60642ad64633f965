//! gonogo ends soon after `q` or a signal, even while something blocks.

use std::fs;
use std::io::Read as _;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::runs::agent::{SshAgent, open};
use crate::runs::world::{World, select};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// Replaces the resolver settings of the system, for one process.
const RESOLVER: &str = "mount --bind resolv.conf /etc/resolv.conf && exec \"$0\" \"$@\"";

/// The only probe resolves a name, and the name server does not answer.
#[test]
fn a_check_does_not_wait_for_a_name_server() {
    need!("unshare");
    let Ok(server) = UdpSocket::bind("127.0.0.77:53") else {
        assert!(std::env::var_os("CI").is_none(), "only root listens on the port of name servers");
        return;
    };
    let sandbox = Sandbox::new()
        .file("resolv.conf", "nameserver 127.0.0.77\noptions timeout:30 attempts:5\n")
        .profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n")
        .file(
            "checklist.toml",
            "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
             why = \"W\"\nprobe = [{ id = \"p\", title = \"p\", kind = \"http\", deadline = \"1s\", \
             with = { url = \"http://nobody.example/\" } }]\n",
        );
    let program = env!("CARGO_BIN_EXE_gonogo");
    let mut check = sandbox.command("unshare");
    let digest = sandbox.digest("profile.toml");
    check.args(["-m", "sh", "-c", RESOLVER, program, "check", "profile.toml", "--trust", &digest]);
    let mut running = check.stdout(Stdio::null()).spawn().unwrap();
    let mut asked = [0; 512];
    server.recv(&mut asked).unwrap();
    let ended = wait::within(wait::TIMEOUT, || running.try_wait().unwrap());
    let _ = running.kill();
    assert_eq!(ended.and_then(|status| status.code()), Some(3));
}

/// An agent that asks before each signature, like one with a key that has to be touched.
struct TouchAgent {
    agent: SshAgent,
    asking: std::path::PathBuf,
}

impl TouchAgent {
    /// Signs without a touch until the file `asking` exists.
    fn with(key: &Path, work: &Path) -> Self {
        let (program, asking) = (work.join("ask"), work.join("asking"));
        let wait = format!("[ -e {0} ] || exit 0\necho $$ >{0}\nexec sleep 600\n", asking.display());
        fs::write(&program, format!("#!/bin/sh\n{wait}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let agent = SshAgent::asking_with(&program);
        agent.add_with_confirmation(key);
        Self { agent, asking }
    }

    /// The process that waits for the touch.
    #[track_caller]
    fn askpass_pid(&self) -> u32 {
        wait::until("the touch request", || fs::read_to_string(&self.asking).unwrap().trim().parse().ok())
    }
}

/// Confirms a point, and calls `end` while the touch is awaited.
#[track_caller]
fn assert_ends_during_a_touch(end: impl FnOnce(&mut Terminal), code: u32) {
    let mut world = World::new();
    let agent = TouchAgent::with(&world.key.path, &world.sandbox.work());
    let public = world.key.public.clone();
    let mut terminal = open(&mut world, Some(&agent.agent), Some(&public));
    terminal.wait_for_text("1/3");
    fs::write(&agent.asking, "").unwrap();
    select(&mut terminal, '2', 0);
    terminal.send(" ").wait_for_text("y confirm").answer("y");
    let askpass_pid = agent.askpass_pid();
    end(&mut terminal);
    let ended = terminal.wait_exit();
    signal(askpass_pid, "TERM");
    let screen = ended.code(code).screen_text();
    assert!(
        screen.contains("the entry that waited for the key of alice@deck.example was not logged"),
        "{screen}"
    );
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5).stdout_has("1 entry by");
}

#[test]
fn quitting_does_not_wait_for_a_touch() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    assert_ends_during_a_touch(
        |terminal| {
            terminal.send("q");
        },
        5,
    );
}

#[test]
fn a_signal_does_not_wait_for_a_touch() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    assert_ends_during_a_touch(|terminal| signal(terminal.pid(), "TERM"), 130);
}

/// Nobody reads the output of the program, as on a dead connection.
#[test]
fn a_signal_does_not_wait_for_a_blocked_terminal() {
    let sandbox = Sandbox::new();
    // One frame is larger than the buffer of the terminal.
    let size = PtySize { rows: 300, cols: 600, ..PtySize::default() };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gonogo"));
    command.args(["rehearse"]);
    command.env_clear();
    for (name, value) in sandbox.command("true").get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("TERM", "xterm-256color");
    command.cwd(sandbox.work());
    let mut child = pty.slave.spawn_command(command).unwrap();
    let pid = child.process_id().unwrap();
    wait::until("the program to block in a write", || is_writing(pid).then_some(()));
    signal(pid, "TERM");
    let ended = wait::within(wait::TIMEOUT, || child.try_wait().unwrap());
    let _ = child.kill();
    assert_eq!(ended.map(|status| status.exit_code()), Some(130));
}

/// Whether the main thread of a process is in the system call `write` (number 1 on x86-64, 64 on arm64). The kernel shows
/// the call only to root; without root, whether the process sleeps.
fn is_writing(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/syscall")) {
        Ok(seen) => ["1 0x1 ", "64 0x1 "].iter().any(|writes| seen.starts_with(writes)),
        Err(_) => fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") S ")),
    }
}

/// A script that outlives its terminal, and writes the exit code of gonogo to a file.
const OUTLIVES: &str = "trap '' HUP; env --default-signal=HUP \"$@\"; echo $? >code";

#[test]
fn a_closed_terminal_is_not_a_crash() {
    let sandbox = Sandbox::new();
    let pty = native_pty_system().openpty(PtySize { rows: 40, cols: 120, ..PtySize::default() }).unwrap();
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", OUTLIVES, "sh", env!("CARGO_BIN_EXE_gonogo"), "rehearse"]);
    command.env_clear();
    for (name, value) in sandbox.command("true").get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("TERM", "xterm-256color");
    command.cwd(sandbox.work());
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut output = pty.master.try_clone_reader().unwrap();
    let mut screen = vt100::Parser::new(40, 120, 0);
    while !screen.screen().contents().contains("PENDING") {
        let mut piece = [0; 4096];
        let length = output.read(&mut piece).unwrap();
        screen.process(&piece[..length]);
    }
    drop((output, pty.master));
    let code = sandbox.work().join("code");
    let ended = wait::until("its end", || fs::read_to_string(&code).ok().filter(|code| code.ends_with('\n')));
    let _ = child.wait();
    assert_eq!(ended.trim(), "130");
}

/// During a passphrase prompt, the terminal does not echo.
#[test]
fn an_interrupted_passphrase_prompt_restores_the_terminal() {
    need!("ssh-keygen");
    let interrupts: [fn(&mut Terminal); 3] = [
        |terminal| {
            terminal.press(Key::Ctrl('c'));
        },
        |terminal| signal(terminal.pid(), "TERM"),
        |terminal| signal(terminal.pid(), "HUP"),
    ];
    for interrupt in interrupts {
        let sandbox = Sandbox::new().args(["init", "--as", "you@example.com"]);
        let mut terminal = sandbox.terminal(100, 30);
        terminal.wait_for_text("Passphrase for the new key");
        interrupt(&mut terminal);
        let _ = terminal.wait_exit().code(130).left_clean();
    }
}

/// The first signature is made before there is a screen or a log.
#[test]
fn a_touch_awaited_at_the_start_is_announced_and_creates_no_log() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut world = World::new();
    let agent = TouchAgent::with(&world.key.path, &world.sandbox.work());
    fs::write(&agent.asking, "").unwrap();
    let public = world.key.public.clone();
    let mut terminal = open(&mut world, Some(&agent.agent), Some(&public));
    terminal.wait_for_text("Asking your ssh-agent to sign");
    let askpass_pid = agent.askpass_pid();
    terminal.press(Key::Ctrl('c'));
    let _ = terminal.wait_exit();
    signal(askpass_pid, "TERM");
    assert_eq!(world.sandbox.logs("staging"), Vec::<std::path::PathBuf>::new());
}
