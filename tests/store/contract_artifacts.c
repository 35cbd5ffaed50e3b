#include "harness.h"

#include <string.h>

static struct store_op *get_artifact(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_ARTIFACT_GET);

    op->artifact_get.id = id;
    harness_run(h, op);
    return op;
}

static int delete_artifact(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_ARTIFACT_DELETE);

    op->artifact_delete.id = id;
    return harness_run(h, op);
}

static void purge(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_PURGE);

    op->purge.now = h->now;
    op->purge.limit = 100;
    assert_int_equal(harness_run(h, op), 0);
}

static struct id insert_with_file(struct harness *h, const struct id *file)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.files = arena_memdup(&op->arena, file, sizeof *file);
    op->job_insert.job.file_count = 1;
    assert_int_equal(harness_run(h, op), 0);
    return op->job_insert.job.id;
}

/* A job that ends with two outputs. */
static struct store_op *finish_with_outputs(struct harness *h, struct id id, const char *one,
                                            const char *two)
{
    struct store_op *op = harness_finish_op(h, id, JOB_SUCCEEDED);
    struct blob_pending *blobs = arena_alloc(&op->arena, 2 * sizeof *blobs);
    struct artifact_record *artifacts = arena_alloc(&op->arena, 2 * sizeof *artifacts);

    blobs[0] = harness_blob(h, one);
    blobs[1] = harness_blob(h, two);
    artifacts[0] = harness_artifact(h, &blobs[0], "one.txt");
    artifacts[1] = harness_artifact(h, &blobs[1], "two.txt");
    op->job_move.blobs = blobs;
    op->job_move.artifacts = artifacts;
    op->job_move.artifact_count = 2;
    return op;
}

