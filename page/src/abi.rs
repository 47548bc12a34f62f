//! How the page hands over a question and takes the answer: as bytes in the memory of the Wasm instance, of which this file
//! tells only where they are. No pointer is followed here.
//!
//! The page calls `question` for room, writes the question there, calls `answer`, and reads at `answer_at`.

#![allow(unsafe_code, reason = "the page calls these functions by their names, and `no_mangle` counts as unsafe")]

use std::cell::RefCell;

thread_local! {
    static QUESTION: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Prepares the standard library. The page calls it once, before anything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: The linker makes this function, and this is the only call of it.
    unsafe { __wasm_call_ctors() }
}

/// Makes room for a question of so many bytes, and tells where.
#[unsafe(no_mangle)]
extern "C" fn question(length: usize) -> *mut u8 {
    QUESTION.with_borrow_mut(|question| {
        *question = vec![0; length];
        question.as_mut_ptr()
    })
}

/// Answers the question that was written there, and tells how long the answer is.
#[unsafe(no_mangle)]
extern "C" fn answer() -> usize {
    // Neither holds a secret longer than it is needed.
    let question = QUESTION.take();
    let answer = crate::answer(&question);
    let length = answer.len();
    ANSWER.set(answer);
    length
}

/// Where the answer stands, until the next one.
#[unsafe(no_mangle)]
extern "C" fn answer_at() -> *const u8 {
    ANSWER.with_borrow(|answer| answer.as_ptr())
}
