// SPDX-License-Identifier: Apache-2.0

//! The loops of ../../../jobs.c and ../../../memory.c.

use crate::loops::join_all;
use std::fs::read_to_string;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::channel;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn;
use tokio::time::sleep;

/// Processor time of the process so far, ns: the clock of its schedstat files, summed over its threads.
fn cpu() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("no /proc");
    let of_task = |path: std::path::PathBuf| -> u64 {
        let text = read_to_string(path.join("schedstat")).expect("no schedstat");
        text.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("no schedstat")
    };
    tasks.map(|task| of_task(task.expect("no task").path())).sum()
}

pub async fn sleepers(n: u64) -> (f64, f64) {
    let start = cpu();
    let worst = Arc::new(AtomicI64::new(0));
    for _ in 0..n {
        let mut tasks = Vec::new();
        for i in 0..100_000u64 {
            let worst = worst.clone();
            tasks.push(spawn(async move {
                let duration = Duration::from_millis(1 + i * 7919 % 1000);
                let start = Instant::now();
                sleep(duration).await;
                let early = duration.as_nanos() as i64 - start.elapsed().as_nanos() as i64;
                worst.fetch_max(early, Ordering::Relaxed);
            }));
        }
        join_all(tasks).await;
    }
    ((cpu() - start) as f64 / n as f64, worst.load(Ordering::Relaxed) as f64)
}

pub async fn compute(n: u64, procs: usize) {
    let work = |turns: u64| async move {
        let mut x = 88172645463325252u64;
        for _ in 0..turns {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        black_box(x);
    };
    for _ in 0..n {
        join_all((0..procs).map(|_| spawn(work(4_000_000 / procs as u64))).collect()).await;
    }
}

async fn fan_out(count: u64, duration: Option<Duration>) {
    let (jobs, receiver) = channel::<u64>(10);
    let (results, mut received) = channel::<u64>(10);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (receiver, results) = (receiver.clone(), results.clone());
        tasks.push(spawn(async move {
            loop {
                let job = receiver.lock().await.recv().await;
                let job = match job {
                    Some(job) => job,
                    None => break,
                };
                if let Some(duration) = duration {
                    sleep(duration).await;
                }
                results.send(job).await.expect("closed");
            }
        }));
    }
    drop(results);
    tasks.push(spawn(async move {
        for job in 1..=count {
            jobs.send(job).await.expect("closed");
        }
    }));
    let mut sum = 0;
    while let Some(job) = received.recv().await {
        sum += job;
    }
    join_all(tasks).await;
    assert_eq!(sum, count * (count + 1) / 2);
}

pub async fn fan_out_empty(n: u64) {
    let mut left = n;
    while left > 0 {
        let count = left.min(1_000_000);
        fan_out(count, None).await;
        left -= count;
    }
}

pub async fn fan_out_sleep(n: u64) {
    for _ in 0..n {
        fan_out(10, Some(Duration::from_millis(500))).await;
    }
}

/// Kilobytes of a line of /proc/self/status.
fn status_kb(name: &str) -> f64 {
    let text = read_to_string("/proc/self/status").expect("no /proc");
    let line = text.lines().find(|line| line.starts_with(name)).expect("no such line");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("no number")
}

/// Tasks that wait for one notification of all.
pub async fn parked(count: u64) {
    let gate = Arc::new(Notify::new());
    let ready = Arc::new(Notify::new());
    let missing = Arc::new(AtomicU64::new(count));
    let mut tasks = Vec::with_capacity(count as usize);
    let (rss, tables) = (status_kb("VmRSS:"), status_kb("VmPTE:"));

    let start = Instant::now();
    for _ in 0..count {
        let (gate, ready, missing) = (gate.clone(), ready.clone(), missing.clone());
        tasks.push(spawn(async move {
            let opened = gate.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            if missing.fetch_sub(1, Ordering::SeqCst) == 1 {
                ready.notify_one();
            }
            opened.await;
        }));
    }
    ready.notified().await;
    let create = start.elapsed().as_nanos() as f64;

    let (rss, tables) = (status_kb("VmRSS:") - rss, status_kb("VmPTE:") - tables);
    let start = Instant::now();
    gate.notify_waiters();
    join_all(tasks).await;
    let end = start.elapsed().as_nanos() as f64;

    let n = count as f64;
    println!(
        "parked {count} rss {:.1} pte {:.1} create {:.1} end {:.1}",
        1024.0 * rss / n,
        1024.0 * tables / n,
        create / n,
        end / n
    );
}
