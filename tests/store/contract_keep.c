/* What attempts keep (KEEP_…) and put on record (LEDGER_…). */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store_keeper keeper(struct id job, const char *account)
{
    return (struct store_keeper){
        .job = job,
        .attempt = 1,
        .connector = STR("pay"),
        .account = str_from_c(account),
        .of_account = account != NULL,
    };
}

static struct store_op *put_op(struct harness *h, struct store_keeper who, const char *key,
                               const char *value)
{
    struct store_op *op = harness_op(h, STORE_KEEP_PUT);

    op->keep_put = (struct store_keep_put){
        .keeper = who,
        .removes = value == NULL,
        .key = arena_str(&op->arena, str_from_c(key)),
        .value = str_from_c(value),
        .at = h->now,
    };
    return op;
}

static int put(struct harness *h, struct store_keeper who, const char *key, const char *value)
{
    return harness_run(h, put_op(h, who, key, value));
}

static int put_new(struct harness *h, struct store_keeper who, const char *key, const char *value)
{
    struct store_op *op = put_op(h, who, key, value);

    op->keep_put.only_new = true;
    return harness_run(h, op);
}

static int put_until(struct harness *h, struct store_keeper who, const char *key, int64_t until)
{
    struct store_op *op = put_op(h, who, key, "brief");

    op->keep_put.expires_at = until;
    return harness_run(h, op);
}

static struct store_op *get(struct harness *h, struct store_keeper who, const char *key)
{
    struct store_op *op = harness_op(h, STORE_KEEP_GET);

    op->keep_get = (struct store_keep_get){.keeper = who, .key = str_from_c(key), .now = h->now};
    harness_run(h, op);
    return op;
}

static void assert_kept(struct harness *h, struct store_keeper who, const char *key,
                        const char *value)
{
    struct store_op *op = get(h, who, key);

    assert_int_equal(op->err, value ? 0 : HUB_ERR_NOT_FOUND);
    if (value) {
        assert_str(op->keep_get.ret_kept.key, key);
        assert_str(op->keep_get.ret_kept.value, value);
    }
}

/* The keys that a list gives, with a blank behind each. */
static void assert_list(struct harness *h, struct store_keeper who, const char *prefix,
                        const char *after, unsigned limit, const char *expected)
{
    struct store_op *op = harness_op(h, STORE_KEEP_LIST);
    char keys[1024] = "";

    op->keep_list = (struct store_keep_list){
        .keeper = who,
        .prefix = str_from_c(prefix),
        .after = str_from_c(after),
        .limit = limit,
        .now = h->now,
    };
    assert_int_equal(harness_run(h, op), 0);
    for (unsigned i = 0; i < op->keep_list.ret_count; i++) {
        const struct store_kept *kept = &op->keep_list.ret_values[i];
        strncat(keys, kept->key.ptr, kept->key.len);
        strcat(keys, " ");
    }
    assert_string_equal(keys, expected);
}

static struct id start_job(struct harness *h)
{
    struct id id = harness_insert(h);
    struct store_op *op = harness_op(h, STORE_JOB_START);

    op->job_start = (struct store_job_start){.id = id, .number = 1, .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    return id;
}

/* --- Values ------------------------------------------------------------------------------------*/

static void test_what_is_kept_is_found(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), NULL);
    struct store_keeper other = keeper(start_job(h), NULL);

    assert_kept(h, who, "a", NULL);
    assert_int_equal(put(h, who, "a", "one"), 0);
    assert_int_equal(put(h, who, "a", "two"), 0);
    assert_int_equal(put(h, who, "empty", ""), 0);
    assert_kept(h, who, "a", "two");
    assert_kept(h, who, "empty", "");
    assert_int_equal(get(h, who, "a")->keep_get.ret_kept.kept_at, h->now);
    assert_kept(h, other, "a", NULL);
    harness_reopen(h, NULL);
    assert_kept(h, who, "a", "two");
    assert_int_equal(put(h, who, "a", NULL), 0);
    assert_int_equal(put(h, who, "a", NULL), 0);
    assert_kept(h, who, "a", NULL);
}

