//! gonogo: a go/no-go checklist for deployments. It probes the real stack, has people confirm the rest, and keeps a
//! signed run log.
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
//! Nothing is shown as done before it is durable. To resume a run is to fold its file again. A face can be tested by
//! feeding it entries, and the rules can be tested without a terminal.
//!
//! # Rooms, top to bottom; each imports only from rooms below it
//!
//! | room | what it has |
//! |---|---|
//! | [`cli`], [`commands`] | arguments, one file per command, exit codes |
//! | [`tui`] | the screen |
//! | [`help`] | the manual: topics in Markdown, for terminals and `man` |
//! | [`headless`] | results as lines, JSON, JUnit or TAP |
//! | [`engine`] | the event loop; probes as tasks, actions under supervisors |
//! | [`probes`] | automatic checks, one file per protocol |
//! | [`process`], [`secret_store`] | the only way to start a program, with a permit; reading secrets |
//! | [`gonogo_core`] | runs and their rules, the signed log, checklists and plans; no runtime, no terminal, no network |
//! | [`diagnostic`], [`stopwatch`] | the diagnostic log; time without pauses |
//!
//! `gonogo-core` (`src/core`) and `gonogo-rehearsal` (`src/rehearsal`) are packages; what lives there, and what may not,
//! stands in their `lib.rs`. The rehearsal is the stack of `gonogo rehearse`: servers on loopback, tool shims, drills. It
//! imports none of these rooms, and a build without the feature `rehearsal` holds none of it.
//!
//! # Words
//!
//! *checklist* the sections and control points · *control point* one item of it · *profile* the values of one
//! environment · *plan* checklist and profile, resolved, and fixed in the log when a run opens · *probe* an automatic
//! check; it *runs*, each *attempt* has a *result*, and an attempt may take several *tries* · *observation* one thing
//! that a probe checked · *outcome* pass, fail (checked, and wrong) or error (could not be checked) · *evidence* the
//! outcomes that a confirmation depends on · *action* a command of the plan that a person starts; *guards* and
//! *pre-flight checks* run before it · *confirm*, *waive*, *mark as not applicable*, *retract* what people do · *done*
//! a point that is passed, confirmed, waived or not applicable · *stale* a result that is too old · *blocked* a point
//! that comes after one that is not done · *operator* a person with a key; *driver* and *reviewer* the two roles ·
//! *verdict* GO, NO-GO or PENDING · *seal* the closing signature of a role · *run log* the file; *journal* the code
//! that writes it · *attachment* a file next to the log, with its digest in the log · *supervisor* the process that
//! runs an action and outlives the screen · *face* what shows a run: the screen, headless output, a report.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod commands;
pub mod diagnostic;
pub mod engine;
pub mod headless;
pub mod help;
pub mod probes;
pub mod process;
pub mod report;
pub mod secret_store;
pub mod stopwatch;
pub mod tui;
