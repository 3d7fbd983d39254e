/* What can be chosen for HTTP/2: each value's range. */
#include "check.h"
#include "nethttp.h"

static int frees;

static void count_free(void *userdata) {
    (void)userdata;
    frees++;
}

static void count_error(void *userdata, const char *kind) {
    (void)userdata;
    (void)kind;
}

int main(void) {
    nh_http2_config *c = nh_http2_config_new();

    CHECK_INT(nh_http2_config_set_max_concurrent_streams(c, 1), NH_OK);
    CHECK_INT(nh_http2_config_set_max_concurrent_streams(c, 2147483647), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_concurrent_streams(c, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_concurrent_streams(c, 2147483648U));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_concurrent_streams(NULL, 1));

    CHECK_INT(nh_http2_config_set_max_decoder_header_table_size(c, 4194304), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_decoder_header_table_size(c, 4194305));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_decoder_header_table_size(NULL, 1));
    CHECK_INT(nh_http2_config_set_max_encoder_header_table_size(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_encoder_header_table_size(c, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_encoder_header_table_size(NULL, 1));

    CHECK_INT(nh_http2_config_set_max_read_frame_size(c, 16384), NH_OK);
    CHECK_INT(nh_http2_config_set_max_read_frame_size(c, 16777215), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_read_frame_size(c, 16383));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_read_frame_size(c, 16777216));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_read_frame_size(NULL, 16384));

    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_connection(c, 65535), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_receive_buffer_per_connection(c, 65534));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_receive_buffer_per_connection(NULL, 65535));
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_stream(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_receive_buffer_per_stream(c, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_max_receive_buffer_per_stream(NULL, 1));

    CHECK_INT(nh_http2_config_set_strict_max_concurrent_requests(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_strict_max_concurrent_requests(c, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_strict_max_concurrent_requests(NULL, 1));
    CHECK_INT(nh_http2_config_set_permit_prohibited_cipher_suites(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_permit_prohibited_cipher_suites(c, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_permit_prohibited_cipher_suites(NULL, 1));
    CHECK_INT(nh_http2_config_set_client_priority(c, 0), NH_OK);
    CHECK_INT(nh_http2_config_set_client_priority(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_client_priority(c, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_client_priority(NULL, 1));
    CHECK_INT(nh_http2_config_set_extended_connect(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_extended_connect(c, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_extended_connect(NULL, 0));

    CHECK_INT(nh_http2_config_set_send_ping_timeout(c, NH_TIMEOUT_NONE), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_send_ping_timeout(c, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_send_ping_timeout(NULL, 1));
    CHECK_INT(nh_http2_config_set_write_byte_timeout(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_write_byte_timeout(c, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_write_byte_timeout(NULL, 1));
    CHECK_INT(nh_http2_config_set_ping_timeout(c, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_ping_timeout(c, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_ping_timeout(c, NH_TIMEOUT_NONE));
    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_ping_timeout(NULL, 1));

    CHECK_ERR(NH_ERR_INVALID, nh_http2_config_set_count_error(NULL, count_error, NULL, count_free));
    CHECK_INT(frees, 1);
    CHECK_INT(nh_http2_config_set_count_error(c, count_error, NULL, count_free), NH_OK);
    CHECK_INT(nh_http2_config_set_count_error(c, count_error, NULL, count_free), NH_OK);
    CHECK_INT(frees, 2);
    CHECK_INT(nh_http2_config_set_count_error(c, NULL, NULL, NULL), NH_OK);
    CHECK_INT(frees, 3);
    CHECK_INT(nh_http2_config_set_count_error(c, count_error, NULL, count_free), NH_OK);
    nh_http2_config_free(c);
    CHECK_INT(frees, 4);
    nh_http2_config_free(NULL);
    return 0;
}
