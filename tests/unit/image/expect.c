#include "expect.h"

#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_host host;
struct bytes photograph;

static char folder[] = "/tmp/hub-image-test-XXXXXX";

int expect_set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    /* More threads only wait for each other: the pictures are small. */
    setenv("MAGICK_THREAD_LIMIT", "1", 1);
    test_host_init(&host, IMAGE_SO);
    photograph = magick("'%s' -quality 92 jpg:-", magick_photograph());
    return 0;
}

int expect_tear_down(void **state)
{
    (void)state;
    test_host_release(&host);
    free(photograph.data);
    remove(magick_photograph());
    return chdir("/") != 0 || rmdir(folder) != 0;
}

bool expect_long(void)
{
    const char *set = getenv("HUB_TEST_LONG");
    return set && strcmp(set, "0") != 0;
}

void expect_run(const char *operation, const char *input, struct bytes file)
{
    test_host_run(&host, operation, input, file.data, file.len);
    assert_int_equal(host.completions, 1);
}

void expect_success(const char *input, struct bytes file, size_t artifacts)
{
    expect_run("transform", input, file);
    if (host.outcome != OUTCOME_SUCCEEDED)
        print_error("%s: %s: %s\n", input, host.code, host.message);
    assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
    assert_int_equal(host.artifact_count, artifacts);
}

void expect_failure(const char *operation, const char *input, struct bytes file, const char *code)
{
    expect_run(operation, input, file);
    assert_int_equal(host.outcome, OUTCOME_FAILED);
    assert_string_equal(host.code, code);
    assert_true(strlen(host.message) > 10);
}

void expect_result(const char *text)
{
    if (!strstr(host.result, text))
        print_error("no %s in %s\n", text, host.result);
    assert_non_null(strstr(host.result, text));
}

/* By libspng: a process of ImageMagick for each picture was most of what these tests cost. */
static struct bytes png_pixels(const uint8_t *file, size_t len)
{
    spng_ctx *png = spng_ctx_new(0);
    assert_non_null(png);
    struct bytes pixels = {0};
    assert_int_equal(spng_set_png_buffer(png, file, len), 0);
    assert_int_equal(spng_decoded_image_size(png, SPNG_FMT_RGBA8, &pixels.len), 0);
    pixels.data = malloc(pixels.len);
    assert_non_null(pixels.data);
    assert_int_equal(
        spng_decode_image(png, pixels.data, pixels.len, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS), 0);
    spng_ctx_free(png);
    return pixels;
}

struct bytes artifact_pixels(size_t index)
{
    const struct test_artifact *artifact = &host.artifacts[index];
    return strcmp(artifact->media_type, "image/png") == 0
               ? png_pixels(artifact->data, artifact->len)
               : magick_pixels(artifact->data, artifact->len, "");
}

void blacken(struct bytes pixels)
{
    for (size_t i = 0; i < pixels.len; i += 4) {
        if (pixels.data[i + 3] == 0)
            memset(pixels.data + i, 0, 3);
    }
}

struct bytes artifact_bytes(size_t index)
{
    struct bytes copy = {malloc(host.artifacts[index].len), host.artifacts[index].len};
    memcpy(copy.data, host.artifacts[index].data, copy.len);
    return copy;
}

void expect_like_next(size_t index, struct bytes theirs, size_t *at, const char *way, double least)
{
    struct bytes ours = artifact_pixels(index);
    assert_true(*at + ours.len <= theirs.len);
    blacken(ours);
    const struct bytes part = {theirs.data + *at, ours.len};
    blacken(part);
    double got = psnr(ours, part);
    print_message("%s: %.1f dB\n", way, got);
    assert_true(got >= least);
    *at += ours.len;
    free(ours.data);
}

void expect_like(size_t index, struct bytes file, const char *arguments, double least)
{
    struct bytes theirs = magick_pixels(file.data, file.len, arguments);
    size_t at = 0;
    expect_like_next(index, theirs, &at, arguments, least);
    assert_int_equal(at, theirs.len);
    free(theirs.data);
}
