//! The hand-off under loom: every interleaving of the shipped modules that these models reach.

mod stop;

use super::handoff::HandOff;
use super::mailbox::Mailbox;
use super::notifier::Notifier;
use super::workers::{LastTask, Order, WorkerLimits, WorkerSlot, Workers};
use loom::sync::Arc;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

/// Whatever happens, exactly one of leader and thief gets the shard, and the leader knows.
#[test]
fn a_shard_has_one_leader() {
    loom::model(|| {
        let h = Arc::new(HandOff::new());
        let held = Arc::new(AtomicUsize::new(1));
        let call = h.enter(7u32);
        held.fetch_sub(1, Ordering::SeqCst);
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let (h, held) = (h.clone(), held.clone());
                thread::spawn(move || {
                    let got = h.current().and_then(|c| h.steal(c));
                    if got.is_some() {
                        assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0, "two leaders");
                    }
                    got.is_some()
                })
            })
            .collect();
        let mine = h.leave(call);
        if mine.is_some() {
            assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0, "two leaders");
        }
        let stolen = thieves.into_iter().filter(|_| true).map(|t| t.join().unwrap()).filter(|s| *s).count();
        assert_eq!(stolen + usize::from(mine.is_some()), 1, "the shard was lost");
    });
}

/// A thief that saw an earlier call takes nothing from a later one.
#[test]
fn a_late_thief_takes_nothing() {
    loom::model(|| {
        let h = Arc::new(HandOff::new());
        let first = h.enter(1u32);
        let thief = {
            let h = h.clone();
            thread::spawn(move || h.steal(first))
        };
        let shard = h.leave(first);
        let again = shard.map(|s| h.enter(s));
        let stolen = thief.join().unwrap();
        if let Some(call) = again {
            assert!(stolen.is_none(), "stolen from a call that had ended");
            assert!(h.leave(call).is_some());
        } else {
            assert_eq!(stolen, Some(1));
        }
    });
}

/// No message waits while the leader sleeps.
#[test]
fn no_letter_is_slept_through() {
    loom::model(|| {
        let m = Arc::new(Mailbox::new());
        let wake = Arc::new(Notify::new());
        let poster = {
            let (m, wake) = (m.clone(), wake.clone());
            thread::spawn(move || m.post(1, || wake.notify()))
        };
        let mut got = Vec::new();
        while got.is_empty() {
            if m.fall_asleep() {
                wake.wait();
            }
            m.wake_up();
            m.take_all(&mut got);
        }
        poster.join().unwrap();
    });
}

/// The monitor does not sleep through a handler's start.
#[test]
fn no_call_is_slept_through() {
    loom::model(|| {
        let h = Arc::new(HandOff::new());
        let notifier = Arc::new(Notifier::new());
        let wake = Arc::new(Notify::new());
        let leader = {
            let (h, notifier, wake) = (h.clone(), notifier.clone(), wake.clone());
            thread::spawn(move || {
                h.enter(1u32);
                notifier.notify(|| wake.notify());
            })
        };
        while h.current().is_none() {
            notifier.sleep(|| h.current().is_some(), || wake.wait());
        }
        leader.join().unwrap();
    });
}

/// Every job is run once and every shard finds a thread, while a thread that finishes meets one that starts.
#[test]
fn no_order_is_lost() {
    loom::model(|| {
        let limits = WorkerLimits { cap: 1, reserve: 0, queue: 4 };
        let w = Arc::new(Workers::<u32, u32>::new(limits));
        assert_eq!(w.threads_to_start(), 0);
        let done = Arc::new(AtomicUsize::new(0));
        w.run(1, false, 0).unwrap();
        assert_eq!(w.threads_to_start(), 1);
        let thread = {
            let (w, done) = (w.clone(), done.clone());
            thread::spawn(move || {
                let (slot, mut last) = (WorkerSlot::new(), LastTask::Started);
                loop {
                    match w.next(&slot, last) {
                        Order::Run(_) => last = LastTask::Handling,
                        Order::Lead(_) => last = LastTask::Leading,
                        Order::Exit => return,
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        w.run(2, true, 0).unwrap();
        w.lead(3, false);
        w.stop();
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 3, "an order was lost");
    });
}

/// A stop that finds the cap reached and handlers waiting ends every thread, behind the last of them.
#[test]
fn a_stop_at_the_cap_ends_all_threads() {
    loom::model(|| {
        let limits = WorkerLimits { cap: 1, reserve: 1, queue: 4 };
        let w = Arc::new(Workers::<u32, u32>::new(limits));
        let done = Arc::new(AtomicUsize::new(0));
        w.run(1, false, 0).unwrap();
        w.run(2, false, 0).unwrap();
        assert_eq!(w.threads_to_start(), 2);
        let threads = [0, 1].map(|_| {
            let (w, done) = (w.clone(), done.clone());
            thread::spawn(move || {
                let (slot, mut last) = (WorkerSlot::new(), LastTask::Started);
                while let Order::Run(_) = w.next(&slot, last) {
                    done.fetch_add(1, Ordering::SeqCst);
                    last = LastTask::Handling;
                }
            })
        });
        w.stop();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(done.load(Ordering::SeqCst), 2, "a handler was lost");
    });
}

/// The reserve is for shards: handlers never take the last idle threads.
#[test]
fn a_relief_always_exists() {
    loom::model(|| {
        let limits = WorkerLimits { cap: 4, reserve: 1, queue: 4 };
        let w = Arc::new(Workers::<u32, u32>::new(limits));
        let on_leader = Arc::new(AtomicBool::new(false));
        assert_eq!(w.threads_to_start(), 1);
        let thread = {
            let (w, on_leader) = (w.clone(), on_leader.clone());
            thread::spawn(move || {
                let (slot, mut last) = (WorkerSlot::new(), LastTask::Started);
                loop {
                    match w.next(&slot, last) {
                        Order::Run(_) => {
                            assert!(on_leader.load(Ordering::SeqCst), "a handler took the shard's relief");
                            last = LastTask::Handling;
                        }
                        Order::Lead(_) => {
                            on_leader.store(true, Ordering::SeqCst);
                            last = LastTask::Leading;
                        }
                        Order::Exit => return,
                    }
                }
            })
        };
        w.run(1, false, 0).unwrap();
        w.lead(2, false);
        // Seen by the assertion above: a job only after the shard was led, by the rest of the stopping pool.
        while !on_leader.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        w.stop();
        thread.join().unwrap();
    });
}
