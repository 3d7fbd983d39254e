/* Results and errors: texts, getters, the chain, NULL everywhere. */
#include "check.h"
#include "nethttp.h"

static void no_error(void) {
    CHECK_INT(nh_error_code(NULL), NH_OK);
    CHECK_STR(nh_error_message(NULL), "");
    CHECK_STR(nh_error_op(NULL), "");
    CHECK_STR(nh_error_url(NULL), "");
    CHECK_INT(nh_error_phase(NULL), NH_PHASE_NONE);
    CHECK_INT(nh_error_errno(NULL), 0);
    CHECK_INT(nh_error_is_timeout(NULL), 0);
    CHECK_INT(nh_error_is_temporary(NULL), 0);
    CHECK_INT(nh_error_address_count(NULL), 0);
    CHECK_STR(nh_error_address_at(NULL, 0), NULL);
    CHECK(nh_error_cause(NULL) == NULL);
    nh_error_free(NULL);
}

static void an_error(void) {
    nh_url *url = NULL;
    /* What was there before is overwritten, never read. */
    nh_error *err = (nh_error *)(void *)&url;
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse("http://user:secret@[::1/", &url, &err));
    CHECK(url == NULL);
    CHECK_INT(nh_error_code(err), NH_ERR_INVALID);
    CHECK_STR(nh_error_message(err), "parse \"http://user:***@[::1/\": missing ']' in host");
    CHECK_STR(nh_error_op(err), "");
    CHECK_STR(nh_error_url(err), "");
    CHECK_INT(nh_error_phase(err), NH_PHASE_NONE);
    CHECK_INT(nh_error_errno(err), 0);
    CHECK_INT(nh_error_is_timeout(err), 0);
    CHECK_INT(nh_error_is_temporary(err), 0);
    CHECK_INT(nh_error_address_count(err), 0);
    CHECK_STR(nh_error_address_at(err, 0), NULL);
    CHECK(nh_error_cause(err) == NULL);
    nh_error_free(err);

    CHECK_INT(nh_url_parse("http://h/", &url, &err), NH_OK);
    CHECK(err == NULL);
    nh_url_free(url);
}

int main(void) {
    CHECK_STR(nh_result_text(NH_OK), "OK");
    CHECK_STR(nh_result_text(NH_ERR_TIMEOUT), "timeout");
    CHECK_STR(nh_result_text(NH_ERR_ABORTED), "aborted by callback");
    CHECK_STR(nh_result_text(1), "unknown result");
    CHECK_STR(nh_result_text(-1000000), "unknown result");
    no_error();
    an_error();
    return 0;
}
