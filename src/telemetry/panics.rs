//! What is told of a panic: where and on which thread. Its text only where it stands in the source as it is: a text
//! made at run time may hold what a person said.

use std::any::Any;
use std::panic::PanicHookInfo;

/// Replaces the standard hook, which prints the text of every panic. Before the logs start, the line goes to
/// standard error.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let text = fixed_text(panic.payload());
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "cairn::panic", location = place, thread = name, text, "a defect stopped a task");
    } else {
        eprintln!("cairn: a defect at {place} on thread {name}: {text}");
    }
}

/// The text, if it cannot hold anything from outside.
fn fixed_text(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("[text withheld]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn only_a_fixed_text_is_told() {
        let fixed = catch_unwind(|| panic!("the tree has no root")).unwrap_err();
        assert_eq!(fixed_text(&*fixed), "the tree has no root");
        let words = std::hint::black_box("s3cret".to_owned());
        let made = catch_unwind(|| panic!("unexpected {words}")).unwrap_err();
        assert!(made.downcast_ref::<String>().is_some(), "the standard library has a new kind of payload");
        assert_eq!(fixed_text(&*made), "[text withheld]");
    }
}
