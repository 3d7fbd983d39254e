//! A runtime whose driver panics: one connection ends, and all others, the shard and its threads go on.

use super::*;
use crate::address::Address;
use crate::sys;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Each byte that comes to a connection says what its driver does.
const ECHO: u8 = b'e';
const PANIC: u8 = b'p';
/// In a call that may block, as quick as it is, or after the shard was taken away.
const IN_CALL: u8 = b'c';
const IN_LONG_CALL: u8 = b'l';
const OFF_THE_LOOP: u8 = b'o';
const IN_TASK: u8 = b't';

#[derive(Default)]
struct Bytes {
    drained: AtomicBool,
}

impl Driver for Bytes {
    type Conn = OwnedFd;
    type Lease = ();
    type Task = ();

    fn id(&self) -> usize {
        usize::MAX
    }

    fn lease(&self) {}

    fn accepted(&self, _: OwnedFd, _: Address, _: usize, _: u64) -> Option<(Box<OwnedFd>, u64)> {
        None
    }

    fn compact(&self, (): &mut ()) {}

    fn fd(conn: &OwnedFd) -> RawFd {
        conn.as_raw_fd()
    }

    fn drive<'a>(
        &self,
        leader: Leader<'a, Self>,
        conn: Box<OwnedFd>,
        (): &mut (),
        ready: Readiness,
    ) -> DriveResult<'a, Self> {
        let mut byte = [0];
        match sys::recv(conn.as_raw_fd(), &mut byte, libc::MSG_DONTWAIT) {
            Ok(0) => return DriveResult::StillLeading(leader, conn, NextAction::Close),
            Err(_) if ready.stop => return DriveResult::StillLeading(leader, conn, NextAction::Close),
            Err(_) => return DriveResult::StillLeading(leader, conn, NextAction::Wait(NEVER)),
            Ok(_) => {}
        }
        match byte[0] {
            PANIC => panic!("driven"),
            IN_CALL => {
                leader.call::<()>(0, None, || panic!("called"));
                return DriveResult::OffLoop(conn, NextAction::Close);
            }
            IN_LONG_CALL => {
                leader.call::<()>(0, None, || {
                    before_block();
                    panic!("called for long")
                });
                return DriveResult::OffLoop(conn, NextAction::Close);
            }
            OFF_THE_LOOP => {
                return DriveResult::StillLeading(leader, conn, NextAction::OffLoop { quick: false });
            }
            IN_TASK => leader.run_off((), false).unwrap_or(()),
            _ => {}
        }
        sys::send(conn.as_raw_fd(), &byte, 0).unwrap();
        DriveResult::StillLeading(leader, conn, NextAction::Again)
    }

    fn run(&self, _: &mut OwnedFd, (): &mut ()) -> NextAction {
        panic!("run")
    }

    fn shed(&self, _: &mut OwnedFd, (): &mut (), _: u64) -> NextAction {
        NextAction::Close
    }

    fn run_task(&self, (): (), (): &mut ()) {
        panic!("task")
    }

    fn shed_task(&self, (): ()) {}

    fn detached(&self, detached_conn: DetachedConn<Self>) -> Option<DetachedConn<Self>> {
        Some(detached_conn)
    }

    fn draining(&self) {}

    fn stalled(&self, _: u32, _: Stall) {}

    fn accept_failed(&self, _: &std::io::Error, _: u64) {}

    fn drained(&self) {
        self.drained.store(true, Ordering::SeqCst);
    }
}

fn connect(rt: &Runtime<Bytes>) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert!(rt.adopt(Box::new(theirs.into()), NEVER));
    ours.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    ours
}

/// send gives a connection a byte, and tells whether it came back; else the connection has ended.
fn send(conn: &mut UnixStream, byte: u8) -> bool {
    let mut back = [0];
    conn.write_all(&[byte]).unwrap();
    conn.read(&mut back).unwrap() == 1 && back[0] == byte
}

#[test]
fn a_panic_costs_one_connection() {
    let config =
        RuntimeConfig { shards: 1, cap: 4, queue: 16, queue_ms: 1000, lame_ms: 0, base: Instant::now() };
    let rt = Runtime::start(Bytes::default(), config).unwrap();
    let mut beside = connect(&rt);
    assert!(send(&mut beside, ECHO));
    // More often than there are threads: none of them may be lost, nor counted as busy for ever.
    for round in 0..20 {
        for how in [PANIC, IN_CALL, IN_LONG_CALL, OFF_THE_LOOP] {
            assert!(!send(&mut connect(&rt), how), "{}", how as char);
            assert!(send(&mut beside, ECHO), "{round}: behind {}", how as char);
        }
        assert!(send(&mut beside, IN_TASK));
    }
    drop(beside);
    rt.drain();
    for _ in 0..3000 {
        if rt.driver.drained.load(Ordering::SeqCst) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(rt.driver.drained.load(Ordering::SeqCst) && rt.connections() == 0);
    rt.quit();
    rt.join();
}
