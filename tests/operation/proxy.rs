//! A TCP proxy that loses one answer: the request went through, and its sender does not learn what became of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// How an answer gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks.
    Broken,
    /// The connection stays, and nothing ever comes on it again.
    Silence,
}

/// The proxy; it lives as long as the test's process.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// What in a request makes its answer get lost.
    trigger: &'static [u8],
    armed: Mutex<Option<Loss>>,
    lost: Mutex<Option<Vec<u8>>>,
}

impl Proxy {
    /// Starts one in front of an address. Only requests that hold `trigger` can lose their answer.
    pub fn before(upstream: &str, trigger: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared { trigger, armed: Mutex::default(), lost: Mutex::default() });
        let (proxy, upstream) = (Self { address, shared: Arc::clone(&shared) }, upstream.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(&upstream) {
                    join(&client, &server, &shared);
                }
            }
        });
        proxy
    }

    /// Makes the next answer to a request with the trigger get lost.
    pub fn lose_next_answer(&self, loss: Loss) {
        *self.shared.lost.lock().unwrap() = None;
        *self.shared.armed.lock().unwrap() = Some(loss);
    }

    /// The answer that was lost.
    #[track_caller]
    pub fn lost(&self) -> String {
        let lost = self.shared.lost.lock().unwrap();
        String::from_utf8_lossy(lost.as_ref().expect("there was no answer to lose")).into_owned()
    }
}

fn join(client: &TcpStream, server: &TcpStream, shared: &Arc<Shared>) {
    // Set before the request is passed on, so that its answer cannot overtake it.
    let losing = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (of_requests, lose) = (Arc::clone(shared), Arc::clone(&losing));
    pass_on(from, to, move |bytes| {
        if bytes.windows(of_requests.trigger.len()).any(|window| window == of_requests.trigger)
            && let Some(loss) = of_requests.armed.lock().unwrap().take()
        {
            lose.1.store(loss == Loss::Silence, Ordering::SeqCst);
            lose.0.store(true, Ordering::SeqCst);
        }
        Passing::On
    });
    let of_answers = Arc::clone(shared);
    pass_on(server.try_clone().unwrap(), client.try_clone().unwrap(), move |bytes| {
        if !losing.0.load(Ordering::SeqCst) {
            return Passing::On;
        }
        of_answers.lost.lock().unwrap().get_or_insert_with(|| bytes.to_vec());
        if losing.1.load(Ordering::SeqCst) { Passing::Swallowed } else { Passing::Ended }
    });
}

enum Passing {
    On,
    Swallowed,
    Ended,
}

/// Passes bytes on in a thread of its own, until one side ends or `look` says so.
fn pass_on(mut from: TcpStream, mut to: TcpStream, look: impl Fn(&[u8]) -> Passing + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = from.read(&mut buffer)
            && count > 0
        {
            let bytes = &buffer[..count];
            let sent = match look(bytes) {
                Passing::On => to.write_all(bytes).is_ok(),
                Passing::Swallowed => true,
                Passing::Ended => false,
            };
            if !sent {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