static void test_only_new(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), NULL);

    assert_int_equal(put_new(h, who, "request", "frozen"), 0);
    assert_int_equal(put_new(h, who, "request", "other"), HUB_ERR_CONFLICT);
    assert_kept(h, who, "request", "frozen");
    assert_int_equal(put(h, who, "request", NULL), 0);
    assert_int_equal(put_new(h, who, "request", "again"), 0);
}

static void test_only_the_running_attempt_keeps(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_keeper who = keeper(id, NULL);
    struct store_keeper second = who;
    struct store_keeper nobody = keeper(harness_id(h), NULL);

    second.attempt = 2;
    assert_int_equal(put(h, who, "a", "1"), 0); /* a start that is not yet written */
    assert_int_equal(put(h, second, "a", "2"), HUB_ERR_CLOSED);
    assert_int_equal(put(h, nobody, "a", "3"), HUB_ERR_CLOSED);
    struct store_op *op = harness_finish_op(h, id, JOB_SCHEDULED); /* a retry */
    op->job_move.run_at = h->now + 1000;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(put(h, who, "a", "late"), HUB_ERR_CLOSED);
    op = harness_op(h, STORE_JOB_MOVE);
    op->job_move = (struct store_job_move){
        .id = id, .from = JOB_SCHEDULED, .fence = 1, .to = JOB_QUEUED, .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(put(h, who, "a", "late"), HUB_ERR_CLOSED);
    assert_int_equal(put(h, second, "b", "in time"), 0);
    assert_kept(h, second, "a", "1");
    assert_kept(h, second, "b", "in time");
    /* What is the account's is fenced as well. */
    struct store_keeper account = keeper(id, "shop");
    assert_int_equal(put(h, account, "a", "late"), HUB_ERR_CLOSED);
    account.attempt = 2;
    assert_int_equal(put(h, account, "a", "in time"), 0);
}

static void test_owners_are_apart(void **state)
{
    struct harness *h = *state;
    struct id id = start_job(h);
    struct store_keeper owners[] = {keeper(id, NULL), keeper(id, ""),   keeper(id, "a"),
                                    keeper(id, "b"),  keeper(id, NULL), keeper(id, "a")};
    char value[8];

    owners[4].connector = owners[5].connector = STR("mail");
    for (unsigned i = 0; i < 6; i++) {
        snprintf(value, sizeof value, "%u", i);
        assert_int_equal(put(h, owners[i], "key", value), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        snprintf(value, sizeof value, "%u", i);
        assert_kept(h, owners[i], "key", value);
    }
    struct store_keeper later = keeper(start_job(h), "a");
    assert_kept(h, later, "key", "2");
}

static void test_lists(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), "shop");
    static const char *const keys[] = {"b/2", "a", "b", "b/1", "ä", "b/\xf4\x8f\xbf\xbf", "c"};

    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(put(h, who, keys[i], "v"), 0);
    }
    assert_list(h, who, "", "", 100, "a b b/1 b/2 b/\xf4\x8f\xbf\xbf c ä ");
    assert_list(h, who, "b/", "", 100, "b/1 b/2 b/\xf4\x8f\xbf\xbf ");
    assert_list(h, who, "b/", "b/1", 1, "b/2 ");
    assert_list(h, who, "b", "", 2, "b b/1 ");
    assert_list(h, who, "", "b/2", 100, "b/\xf4\x8f\xbf\xbf c ä ");
    assert_list(h, who, "nothing", "", 100, "");
    assert_list(h, keeper(harness_id(h), NULL), "", "", 100, "");
}

static void test_a_list_has_a_size(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), "shop");
    char *large = malloc((40 << 10) + 1);

    memset(large, 'x', 40 << 10);
    large[40 << 10] = '\0';
    assert_int_equal(put(h, who, "1", large), 0);
    assert_int_equal(put(h, who, "2", large), 0);
    assert_int_equal(put(h, who, "3", "small"), 0);
    assert_list(h, who, "", "", 100, "1 ");
    assert_list(h, who, "", "1", 100, "2 3 ");
    free(large);
}

