//! Runs a target: makes inputs, catches panics, and bounds time and memory. An input depends only on the target's name,
//! the seed and its number, so that a failure is reproducible.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::mutate::{Form, mutate};

/// A decoder with its check.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Valid inputs, in addition to those of the corpus.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Creates the check.
    pub(crate) check: Rc<dyn Fn() -> Check>,
}

/// Panics when the decoder breaks a promise; returns true when it accepts the input.
pub(crate) type Check = Box<dyn FnMut(&[u8]) -> bool>;

/// Range of the inputs to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) seed: u64,
    /// Number of the first input.
    pub(crate) from: u64,
    pub(crate) inputs: u64,
    pub(crate) time: Duration,
}

/// Inputs between two checks of the memory.
const BATCH: u64 = 500;
/// Maximum growth of the memory in bytes within a batch; a whole run may grow by twice as much.
const GROWTH: u64 = 64 << 20;
/// Maximum processor time for one input.
const LONGEST: Duration = Duration::from_secs(10);
/// Maximum time for one input, on a machine that is busy with other work.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Failures printed per kind, and failures after which a run ends.
const PRINTED: u64 = 2;
const FAILURES: u64 = 1_000;

impl Target {
    /// Runs all seeds, then inputs made from them. Returns true when none failed.
    pub(crate) fn run(&self, extent: Extent) -> bool {
        let seeds = self.all_seeds();
        let mut run = Run::new(self.clone());
        for (number, seed) in seeds.iter().enumerate() {
            run.one(seed, &format!("seed {number}"));
        }
        let begin = Instant::now();
        let (mut input, mut number) = (Vec::new(), extent.from);
        let last = extent.from.saturating_add(extent.inputs);
        while number < last && begin.elapsed() < extent.time && run.failures < FAILURES {
            let batch = number..last.min(number + BATCH);
            let held = memory("VmRSS");
            reset_peak();
            for number in batch.clone() {
                self.make(&mut input, &seeds, extent.seed, number);
                run.one(&input, &format!("--seed {} --from {number}", extent.seed));
            }
            if memory("VmHWM").saturating_sub(held) > GROWTH {
                self.find_hungry(&mut run, &seeds, extent.seed, batch.clone());
            }
            number = batch.end;
        }
        run.report(number - extent.from, begin.elapsed())
    }

    /// Runs one input from a file.
    pub(crate) fn run_file(&self, path: &Path) -> bool {
        let mut run = Run::new(self.clone());
        run.one(&fs::read(path).unwrap(), &path.display().to_string());
        run.report(1, Duration::ZERO)
    }

    fn all_seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = self.seeds.clone();
        seeds.extend(files(&corpus(self.name)).iter().map(|path| fs::read(path).unwrap()));
        assert!(!seeds.is_empty(), "{} has no seeds", self.name);
        seeds
    }

    fn make(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>], seed: u64, number: u64) {
        let mixed = [seed, number].into_iter().flat_map(|part| part.to_le_bytes());
        let mixed: Vec<u8> = self.name.bytes().chain(mixed).collect();
        let mut rng = SmallRng::seed_from_u64(hash(&mixed));
        input.clone_from(&seeds[rng.random_range(0..seeds.len())]);
        mutate(input, self.form, seeds, &mut rng);
    }

    /// Repeats the inputs of a batch and checks the memory after each.
    fn find_hungry(&self, run: &mut Run, seeds: &[Vec<u8>], seed: u64, batch: std::ops::Range<u64>) {
        let mut input = Vec::new();
        for number in batch {
            self.make(&mut input, seeds, seed, number);
            let held = memory("VmRSS");
            reset_peak();
            run.one(&input, "");
            let grown = memory("VmHWM").saturating_sub(held);
            if grown > GROWTH {
                run.fail(
                    &input,
                    &format!("--seed {seed} --from {number}"),
                    &format!("takes {} MB", grown >> 20),
                );
            }
        }
    }
}

/// A run and its findings.
struct Run {
    target: Target,
    check: Check,
    watch: Arc<AtomicU64>,
    taken: u64,
    all: u64,
    failures: u64,
    /// Number of failures by their place in the code.
    kinds: BTreeMap<String, u64>,
    slowest: Duration,
    held: u64,
    peak: u64,
}

