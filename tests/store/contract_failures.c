#include "fault_vfs.h"
#include "harness.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Commits that fail -------------------------------------------------------------------------*/

/* A batch with something of each kind in it. */
struct mixed {
    struct store_op *insert;
    struct store_op *move;
    struct store_op *upload;
    struct store_op *queue;
};

static struct mixed mixed_batch(struct harness *h, struct id to_finish)
{
    struct mixed m = {harness_insert_op(h), harness_finish_op(h, to_finish, JOB_SUCCEEDED),
                      harness_op(h, STORE_ARTIFACT_INSERT), harness_op(h, STORE_QUEUE_PUT)};
    struct blob_pending *blob = arena_alloc(&m.move->arena, sizeof *blob);
    struct artifact_record *artifact = arena_alloc(&m.move->arena, sizeof *artifact);

    m.insert->job_insert.idempotency.given = true;
    m.insert->job_insert.idempotency.expires_at = h->now + 10000;
    *blob = harness_blob(h, "an output");
    *artifact = harness_artifact(h, blob, "out.txt");
    m.move->job_move.blobs = blob;
    m.move->job_move.artifacts = artifact;
    m.move->job_move.artifact_count = 1;
    m.upload->artifact_insert.blob = harness_blob(h, "an upload");
    m.upload->artifact_insert.artifact = harness_artifact(h, &m.upload->artifact_insert.blob, "u");
    m.queue->queue_put.queue.name = STR("new");
    return m;
}

static void submit_mixed(struct harness *h, const struct mixed *m)
{
    harness_submit(h, m->insert);
    harness_submit(h, m->move);
    harness_submit(h, m->upload);
    harness_submit(h, m->queue);
    harness_wait(h);
}

static void assert_mixed(const struct mixed *m, int err)
{
    assert_int_equal(m->insert->err, err);
    assert_int_equal(m->move->err, err);
    assert_int_equal(m->upload->err, err);
    assert_int_equal(m->queue->err, err);
}

/* What the reader sees, of the batch and of what was there before. */
static void assert_nothing_visible(struct harness *h, const struct mixed *m, struct id unfinished,
                                   uint64_t events)
{
    struct store_op *op = harness_op(h, STORE_ARTIFACT_GET);

    assert_int_equal(harness_get(h, m->insert->job_insert.job.id)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_state(h, unfinished), JOB_QUEUED);
    op->artifact_get.id = m->upload->artifact_insert.artifact.id;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    op = harness_op(h, STORE_QUEUE_LIST);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->queue_list.ret_count, 0);
    assert_int_equal(harness_last_event(h), events);
}

static void resubmit(struct harness *h, struct store_op *op)
{
    /* Off the chain of those that ran: it runs again. */
    for (struct store_op **at = &h->kept; *at; at = &(*at)->next) {
        if (*at == op) {
            *at = op->next;
            break;
        }
    }
    harness_submit(h, op);
}

static void wait_for_room(struct harness *h)
{
    for (int i = 0; i < 400 && store_trouble(h->store) != 0; i++) {
        usleep(10000); /* the watch on free space looks every 250 ms, an idle store each second */
        harness_run(h, harness_op(h, STORE_BLOB_DISCARD));
    }
    assert_int_equal(store_trouble(h->store), 0);
}

static void fail_commit(struct harness *h, enum fault_call call, int rc, int expected)
{
    struct id id = harness_insert(h);
    struct mixed m = mixed_batch(h, id);
    uint64_t events = harness_last_event(h);
    struct store_stats stats;

    fault_vfs_fail(call, rc);
    submit_mixed(h, &m);
    fault_vfs_heal();
    assert_mixed(&m, expected);
    assert_nothing_visible(h, &m, id, events);
    store_stats(h->store, &stats);
    assert_true(stats.failures > 0);
    /* The store goes on, and the same operations succeed as they are. */
    wait_for_room(h);
    resubmit(h, m.insert);
    resubmit(h, m.move);
    resubmit(h, m.upload);
    resubmit(h, m.queue);
    harness_wait(h);
    assert_mixed(&m, 0);
    assert_int_equal(harness_state(h, id), JOB_SUCCEEDED);
    assert_true(harness_has_content(h, "an output"));
    assert_true(harness_has_content(h, "an upload"));
    assert_int_equal(harness_tmp_files(h), 0);
    harness_reopen(h, NULL);
    assert_int_equal(harness_state(h, id), JOB_SUCCEEDED);
    assert_int_equal(harness_get(h, id)->job_get.ret_job.artifact_count, 1);
}

