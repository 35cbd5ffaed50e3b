/*
 * Signatures against what AWS and the RFCs publish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sign.h"

#include "base/hash.h"

#include <string.h>

#define SECRET       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The suite that AWS gives for Signature Version 4 (requests of "service" in us-east-1), and the
 * IAM request of its documentation. */
static const struct {
    const char *method, *path, *query, *service, *host, *type, *signature;
} VECTORS[] = {
    {"GET", "/", "", "service", "example.amazonaws.com", NULL,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"GET", "/", "Param2=value2&Param1=value1", "service", "example.amazonaws.com", NULL,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"POST", "/", "", "service", "example.amazonaws.com", NULL,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"GET", "/", "Action=ListUsers&Version=2010-05-08", "iam", "iam.amazonaws.com",
     "application/x-www-form-urlencoded; charset=utf-8",
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
};

static void aws_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof VECTORS / sizeof VECTORS[0]; i++) {
        const char *type = VECTORS[i].type;
        hub_http_header headers[3] = {
            {HUB_STR("X-Amz-Date"), HUB_STR("20150830T123600Z")},
            {HUB_STR("Host"), {VECTORS[i].host, strlen(VECTORS[i].host)}},
            {HUB_STR("Content-Type"), {type, type ? strlen(type) : 0}},
        };
        struct aws_request request = {
            .access_key_id = STR("AKIDEXAMPLE"),
            .secret_access_key = STR(SECRET),
            .region = STR("us-east-1"),
            .service = str_from_c(VECTORS[i].service),
            .method = str_from_c(VECTORS[i].method),
            .path = str_from_c(VECTORS[i].path),
            .query = str_from_c(VECTORS[i].query),
            .payload_hash = STR(EMPTY_SHA256),
            .headers = headers,
            .header_count = type ? 3 : 2,
        };
        struct buf value;
        buf_init(&value, 4096);
        aws_time(INT64_C(1440938160000), request.time);
        assert_string_equal(request.time, "20150830T123600Z");
        assert_int_equal(aws_sign(&request, &value), 0);
        assert_true(str_starts_with(
            buf_view(&value), STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/")));
        assert_non_null(strstr(value.ptr, type ? "SignedHeaders=content-type;host;x-amz-date,"
                                               : "SignedHeaders=host;x-amz-date,"));
        const char *signature = strstr(value.ptr, "Signature=");
        assert_non_null(signature);
        assert_string_equal(signature + strlen("Signature="), VECTORS[i].signature);
        buf_release(&value);
    }
}

/* However the query is written, one signature; a name without a value is signed as "uploads=". */
static void one_signature_for_all_spellings(void **state)
{
    static const char *const SPELLINGS[] = {"a=%7E&uploads&b=x%20y", "uploads=&b=x%20y&a=~",
                                            "b=x%20y&a=%7e&uploads="};
    char first[512] = "";
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        hub_http_header host = {HUB_STR("host"), HUB_STR("s3.example")};
        struct aws_request request = {
            .access_key_id = STR("A"),
            .secret_access_key = STR("S"),
            .region = STR("r"),
            .service = STR("s3"),
            .method = STR("GET"),
            .path = STR("/a%20b/../c"),
            .query = str_from_c(SPELLINGS[i]),
            .payload_hash = STR("UNSIGNED-PAYLOAD"),
            .headers = &host,
            .header_count = 1,
            .time = "20150830T123600Z",
        };
        struct buf value;
        buf_init(&value, 4096);
        assert_int_equal(aws_sign(&request, &value), 0);
        if (i == 0) {
            strcpy(first, value.ptr);
        }
        assert_string_equal(value.ptr, first);
        buf_release(&value);
    }
}

/* RFC 4231 §4.3 and RFC 2202 §3, test case 2 of each. */
static void macs(void **state)
{
    static const struct {
        const char *algorithm, *hex;
    } MACS[] = {
        {"sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"sha512",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
         "6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        unsigned char mac[SIGN_MAC_MAX];
        struct buf hex;
        size_t len = sign_mac(str_from_c(MACS[i].algorithm), STR("Jefe"),
                              STR("what do ya want for nothing?"), mac);
        buf_init(&hex, 256);
        hex_append(&hex, mac, len);
        assert_string_equal(hex.ptr, MACS[i].hex);
        buf_release(&hex);
    }
    unsigned char mac[SIGN_MAC_MAX];
    assert_int_equal(sign_mac(STR("md5"), STR("k"), STR("d"), mac), 0);
}

static void urls_in_parts(void **state)
{
    struct url_parts parts;
    (void)state;
    assert_true(url_split(STR("https://h.example:8443/a/b?c=d#e"), &parts));
    assert_true(str_eq(parts.authority, STR("h.example:8443")));
    assert_true(str_eq(parts.path, STR("/a/b")));
    assert_true(str_eq(parts.query, STR("c=d")));
    assert_true(url_split(STR("http://h?x"), &parts));
    assert_true(str_eq(parts.path, STR("/")) && str_eq(parts.query, STR("x")));
    assert_false(url_split(STR("no url"), &parts));
    assert_false(url_split(STR("http:///x"), &parts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_vectors),
        cmocka_unit_test(one_signature_for_all_spellings),
        cmocka_unit_test(macs),
        cmocka_unit_test(urls_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