static void test_a_job_keeps_so_much(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), NULL);
    size_t bytes = STORE_KEEP_JOB_BYTES_MAX - 15 * 4;
    char *large = malloc(bytes + 1);
    char key[8];

    for (unsigned i = 0; i < 16; i++) {
        snprintf(key, sizeof key, "k%02u", i);
        assert_int_equal(put(h, who, key, "v"), 0);
    }
    assert_int_equal(put(h, who, "k16", "v"), HUB_ERR_LIMIT);
    assert_int_equal(put(h, who, "k15", "w"), 0);
    memset(large, 'x', bytes);
    large[bytes] = '\0';
    large[bytes - 3] = '\0'; /* with a key of 3 bytes it just fits */
    assert_int_equal(put(h, who, "k00", large), 0);
    large[bytes - 3] = 'x';
    assert_int_equal(put(h, who, "k00", large), HUB_ERR_LIMIT);
    assert_int_equal(put(h, who, "k01", "vv"), HUB_ERR_LIMIT);
    assert_int_equal(put(h, who, "k00", NULL), 0);
    assert_int_equal(put(h, who, "k16", "v"), 0);
    free(large);
}

static void test_an_account_keeps_so_much(void **state)
{
    struct harness *h = *state;
    const struct harness_options options = {.keep_items_max = 20, .keep_bytes_max = 100};

    harness_reopen(h, &options);
    struct store_keeper who = keeper(start_job(h), "shop");
    struct store_keeper other = keeper(start_job(h), "another");
    char key[8];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "%03u", i);
        assert_int_equal(put(h, who, key, "v"), 0);
    }
    assert_int_equal(put(h, who, "020", "v"), HUB_ERR_LIMIT);
    assert_int_equal(put(h, other, "020", "v"), 0);
    assert_int_equal(put(h, who, "000", NULL), 0);
    assert_int_equal(put(h, who, "020", "v"), 0);
    assert_int_equal(put(h, who, "020", "123456789012345678901"), 0);
    assert_int_equal(put(h, who, "020", "1234567890123456789012"), HUB_ERR_LIMIT);
}

static int purge(struct harness *h, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_PURGE);

    op->purge.now = h->now;
    op->purge.limit = limit;
    assert_int_equal(harness_run(h, op), 0);
    return op->purge.ret_more;
}

static void test_values_expire(void **state)
{
    struct harness *h = *state;
    const struct harness_options options = {.keep_items_max = 3, .keep_bytes_max = 1000};

    harness_reopen(h, &options);
    struct store_keeper who = keeper(start_job(h), "shop");
    assert_int_equal(put_until(h, who, "a", h->now + 100), 0);
    assert_int_equal(put_until(h, who, "b", h->now + 100), 0);
    assert_int_equal(put(h, who, "c", "for ever"), 0);
    assert_int_equal(put_until(h, keeper(who.job, NULL), "job", h->now + 100), 0);
    assert_list(h, who, "", "", 10, "a b c ");
    h->now += 100;
    assert_kept(h, who, "a", NULL);
    assert_list(h, who, "", "", 10, "c ");
    assert_int_equal(put_new(h, who, "a", "anew"), 0);
    assert_kept(h, who, "a", "anew");
    assert_kept(h, keeper(who.job, NULL), "job", "brief"); /* a job's stay with the job */
    /* An expired one takes a place until it is purged. */
    assert_int_equal(put(h, who, "d", "x"), HUB_ERR_LIMIT);
    purge(h, 100);
    assert_int_equal(put(h, who, "d", "x"), 0);
    assert_list(h, who, "", "", 10, "a c d ");
}

static void test_purge_goes_on(void **state)
{
    struct harness *h = *state;
    struct store_keeper who = keeper(start_job(h), "shop");
    char key[8];

    for (unsigned i = 0; i < 25; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(put_until(h, who, key, h->now + 1), 0);
    }
    h->now += 1;
    assert_true(purge(h, 10));
    assert_true(purge(h, 10));
    assert_false(purge(h, 10));
}

static void test_values_go_with_their_job(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_keeper who = keeper(id, NULL);
    struct store_keeper account = keeper(id, "shop");

    assert_int_equal(put(h, who, "a", "1"), 0);
    assert_int_equal(put(h, account, "a", "2"), 0);
    harness_finish(h, id, JOB_SUCCEEDED);
    assert_kept(h, who, "a", "1");
    harness_reopen(h, NULL);
    h->now += 60000;
    purge(h, 100);
    assert_int_equal(harness_get(h, id)->err, HUB_ERR_NOT_FOUND);
    assert_kept(h, who, "a", NULL);
    assert_kept(h, account, "a", "2");
}

