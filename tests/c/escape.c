/* Escaping and basic authentication: both ways, NULs inside, buffers, NULL everywhere. */
#include "check.h"
#include "nethttp.h"

static void nulls(void) {
    char buf[8];
    size_t len = 7;
    CHECK_ERR(NH_ERR_INVALID, nh_query_escape(NULL, 1, buf, sizeof buf, &len));
    CHECK_INT(len, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_query_escape("a", 1, buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_path_escape(NULL, 1, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_path_escape("a", 1, buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_html_escape(NULL, 1, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_html_escape("a", 1, buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_query_unescape(NULL, 1, buf, sizeof buf, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_query_unescape("a", 1, buf, sizeof buf, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_path_unescape(NULL, 1, buf, sizeof buf, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_path_unescape("a", 1, buf, sizeof buf, NULL, NULL));
    CHECK_INT(nh_query_escape(NULL, 0, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "");
}

static void escaping(void) {
    char buf[32];
    size_t len = 0;
    nh_error *err = NULL;
    CHECK_INT(nh_query_escape("a b/&\0", 6, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "a+b%2F%26%00");
    CHECK_INT(len, 12);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_query_escape("ab", 2, buf, 2, &len));
    CHECK_INT(len, 2);
    CHECK_INT(nh_path_escape("a b/&?", 6, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "a%20b%2F&%3F");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_path_escape("ab", 2, NULL, 0, &len));
    CHECK_INT(nh_html_escape("<'\"&>", 5, buf, sizeof buf, &len), NH_OK);
    CHECK_STR(buf, "&lt;&#39;&#34;&amp;&gt;");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_html_escape("ab", 2, NULL, 100, &len));
    CHECK_INT(nh_query_unescape("a+b%00c", 7, buf, sizeof buf, &len, &err), NH_OK);
    CHECK(err == NULL && len == 5 && memcmp(buf, "a b\0c", 6) == 0);
    CHECK_ERR(NH_ERR_INVALID, nh_query_unescape("%4", 2, buf, sizeof buf, &len, &err));
    CHECK_STR(nh_error_message(err), "invalid URL escape \"%4\"");
    CHECK_INT(len, 0);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_query_unescape("abc", 3, buf, 3, &len, NULL));
    CHECK_INT(nh_path_unescape("a+b%2f", 6, buf, sizeof buf, &len, NULL), NH_OK);
    CHECK_STR(buf, "a+b/");
    CHECK_ERR(NH_ERR_INVALID, nh_path_unescape("%g0", 3, buf, sizeof buf, &len, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_path_unescape("abc", 3, buf, 1, &len, NULL));
}

static void basic_auth(void) {
    char value[64], user[16], word[16];
    size_t len = 0, user_len = 0, word_len = 0;
    CHECK_INT(nh_basic_auth_make("Aladdin", "open:sesame", value, sizeof value, &len), NH_OK);
    CHECK_STR(value, "Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_basic_auth_make("a", "b", value, 3, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_basic_auth_make("a:b", "c", value, sizeof value, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_basic_auth_make(NULL, "c", value, sizeof value, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_basic_auth_make("a", NULL, value, sizeof value, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_basic_auth_make("a", "c", value, sizeof value, NULL));

    CHECK_INT(nh_basic_auth_parse("basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==", user, sizeof user, &user_len, word,
                                  sizeof word, &word_len),
              NH_OK);
    CHECK_STR(user, "Aladdin");
    CHECK_STR(word, "open:sesame");
    CHECK_INT(user_len, 7);
    CHECK_INT(word_len, 11);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_basic_auth_parse("Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==", user, 2, &user_len,
                                                    word, sizeof word, &word_len));
    CHECK_INT(user_len, 7);
    CHECK_ERR(NH_ERR_NOT_FOUND,
              nh_basic_auth_parse("Bearer x", user, sizeof user, &user_len, word, sizeof word, &word_len));
    CHECK_ERR(NH_ERR_INVALID,
              nh_basic_auth_parse(NULL, user, sizeof user, &user_len, word, sizeof word, &word_len));
    CHECK_ERR(NH_ERR_INVALID,
              nh_basic_auth_parse("x", user, sizeof user, NULL, word, sizeof word, &word_len));
    CHECK_ERR(NH_ERR_INVALID,
              nh_basic_auth_parse("x", user, sizeof user, &user_len, word, sizeof word, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_basic_auth_parse("Basic QTpC", NULL, 0, &user_len, NULL, 0, &word_len));
}

int main(void) {
    nulls();
    escaping();
    basic_auth();
    return 0;
}
