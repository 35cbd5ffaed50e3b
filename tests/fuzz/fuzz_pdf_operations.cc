/*
 * libFuzzer over the operations on existing documents: any bytes as the file. The first byte picks
 * what is asked for.
 *
 *     cmake --preset fuzz && ninja -C build-fuzz fuzz_pdf_operations
 *     ./build-fuzz/connectors/pdf/fuzz_pdf_operations -max_len=65536 -rss_limit_mb=4096 CORPUS/
 *
 * Each job must be completed exactly once.
 */
#include "connectors/pdf/work.hh"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

struct Case {
    void (*start)(hub_instance *, hub_job *);
    const char *input;
    const char *pointer; /* of a second place for the same file, or NULL */
};

const Case CASES[] = {
    {pdf_info_start, "{}", nullptr},
    {pdf_merge_start, "{\"files\":[{},{\"pages\":\"last,1\"}]}", "/files/1/file"},
    {pdf_split_start, "{\"every\":1}", nullptr},
    {pdf_rotate_start, "{\"angle\":90}", nullptr},
    {pdf_stamp_start, "{\"text\":{\"text\":\"X\"},\"angle\":30,\"opacity\":0.5}", nullptr},
    {pdf_stamp_start, "{\"page\":{\"fit\":true},\"under\":true}", "/page/file"},
    {pdf_stamp_start, "{\"image\":{}}", "/image/file"},
    {pdf_encrypt_start, "{\"owner_password\":\"o\",\"permissions\":{\"print\":\"low\"}}", nullptr},
    {pdf_decrypt_start, "{\"password\":\"p\"}", nullptr},
    {pdf_metadata_start, "{\"title\":\"T\",\"custom\":{\"A\":\"b\"},\"author\":null}", nullptr},
    {pdf_attach_start,
     "{\"attachments\":[{\"name\":\"n\",\"modified_at\":\"2026-01-01T00:00:00Z\"}],"
     "\"factur_x\":{\"modified_at\":\"2026-01-01T00:00:00Z\"}}",
     "/attachments/0/file"},
    {pdf_linearize_start, "{}", nullptr},
};

/* What the operations see of a host. */
struct Attempt {
    hub_file file;
    const Case *chosen;
    int completions = 0;
    std::vector<int> outputs;
};

Attempt *attempt;

void succeed(hub_job *, hub_str result)
{
    json_object *value = nullptr;
    if (json_read(str_of(result.ptr, result.len), JSON_DEPTH_MAX, &value, nullptr, nullptr) < 0) {
        abort();
    }
    json_object_put(value);
    attempt->completions++;
}

void fail(hub_job *, hub_str code, hub_str, hub_str)
{
    if (code.len == 0) {
        abort();
    }
    attempt->completions++;
}

void retry(hub_job *, hub_str, hub_str, uint64_t)
{
    attempt->completions++;
}

int32_t cancelled(const hub_job *)
{
    return 0;
}

int32_t artifact(hub_job *, hub_str, hub_str, int32_t *fd)
{
    *fd = memfd_create("output", MFD_CLOEXEC);
    attempt->outputs.push_back(*fd);
    return HUB_CALL_OK;
}

bool is(hub_str pointer, const char *name)
{
    return name && pointer.len == strlen(name) && memcmp(pointer.ptr, name, pointer.len) == 0;
}

const hub_file *file(const hub_job *, hub_str pointer)
{
    bool known = is(pointer, "/file") || is(pointer, "/files/0/file") ||
                 is(pointer, "/factur_x/file") || is(pointer, attempt->chosen->pointer);
    return known ? &attempt->file : nullptr;
}

int64_t wall_ms()
{
    return 1700000000000;
}

void fill(void *bytes, uint64_t len)
{
    memset(bytes, 7, len);
}

const hub_host HOST = [] {
    hub_host host = {};
    host.size = sizeof host;
    host.abi = HUB_ABI;
    host.succeed = succeed;
    host.fail = fail;
    host.retry = retry;
    host.cancelled = cancelled;
    host.artifact = artifact;
    host.file = file;
    host.wall_ms = wall_ms;
    host.random = fill;
    return host;
}();

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    Attempt now = {};
    attempt = &now;
    now.chosen = &CASES[data[0] % (sizeof CASES / sizeof CASES[0])];
    now.file.size = sizeof now.file;
    now.file.fd = memfd_create("input", MFD_CLOEXEC);
    now.file.bytes = size - 1;
    if (write(now.file.fd, data + 1, size - 1) != ssize_t(size - 1)) {
        abort();
    }
    static struct pdf pdf = {}; /* as in a runner: its caches outlive the jobs */
    pdf.host = &HOST;
    hub_job job = {};
    job.size = sizeof job;
    job.input = {now.chosen->input, strlen(now.chosen->input)};
    now.chosen->start(reinterpret_cast<hub_instance *>(&pdf), &job);
    if (now.completions != 1) {
        abort();
    }
    close(now.file.fd);
    for (int fd : now.outputs) {
        close(fd);
    }
    return 0;
}