static void test_upload(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_op(h, STORE_ARTIFACT_INSERT);

    op->artifact_insert.blob = harness_blob(h, "hello");
    op->artifact_insert.artifact = harness_artifact(h, &op->artifact_insert.blob, "hello.txt");
    op->artifact_insert.artifact.expires_at = h->now + 500;
    assert_int_equal(harness_run(h, op), 0);
    assert_true(harness_has_content(h, "hello"));
    assert_int_equal(harness_tmp_files(h), 0);

    const struct artifact_record *got =
        &get_artifact(h, op->artifact_insert.artifact.id)->artifact_get.ret_artifact;
    assert_id(got->id, op->artifact_insert.artifact.id);
    assert_str(got->name, "hello.txt");
    assert_str(got->media_type, "text/plain");
    assert_int_equal(got->size, 5);
    assert_str(got->sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_int_equal(got->created_at, h->now);
    assert_int_equal(got->expires_at, h->now + 500);
    assert_true(id_is_zero(&got->job));
    assert_int_equal(get_artifact(h, harness_id(h))->err, HUB_ERR_NOT_FOUND);
}

static void test_known_artifact_id_conflicts(void **state)
{
    struct harness *h = *state;
    struct id id = harness_upload(h, "first");
    struct store_op *op = harness_op(h, STORE_ARTIFACT_INSERT);

    op->artifact_insert.blob = harness_blob(h, "second");
    op->artifact_insert.artifact = harness_artifact(h, &op->artifact_insert.blob, "x");
    op->artifact_insert.artifact.id = id;
    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    assert_false(harness_has_content(h, "second"));
    /* The pending blob is still the submitter's. */
    assert_int_equal(harness_tmp_files(h), 1);
    struct store_op *discard = harness_op(h, STORE_BLOB_DISCARD);
    discard->blob_discard.blobs = &op->artifact_insert.blob;
    discard->blob_discard.count = 1;
    assert_int_equal(harness_run(h, discard), 0);
    assert_int_equal(harness_tmp_files(h), 0);
}

static void test_content_is_stored_once(void **state)
{
    struct harness *h = *state;
    struct id a = harness_upload(h, "same");
    struct id b = harness_upload(h, "same");

    assert_int_equal(harness_tmp_files(h), 0);
    assert_int_equal(delete_artifact(h, a), 0);
    assert_true(harness_has_content(h, "same"));
    assert_int_equal(get_artifact(h, a)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(delete_artifact(h, b), 0);
    assert_false(harness_has_content(h, "same"));
    assert_int_equal(delete_artifact(h, b), HUB_ERR_NOT_FOUND);
}

static void test_content_goes_and_comes_in_one_batch(void **state)
{
    struct harness *h = *state;
    struct id old = harness_upload(h, "phoenix");
    struct store_op *del = harness_op(h, STORE_ARTIFACT_DELETE);
    struct store_op *add = harness_op(h, STORE_ARTIFACT_INSERT);

    del->artifact_delete.id = old;
    add->artifact_insert.blob = harness_blob(h, "phoenix");
    add->artifact_insert.artifact = harness_artifact(h, &add->artifact_insert.blob, "p");
    harness_submit(h, del);
    harness_submit(h, add);
    harness_wait(h);
    assert_int_equal(del->err, 0);
    assert_int_equal(add->err, 0);
    assert_true(harness_has_content(h, "phoenix"));
}

static void test_outputs(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = finish_with_outputs(h, id, "output one", "output two");

    assert_int_equal(harness_run(h, op), 0);
    assert_true(harness_has_content(h, "output one"));
    assert_true(harness_has_content(h, "output two"));
    assert_int_equal(harness_tmp_files(h), 0);
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->artifact_count, 2);
    assert_str(job->artifacts[0].name, "one.txt");
    assert_str(job->artifacts[1].name, "two.txt");
    assert_id(job->artifacts[0].job, id);

    struct store_op *get = harness_op(h, STORE_ARTIFACT_GET);
    get->artifact_get.job = id;
    get->artifact_get.name = STR("two.txt");
    assert_int_equal(harness_run(h, get), 0);
    assert_id(get->artifact_get.ret_artifact.id, op->job_move.artifacts[1].id);
    get = harness_op(h, STORE_ARTIFACT_GET);
    get->artifact_get.job = id;
    get->artifact_get.name = STR("three.txt");
    assert_int_equal(harness_run(h, get), HUB_ERR_NOT_FOUND);
}

static void test_outputs_of_a_refused_move(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = finish_with_outputs(h, id, "late one", "late two");

    harness_finish(h, id, JOB_CANCELLED);
    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    assert_false(harness_has_content(h, "late one"));
    assert_int_equal(harness_tmp_files(h), 2);
    assert_int_equal(get_artifact(h, op->job_move.artifacts[0].id)->err, HUB_ERR_NOT_FOUND);
}

static void test_outputs_go_with_their_job(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = finish_with_outputs(h, id, "mine", "shared");
    struct store_op *del = harness_op(h, STORE_JOB_DELETE);
    struct id other;

    assert_int_equal(harness_run(h, op), 0);
    other = harness_upload(h, "shared");
    del->job_delete.id = id;
    assert_int_equal(harness_run(h, del), 0);
    assert_false(harness_has_content(h, "mine"));
    assert_true(harness_has_content(h, "shared"));
    assert_int_equal(get_artifact(h, op->job_move.artifacts[1].id)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(get_artifact(h, other)->err, 0);
}

static void test_unknown_file(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);
    const struct id files[] = {harness_upload(h, "here"), harness_id(h)};

    op->job_insert.job.files = files;
    op->job_insert.job.file_count = 2;
    assert_int_equal(harness_run(h, op), HUB_ERR_UNKNOWN_ARTIFACT);
    assert_id(op->job_insert.ret_unknown, files[1]);
    assert_int_equal(harness_get(h, op->job_insert.job.id)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(delete_artifact(h, files[0]), 0); /* not held by what failed */
}

static void test_file_is_held_while_a_job_needs_it(void **state)
{
    struct harness *h = *state;
    struct id file = harness_upload(h, "needed");
    struct id id = insert_with_file(h, &file);
    struct store_op *op;

    assert_int_equal(delete_artifact(h, file), HUB_ERR_CONFLICT);
    harness_finish(h, id, JOB_FAILED);
    /* By hand it is needed again. */
    op = harness_op(h, STORE_JOB_MOVE);
    op->job_move = (struct store_job_move){.id = id,
                                           .from = JOB_FAILED,
                                           .fence = 1,
                                           .to = JOB_QUEUED,
                                           .by_hand = true,
                                           .reset = true,
                                           .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(delete_artifact(h, file), HUB_ERR_CONFLICT);
    op = harness_op(h, STORE_JOB_MOVE);
    op->job_move = (struct store_job_move){
        .id = id, .from = JOB_QUEUED, .fence = 1, .to = JOB_CANCELLED, .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(delete_artifact(h, file), 0);
    assert_false(harness_has_content(h, "needed"));
}

static void test_expired_artifact_goes_when_nobody_needs_it(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_op(h, STORE_ARTIFACT_INSERT);
    struct id file;

    op->artifact_insert.blob = harness_blob(h, "short-lived");
    op->artifact_insert.artifact = harness_artifact(h, &op->artifact_insert.blob, "s");
    op->artifact_insert.artifact.expires_at = h->now + 100;
    assert_int_equal(harness_run(h, op), 0);
    file = op->artifact_insert.artifact.id;
    struct id id = insert_with_file(h, &file);
    purge(h);
    h->now += 100;
    purge(h);
    assert_int_equal(get_artifact(h, file)->err, 0);
    harness_finish(h, id, JOB_SUCCEEDED);
    purge(h);
    assert_int_equal(get_artifact(h, file)->err, HUB_ERR_NOT_FOUND);
    assert_false(harness_has_content(h, "short-lived"));
}

static void test_output_stays_for_a_job_that_names_it(void **state)
{
    struct harness *h = *state;
    struct id maker = harness_insert(h);
    struct store_op *op = finish_with_outputs(h, maker, "for others", "for nobody");
    struct store_op *del = harness_op(h, STORE_JOB_DELETE);

    assert_int_equal(harness_run(h, op), 0);
    struct id file = op->job_move.artifacts[0].id;
    struct id user = insert_with_file(h, &file);
    del->job_delete.id = maker;
    assert_int_equal(harness_run(h, del), 0);
    assert_int_equal(get_artifact(h, file)->err, 0);
    assert_true(harness_has_content(h, "for others"));
    assert_false(harness_has_content(h, "for nobody"));
    harness_finish(h, user, JOB_SUCCEEDED);
    purge(h);
    assert_int_equal(get_artifact(h, file)->err, HUB_ERR_NOT_FOUND);
    assert_false(harness_has_content(h, "for others"));
}

/* What a crash between publishing and commit leaves. */
static void test_contents_without_a_row_are_swept(void **state)
{
    struct harness *h = *state;
    struct blob_pending lost = harness_blob(h, "lost");

    harness_upload(h, "kept");
    assert_int_equal(blob_publish(h->blobs, &lost, NULL), 0);
    assert_true(harness_has_content(h, "lost"));
    harness_reopen(h, NULL);
    for (int i = 0; i < 500 && harness_has_content(h, "lost"); i++) {
        harness_insert(h); /* between them the store is idle */
    }
    assert_false(harness_has_content(h, "lost"));
    assert_true(harness_has_content(h, "kept"));
    assert_int_equal(harness_tmp_files(h), 0);
}

int contract_artifacts(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_upload),
        STORE_TEST(test_known_artifact_id_conflicts),
        STORE_TEST(test_content_is_stored_once),
        STORE_TEST(test_content_goes_and_comes_in_one_batch),
        STORE_TEST(test_outputs),
        STORE_TEST(test_outputs_of_a_refused_move),
        STORE_TEST(test_outputs_go_with_their_job),
        STORE_TEST(test_unknown_file),
        STORE_TEST(test_file_is_held_while_a_job_needs_it),
        STORE_TEST(test_expired_artifact_goes_when_nobody_needs_it),
        STORE_TEST(test_output_stays_for_a_job_that_names_it),
        STORE_TEST(test_contents_without_a_row_are_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