static void test_fsync_of_the_log_fails(void **state)
{
    if (!harness_kind->local) {
        skip();
    }
    fail_commit(*state, FAULT_SYNC, SQLITE_IOERR_FSYNC, HUB_ERR_IO);
}

static void test_write_to_the_log_fails(void **state)
{
    if (!harness_kind->local) {
        skip();
    }
    fail_commit(*state, FAULT_WRITE, SQLITE_IOERR_WRITE, HUB_ERR_IO);
}

static void test_no_space_for_the_log(void **state)
{
    if (!harness_kind->local) {
        skip();
    }
    fail_commit(*state, FAULT_WRITE, SQLITE_FULL, HUB_ERR_STORAGE_FULL);
}

/* Errors that last: each batch is refused, nothing is lost, and then it works again. */
static void test_disk_that_is_gone_for_a_while(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);

    if (!harness_kind->local) {
        skip();
    }
    fault_vfs_fail(FAULT_WRITE, SQLITE_IOERR_WRITE);
    fault_vfs_fail(FAULT_SYNC, SQLITE_IOERR_FSYNC);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(harness_run(h, harness_insert_op(h)), HUB_ERR_IO);
        assert_int_equal(store_trouble(h->store), HUB_ERR_IO);
        assert_int_equal(store_admits(h->store), 0);
    }
    usleep(1200 * 1000); /* it has tried by itself meanwhile */
    assert_int_equal(store_trouble(h->store), HUB_ERR_IO);
    fault_vfs_heal();
    for (int i = 0; i < 400 && store_trouble(h->store) != 0; i++) {
        usleep(10000); /* nobody asks it for anything */
    }
    assert_int_equal(store_trouble(h->store), 0);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
    harness_finish(h, id, JOB_SUCCEEDED);
    harness_insert(h);
}

/* A key that was taken in a lost transaction is free again. */
static void test_lost_key_is_free(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);

    if (!harness_kind->local) {
        skip();
    }
    op->job_insert.idempotency.given = true;
    op->job_insert.idempotency.expires_at = h->now + 1000;
    fault_vfs_fail(FAULT_SYNC, SQLITE_IOERR_FSYNC);
    assert_int_equal(harness_run(h, op), HUB_ERR_IO);
    fault_vfs_heal();
    resubmit(h, op);
    harness_wait(h);
    assert_int_equal(op->err, 0);
}

/* --- A file system that is really full ---------------------------------------------------------*/

static struct store_op *big_insert_op(struct harness *h)
{
    struct store_op *op = harness_insert_op(h);
    size_t len = 64 * 1024;
    char *input = arena_alloc(&op->arena, len);

    memset(input, 'i', len);
    op->job_insert.job.input = str_of(input, len);
    return op;
}

static int mount_small(void **state)
{
    static char dir[64];

    snprintf(dir, sizeof dir, "/tmp/hub_store_full.XXXXXX");
    *state = mkdtemp(dir);
    if (*state && mount("tmpfs", dir, "tmpfs", 0, "size=48m") < 0) {
        rmdir(dir); /* not root: the test is skipped */
        *state = NULL;
    }
    return 0;
}

static int unmount_small(void **state)
{
    if (*state) {
        umount2(*state, MNT_DETACH);
        rmdir(*state);
    }
    return 0;
}