impl Run {
    fn new(target: Target) -> Self {
        let (check, watch, name) = ((target.check)(), Arc::new(AtomicU64::new(0)), target.name);
        let watched = Arc::downgrade(&watch);
        std::thread::spawn(move || {
            let (mut last, mut since, mut spent) = (0, Instant::now(), worked());
            while let Some(watch) = watched.upgrade() {
                let now = watch.load(Ordering::Relaxed);
                if now != last || now == 0 {
                    (last, since, spent) = (now, Instant::now(), worked());
                } else if worked().saturating_sub(spent) > LONGEST || since.elapsed() > LONGEST_WAIT {
                    println!("  {name}: input {now} of the run does not end");
                    std::process::exit(1);
                }
                drop(watch);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let held = memory("VmRSS");
        Self {
            target,
            check,
            watch,
            taken: 0,
            all: 0,
            failures: 0,
            kinds: BTreeMap::new(),
            slowest: Duration::ZERO,
            held,
            peak: held,
        }
    }

    fn one(&mut self, input: &[u8], name: &str) {
        self.all += 1;
        self.watch.store(self.all, Ordering::Relaxed);
        let begin = Instant::now();
        let caught = catch_unwind(AssertUnwindSafe(|| (self.check)(input)));
        self.slowest = self.slowest.max(begin.elapsed());
        match caught {
            Ok(taken) => self.taken += u64::from(taken),
            Err(_) => {
                let said = SAID.lock().map(|mut said| std::mem::take(&mut *said)).unwrap_or_default();
                self.fail(input, name, &said);
                // After a panic the state of the check is unknown: start with a new one.
                self.check = (self.target.check)();
            }
        }
        if self.all.is_multiple_of(BATCH) {
            self.peak = self.peak.max(memory("VmHWM"));
        }
    }

    fn fail(&mut self, input: &[u8], name: &str, said: &str) {
        self.failures += 1;
        let kind = self.kinds.entry(said.split(": ").next().unwrap_or_default().to_owned()).or_default();
        *kind += 1;
        if *kind > PRINTED {
            return;
        }
        let folder = std::env::temp_dir().join("ua-fuzz").join(self.target.name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{:016x}", hash(input)));
        fs::write(&path, input).unwrap();
        println!("  {} {name}: {said}\n    kept as {}", self.target.name, path.display());
    }

    fn report(mut self, inputs: u64, took: Duration) -> bool {
        self.watch.store(0, Ordering::Relaxed);
        self.peak = self.peak.max(memory("VmHWM"));
        let grown = self.peak.saturating_sub(self.held);
        if grown > 2 * GROWTH {
            self.failures += 1;
            println!("  {}: its memory grew by {} MB in all", self.target.name, grown >> 20);
        }
        let rate = inputs as f64 / took.as_secs_f64().max(1e-3);
        println!(
            "{} {:<26} {inputs:>8} inputs in {:>4.0} s, {:>3} % taken, {} failures, {rate:>7.0} a second, slowest {:>4} ms, memory {} MB (+{})",
            if self.failures == 0 { "✔" } else { "✘" },
            self.target.name,
            took.as_secs_f64(),
            self.taken * 100 / self.all.max(1),
            self.failures,
            self.slowest.as_millis(),
            self.peak >> 20,
            grown >> 20,
        );
        self.failures == 0
    }
}

/// Message of the last panic.
static SAID: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

/// Keeps panic messages for the report instead of printing them.
pub(crate) fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text: String = info.payload_as_str().unwrap_or("a panic").chars().take(600).collect();
        if let Ok(mut said) = SAID.lock() {
            *said = format!("{place}: {text}");
        }
    }));
}

/// Folder of a target's corpus.
pub(crate) fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Returns the files of a folder in order; none if the folder does not exist.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// FNV-1a.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns a line of `/proc/self/status` in bytes.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let number = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    number.unwrap_or(0) << 10
}

/// Processor time of this process.
fn worked() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The process name may contain spaces; it ends at the last parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    // User and system time, in hundredths of a second.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resets the peak of the memory. Without the permission for it, the peak counts from the start.
fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
