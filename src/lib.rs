//! gonogo: a go/no-go checklist for deployments. It probes the real stack, asks people for the rest, and
//! keeps a signed run log.
//!
//! # One idea carries everything
//!
//! The run log is the only truth. A run is a list of entries, appended one at a time; the state of a run is
//! the fold of its entries; every face shows that fold and nothing else.
//!
//! ```text
//! config/*.toml ─► checklist ─┐ plan
//!                             ▼
//! keys ─► tui ─ Command ─► engine ─► run::decide ─► Event ─► journal.append ─► Entry ─► RunState::apply ─► faces
//!                            ▲        (pure)                (chain, sign,             (pure)
//!                          probes                            fdatasync)
//! ```
//!
//! Nothing is shown as done before it is durable; resuming is folding the file again; a face can be tested by
//! feeding it entries, and the rules can be tested without a terminal.
//!
//! # Rooms, top to bottom; each imports only from rooms below it
//!
//! | room | what lives there |
//! |---|---|
//! | [`cli`], [`commands`] | arguments, one command each, exit codes |
//! | [`tui`] | the screen |
//! | [`headless`] | what was seen, as lines or JSON |
//! | [`engine`] | the one loop; probes as tasks, actions under supervisors |
//! | [`probe`] | automatic checks, one file per protocol |
//! | [`run`] | the state of a run, its rules, its verdict |
//! | [`journal`] | entries, chain, signatures, the file, verification |
//! | [`checklist`] | sections, control points, probe specs, profiles, the lock |
//! | [`outcome`] | what a probe ends with |
//! | [`process`] | the one way to start a program, with a permit |
//! | [`diagnostic`], [`secret`], [`stopwatch`], [`text`], [`ansi`], [`time`], [`error`] | the base |
//!
//! The package `gonogo-rehearsal`, in `src/rehearsal`, is the stack of `gonogo rehearse`: servers on loopback, tool
//! shims, drills. It imports none of these rooms. A build without the feature `rehearsal` holds none of it.
//!
//! # Words
//!
//! *checklist* the sections and control points · *control point* one line of it · *profile* the values of one
//! environment · *plan* checklist and profile, frozen into the log when a run opens · *probe* an automatic check ·
//! *observation* one thing a probe saw · *outcome* pass, fail (looked, and it is wrong) or error (could not look) ·
//! *confirm*, *waive*, *retract* what people do · *operator* a person with a key; *driver* and *reviewer* the two
//! roles · *verdict* GO, NO-GO or PENDING · *seal* the closing signature · *run log* the file; *journal* the code
//! that writes it.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod ansi;
pub mod checklist;
pub mod cli;
pub mod commands;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod files;
pub mod headless;
pub mod journal;
pub mod outcome;
pub mod probe;
pub mod process;
pub mod report;
pub mod run;
pub mod secret;
pub mod stopwatch;
pub mod text;
pub mod time;
pub mod tui;
