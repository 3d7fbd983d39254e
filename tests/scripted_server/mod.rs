//! A scripted origin: one thread a connection, each runs the script.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

pub struct Origin {
    pub url: String,
    accepted: Arc<AtomicUsize>,
}

impl Origin {
    /// serve runs `script` on each connection, with the connection's number.
    pub fn serve(script: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let accepted = Arc::new(AtomicUsize::new(0));
        let (script, count) = (Arc::new(script), accepted.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let number = count.fetch_add(1, SeqCst);
                let script = script.clone();
                std::thread::spawn(move || script(&mut stream, number));
            }
        });
        Origin { url, accepted }
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}

/// head_of reads up to the empty line; `None` is the end of the connection.
pub fn head_of(s: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0u8];
    while !head.ends_with(b"\r\n\r\n") {
        match s.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}
