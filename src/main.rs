//! The `cairn` binary: what a process needs once (allocator, cryptography, runtime), then the command line. Everything else
//! is in the library.

use cairn::cli::{self, Exit};
use std::process::ExitCode;
use std::time::Duration;

/// Many small, short-lived allocations on several threads are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work that cannot be interrupted (a write to disk) may still take when the command has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    cairn::telemetry::install_panic_hook();
    if !install_cryptography() {
        eprintln!("cairn: another library has chosen the cryptography; this is a defect of this build");
        return Exit::Unavailable.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cairn: the runtime cannot be started: {error}");
            return Exit::Unavailable.into();
        }
    };
    let exit = runtime.block_on(cli::run(std::env::args_os()));
    runtime.shutdown_timeout(LAST_WORK);
    exit.into()
}

/// One provider for TLS and tokens, chosen before anything can choose another.
fn install_cryptography() -> bool {
    let tokens = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let tls = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokens.is_ok() && tls.is_ok()
}
