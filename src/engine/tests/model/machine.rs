//! A simulated system: its own clocks, and probes, keys, supervisors and a disk whose durations and results are
//! random.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::checklist::spec::Spec;
use crate::engine::clock;
use crate::engine::hand_over::HandedOver;
use crate::engine::supervisor::{Begun, End, Files, Order};
use crate::engine::system::{System, TakesSignature};
use crate::journal::chain::Unsigned;
use crate::journal::disk::Disk;
use crate::journal::entry::{Cause, Ended};
use crate::journal::keys::{Signer, tests::unwilling};
use crate::journal::store::peek;
use crate::outcome::{Observation, Outcome, Sha256Hex};
use crate::probe::ProbeContext;
use crate::process::Permit;
use crate::process::recorded::RecordedProcessError;
use crate::secret::Keeper;
use crate::time::Moment;

/// Pseudo-random numbers, determined by the seed.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub fn below(&self, most: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        // Knuth's MMIX; the upper half is the better one.
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % most
    }

    /// Usually a short time, sometimes a long one.
    pub fn time(&self, longest: Duration) -> Duration {
        let most = if self.below(3) == 0 { longest } else { longest / 20 };
        Duration::from_millis(self.below(most.as_millis().try_into().unwrap()))
    }
}

/// The simulated system.
pub struct MadeUp {
    dice: Dice,
    log: PathBuf,
    base: Moment,
    started: Instant,
    /// Whether its keys may wait for a person.
    keys_wait: bool,
    supervisors: Mutex<BTreeMap<i32, Arc<Notify>>>,
    /// The positions of the started actions.
    begun: Arc<Mutex<BTreeSet<u64>>>,
}

impl MadeUp {
    pub fn new(dice: Dice, log: PathBuf) -> Self {
        let keys_wait = dice.below(4) > 0;
        Self {
            dice,
            log,
            base: clock::now(),
            started: Instant::now(),
            keys_wait,
            supervisors: Mutex::default(),
            begun: Arc::default(),
        }
    }

    pub fn begun(&self) -> BTreeSet<u64> {
        self.begun.lock().unwrap().clone()
    }

    /// A running supervisor: it records the exit, or is killed before.
    fn at_work(&self, id: i32, files: Files, marker: File) {
        let stop = Arc::new(Notify::new());
        self.supervisors.lock().unwrap().insert(id, Arc::clone(&stop));
        let (takes, is_killed) = (self.dice.time(Duration::from_mins(2)), self.dice.below(6) == 0);
        let code = i32::try_from(self.dice.below(2)).unwrap();
        tokio::spawn(async move {
            let cause = tokio::select! {
                () = sleep(takes) => None,
                () = stop.notified() => Some(Cause::Stopped),
            };
            if !is_killed {
                let end = End {
                    ended: Ended::Exit(code),
                    cause,
                    took_ms: 1,
                    bytes: 0,
                    sha256: Sha256Hex::of(b""),
                    redacted: BTreeMap::new(),
                    lost: None,
                };
                files.make_directory().unwrap().end(&end).unwrap();
            }
            drop(marker);
        });
    }

    /// Starts, unless it was given up. Only logged actions start, and only once.
    fn begin(&self, files: &Files) -> bool {
        let started = position(files);
        let last = peek(&self.log).unwrap().last().map_or(0, |entry| entry.header.seq);
        assert!(last >= started, "{started} begins before it is in the log, which ends at {last}");
        let id = i32::try_from(started).unwrap();
        let Ok(marker) = files.begin(&Begun { supervisor: id, group: None, at_ms: 1, started: None }) else {
            return false;
        };
        assert!(self.begun.lock().unwrap().insert(started), "{started} begins twice");
        let (out, _) = files.make_directory().unwrap().create_out().unwrap();
        out.keep();
        self.at_work(id, files.clone(), marker);
        true
    }
}

/// The position of an action's start entry, from the names of its files.
fn position(files: &Files) -> u64 {
    let files = serde_json::to_value(files).unwrap();
    files["name"].as_str().unwrap().strip_prefix("action-").unwrap().parse().unwrap()
}

impl System for MadeUp {
    fn now(&self) -> Moment {
        let passed = self.started.elapsed();
        let mono = self.base.mono + u64::try_from(passed.as_millis()).unwrap();
        Moment { wall: self.base.wall.plus(passed), boot: self.base.boot.clone(), mono }
    }

    fn look<'a>(
        &'a self,
        _: &'a Spec,
        _: Duration,
        _: &'a Keeper,
        _: &'a ProbeContext,
    ) -> BoxFuture<'a, Outcome> {
        async {
            sleep(self.dice.time(Duration::from_secs(15))).await;
            let is_good = self.dice.below(4) > 0;
            let seen = if is_good { "good" } else { "bad" };
            Outcome::of(vec![Observation::new("it", "good", seen, is_good)], "")
        }
        .boxed()
    }

    fn may_wait(&self, _: &Signer) -> bool {
        self.keys_wait
    }

    fn sign(&self, entry: Unsigned, key: Arc<Signer>, told: TakesSignature) -> io::Result<()> {
        if self.dice.below(40) == 0 {
            return Err(io::Error::other("no room for a thread"));
        }
        let (takes, is_willing) = (self.dice.time(Duration::from_mins(1)), self.dice.below(12) > 0);
        tokio::spawn(async move {
            sleep(takes).await;
            told(if is_willing { entry.sign(&key) } else { Err(unwilling(&key.principal)) });
        });
        Ok(())
    }

    fn hand_over<'a>(&'a self, order: &'a Order, _: &'a Permit) -> BoxFuture<'a, HandedOver> {
        async {
            sleep(self.dice.time(Duration::from_secs(8))).await;
            match self.dice.below(6) {
                0 => {
                    assert!(order.files.give_up().unwrap());
                    HandedOver::NotBegun("the dice say so".into())
                }
                // The launch result is unknown: it starts or does not.
                1 => {
                    if self.dice.below(2) == 0 {
                        self.begin(&order.files);
                    }
                    HandedOver::Unclear(None)
                }
                _ => {
                    assert!(self.begin(&order.files));
                    HandedOver::Begun(None)
                }
            }
        }
        .boxed()
    }

    fn stop(&self, begun: &Begun, _: &Files) -> Result<(), RecordedProcessError> {
        let asked = self.supervisors.lock().unwrap().get(&begun.supervisor).cloned();
        asked.map(|supervisor| supervisor.notify_one()).ok_or(RecordedProcessError::Ended(begun.supervisor))
    }
}

/// A file without syncs. From some write on, it may refuse.
#[derive(Debug)]
pub struct MadeUpDisk {
    file: File,
    writes: Option<u64>,
}

impl MadeUpDisk {
    pub fn of(file: File, dice: &Dice) -> Self {
        Self { file, writes: (dice.below(4) == 0).then(|| dice.below(60)) }
    }
}

impl Disk for MadeUpDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.writes {
            Some(0) => return Err(io::Error::other("the disk takes no more")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}
