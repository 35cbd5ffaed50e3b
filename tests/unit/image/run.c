/*
 * Runs one job of a connector from the command line, without hubd, for looking and measuring:
 *
 *     image_run CONNECTOR.so OPERATION INPUT-JSON IMAGE-FILE [FOLDER [REPEAT [POINTER=FILE …]]]
 *
 * IMAGE-FILE may be "-" for none. Prints the result, or the error, and CPU milliseconds a run and
 * peak memory.
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0) {
        perror(path);
        exit(2);
    }
    *ret_len = (size_t)status.st_size;
    void *bytes = malloc(*ret_len + 1);
    if (!bytes || fread(bytes, 1, *ret_len, file) != *ret_len)
        exit(2);
    fclose(file);
    return bytes;
}

static void save(const struct test_artifact *artifact, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, artifact->name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(artifact->data, 1, artifact->len, file) != artifact->len) {
        perror(path);
        exit(2);
    }
    fclose(file);
}

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Of this program alone: getrusage() would tell that of the one that started it too. */
static long peak_kb(void)
{
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status)) {
        if (sscanf(line, "VmHWM: %ld", &peak) == 1)
            break;
    }
    if (status)
        fclose(status);
    return peak;
}

/* POINTER=FILE */
static void offer(struct test_host *host, char *argument)
{
    char *path = strchr(argument, '=');
    if (!path)
        exit(2);
    *path++ = '\0';
    size_t len;
    void *bytes = read_file(path, &len);
    test_host_offer(host, argument, bytes, len);
    free(bytes);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr,
                "usage: %s CONNECTOR.so OPERATION INPUT-JSON IMAGE [FOLDER [REPEAT [POINTER=FILE "
                "…]]]\n",
                argv[0]);
        return 2;
    }
    struct test_host host;
    test_host_init(&host, argv[1]);
    const char *slash = strrchr(argv[4], '/');
    host.file_name = slash ? slash + 1 : argv[4];
    size_t len = 0;
    /* Offered once: making a file anew for each run would be measured too. */
    void *bytes = strcmp(argv[4], "-") == 0 ? NULL : read_file(argv[4], &len);
    if (bytes)
        test_host_offer(&host, "/image", bytes, len);
    for (int i = 7; i < argc; i++)
        offer(&host, argv[i]);
    int repeat = argc > 6 ? atoi(argv[6]) : 1;
    double before = cpu_ms();
    for (int i = 0; i < repeat; i++)
        test_host_run(&host, argv[2], argv[3], NULL, 0);
    double spent = (cpu_ms() - before) / repeat;
    bool succeeded = host.outcome == OUTCOME_SUCCEEDED;
    printf("%s%s%s%s\n", host.result, host.code, succeeded ? "" : ": ", host.message);
    fprintf(stderr, "cpu %.1f ms, peak %ld MB\n", spent, peak_kb() / 1024);
    for (size_t i = 0; i < host.artifact_count && succeeded && argc > 5; i++)
        save(&host.artifacts[i], argv[5]);
    test_host_release(&host);
    free(bytes);
    return succeeded ? 0 : 1;
}
