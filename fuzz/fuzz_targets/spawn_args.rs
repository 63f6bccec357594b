#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pidfd_spawn::properties::spawn_args(bytes);
});