static void test_full_file_system(void **state)
{
    const struct harness_options options = {.reserve_bytes = 16 << 20, .wal_bytes = 1 << 20};
    const char *dir = *state;
    char ballast[300];
    struct harness h;
    struct id ids[2000];
    unsigned count = 0;
    int err = 0;

    if (!harness_kind->local || !dir) {
        skip();
    }
    harness_open_in(&h, harness_kind, dir, &options);
    /* Down to the reserve: then new work is refused. */
    for (int i = 0; i < 2000 && err == 0; i++) {
        struct store_op *op = big_insert_op(&h);
        err = harness_run(&h, op);
        if (err == 0) {
            ids[count++] = op->job_insert.job.id;
        }
    }
    assert_int_equal(err, HUB_ERR_STORAGE_FULL);
    assert_int_equal(store_trouble(h.store), HUB_ERR_STORAGE_FULL);
    assert_true(count > 50);
    assert_true(blob_free_bytes(h.blobs) > 0);
    /* What is there can still be finished, in the reserve. */
    for (unsigned i = 0; i < count / 2; i++) {
        harness_finish(&h, ids[i], JOB_SUCCEEDED);
    }
    struct store_op *upload = harness_op(&h, STORE_ARTIFACT_INSERT);
    upload->artifact_insert.blob = harness_blob(&h, "tiny");
    upload->artifact_insert.artifact = harness_artifact(&h, &upload->artifact_insert.blob, "t");
    assert_int_equal(harness_run(&h, upload), HUB_ERR_STORAGE_FULL);
    /* Nothing left at all: not even that, and nothing acknowledged is lost. */
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
    static char zeros[65536];
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    close(fd);
    for (unsigned i = count / 2; i < count && err == HUB_ERR_STORAGE_FULL; i++) {
        int got = harness_run(&h, harness_finish_op(&h, ids[i], JOB_SUCCEEDED));
        assert_true(got == 0 || got == HUB_ERR_STORAGE_FULL);
        assert_int_equal(harness_state(&h, ids[i]), got == 0 ? JOB_SUCCEEDED : JOB_QUEUED);
    }
    unlink(ballast);
    for (unsigned i = count / 2; i < count; i++) {
        if (harness_state(&h, ids[i]) != JOB_SUCCEEDED) {
            harness_finish(&h, ids[i], JOB_SUCCEEDED);
        }
    }
    harness_reopen(&h, NULL);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(harness_state(&h, ids[i]), JOB_SUCCEEDED);
    }
    harness_stop(&h);
    close(h.wake_fd);
}

static void test_below_the_reserve(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);

    harness_reopen(h, &(struct harness_options){.reserve_bytes = UINT64_MAX - 1});
    assert_int_equal(store_trouble(h->store), HUB_ERR_STORAGE_FULL);
    assert_int_equal(harness_run(h, harness_insert_op(h)), HUB_ERR_STORAGE_FULL);
    harness_finish(h, id, JOB_SUCCEEDED);
    struct store_op *del = harness_op(h, STORE_JOB_DELETE);
    del->job_delete.id = id;
    assert_int_equal(harness_run(h, del), 0);
    harness_reopen(h, &(struct harness_options){.reserve_bytes = 1});
    assert_int_equal(store_trouble(h->store), 0);
    harness_insert(h);
}

/* --- Processes that are killed -----------------------------------------------------------------*/

static void write_ack(int fd, char what, const struct id *id)
{
    char line[1 + sizeof *id];

    line[0] = what;
    memcpy(line + 1, id, sizeof *id);
    if (write(fd, line, sizeof line) != sizeof line) {
        _exit(1);
    }
}

/* Inserts and finishes without pause until it is killed, and tells what was acknowledged. */
/* What its attempt keeps and puts on record. */
static void submit_kept(struct harness *h, struct id id)
{
    const struct store_keeper keeper = {.job = id, .attempt = 1, .connector = STR("pay")};
    struct store_op *put = harness_op(h, STORE_KEEP_PUT);
    struct store_op *append = harness_op(h, STORE_LEDGER_APPEND);

    put->keep_put = (struct store_keep_put){
        .keeper = keeper, .key = STR("request"), .value = STR("frozen"), .at = h->now};
    append->ledger_append = (struct store_ledger_append){
        .keeper = keeper, .kind = STR("intent"), .body = STR("{}"), .at = h->now};
    harness_submit(h, put);
    harness_submit(h, append);
}

static void assert_kept(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_KEEP_GET);

    op->keep_get.keeper = (struct store_keeper){.job = id, .attempt = 1, .connector = STR("pay")};
    op->keep_get.key = STR("request");
    assert_int_equal(harness_run(h, op), 0);
    assert_str(op->keep_get.ret_kept.value, "frozen");
}

