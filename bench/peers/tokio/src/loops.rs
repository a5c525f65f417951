// SPDX-License-Identifier: Apache-2.0

//! The loops of ../../../workload.c.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{channel, Receiver, Sender};
use tokio::task::{spawn, yield_now, JoinHandle};

const BATCH: u64 = 10_000;
const RING: usize = 503;
const LEAVES: u64 = 1_000_000;
const PRIMES: u64 = 2_000;
const PRIME_MAX: u64 = 17_389;

pub async fn join_all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("a task failed");
    }
}

pub async fn spawn_join(n: u64) {
    for _ in 0..n {
        spawn(async {}).await.expect("a task failed");
    }
}

pub async fn batch(n: u64) {
    let mut left = n;
    while left > 0 {
        let count = left.min(BATCH);
        join_all((0..count).map(|_| spawn(async {})).collect()).await;
        left -= count;
    }
}

pub async fn yield_among(n: u64, tasks: u64) {
    let each = n / tasks + 1;
    let yielder = || async move {
        for _ in 0..each {
            yield_now().await;
        }
    };
    join_all((0..tasks).map(|_| spawn(yielder())).collect()).await;
}

pub async fn ping_pong(n: u64) {
    let (ping, mut pinged) = channel(1);
    let (pong, mut ponged) = channel(1);
    let other = spawn(async move {
        for _ in 0..n {
            let value: u64 = pinged.recv().await.expect("closed");
            pong.send(value).await.expect("closed");
        }
    });
    for i in 0..n {
        ping.send(i).await.expect("closed");
        ponged.recv().await.expect("closed");
    }
    other.await.expect("a task failed");
}

async fn send_all(n: u64, c: Sender<u64>) {
    for i in 0..n {
        c.send(i).await.expect("closed");
    }
}

pub async fn buffered_1(n: u64) {
    let (sender, mut receiver) = channel(128);
    let receiving = spawn(async move { while receiver.recv().await.is_some() {} });
    spawn(send_all(n + 1, sender)).await.expect("a task failed");
    receiving.await.expect("a task failed");
}

pub async fn buffered_4(n: u64) {
    const PAIRS: u64 = 4;
    let (sender, receiver) = channel(128);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let mut tasks = Vec::new();
    for _ in 0..PAIRS {
        tasks.push(spawn(send_all(n / PAIRS + 1, sender.clone())));
        let receiver = receiver.clone();
        tasks.push(spawn(async move { while receiver.lock().await.recv().await.is_some() {} }));
    }
    drop(sender);
    join_all(tasks).await;
}

fn senders(n: u64, count: usize) -> (Vec<Receiver<u64>>, Vec<JoinHandle<()>>) {
    let mut receivers = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..count {
        let (sender, receiver) = channel(1);
        receivers.push(receiver);
        tasks.push(spawn(send_all(n, sender)));
    }
    (receivers, tasks)
}

pub async fn select_2(n: u64) {
    let each = n / 2 + 1;
    let (mut c, tasks) = senders(each, 2);
    let mut c = c.iter_mut();
    let (a, b) = (c.next().unwrap(), c.next().unwrap());
    for _ in 0..2 * each {
        tokio::select! {
            Some(_) = a.recv() => (),
            Some(_) = b.recv() => (),
        }
    }
    join_all(tasks).await;
}

pub async fn select_8(n: u64) {
    let each = n / 8 + 1;
    let (mut c, tasks) = senders(each, 8);
    let mut c = c.iter_mut();
    let mut next = || c.next().unwrap();
    let (c0, c1, c2, c3) = (next(), next(), next(), next());
    let (c4, c5, c6, c7) = (next(), next(), next(), next());
    for _ in 0..8 * each {
        tokio::select! {
            Some(_) = c0.recv() => (),
            Some(_) = c1.recv() => (),
            Some(_) = c2.recv() => (),
            Some(_) = c3.recv() => (),
            Some(_) = c4.recv() => (),
            Some(_) = c5.recv() => (),
            Some(_) = c6.recv() => (),
            Some(_) = c7.recv() => (),
        }
    }
    join_all(tasks).await;
}

pub async fn ring(n: u64) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RING).map(|_| channel::<i64>(1)).unzip();
    let mut tasks = Vec::new();
    for (i, mut input) in receivers.into_iter().enumerate() {
        let output = senders[(i + 1) % RING].clone();
        tasks.push(spawn(async move {
            loop {
                let token = input.recv().await.expect("closed");
                if token > 1 - RING as i64 {
                    output.send(token - 1).await.expect("closed");
                }
                if token <= 0 {
                    break;
                }
            }
        }));
    }
    senders[0].send(n as i64).await.expect("closed");
    join_all(tasks).await;
}

fn sky(parent: Sender<u64>, number: u64, size: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut sum = number;
        if size > 1 {
            let (sender, mut receiver) = channel(1);
            for i in 0..10 {
                spawn(sky(sender.clone(), number + i * (size / 10), size / 10));
            }
            sum = 0;
            for _ in 0..10 {
                sum += receiver.recv().await.expect("closed");
            }
        }
        parent.send(sum).await.expect("closed");
    })
}

pub async fn skynet(n: u64) {
    let (sender, mut receiver) = channel(1);
    for _ in 0..n {
        spawn(sky(sender.clone(), 0, LEAVES));
        assert_eq!(receiver.recv().await, Some(LEAVES * (LEAVES - 1) / 2));
    }
}

async fn filter(prime: u64, mut input: Receiver<u64>, output: Sender<u64>) {
    while let Some(number) = input.recv().await {
        if number % prime != 0 {
            output.send(number).await.expect("closed");
        }
    }
}

pub async fn sieve(n: u64) {
    for _ in 0..n {
        let (first, mut c) = channel(1);
        let mut tasks = vec![spawn(async move {
            for i in 2..=PRIME_MAX {
                first.send(i).await.expect("closed");
            }
        })];
        let mut count = 0;
        while let Some(prime) = c.recv().await {
            let (output, next) = channel(1);
            tasks.push(spawn(filter(prime, c, output)));
            c = next;
            count += 1;
        }
        join_all(tasks).await;
        assert_eq!(count, PRIMES);
    }
}

pub async fn mutex_8(n: u64) {
    let each = n / 8 + 1;
    let count = Arc::new(Mutex::new(0));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let count = count.clone();
        tasks.push(spawn(async move {
            for _ in 0..each {
                *count.lock().unwrap() += 1;
            }
        }));
    }
    join_all(tasks).await;
    assert_eq!(*count.lock().unwrap(), 8 * each);
}
