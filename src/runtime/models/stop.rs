//! The end of a runtime: leaders with the shipped state and order of steps, whose connections are counters. Their
//! mailboxes are the plainest ones: the shipped one has a model of its own.

use crate::runtime::stopping::{RuntimePhase, ShardStop, Stopping};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

enum Msg {
    Adopt,
    Stop,
    Abort,
}

struct Mailbox {
    messages: Mutex<Vec<Msg>>,
    assigned: Condvar,
}

impl Mailbox {
    fn post(&self, msg: Msg) {
        self.messages.lock().unwrap().push(msg);
        self.assigned.notify_one();
    }

    fn take_all(&self) -> Vec<Msg> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }

    fn has_some(&self) -> bool {
        !self.messages.lock().unwrap().is_empty()
    }

    fn wait(&self) {
        let mut messages = self.messages.lock().unwrap();
        while messages.is_empty() {
            messages = self.assigned.wait(messages).unwrap();
        }
    }
}

struct Runtime {
    stopping: Stopping,
    shards: Vec<Mailbox>,
    /// How often the end was reported, and how many connections were taken and have ended.
    drained: AtomicUsize,
    taken: AtomicUsize,
    ended: AtomicUsize,
}

/// Conns says what ends a connection that is open.
#[derive(Clone, Copy, PartialEq)]
enum Conns {
    /// A stop: it is idle.
    Idle,
    /// Nothing but an abort: its exchange is answered later, or never.
    Busy,
}

/// Gives says when a shard gives a connection to another one.
#[derive(Clone, Copy, PartialEq)]
enum Gives {
    Nothing,
    /// One that it has, while others may stop the runtime.
    AtOnce,
    /// One that it has, when it has stopped.
    BehindStop,
    /// One that the system had taken already, which is accepted when the shard lets go of its listeners.
    AtStop,
}

impl Runtime {
    fn new(shards: usize) -> Arc<Runtime> {
        Arc::new(Runtime {
            stopping: Stopping::new(shards),
            shards: (0..shards)
                .map(|_| Mailbox { messages: Mutex::new(Vec::new()), assigned: Condvar::new() })
                .collect(),
            drained: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
        })
    }

    fn post(&self, shard: usize, msg: Msg) {
        self.shards[shard].post(msg);
    }

    fn tell(&self, msg: fn() -> Msg) {
        (0..self.shards.len()).for_each(|i| self.post(i, msg()));
    }

    fn open(&self, shard: usize) {
        self.taken.fetch_add(1, Ordering::SeqCst);
        self.stopping.opened(shard);
    }

    fn drain(&self) {
        self.stopping.advance(RuntimePhase::Draining);
        self.tell(|| Msg::Stop);
    }

    fn close(&self, shard: usize, live: &mut usize) {
        while *live > 0 {
            *live -= 1;
            self.ended.fetch_add(1, Ordering::SeqCst);
            self.stopping.closed(shard);
        }
    }

    /// lead is a leader, until its shard ends.
    fn lead(&self, index: usize, mut live: usize, conns: Conns, gives: Gives) {
        let (mut stop, mail) = (ShardStop::default(), &self.shards[index]);
        let offer = |live: &mut usize| {
            *live -= 1;
            self.stopping.moved(index, 1);
            self.post(1, Msg::Adopt);
        };
        if gives == Gives::AtOnce {
            offer(&mut live);
        }
        loop {
            for msg in mail.take_all() {
                match msg {
                    Msg::Adopt => {
                        live += 1;
                        if !stop.takes() || stop.is_stopping() && conns == Conns::Idle {
                            self.close(index, &mut live);
                        }
                    }
                    Msg::Stop => {
                        if stop.stop() {
                            if gives == Gives::AtStop {
                                self.open(1);
                                self.post(1, Msg::Adopt);
                            }
                            self.stopping.shard_stopped();
                            if gives == Gives::BehindStop {
                                offer(&mut live);
                            }
                        }
                        if conns == Conns::Idle {
                            self.close(index, &mut live);
                        }
                    }
                    Msg::Abort => {
                        self.close(index, &mut live);
                        if stop.abort() {
                            self.stopping.shard_aborted();
                        }
                    }
                }
            }
            let has_mail = || mail.has_some();
            let drained = || {
                let (taken, ended) = (self.taken.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst));
                assert_eq!(taken, ended, "reported before the last connection had ended");
                self.drained.fetch_add(1, Ordering::SeqCst);
                self.stopping.advance(RuntimePhase::Quit);
                self.tell(|| Msg::Stop);
            };
            if self.stopping.is_over(live, has_mail, drained) {
                if stop.abort() {
                    self.stopping.shard_aborted();
                }
                return;
            }
            mail.wait();
        }
    }

    fn has_ended(&self) {
        assert_eq!(self.drained.load(Ordering::SeqCst), 1, "the end is reported once");
        let (taken, ended) = (self.taken.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst));
        assert_eq!(taken, ended, "a connection was left open");
        assert_eq!(self.stopping.connections(), 0);
    }
}