/* How many entries there are, all as they must be. */
static int64_t verify_ledger(struct harness *h)
{
    struct store_ledger_verify so_far = {0};
    struct store_op *op;

    do {
        op = harness_op(h, STORE_LEDGER_VERIFY);
        op->ledger_verify = so_far;
        assert_int_equal(harness_run(h, op), 0);
        assert_int_equal(op->ledger_verify.ret_first_bad, 0);
        so_far = op->ledger_verify;
    } while (op->ledger_verify.ret_more);
    return op->ledger_verify.seq;
}

void contract_child(const char *dir, int ack_fd)
{
    enum { CALLERS = 16 };
    struct harness h;
    struct store_op *ops[CALLERS];

    harness_open_in(&h, harness_kind, dir, &(struct harness_options){.wal_bytes = 256 << 10});
    for (;;) {
        for (int i = 0; i < CALLERS; i++) {
            ops[i] = harness_insert_op(&h);
            harness_submit(&h, ops[i]);
        }
        harness_wait(&h);
        for (int i = 0; i < CALLERS; i++) {
            struct id id = ops[i]->job_insert.job.id;
            if (ops[i]->err < 0) {
                _exit(2);
            }
            write_ack(ack_fd, 'i', &id);
            submit_kept(&h, id);
        }
        harness_wait(&h);
        for (int i = 0; i < CALLERS; i++) {
            struct id id = ops[i]->job_insert.job.id;
            write_ack(ack_fd, 'k', &id);
            ops[i] = harness_finish_op(&h, id, JOB_SUCCEEDED);
            harness_submit(&h, ops[i]);
        }
        harness_wait(&h);
        for (int i = 0; i < CALLERS; i++) {
            if (ops[i]->err < 0) {
                _exit(3);
            }
            write_ack(ack_fd, 'f', &ops[i]->job_move.id);
        }
    }
}

/* Reads the child's acknowledgements, kills it after a while, then checks each of them. */
static unsigned kill_round(const char *dir, unsigned round)
{
    static struct {
        char what;
        struct id id;
    } acks[200000];
    unsigned count = 0;
    int64_t entries = 0;
    char line[1 + sizeof(struct id)];
    int fds[2];
    struct harness h;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char fd_text[16];
        snprintf(fd_text, sizeof fd_text, "%d", fds[1]);
        fcntl(fds[1], F_SETFD, 0);
        execl("/proc/self/exe", "contract", "child", harness_kind->name, dir, fd_text, NULL);
        _exit(4);
    }
    close(fds[1]);
    int64_t until = clock_mono_ns() + (int64_t)(20 + round * 17 % 150) * CLOCK_NS_PER_MS;
    while (read(fds[0], line, sizeof line) == sizeof line) {
        if (count < sizeof acks / sizeof *acks) {
            acks[count].what = line[0];
            memcpy(&acks[count++].id, line + 1, sizeof(struct id));
        }
        if (until != 0 && clock_mono_ns() > until) {
            kill(pid, SIGKILL);
            until = 0; /* and read what is still in the pipe */
        }
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fds[0]);

    harness_open_in(&h, harness_kind, dir, NULL);
    for (unsigned i = 0; i < count; i++) {
        enum job_state got = harness_state(&h, acks[i].id);
        assert_true(got == JOB_SUCCEEDED || (acks[i].what != 'f' && got == JOB_QUEUED));
        if (acks[i].what == 'k') {
            assert_kept(&h, acks[i].id);
            entries++;
        }
    }
    assert_true(verify_ledger(&h) >= entries);
    harness_insert(&h);
    harness_stop(&h);
    close(h.wake_fd);
    return count;
}

static void test_acknowledged_work_survives_kill(void **state)
{
    struct harness *h = *state;
    unsigned acknowledged = 0;

    for (unsigned round = 0; round < 20; round++) {
        char dir[300];
        snprintf(dir, sizeof dir, "%s/killed", h->dir);
        mkdir(dir, 0700);
        acknowledged += kill_round(dir, round);
    }
    assert_true(acknowledged > 100);
}

int contract_failures(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_fsync_of_the_log_fails),
        STORE_TEST(test_write_to_the_log_fails),
        STORE_TEST(test_no_space_for_the_log),
        STORE_TEST(test_disk_that_is_gone_for_a_while),
        STORE_TEST(test_lost_key_is_free),
        STORE_TEST(test_below_the_reserve),
        cmocka_unit_test_setup_teardown(test_full_file_system, mount_small, unmount_small),
        STORE_TEST(test_acknowledged_work_survives_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
