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

use crate::engine::clock;
use crate::engine::supervisor::{ExitRecord, LaunchSpec, StartMarker, SupervisorFiles};
use crate::engine::supervisor_launch::SupervisorLaunch;
use crate::engine::system::{SignatureCallback, System};
use crate::probes::ProbeContext;
use crate::process::Permit;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::journal::chain::UnsignedEntry;
use gonogo_core::journal::disk::Disk;
use gonogo_core::journal::entry::{ActionExit, StopCause};
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::outcome::{Observation, Outcome, Sha256Hex};
use gonogo_core::recorded_process::RecordedProcessError;
use gonogo_core::testing::unwilling;
use gonogo_core::time::Moment;

/// Pseudo-random numbers, determined by the seed.
#[derive(Clone, Debug)]
pub struct ScheduleRandom(Arc<Mutex<u64>>);

impl ScheduleRandom {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        // Knuth's MMIX; the upper half is the better one.
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % limit
    }

    /// Usually a short time, sometimes a long one.
    pub fn time(&self, longest: Duration) -> Duration {
        let limit = if self.below(3) == 0 { longest } else { longest / 20 };
        Duration::from_millis(self.below(limit.as_millis().try_into().unwrap()))
    }
}

/// The simulated system.
pub struct SimulatedSystem {
    dice: ScheduleRandom,
    log: PathBuf,
    base: Moment,
    started: Instant,
    /// Whether its keys may wait for a person.
    keys_wait: bool,
    supervisors: Mutex<BTreeMap<i32, Arc<Notify>>>,
    /// The positions of the started actions.
    begun: Arc<Mutex<BTreeSet<u64>>>,
}

impl SimulatedSystem {
    pub fn new(dice: ScheduleRandom, log: PathBuf) -> Self {
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
    fn run_supervisor(&self, id: i32, files: SupervisorFiles, marker: File) {
        let stop = Arc::new(Notify::new());
        self.supervisors.lock().unwrap().insert(id, Arc::clone(&stop));
        let (takes, is_killed) = (self.dice.time(Duration::from_mins(2)), self.dice.below(6) == 0);
        let code = i32::try_from(self.dice.below(2)).unwrap();
        tokio::spawn(async move {
            let cause = tokio::select! {
                () = sleep(takes) => None,
                () = stop.notified() => Some(StopCause::Stopped),
            };
            if !is_killed {
                let end = ExitRecord {
                    exit: ActionExit::Code(code),
                    cause,
                    took_ms: 1,
                    bytes: 0,
                    sha256: Sha256Hex::of(b""),
                    redacted: BTreeMap::new(),
                    lost: None,
                };
                files.make_directory().unwrap().write_exit_record(&end).unwrap();
            }
            drop(marker);
        });
    }

    /// Starts, unless it was given up. Only logged actions start, and only once.
    fn begin(&self, files: &SupervisorFiles) -> bool {
        let started = position(files);
        let last = read_unverified(&self.log).unwrap().last().map_or(0, |entry| entry.header.seq);
        assert!(last >= started, "{started} begins before it is in the log, which ends at {last}");
        let id = i32::try_from(started).unwrap();
        let Ok(marker) =
            files.write_start_marker(&StartMarker { supervisor: id, group: None, at_ms: 1, started: None })
        else {
            return false;
        };
        assert!(self.begun.lock().unwrap().insert(started), "{started} begins twice");
        let (out, _) = files.make_directory().unwrap().create_output().unwrap();
        out.keep();
        self.run_supervisor(id, files.clone(), marker);
        true
    }
}

/// The position of an action's start entry, from the names of its files.
fn position(files: &SupervisorFiles) -> u64 {
    let files = serde_json::to_value(files).unwrap();
    files["name"].as_str().unwrap().strip_prefix("action-").unwrap().parse().unwrap()
}

impl System for SimulatedSystem {
    fn now(&self) -> Moment {
        let passed = self.started.elapsed();
        let mono = self.base.mono + u64::try_from(passed.as_millis()).unwrap();
        Moment { wall: self.base.wall.plus(passed), boot: self.base.boot.clone(), mono }
    }

    fn run_probe<'a>(
        &'a self,
        _: &'a ProbeSpec,
        _: Duration,
        _: &'a SecretStore,
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

    fn may_block(&self, _: &Signer) -> bool {
        self.keys_wait
    }

    fn sign(&self, entry: UnsignedEntry, key: Arc<Signer>, callback: SignatureCallback) -> io::Result<()> {
        if self.dice.below(40) == 0 {
            return Err(io::Error::other("no room for a thread"));
        }
        let (takes, is_willing) = (self.dice.time(Duration::from_mins(1)), self.dice.below(12) > 0);
        tokio::spawn(async move {
            sleep(takes).await;
            callback(if is_willing { entry.sign(&key) } else { Err(unwilling(&key.principal)) });
        });
        Ok(())
    }

    fn launch_supervisor<'a>(
        &'a self,
        spec: &'a LaunchSpec,
        _: &'a Permit,
    ) -> BoxFuture<'a, SupervisorLaunch> {
        async {
            sleep(self.dice.time(Duration::from_secs(8))).await;
            match self.dice.below(6) {
                0 => {
                    assert!(spec.files.prevent_start().unwrap());
                    SupervisorLaunch::NotStarted("the dice say so".into())
                }
                // The launch result is unknown: it starts or does not.
                1 => {
                    if self.dice.below(2) == 0 {
                        self.begin(&spec.files);
                    }
                    SupervisorLaunch::Unknown(None)
                }
                _ => {
                    assert!(self.begin(&spec.files));
                    SupervisorLaunch::Started(None)
                }
            }
        }
        .boxed()
    }

    fn stop(&self, marker: &StartMarker, _: &SupervisorFiles) -> Result<(), RecordedProcessError> {
        let supervisor = self.supervisors.lock().unwrap().get(&marker.supervisor).cloned();
        supervisor
            .map(|supervisor| supervisor.notify_one())
            .ok_or(RecordedProcessError::Ended(marker.supervisor))
    }
}

/// A file without syncs. From some write on, it may refuse.
#[derive(Debug)]
pub struct SimulatedDisk {
    file: File,
    writes: Option<u64>,
}

impl SimulatedDisk {
    pub fn of(file: File, dice: &ScheduleRandom) -> Self {
        Self { file, writes: (dice.below(4) == 0).then(|| dice.below(60)) }
    }
}

impl Disk for SimulatedDisk {
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

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}
