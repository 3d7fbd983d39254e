//! Protocols of the program's own.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::client_dial::answered;
use super::conn::nh_conn;
use super::round_trip::{nh_round_trip_fn, tripper};
use super::{guard_plain, nh_result, ptr, result};
use crate::duplex::Duplex;
use crate::error::{Result, invalid};
use crate::transport::{Protocol, RoundTripper};
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

/// nh_protocol_fn takes over a connection on which its protocol was agreed to by ALPN: it sets *fn_out to who makes the
/// exchanges with this server from then on, with *userdata_out and *free_out, and answers NH_OK. Any number of requests
/// call that function at the same time; when it answers NH_ROUND_TRIP_SKIP, no more requests are given to it, and
/// another connection is made, three times at most. *free_out is called once, after the last exchange.
/// Any other answer ends the dial.
///
/// It runs on a thread of the pool's, and must not call functions on the client.
pub type nh_protocol_fn = Option<
    unsafe extern "C-unwind" fn(
        authority: *const c_char,
        conn: *mut nh_conn,
        fn_out: *mut nh_round_trip_fn,
        userdata_out: *mut *mut c_void,
        free_out: *mut nh_free_fn,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CProtocol {
    call: unsafe extern "C-unwind" fn(
        *const c_char,
        *mut nh_conn,
        *mut nh_round_trip_fn,
        *mut *mut c_void,
        *mut nh_free_fn,
        *mut c_void,
    ) -> nh_result,
    userdata: Userdata,
}

impl Protocol for CProtocol {
    fn take(&self, authority: &str, conn: Duplex) -> Result<Arc<dyn RoundTripper>> {
        let authority = CString::new(authority).map_err(|_| invalid("nethttp: the host has a NUL"))?;
        let conn = ptr::give(nh_conn::new(conn));
        let (mut f, mut data, mut free): (nh_round_trip_fn, *mut c_void, nh_free_fn) =
            (None, std::ptr::null_mut(), None);
        // SAFETY: P5; authority and the places for the answer live until the call returns.
        let code = no_unwind("nh_protocol_fn", || unsafe {
            (self.call)(authority.as_ptr(), conn, &mut f, &mut data, &mut free, self.userdata.ptr())
        });
        match code {
            result::NH_OK => tripper(f, data, free),
            code => Err(answered("protocol", code)),
        }
    }
}

/// nh_client_set_protocol has a function take over the connections of the client's transport on which a protocol was
/// agreed to by ALPN; the program offers it by nh_tls_config_set_alpn. "http/1.1" is the library's own. fn NULL takes
/// the function away. Go's Transport.TLSNextProto.
///
/// Errors: NH_ERR_INVALID (c or alpn is NULL, or alpn is empty, longer than 255 bytes or "http/1.1"), NH_ERR_FORKED (c
/// was made before a fork)
/// Ownership: alpn: the library copies; userdata: the library takes, also on failure, and ends it by free_userdata; the
/// connection that fn is given: the caller owns, and ends it by nh_conn_free, also where fn answers an error
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_protocol(
    c: *mut nh_client,
    alpn: *const c_char,
    protocol_fn: nh_protocol_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        // SAFETY: P1, P2.
        let (c, alpn) = unsafe { (live(c)?, ptr::text(alpn, "alpn")?) };
        if alpn.is_empty() || alpn.len() > 255 || alpn == b"http/1.1" {
            return Err(invalid("nethttp: the protocol's name is the library's own, or none"));
        }
        let new = protocol_fn.map(|call| Arc::new(CProtocol { call, userdata }) as Arc<dyn Protocol>);
        c.client.transport.set_protocol(alpn, new);
        Ok(())
    })
}
