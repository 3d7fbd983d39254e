//! Proxies of a client.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::{guard, guard_plain, nh_error, nh_result, ptr, result};
use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::transport::proxy::{Proxy, ProxyChooser, ProxyRule};
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::Arc;

/// How many bytes a callback has for a proxy's URL.
const ROOM: usize = 4096;

/// nh_proxy_fn chooses the proxy for a request: it writes the proxy's URL, with a NUL behind it, to proxy, which has
/// room for cap bytes and is empty before; left empty, the request goes without one. url is the request's URL with
/// its password replaced. NH_OK, or a result that ends the request with NH_ERR_ABORTED.
///
/// It is called on the thread that is inside nh_client_do, on several at the same time, and may block. It must not
/// call functions on the client.
pub type nh_proxy_fn = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        url: *const c_char,
        proxy: *mut c_char,
        cap: usize,
    ) -> nh_result,
>;

/// nh_client_set_proxy sends the requests to come by way of a proxy, such as "http://user:password@host:3128"; NULL
/// is none, whatever the environment says. Go's ProxyURL.
///
/// Schemes are http, https (TLS to the proxy), socks5 and socks5h, which are the same: the proxy resolves names.
/// https URLs go through a tunnel, so that the proxy does not see what is in it; http URLs are the proxy's to read.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the URL is malformed or of another scheme), NH_ERR_FORKED (c was made before
/// a fork)
/// Ownership: url: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_proxy(
    c: *mut nh_client,
    url: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        let rule = match url.is_null() {
            true => ProxyRule::Direct,
            // SAFETY: P2.
            false => ProxyRule::Fixed(Arc::new(Proxy::parse(unsafe { ptr::utf8(url, "url")? })?)),
        };
        c.client.transport.set_proxy(rule);
        Ok(())
    })
}

/// nh_client_set_proxy_from_environment sends the requests to come by way of the proxies that HTTP_PROXY, HTTPS_PROXY
/// and NO_PROXY name, or these in lower case where the others are not set: the default. Go's ProxyFromEnvironment.
///
/// The variables are read here, and before that when the client is made. NO_PROXY is a list with commas of names
/// (with what is below them), names with a dot in front (what is below them alone), addresses, networks such as
/// 10.0.0.0/8, each with a port if it is meant alone, or * for all. localhost and loopback addresses have no proxy.
/// Where REQUEST_METHOD is set, in a CGI program, HTTP_PROXY is refused: a request could have set it.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, while no other changes the environment
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_proxy_from_environment(c: *mut nh_client) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.client.transport.set_proxy(ProxyRule::from_environment());
        Ok(())
    })
}

struct CProxyChooser {
    call: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *mut c_char, usize) -> nh_result,
    userdata: Userdata,
}

impl ProxyChooser for CProxyChooser {
    fn choose(&self, url: &str) -> Result<Option<Proxy>> {
        let url = CString::new(url).unwrap_or_default();
        let mut room = vec![0u8; ROOM];
        let (to, cap) = (room.as_mut_ptr().cast(), room.len());
        // SAFETY: P5; what is lent lives through the call.
        let answer =
            no_unwind("nh_proxy_fn", || unsafe { (self.call)(self.userdata.ptr(), url.as_ptr(), to, cap) });
        if answer != result::NH_OK {
            let text = format!("nethttp: the proxy's callback ended the request with result {answer}");
            return Err(Error::new(Kind::Aborted, text).with_phase(Phase::Proxy));
        }
        let text = CStr::from_bytes_until_nul(&room)
            .map_err(|_| invalid("nethttp: the proxy's callback has written no NUL"))?;
        match text.to_str() {
            Ok("") => Ok(None),
            Ok(text) => Proxy::parse(text).map(Some),
            Err(_) => Err(invalid("nethttp: the proxy's URL is not UTF-8")),
        }
    }
}

/// nh_client_set_proxy_callback lets the program choose a proxy for each request; fn NULL is no proxy. Go's
/// Transport.Proxy.
///
/// free_userdata is called exactly once, when the callback was replaced or the client freed, also if this call fails.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_proxy_callback(
    c: *mut nh_client,
    choose: nh_proxy_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        c.client.transport.set_proxy(match choose {
            Some(call) => ProxyRule::Program(Arc::new(CProxyChooser { call, userdata })),
            None => ProxyRule::Direct,
        });
        Ok(())
    })
}

/// nh_client_add_proxy_header adds a field to what proxies are asked for tunnels with (CONNECT); servers do not see
/// it. Go's ProxyConnectHeader.
///
/// It counts for tunnels that are made from then on: idle connections are closed, and tunnels in use serve nobody
/// afterwards.
///
/// Errors: NH_ERR_INVALID (c, name or value is NULL, or the field is malformed), NH_ERR_FORKED (c was made before a
/// fork)
/// Ownership: name and value: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_add_proxy_header(
    c: *mut nh_client,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        // SAFETY: P2.
        let (name, value) = unsafe { (ptr::text(name, "name")?, ptr::text(value, "value")?) };
        c.client.transport.change_proxy_headers(|h| h.add(name, value))
    })
}
