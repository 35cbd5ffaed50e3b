#include "base/hash.h"
#include "unit.h"

static const struct {
    struct str in;
    const char *hex;
} sha256_vectors[] = {
    /* FIPS 180-2 appendix B, and the empty message of the NIST validation suite */
    {STR_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {STR_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_in_one_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sha256_vectors); i++) {
        struct sha256_digest digest;
        char hex[SHA256_HEX_LEN + 1];
        sha256_of(sha256_vectors[i].in, &digest);
        sha256_hex(&digest, hex);
        assert_string_equal(hex, sha256_vectors[i].hex);
    }
    struct sha256_digest of_null;
    sha256_of((struct str){NULL, 0}, &of_null);
    assert_int_equal(of_null.bytes[0], 0xe3);
}

static void sha256_in_pieces(void **state)
{
    (void)state;
    struct sha256 sha;
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    assert_int_equal(sha256_init(&sha), 0);
    for (int i = 0; i < 1000; i++) {
        sha256_update(&sha, piece, sizeof piece);
    }
    sha256_final(&sha, &digest);
    sha256_hex(&digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_null(sha.ctx);
    assert_int_equal(sha256_init(&sha), 0);
    sha256_release(&sha);
    sha256_release(&sha);
}

static void comparisons(void **state)
{
    (void)state;
    struct sha256_digest a = {{0}}, b = {{0}};
    assert_true(sha256_eq(&a, &b));
    b.bytes[SHA256_LEN - 1] = 1;
    assert_false(sha256_eq(&a, &b));
    assert_true(hash_equal_constant_time("abc", "abd", 2));
    assert_false(hash_equal_constant_time("abc", "abd", 3));
}

static void sip13_agrees_with_cpython(void **state)
{
    (void)state;
    /* hash() of the bytes in CPython 3.11 under PYTHONHASHSEED=0 and =42 */
    static const uint64_t keys[2][2] = {
        {0, 0},
        {UINT64_C(0xdc504fd368cd90af), UINT64_C(0xb920bb9ffe99e9c1)},
    };
    char counting[64];
    for (size_t i = 0; i < sizeof counting; i++) {
        counting[i] = (char)i;
    }
    const struct {
        struct str in;
        uint64_t hash[2];
    } cases[] = {
        {STR("a"), {UINT64_C(4644417185603328019), UINT64_C(18323536319731619102)}},
        {STR("abc"), {UINT64_C(13851880170939887858), UINT64_C(3869580338025362921)}},
        {STR("abcdefg"), {UINT64_C(7904145750247929094), UINT64_C(1375323160596907757)}},
        {STR("abcdefgh"), {UINT64_C(4574395652268504554), UINT64_C(12988872177719840854)}},
        {STR("abcdefghi"), {UINT64_C(17913969820989044453), UINT64_C(12476478069047217279)}},
        {str_of(counting, 64), {UINT64_C(8493894268803903686), UINT64_C(10476391945621820107)}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(keys); k++) {
            assert_true(hash_sip13(keys[k], cases[i].in) == cases[i].hash[k]);
        }
    }
    assert_true(hash_sip13(keys[0], (struct str){NULL, 0}) == hash_sip13(keys[0], STR("")));
}

static void random_bytes_fill_all(void **state)
{
    (void)state;
    uint8_t seen[600] = {0}, bytes[600];
    for (int round = 0; round < 20; round++) {
        hash_random(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_int_not_equal(seen[i], 0);
    }
}

static void hexadecimal(void **state)
{
    (void)state;
    struct buf b;
    uint8_t bytes[3] = {9, 9, 9};
    buf_init(&b, 6);
    hex_append(&b, "\x00\xab\xff", 3);
    assert_string_equal(b.ptr, "00abff");
    hex_append(&b, "x", 1);
    assert_true(buf_failed(&b));
    buf_release(&b);
    assert_true(hex_decode(STR("00aBfF"), bytes, 3));
    assert_memory_equal(bytes, "\x00\xab\xff", 3);
    static const char *const bad[] = {"",         "00aB",   "00aBf", "00aBfF0",
                                      "00aBfF00", "00aBfg", "00 BfF"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(hex_decode(str_from_c(bad[i]), bytes, 3));
    }
    assert_false(hex_decode(STR("00a\xc2\x46\x06"), bytes, 3)); /* no digit, though 0x20 is set */
    assert_memory_equal(bytes, "\x00\xab\xff", 3);
}

static const struct {
    struct str plain;
    const char *padded;
    const char *url;
} base64_vectors[] = {
    /* RFC 4648 §10 */
    {STR_INIT(""), "", ""},
    {STR_INIT("f"), "Zg==", "Zg"},
    {STR_INIT("fo"), "Zm8=", "Zm8"},
    {STR_INIT("foo"), "Zm9v", "Zm9v"},
    {STR_INIT("foob"), "Zm9vYg==", "Zm9vYg"},
    {STR_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
    {STR_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {STR_INIT("\xfb\xff\xfe\0"), "+//+AA==", "-__-AA"},
};

static void base64_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(base64_vectors); i++) {
        struct buf b;
        buf_init(&b, 100);
        base64_append(&b, base64_vectors[i].plain);
        assert_str_equal(buf_view(&b), str_from_c(base64_vectors[i].padded));
        buf_clear(&b);
        base64url_append(&b, base64_vectors[i].plain);
        assert_str_equal(buf_view(&b), str_from_c(base64_vectors[i].url));
        buf_clear(&b);
        assert_int_equal(base64_decode(str_from_c(base64_vectors[i].padded), &b), 0);
        assert_str_equal(buf_view(&b), base64_vectors[i].plain);
        buf_release(&b);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",     "Zg",     "Zg=",   "Zh==",     "Zm9=",  "====", "=",    "A===", "Zg==Zg==",
        "Zm9v ", "Zm9v\n", "Zm\n9", "-__-AA==", "Zm9v=", "Z=9v", "Zm=v", "Z!9v", "Zm9\xff",
    };
    struct buf b;
    buf_init(&b, 100);
    buf_append_c(&b, "kept");
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (base64_decode(str_from_c(bad[i]), &b) != HUB_ERR_INVALID_INPUT) {
            fail_msg("%s was accepted", bad[i]);
        }
        assert_string_equal(b.ptr, "kept");
        assert_false(buf_failed(&b));
    }
    buf_release(&b);
}

static void base64_obeys_the_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_int_equal(base64_decode(STR("Zm9vYmFy"), &b), HUB_ERR_LIMIT);
    assert_false(buf_failed(&b));
    assert_int_equal(base64_decode(STR("Zm9vYmE="), &b), 0);
    assert_string_equal(b.ptr, "fooba");
    buf_release(&b);
}

static void base64_of_every_length_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[200];
    hash_random(bytes, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct buf text, back;
        buf_init(&text, 1000);
        buf_init(&back, len);
        base64_append(&text, str_of((char *)bytes, len));
        assert_int_equal(base64_decode(buf_view(&text), &back), 0);
        assert_str_equal(buf_view(&back), str_of((char *)bytes, len));
        buf_release(&text);
        buf_release(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_in_one_go),
        cmocka_unit_test(sha256_in_pieces),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(sip13_agrees_with_cpython),
        cmocka_unit_test(random_bytes_fill_all),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64_obeys_the_limit),
        cmocka_unit_test(base64_of_every_length_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
