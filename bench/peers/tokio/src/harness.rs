// SPDX-License-Identifier: Apache-2.0

//! Options and results as weft-bench has them; n grows as in ../../../bench.c.

use crate::{jobs, loops};
use std::process::exit;
use std::time::{Duration, Instant};

pub struct Options {
    pub procs: usize,
    benchtime: Duration,
    iterations: u64,
    parked: u64,
    case: String,
}

/// Further figures: processor time per operation, by how much the worst sleeper woke early; ns.
pub type Metrics = Option<(f64, f64)>;

const CASES: [&str; 17] = [
    "WorkSpawnJoin",
    "WorkBatch10000",
    "WorkYield2",
    "WorkYield1000",
    "WorkPingPong",
    "WorkBuffered1to1",
    "WorkBuffered4to4",
    "WorkSelect2",
    "WorkSelect8",
    "WorkRing503",
    "WorkSkynet1000000",
    "WorkSieve2000",
    "WorkMutex8",
    "WorkSleepers100000",
    "WorkCompute",
    "WorkFanOut1000000",
    "WorkFanOut10Sleep",
];

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}

impl Options {
    pub fn parse() -> Options {
        let mut options =
            Options { procs: 1, benchtime: Duration::from_millis(100), iterations: 0, parked: 0, case: String::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || -> u64 {
                match arguments.next().and_then(|text| text.parse().ok()) {
                    Some(n) if n > 0 => n,
                    _ => fail("an option's number must be above 0"),
                }
            };
            match argument.as_str() {
                "--list" => {
                    println!("procs 1024\n{}", CASES.join("\n"));
                    exit(0)
                }
                "--procs" => options.procs = number() as usize,
                "--benchtime" => options.benchtime = Duration::from_millis(number()),
                "--iterations" => options.iterations = number(),
                "--parked" => options.parked = number(),
                _ => options.case = argument,
            }
        }
        if options.parked == 0 && !CASES.contains(&options.case.as_str()) {
            fail("no such case; --list shows them");
        }
        options
    }
}

async fn call(case: &str, n: u64, procs: usize) -> Metrics {
    match case {
        "WorkSpawnJoin" => loops::spawn_join(n).await,
        "WorkBatch10000" => loops::batch(n).await,
        "WorkYield2" => loops::yield_among(n, 2).await,
        "WorkYield1000" => loops::yield_among(n, 1000).await,
        "WorkPingPong" => loops::ping_pong(n).await,
        "WorkBuffered1to1" => loops::buffered_1(n).await,
        "WorkBuffered4to4" => loops::buffered_4(n).await,
        "WorkSelect2" => loops::select_2(n).await,
        "WorkSelect8" => loops::select_8(n).await,
        "WorkRing503" => loops::ring(n).await,
        "WorkSkynet1000000" => loops::skynet(n).await,
        "WorkSieve2000" => loops::sieve(n).await,
        "WorkMutex8" => loops::mutex_8(n).await,
        "WorkSleepers100000" => return Some(jobs::sleepers(n).await),
        "WorkCompute" => jobs::compute(n, procs).await,
        "WorkFanOut1000000" => jobs::fan_out_empty(n).await,
        "WorkFanOut10Sleep" => jobs::fan_out_sleep(n).await,
        _ => fail("no such case"),
    }
    None
}

pub async fn run(options: Options) {
    if options.parked > 0 {
        return jobs::parked(options.parked).await;
    }
    let goal = options.benchtime.as_nanos() as f64;
    let mut n = options.iterations.max(1);
    loop {
        let start = Instant::now();
        let metrics = call(&options.case, n, options.procs).await;
        let elapsed = start.elapsed().as_nanos() as f64;
        if options.iterations == 0 && elapsed < goal && n < 1_000_000_000 {
            // a fifth more than the last call's speed asks for, but not over a hundred times as many
            let wanted = (1.2 * goal * n as f64 / elapsed.max(1.0)) as u64;
            n = wanted.clamp(n + 1, 100 * n).min(1_000_000_000);
            continue;
        }
        print!("Benchmark{}", options.case);
        if options.procs > 1 {
            print!("-{}", options.procs);
        }
        print!("\t{}\t{:.3} ns/op", n, elapsed / n as f64);
        if let Some((cpu, early)) = metrics {
            print!("\t{cpu:.0} cpu-ns/op\t{early:.0} early-ns");
        }
        println!();
        return;
    }
}
