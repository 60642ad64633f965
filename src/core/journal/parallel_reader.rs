//! Reading a log on all cores. What needs only the line itself is done in parallel; what depends on earlier lines is
//! left to the caller, line by line, in the order of the file.

use std::io::{self, BufRead};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use super::read::{LogLine, LogLines};

/// The maximum number of threads; each has batches in memory.
const MAX_THREADS: usize = 16;
/// How many batches a thread has: one in progress, one queued.
const BATCHES_PER_THREAD: usize = 2;
/// A batch is full at this many lines or bytes, whichever comes first.
const BATCH_LINES: usize = 64;
const BATCH_BYTES: usize = 64 * 1024;

/// Processes every line on all cores, and calls `take` with each line and its result, in order and on this thread,
/// until `take` breaks. `begin` makes the function that processes lines, once for each thread. A line without an end
/// is the last one.
///
/// # Errors
/// When a line cannot be read, after all lines before it were passed to `take`.
pub(super) fn for_each_line<T: Send, L: FnMut(&LogLine) -> T>(
    lines: LogLines<impl BufRead>,
    begin: &(impl Fn() -> L + Sync),
    take: &mut dyn FnMut(&LogLine, T) -> ControlFlow<()>,
) -> io::Result<()> {
    let thread_count = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let mut batches = Batches { lines, failed: None, is_done: false };
    thread::scope(|scope| {
        let mut workers: Vec<ReaderThread<T>> = Vec::new();
        let (mut sent, mut received) = (0, 0);
        loop {
            while sent - received < thread_count * BATCHES_PER_THREAD {
                let Some(batch) = batches.next() else { break };
                // For a short log, threads are not worth their cost.
                if workers.len() < thread_count {
                    workers.push(ReaderThread::start(scope, begin));
                }
                workers[sent % thread_count].send(batch);
                sent += 1;
            }
            if received == sent {
                break;
            }
            // Batches are distributed in turn, so the next one in order is with the next worker.
            for (line, result) in workers[received % thread_count].receive() {
                if take(&line, result).is_break() {
                    return;
                }
            }
            received += 1;
        }
    });
    batches.failed.map_or(Ok(()), Err)
}

struct Batches<R> {
    lines: LogLines<R>,
    failed: Option<io::Error>,
    is_done: bool,
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Vec<LogLine>;

    fn next(&mut self) -> Option<Vec<LogLine>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while !self.is_done && batch.len() < BATCH_LINES && bytes < BATCH_BYTES {
            match self.lines.next() {
                Some(Ok(line)) => {
                    self.is_done = !line.is_terminated;
                    bytes += line.bytes.len();
                    batch.push(line);
                }
                end => {
                    self.is_done = true;
                    self.failed = end.and_then(Result::err);
                }
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}

/// A thread that processes batches; it ends when it gets no more.
struct ReaderThread<T> {
    batches: Sender<Vec<LogLine>>,
    results: Receiver<Vec<(LogLine, T)>>,
}

impl<T: Send> ReaderThread<T> {
    fn start<'scope, 'env, F, L>(scope: &'scope Scope<'scope, 'env>, begin: &'env F) -> Self
    where
        T: 'scope,
        F: Fn() -> L + Sync,
        L: FnMut(&LogLine) -> T,
    {
        let (batches, queue) = channel::<Vec<LogLine>>();
        let (result_sender, results) = channel();
        scope.spawn(move || {
            let mut process = begin();
            for batch in queue {
                let with_line = |line| {
                    let result = process(&line);
                    (line, result)
                };
                let processed = batch.into_iter().map(with_line).collect();
                // There is no receiver any more if an earlier line broke the loop.
                if result_sender.send(processed).is_err() {
                    break;
                }
            }
        });
        Self { batches, results }
    }

    fn send(&self, batch: Vec<LogLine>) {
        // A worker that is gone has panicked; the scope passes that on at its end.
        let _ = self.batches.send(batch);
    }

    fn receive(&self) -> Vec<(LogLine, T)> {
        self.results.recv().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn numbers(count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("{n}\n").into_bytes()).collect()
    }

    /// The numbers that are passed on, up to the one that breaks.
    fn taken(log: impl Read, enough: usize) -> (Vec<usize>, io::Result<()>) {
        let parse = |line: &LogLine| String::from_utf8_lossy(&line.bytes).parse::<usize>().unwrap();
        let mut numbers = Vec::new();
        let done = for_each_line(LogLines::new(BufReader::new(log)), &|| parse, &mut |_, number| {
            numbers.push(number);
            if number == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (numbers, done)
    }

    #[test]
    fn lines_are_passed_on_in_order_until_the_caller_breaks() {
        for count in [0, 1, BATCH_LINES, BATCH_LINES + 1, 100 * BATCH_LINES] {
            assert_eq!(taken(numbers(count).as_slice(), usize::MAX).0, (0..count).collect::<Vec<_>>());
        }
        assert_eq!(taken(numbers(100 * BATCH_LINES).as_slice(), 777).0.last(), Some(&777));
    }

    #[test]
    fn a_panic_while_processing_a_line_is_passed_on() {
        let mut log = numbers(100 * BATCH_LINES);
        log[BATCH_LINES * 40] = b'x';
        assert!(std::panic::catch_unwind(|| taken(log.as_slice(), usize::MAX)).is_err());
    }

    #[test]
    fn a_failed_read_comes_after_the_lines_before_it() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let log = numbers(5 * BATCH_LINES);
        let (read_numbers, done) = taken(log.as_slice().chain(Fails), usize::MAX);
        assert_eq!(
            (read_numbers.len(), done.unwrap_err().to_string().as_str()),
            (5 * BATCH_LINES, "the disk is gone")
        );
        let (read_numbers, done) = taken(log.as_slice().chain(Fails), 9);
        assert_eq!((read_numbers.len(), done.is_ok()), (10, true));
    }
}