/* --- The ledger --------------------------------------------------------------------------------*/

static struct store_op *append_op(struct harness *h, struct store_keeper who, const char *kind,
                                  const char *body)
{
    struct store_op *op = harness_op(h, STORE_LEDGER_APPEND);

    op->ledger_append = (struct store_ledger_append){
        .keeper = who,
        .kind = str_from_c(kind),
        .body = str_from_c(body),
        .at = h->now,
    };
    return op;
}

static int append(struct harness *h, struct store_keeper who, const char *kind, const char *body)
{
    return harness_run(h, append_op(h, who, kind, body));
}

static struct store_op *list_op(struct harness *h, int64_t after, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_LEDGER_LIST);

    op->ledger_list.after = after;
    op->ledger_list.limit = limit;
    return op;
}

/* All that a list gives, page by page. */
static unsigned count_all(struct harness *h, const struct store_ledger_list *filter)
{
    unsigned count = 0;
    int64_t after = 0;
    struct store_op *op;

    do {
        op = harness_op(h, STORE_LEDGER_LIST);
        op->ledger_list = *filter;
        op->ledger_list.after = after;
        op->ledger_list.limit = 3;
        assert_int_equal(harness_run(h, op), 0);
        count += op->ledger_list.ret_count;
        after = op->ledger_list.ret_next;
    } while (op->ledger_list.ret_more);
    return count;
}

/* As jobs/ledger.h says it, and by nothing of ours but SHA-256. */
static struct sha256_digest hash_by_hand(const struct ledger_entry *entry,
                                         const struct sha256_digest *before)
{
    char seq[32], at[32], attempt[32], job[ID_TEXT_LEN + 1];
    struct sha256_digest digest;
    struct buf all;

    snprintf(seq, sizeof seq, "%lld", (long long)entry->seq);
    snprintf(at, sizeof at, "%lld", (long long)entry->at);
    snprintf(attempt, sizeof attempt, "%u", entry->attempt);
    id_format(&entry->job, job);
    const struct str fields[] = {str_from_c(seq), str_from_c(at),  entry->connector,
                                 entry->account,  str_from_c(job), str_from_c(attempt),
                                 entry->kind,     entry->body};
    buf_init(&all, BUF_NO_LIMIT);
    buf_append(&all, before->bytes, SHA256_LEN);
    for (unsigned i = 0; i < 8; i++) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            buf_append_char(&all, (char)(fields[i].len >> shift));
        }
        buf_append_str(&all, fields[i]);
    }
    sha256_of(buf_view(&all), &digest);
    buf_release(&all);
    return digest;
}

static void test_entries_are_bound_to_each_other(void **state)
{
    struct harness *h = *state;
    struct id id = start_job(h);
    struct sha256_digest before = {{0}};

    assert_int_equal(append(h, keeper(id, "shop"), "intent", "{\"amount\":100}"), 0);
    h->now += 5;
    assert_int_equal(append(h, keeper(id, NULL), "answer", "{}"), 0);
    h->now -= 1000; /* the clock goes back, the ledger's time does not */
    assert_int_equal(append(h, keeper(id, "shop"), "answer", "{\"a\":\"ä\"}"), 0);
    struct store_op *op = list_op(h, 0, 10);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->ledger_list.ret_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct ledger_entry *entry = &op->ledger_list.ret_entries[i];
        assert_int_equal(entry->seq, i + 1);
        struct sha256_digest hash = hash_by_hand(entry, &before);
        assert_memory_equal(hash.bytes, entry->hash.bytes, SHA256_LEN);
        before = hash;
        assert_id(entry->job, id);
        assert_int_equal(entry->attempt, 1);
        assert_str(entry->connector, "pay");
    }
    const struct ledger_entry *entries = op->ledger_list.ret_entries;
    assert_str(entries[0].account, "shop");
    assert_str(entries[0].kind, "intent");
    assert_str(entries[0].body, "{\"amount\":100}");
    assert_str(entries[1].account, "");
    assert_int_equal(entries[2].at, entries[1].at);
    assert_int_equal(entries[1].at, entries[0].at + 5);
}

