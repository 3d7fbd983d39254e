/* Version and features: the library is the one that the header describes. */
#include "check.h"
#include "nethttp.h"

int main(void) {
    int number = nh_version_number();
    char text[64];
    CHECK_INT(number, NH_VERSION_NUMBER);
    CHECK_INT(nh_abi_version(), NH_ABI_VERSION);
    snprintf(text, sizeof text, "%d.%d.%d", number / 1000000, number / 1000 % 1000, number % 1000);
    CHECK_STR(nh_version(), text);
    CHECK_INT(nh_has_feature("http1"), 1);
    CHECK_INT(nh_has_feature("client"), 1);
    CHECK_INT(nh_has_feature("server"), 1);
    CHECK_INT(nh_has_feature("tls"), 1);
    CHECK_INT(nh_has_feature("http"), 0);
    CHECK_INT(nh_has_feature(""), 0);
    CHECK_INT(nh_has_feature(NULL), 0);

    CHECK_STR(nh_status_text(NH_STATUS_NOT_FOUND), "Not Found");
    CHECK_STR(nh_status_text(NH_STATUS_TEAPOT), "I'm a teapot");
    CHECK_STR(nh_status_text(999), "");
    CHECK_STR(nh_status_text(-1), "");
    CHECK_STR(nh_status_text(200 + 65536), "");
    return 0;
}
