/* Query and form values: decoding, NULs inside, changes, encoding, NULL everywhere. */
#include "check.h"
#include "nethttp.h"

static void nulls(void) {
    nh_values *v = nh_values_new(), *out = v;
    nh_error *err = NULL;
    size_t len = 7;
    CHECK(v != NULL);
    nh_values_free(NULL);
    CHECK(nh_values_clone(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_values_parse(NULL, &out, &err));
    CHECK(out == NULL && err != NULL);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_values_parse("a", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_values_parse_n(NULL, 1, &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_values_parse_n("a", 1, NULL, NULL));
    CHECK_STR(nh_values_get(NULL, "a", &len), NULL);
    CHECK_INT(len, 0);
    CHECK_STR(nh_values_get(v, NULL, &len), NULL);
    CHECK_STR(nh_values_get(v, "a", NULL), NULL);
    CHECK_STR(nh_values_value(NULL, "a", 0, &len), NULL);
    CHECK_STR(nh_values_value(v, NULL, 0, &len), NULL);
    CHECK_STR(nh_values_value(v, "a", 0, NULL), NULL);
    CHECK_INT(nh_values_has(NULL, "a"), 0);
    CHECK_INT(nh_values_has(v, NULL), 0);
    CHECK_INT(nh_values_count(NULL), 0);
    CHECK_STR(nh_values_key_at(NULL, 0, &len), NULL);
    CHECK_STR(nh_values_key_at(v, 0, NULL), NULL);
    CHECK_STR(nh_values_value_at(NULL, 0, &len), NULL);
    CHECK_STR(nh_values_value_at(v, 0, NULL), NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_values_set(NULL, "a", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_values_set(v, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_values_set(v, "a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add(NULL, "a", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add(v, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add(v, "a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_values_set_n(NULL, "a", 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_set_n(v, NULL, 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_set_n(v, "a", 1, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add_n(NULL, "a", 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add_n(v, NULL, 1, "b", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_add_n(v, "a", 1, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_values_del(NULL, "a"));
    CHECK_ERR(NH_ERR_INVALID, nh_values_del(v, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_values_encode(NULL, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_values_encode(v, NULL, 0, NULL));
    CHECK_INT(nh_values_count(v), 0);
    nh_values_free(v);
}

static void decoding(void) {
    nh_values *v = NULL;
    nh_error *err = NULL;
    size_t len = 0;
    CHECK_INT(nh_values_parse("a=1&b=x+y&a=2&c=%00z&d", &v, &err), NH_OK);
    CHECK(err == NULL);
    CHECK_INT(nh_values_count(v), 5);
    CHECK_STR(nh_values_get(v, "b", &len), "x y");
    CHECK_INT(len, 3);
    CHECK_STR(nh_values_value(v, "a", 1, &len), "2");
    CHECK_STR(nh_values_value(v, "a", 2, &len), NULL);
    CHECK(memcmp(nh_values_get(v, "c", &len), "\0z", 3) == 0);
    CHECK_INT(len, 2);
    CHECK_STR(nh_values_get(v, "d", &len), "");
    CHECK_STR(nh_values_get(v, "A", &len), NULL);
    CHECK_STR(nh_values_key_at(v, 2, &len), "a");
    CHECK_STR(nh_values_value_at(v, 2, &len), "2");
    CHECK_STR(nh_values_key_at(v, 5, &len), NULL);
    nh_values_free(v);

    CHECK_ERR(NH_ERR_INVALID, nh_values_parse("a=%zz", &v, &err));
    CHECK_STR(nh_error_message(err), "invalid URL escape \"%zz\"");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_values_parse("a;b", &v, &err));
    CHECK_STR(nh_error_message(err), "invalid semicolon separator in query");
    nh_error_free(err);
    CHECK_INT(nh_values_parse_n(NULL, 0, &v, NULL), NH_OK);
    CHECK_INT(nh_values_count(v), 0);
    nh_values_free(v);
}

static void flood(void) {
    static char text[20002];
    nh_values *v = NULL;
    memset(text, '&', sizeof text - 1);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_values_parse(text, &v, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_values_parse_n(text, 10000, &v, NULL));
    CHECK_INT(nh_values_parse_n(text, 9999, &v, NULL), NH_OK);
    nh_values_free(v);
}

static void changes(void) {
    nh_values *v = nh_values_new(), *copy;
    size_t len = 0;
    char buf[64];
    CHECK_INT(nh_values_add(v, "z", "1"), NH_OK);
    CHECK_INT(nh_values_add(v, "a", "x y&"), NH_OK);
    CHECK_INT(nh_values_add_n(v, "z!", 1, "\0", 1), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_values_encode(v, buf, 3, &len));
    CHECK_INT(nh_values_encode(v, buf, len + 1, &len), NH_OK);
    CHECK_STR(buf, "a=x+y%26&z=1&z=%00");
    copy = nh_values_clone(v);
    CHECK_INT(nh_values_set(v, "z", "9"), NH_OK);
    CHECK_INT(nh_values_set_n(v, "n", 1, NULL, 0), NH_OK);
    CHECK_INT(nh_values_del(v, "a"), NH_OK);
    CHECK_INT(nh_values_del(v, "a"), NH_OK);
    CHECK_INT(nh_values_has(v, "a"), 0);
    CHECK_INT(nh_values_has(v, "n"), 1);
    CHECK_INT(nh_values_encode(v, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "n=&z=9");
    nh_values_free(v);
    CHECK_INT(nh_values_count(copy), 3);
    nh_values_free(copy);
}

static void content_types(void) {
    CHECK_STR(nh_detect_content_type("<html>", 6), "text/html; charset=utf-8");
    CHECK_STR(nh_detect_content_type("\x89PNG\r\n\x1a\n", 8), "image/png");
    CHECK_STR(nh_detect_content_type("a\0b", 3), "application/octet-stream");
    CHECK_STR(nh_detect_content_type(NULL, 0), "text/plain; charset=utf-8");
    CHECK_STR(nh_detect_content_type(NULL, 1), NULL);
}

int main(void) {
    content_types();
    nulls();
    decoding();
    flood();
    changes();
    return 0;
}
