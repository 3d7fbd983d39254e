//! Another Rust archive with a standard library of its own.

/// other_sum allocates, formats and unwinds, so that its own runtime is really used.
#[no_mangle]
pub extern "C" fn other_sum(n: u32) -> u32 {
    let text: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    std::panic::catch_unwind(|| text.iter().filter_map(|t| t.parse::<u32>().ok()).sum()).unwrap_or(0)
}
