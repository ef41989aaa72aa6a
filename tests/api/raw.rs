//! Requests byte by byte, for what no well-behaved client sends.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connects to a service.
pub async fn connect(base: &str) -> TcpStream {
    let address: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Connects with room for a few kilobytes that are not read yet, and so the service has not much more on its side.
pub async fn connect_with_small_window(base: &str) -> TcpStream {
    let address: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Everything that the service answers until it closes the connection.
pub async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A service that has refused a body may reset the connection once its answer is out.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the answer holds a text; fails when the service closes the connection before.
pub async fn answer_until(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..read]);
        let so_far = String::from_utf8_lossy(&bytes);
        if so_far.contains(text) {
            return so_far.into_owned();
        }
        assert!(read > 0, "the connection was closed before {text:?}: {so_far}");
    }
}

/// Writes as much as the service takes.
pub async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
}

/// The head of a POST, with a body of `length` bytes to come.
pub fn head(path: &str, token: &str, length: usize, more: &[(&str, &str)]) -> String {
    let more: String = more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: cairn\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: raw-{length}-{path}\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

/// The same without the length: in chunks (RFC 9112 section 7.1).
pub fn chunked(path: &str, token: &str, body: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n", body.len());
    let head = head(path, token, body.len(), more).replace(&length, "Transfer-Encoding: chunked\r\n");
    let mut bytes = head.into_bytes();
    for chunk in body.chunks(50_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A gzip file (RFC 1952) that holds bytes as they are, in stored blocks (RFC 1951 section 3.2.4).
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut file = GZIP_HEAD.to_vec();
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        file.push(u8::from(blocks.peek().is_none()));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(&crc32(content).to_le_bytes());
    file.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    file
}

const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The checksum of RFC 1952 section 8.
fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (0u32.wrapping_sub(sum & 1))))
    })
}

/// A gzip file that becomes this many zeros and more: one block of fixed codes (RFC 1951 section 3.2.6), a zero, and
/// then "258 bytes from one byte back" again and again. Without its checksum, which nobody must come to read.
pub fn zeros(count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // Final block, fixed codes; the literal 0; then length 258 (code 285, no extra bits) and distance 1 (code 0).
    bits.push(&[1, 1, 0]);
    bits.push(&[0, 0, 1, 1, 0, 0, 0, 0]);
    for _ in 0..count.div_ceil(258) {
        bits.push(&[1, 1, 0, 0, 0, 1, 0, 1]);
        bits.push(&[0, 0, 0, 0, 0]);
    }
    bits.push(&[0; 7]);
    bits.push(&[0; 7]);
    [&GZIP_HEAD[..], &bits.bytes].concat()
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, bits: &[u8]) {
        for bit in bits {
            if self.used == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= bit << self.used;
            self.used = (self.used + 1) % 8;
        }
    }
}

/// What gzip itself makes of these, where it is there: that the bomb is one.
#[test]
fn the_files_are_what_they_say() {
    let unzip = |file: &[u8]| {
        let mut path = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut path, file).unwrap();
        let output = std::process::Command::new("gzip").arg("-dc").stdin(path.reopen().unwrap()).output().unwrap();
        output.stdout
    };
    assert_eq!(unzip(&gzip(b"{\"a\": 1}")), b"{\"a\": 1}");
    // Without its checksum, the last window of 32 KiB may be kept back.
    let bomb = unzip(&zeros(1024 * 1024));
    assert!(bomb.len() >= 1024 * 1024 - 0x8000 && bomb.iter().all(|byte| *byte == 0), "{}", bomb.len());
}