/// Few preemptions find these faults; with all of them two leaders and a stop are more than a machine sees through.
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

fn spawn(rt: &Arc<Runtime>, f: impl FnOnce(&Runtime) + 'static) -> thread::JoinHandle<()> {
    let rt = rt.clone();
    thread::spawn(move || f(&rt))
}

/// A connection of the program's meets a stop: it is refused, or it ends with the others.
#[test]
fn a_connection_that_is_brought_meets_a_stop() {
    model(|| {
        let rt = Runtime::new(1);
        let leader = spawn(&rt, |rt| rt.lead(0, 0, Conns::Idle, Gives::Nothing));
        let stopper = spawn(&rt, Runtime::drain);
        let admitted = rt.stopping.admit(0);
        rt.taken.fetch_add(usize::from(admitted), Ordering::SeqCst);
        rt.post(0, if admitted { Msg::Adopt } else { Msg::Stop });
        stopper.join().unwrap();
        leader.join().unwrap();
        rt.has_ended();
    });
}

/// A connection that one shard gives to another meets a stop, which finds it in one of them.
#[test]
fn a_connection_that_moves_meets_a_stop() {
    model(|| {
        let rt = Runtime::new(2);
        rt.open(0);
        let giver = spawn(&rt, |rt| rt.lead(0, 1, Conns::Idle, Gives::AtOnce));
        let taker = spawn(&rt, |rt| rt.lead(1, 0, Conns::Idle, Gives::Nothing));
        rt.drain();
        giver.join().unwrap();
        taker.join().unwrap();
        rt.has_ended();
    });
}

/// The same where the one that gives it has stopped already.
#[test]
fn a_connection_that_moves_behind_the_stop_ends() {
    model(|| {
        let rt = Runtime::new(2);
        rt.open(0);
        let giver = spawn(&rt, |rt| rt.lead(0, 1, Conns::Idle, Gives::BehindStop));
        let taker = spawn(&rt, |rt| rt.lead(1, 0, Conns::Idle, Gives::Nothing));
        rt.drain();
        giver.join().unwrap();
        taker.join().unwrap();
        rt.has_ended();
    });
}

/// The same with an abort, for a connection that nothing else would end.
#[test]
fn a_connection_that_moves_meets_an_abort() {
    model(|| {
        let rt = Runtime::new(2);
        rt.open(0);
        let giver = spawn(&rt, |rt| rt.lead(0, 1, Conns::Busy, Gives::AtOnce));
        let taker = spawn(&rt, |rt| rt.lead(1, 0, Conns::Busy, Gives::Nothing));
        rt.drain();
        rt.tell(|| Msg::Abort);
        rt.stopping.wait_aborted();
        giver.join().unwrap();
        taker.join().unwrap();
        rt.has_ended();
    });
}

/// A connection that is accepted by a shard that stops, for one that has stopped.
#[test]
fn a_connection_that_is_accepted_at_the_stop_ends() {
    model(|| {
        let rt = Runtime::new(2);
        let giver = spawn(&rt, |rt| rt.lead(0, 0, Conns::Idle, Gives::AtStop));
        let taker = spawn(&rt, |rt| rt.lead(1, 0, Conns::Idle, Gives::Nothing));
        rt.drain();
        giver.join().unwrap();
        taker.join().unwrap();
        rt.has_ended();
    });
}