static void test_only_the_running_attempt_appends(void **state)
{
    struct harness *h = *state;
    struct id id = start_job(h);
    struct store_keeper second = keeper(id, "shop");

    second.attempt = 2;
    assert_int_equal(append(h, second, "intent", "{}"), HUB_ERR_CLOSED);
    assert_int_equal(append(h, keeper(harness_id(h), NULL), "intent", "{}"), HUB_ERR_CLOSED);
    struct store_op *op = append_op(h, keeper(id, "shop"), "intent", "{}");
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->ledger_append.ret_seq, 1);
}

static void test_lists_of_the_ledger(void **state)
{
    struct harness *h = *state;
    struct id id = start_job(h);
    int64_t first = h->now;

    for (unsigned i = 0; i < 20; i++) {
        struct store_keeper who = keeper(id, i % 2 ? "shop" : "other");
        who.connector = i % 5 ? STR("pay") : STR("mail");
        assert_int_equal(append(h, who, "intent", "{}"), 0);
        h->now += 10;
    }
    assert_int_equal(count_all(h, &(struct store_ledger_list){0}), 20);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.account = STR("shop")}), 10);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.connector = STR("mail")}), 4);
    assert_int_equal(
        count_all(h, &(struct store_ledger_list){.connector = STR("mail"), .account = STR("shop")}),
        2);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.from = first + 50}), 15);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.to = first + 50}), 5);
    assert_int_equal(
        count_all(h, &(struct store_ledger_list){.from = first + 45, .to = first + 71}), 3);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.from = h->now}), 0);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.account = STR("none")}), 0);
}

static int64_t verify(struct harness *h, int64_t *ret_count)
{
    struct store_op *op = harness_op(h, STORE_LEDGER_VERIFY);

    assert_int_equal(harness_run(h, op), 0);
    while (op->ledger_verify.ret_more) {
        struct store_ledger_verify so_far = op->ledger_verify;
        op = harness_op(h, STORE_LEDGER_VERIFY);
        op->ledger_verify.seq = so_far.seq;
        op->ledger_verify.hash = so_far.hash;
        assert_int_equal(harness_run(h, op), 0);
    }
    *ret_count = op->ledger_verify.seq;
    return op->ledger_verify.ret_first_bad;
}

/* More than one call checks, and more than one call lists. */
static void test_a_long_ledger(void **state)
{
    enum { ENTRIES = 5000 };
    struct harness *h = *state;
    struct id id = start_job(h);
    int64_t count;

    assert_int_equal(verify(h, &count), 0);
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < ENTRIES; i++) {
        harness_submit(h, append_op(h, keeper(id, i == 4999 ? "last" : "shop"), "intent", "{}"));
    }
    harness_wait(h);
    harness_reopen(h, NULL);
    assert_int_equal(verify(h, &count), 0);
    assert_int_equal(count, ENTRIES);
    assert_int_equal(count_all(h, &(struct store_ledger_list){.account = STR("last")}), 1);
}

static void test_the_ledger_outlives_the_job(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    int64_t count;

    assert_int_equal(append(h, keeper(id, NULL), "intent", "{}"), 0);
    harness_finish(h, id, JOB_SUCCEEDED);
    h->now += 60000;
    purge(h, 100);
    assert_int_equal(harness_get(h, id)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(verify(h, &count), 0);
    assert_int_equal(count, 1);
}

int contract_keep(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_kept_is_found),
        STORE_TEST(test_only_new),
        STORE_TEST(test_only_the_running_attempt_keeps),
        STORE_TEST(test_owners_are_apart),
        STORE_TEST(test_lists),
        STORE_TEST(test_a_list_has_a_size),
        STORE_TEST(test_a_job_keeps_so_much),
        STORE_TEST(test_an_account_keeps_so_much),
        STORE_TEST(test_values_expire),
        STORE_TEST(test_purge_goes_on),
        STORE_TEST(test_values_go_with_their_job),
        STORE_TEST(test_entries_are_bound_to_each_other),
        STORE_TEST(test_only_the_running_attempt_appends),
        STORE_TEST(test_lists_of_the_ledger),
        STORE_TEST(test_a_long_ledger),
        STORE_TEST(test_the_ledger_outlives_the_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
