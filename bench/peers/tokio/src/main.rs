// SPDX-License-Identifier: Apache-2.0

//! The workloads of ../../../workload.c and ../../../jobs.c with tokio, with weft-bench's options and form of results.
//!
//! One processor: the current-thread runtime. More: the multi-thread runtime with so many workers, the loops in a task.
//! Channels are tokio::sync::mpsc, whose smallest capacity is 1 (there is no rendezvous); several receivers of one share
//! it under tokio's mutex. The counting mutex is std's, as tokio's documentation advises for short sections.

mod harness;
mod jobs;
mod loops;

use harness::Options;
use tokio::runtime::Builder;

fn main() {
    let options = Options::parse();
    let runtime = if options.procs == 1 {
        Builder::new_current_thread().enable_time().build()
    } else {
        Builder::new_multi_thread().worker_threads(options.procs).enable_time().build()
    };
    runtime.expect("no runtime").block_on(async move {
        tokio::spawn(async move { harness::run(options).await }).await.expect("the run failed");
    });
}
