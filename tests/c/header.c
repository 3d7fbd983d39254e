/* Header fields: order, duplicates, case, refusals, buffers, NULL everywhere. */
#include "check.h"
#include "nethttp.h"

static void nulls(void) {
    nh_header *h = nh_header_new();
    size_t len = 7;
    CHECK(h != NULL);
    nh_header_free(NULL);
    CHECK(nh_header_clone(NULL) == NULL);
    CHECK_STR(nh_header_get(NULL, "a"), NULL);
    CHECK_STR(nh_header_get(h, NULL), NULL);
    CHECK_STR(nh_header_get_n(NULL, "a", 1, &len), NULL);
    CHECK_INT(len, 0);
    CHECK_STR(nh_header_get_n(h, NULL, 1, NULL), NULL);
    CHECK_STR(nh_header_get_n(h, NULL, 0, NULL), NULL);
    CHECK_STR(nh_header_value(NULL, "a", 0), NULL);
    CHECK_STR(nh_header_value(h, NULL, 0), NULL);
    CHECK_INT(nh_header_has(NULL, "a"), 0);
    CHECK_INT(nh_header_has(h, NULL), 0);
    CHECK_INT(nh_header_count(NULL), 0);
    CHECK_STR(nh_header_name_at(NULL, 0), NULL);
    CHECK_STR(nh_header_value_at(NULL, 0), NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_header_set(NULL, "a", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set(h, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set(h, "a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(NULL, "a", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(h, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(h, "a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set_n(NULL, "a", 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set_n(h, NULL, 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set_n(h, "a", 1, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add_n(NULL, "a", 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add_n(h, NULL, 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add_n(h, "a", 1, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_header_del(NULL, "a"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_del(h, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_header_write(NULL, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_header_write(h, NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_header_canonical_name(NULL, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_header_canonical_name("a", NULL, 0, NULL));
    CHECK_INT(nh_header_count(h), 0);
    nh_header_free(h);
}

static void fields(void) {
    nh_header *h = nh_header_new(), *copy;
    size_t len = 0;
    char buf[64];
    const char *wire = "Accept: a\r\nX-One: \r\naccept: \xff\r\n";

    CHECK_INT(nh_header_add(h, "Accept", "a"), NH_OK);
    CHECK_INT(nh_header_add(h, "X-One", ""), NH_OK);
    CHECK_INT(nh_header_add_n(h, "accept...", 6, "\xff...", 1), NH_OK);
    CHECK_INT(nh_header_count(h), 3);
    CHECK_STR(nh_header_get(h, "ACCEPT"), "a");
    CHECK_STR(nh_header_get_n(h, "x-one!", 5, &len), "");
    CHECK_INT(len, 0);
    CHECK_STR(nh_header_get_n(h, "accept", 6, &len), "a");
    CHECK_INT(len, 1);
    CHECK_STR(nh_header_get(h, "absent"), NULL);
    CHECK_STR(nh_header_value(h, "accept", 1), "\xff");
    CHECK_STR(nh_header_value(h, "accept", 2), NULL);
    CHECK_INT(nh_header_has(h, "x-ONE"), 1);
    CHECK_STR(nh_header_name_at(h, 2), "accept");
    CHECK_STR(nh_header_value_at(h, 0), "a");
    CHECK_STR(nh_header_name_at(h, 3), NULL);
    CHECK_STR(nh_header_value_at(h, (size_t)-1), NULL);

    /* Measure, too small by one, just right. */
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_header_write(h, NULL, 0, &len));
    CHECK_INT(len, strlen(wire));
    buf[0] = 'x';
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_header_write(h, buf, len, &len));
    CHECK_INT(buf[0], 'x');
    CHECK_INT(nh_header_write(h, buf, len + 1, &len), NH_OK);
    CHECK_STR(buf, wire);

    copy = nh_header_clone(h);
    CHECK_INT(nh_header_set(h, "aCCept", "only"), NH_OK);
    CHECK_INT(nh_header_count(h), 2);
    CHECK_STR(nh_header_name_at(h, 0), "aCCept");
    CHECK_INT(nh_header_set_n(h, "New", 3, "value", 3), NH_OK);
    CHECK_STR(nh_header_get(h, "new"), "val");
    CHECK_INT(nh_header_del(h, "accept"), NH_OK);
    CHECK_INT(nh_header_del(h, "accept"), NH_OK);
    CHECK_INT(nh_header_has(h, "accept"), 0);
    nh_header_free(h);
    CHECK_INT(nh_header_count(copy), 3);
    nh_header_free(copy);
}

static void injection(void) {
    nh_header *h = nh_header_new();
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(h, "A\r\nB", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(h, "", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add(h, "A:", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set(h, "A", "v\r\nB: c"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set(h, "A", "v\n"));
    CHECK_ERR(NH_ERR_INVALID, nh_header_set_n(h, "A", 1, "v\0w", 3));
    CHECK_ERR(NH_ERR_INVALID, nh_header_add_n(h, "A\0", 2, "v", 1));
    CHECK_INT(nh_header_count(h), 0);
    nh_header_free(h);
}

int main(void) {
    char buf[32];
    size_t len = 0;
    nulls();
    fields();
    injection();
    CHECK_INT(nh_header_canonical_name("aCCEPT-encoding", buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "Accept-Encoding");
    CHECK_INT(len, 15);
    CHECK_INT(nh_header_canonical_name("no token", buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "no token");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_header_canonical_name("a", buf, 1, &len));
    return 0;
}
