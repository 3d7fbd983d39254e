//! How proxies are asked for tunnels, and what they answer.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::client_dial::answered;
use super::header::nh_header;
use super::{guard_plain, nh_result, result};
use crate::error::{Result, invalid};
use crate::message::header::Header;
use crate::transport::Tunnel;
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

/// nh_tunnel_ask_fn may change the fields with which a proxy is asked for a tunnel to server ("host:port"), such as a
/// token that is fetched for it; those of nh_client_add_proxy_header are there already. They are borrowed until it
/// returns. NH_OK, or a result that ends the dial. Go's GetProxyConnectHeader.
///
/// It runs on a thread of the pool's, several at the same time, and may block. It must not call functions on the client.
pub type nh_tunnel_ask_fn = Option<
    unsafe extern "C-unwind" fn(
        server: *const c_char,
        fields: *mut nh_header,
        userdata: *mut c_void,
    ) -> nh_result,
>;

/// nh_tunnel_answer_fn is told a proxy's final answer before the library judges it: NH_OK, or a result that ends the
/// dial. The header is borrowed until it returns. Go's OnProxyConnectResponse. It runs as nh_tunnel_ask_fn does.
pub type nh_tunnel_answer_fn = Option<
    unsafe extern "C-unwind" fn(
        server: *const c_char,
        status: i32,
        header: *const nh_header,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CTunnel {
    ask: nh_tunnel_ask_fn,
    answer: nh_tunnel_answer_fn,
    userdata: Userdata,
}

fn check_result(code: nh_result) -> Result<()> {
    if code == result::NH_OK { Ok(()) } else { Err(answered("tunnel", code)) }
}

fn name(server: &str) -> Result<CString> {
    CString::new(server).map_err(|_| invalid("nethttp: the host has a NUL"))
}

impl Tunnel for CTunnel {
    fn before_connect(&self, server: &str, fields: &mut Header) -> Result<()> {
        let Some(call) = self.ask else { return Ok(()) };
        let (server, fields) = (name(server)?, nh_header::lend_mut(fields));
        // SAFETY: P5; what is lent lives through the call.
        check_result(no_unwind("nh_tunnel_ask_fn", || unsafe {
            call(server.as_ptr(), fields, self.userdata.ptr())
        }))
    }

    fn after_connect(&self, server: &str, status: u16, header: &Header) -> Result<()> {
        let Some(call) = self.answer else { return Ok(()) };
        let (server, header) = (name(server)?, nh_header::lend(header));
        // SAFETY: P5; what is lent lives through the call.
        check_result(no_unwind("nh_tunnel_answer_fn", || unsafe {
            call(server.as_ptr(), status.into(), header, self.userdata.ptr())
        }))
    }
}

/// nh_client_set_tunnel_callbacks has functions called when a proxy is asked for a tunnel, and when it has answered.
/// Either may be NULL; both take away what was set.
///
/// It counts for tunnels that are made from then on: idle connections are closed, and tunnels in use serve nobody
/// afterwards.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_tunnel_callbacks(
    c: *mut nh_client,
    ask: nh_tunnel_ask_fn,
    answer: nh_tunnel_answer_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        let new = CTunnel { ask, answer, userdata };
        let any = new.ask.is_some() || new.answer.is_some();
        c.client.transport.set_tunnel(any.then(|| Arc::new(new) as Arc<dyn Tunnel>));
        Ok(())
    })
}
