#include "expect.h"

#include <stdlib.h>
#include <string.h>

struct test_host host;
struct bytes photograph;

int expect_set_up(void **state)
{
    (void)state;
    test_host_init(&host, IMAGE_SO);
    photograph = magick("'%s' -resize 1280x800! -quality 92 jpg:-", magick_photograph());
    return 0;
}

int expect_tear_down(void **state)
{
    (void)state;
    test_host_release(&host);
    free(photograph.data);
    return 0;
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

struct bytes artifact_pixels(size_t index)
{
    return magick_pixels(host.artifacts[index].data, host.artifacts[index].len, "");
}

struct bytes artifact_bytes(size_t index)
{
    struct bytes copy = {malloc(host.artifacts[index].len), host.artifacts[index].len};
    memcpy(copy.data, host.artifacts[index].data, copy.len);
    return copy;
}

void expect_like(size_t index, struct bytes file, const char *arguments, double least)
{
    struct bytes ours = artifact_pixels(index);
    struct bytes theirs = magick_pixels(file.data, file.len, arguments);
    double got = psnr(ours, theirs);
    print_message("%s: %.1f dB\n", arguments, got);
    assert_int_equal(ours.len, theirs.len);
    assert_true(got >= least);
    free(ours.data);
    free(theirs.data);
}
