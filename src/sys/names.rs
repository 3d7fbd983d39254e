//! Names to addresses and interfaces, by the C library.

use super::ip_of;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::SocketAddr;

/// LookupError is what getaddrinfo says when it does not answer.
#[derive(Debug)]
pub struct LookupError {
    /// The name does not exist, or has no address.
    pub not_found: bool,
    /// A server did not answer; another try may.
    pub temporary: bool,
    pub text: String,
}

/// getaddrinfo resolves a name and may block for as long as the system's resolver wants.
pub fn getaddrinfo(host: &std::ffi::CStr, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    // SAFETY: a C struct for which all zeros mean "any".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: `host` is NUL-terminated, hints and list live through the call.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if code != 0 {
        let os = io::Error::last_os_error();
        let text = if code == libc::EAI_SYSTEM {
            super::os_text(&os)
        } else {
            // SAFETY: gai_strerror answers static NUL-terminated text for any code.
            unsafe { std::ffi::CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().to_lowercase()
        };
        let not_found = code == libc::EAI_NONAME || code == libc::EAI_NODATA;
        return Err(LookupError { not_found, temporary: code == libc::EAI_AGAIN, text });
    }
    let mut out: Vec<SocketAddr> = Vec::new();
    let mut at = list;
    // SAFETY: getaddrinfo answered a list that ends in NULL and stays until it is freed below.
    while let Some(entry) = unsafe { at.as_ref() } {
        let mut raw = MaybeUninit::<libc::sockaddr_storage>::zeroed();
        let n = (entry.ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
        if !entry.ai_addr.is_null() {
            // SAFETY: `ai_addrlen` readable bytes, cut to the room of the zeroed storage.
            unsafe { std::ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), raw.as_mut_ptr().cast(), n) };
            // SAFETY: zeros overwritten by an address: integers only.
            if let Some(mut a) = ip_of(&unsafe { raw.assume_init() }) {
                a.set_port(port);
                if !out.contains(&a) {
                    out.push(a);
                }
            }
        }
        at = entry.ai_next;
    }
    // SAFETY: the list is getaddrinfo's and is not used after this.
    unsafe { libc::freeaddrinfo(list) };
    Ok(out)
}

/// interface_index is the number of a network interface, for IPv6 zones; 0 is none of that name.
pub fn interface_index(name: &std::ffi::CStr) -> u32 {
    // SAFETY: NUL-terminated.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}
