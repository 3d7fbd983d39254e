/* Dates of HTTP: written in one form, read in three. */
#include "check.h"
#include "nethttp.h"

int main(void) {
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    char buf[30];
    size_t len = 0, i;
    int64_t secs = 0;
    CHECK_INT(nh_date_format(784111777, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, forms[0]);
    CHECK_INT(len, 29);
    CHECK_INT(nh_date_format(-1, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "Wed, 31 Dec 1969 23:59:59 GMT");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_date_format(0, buf, 29, &len));
    CHECK_INT(len, 29);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_date_format(0, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_date_format(INT64_MAX, buf, sizeof buf, &len));
    CHECK_INT(len, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_date_format(0, buf, sizeof buf, NULL));
    for (i = 0; i < 3; i++) {
        CHECK_INT(nh_date_parse(forms[i], &secs), NH_OK);
        CHECK_INT(secs, 784111777);
    }
    CHECK_ERR(NH_ERR_INVALID, nh_date_parse("yesterday", &secs));
    CHECK_INT(secs, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_date_parse(NULL, &secs));
    CHECK_ERR(NH_ERR_INVALID, nh_date_parse("0", NULL));
    return 0;
}
