#include "base/mailbox.h"

#include "base/clock.h"
#include "base/list.h"
#include "unit.h"

#include <pthread.h>

struct letter {
    struct mail mail;
    int sender;
    int number;
};

static void count_ring(void *context)
{
    ++*(int *)context;
}

static void oldest_first_and_one_ring_a_filling(void **state)
{
    (void)state;
    struct mailbox box;
    struct letter letters[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    int rings = 0;
    assert_int_equal(mailbox_init(&box, count_ring, &rings), 0);
    assert_int_equal(box.event_fd, -1);
    assert_null(mailbox_take(&box));
    for (int round = 1; round <= 2; round++) {
        for (size_t i = 0; i < COUNT(letters); i++) {
            mailbox_push(&box, &letters[i].mail);
        }
        assert_int_equal(rings, round);
        assert_false(mailbox_empty(&box));
        int expected = 0;
        for (struct mail *m = mailbox_take(&box); m; m = m->next) {
            assert_int_equal(CONTAINER_OF(m, struct letter, mail)->number, expected++);
        }
        assert_int_equal(expected, 3);
        assert_true(mailbox_empty(&box));
    }
    mailbox_release(&box);
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    struct mailbox box;
    struct letter letter;
    assert_int_equal(mailbox_init(&box, NULL, NULL), 0);
    mailbox_wait_for(&box, 0);
    int64_t start = clock_mono_ms();
    mailbox_wait_for(&box, 30);
    assert_true(clock_mono_ms() - start >= 30);
    mailbox_push(&box, &letter.mail);
    mailbox_wait(&box);
    assert_ptr_equal(mailbox_take(&box), &letter.mail);
    /* A ring that is left over from the push must not end the next wait. */
    start = clock_mono_ms();
    mailbox_wait_for(&box, 30);
    assert_true(clock_mono_ms() - start >= 30);
    mailbox_release(&box);
    mailbox_release(&box);
}

enum { SENDERS = 4, LETTERS = 20000 };

struct sender {
    pthread_t thread;
    struct mailbox *box;
    struct letter *letters;
    int id;
};

static void *send_all(void *context)
{
    struct sender *self = context;
    for (int i = 0; i < LETTERS; i++) {
        self->letters[i] = (struct letter){.sender = self->id, .number = i};
        mailbox_push(self->box, &self->letters[i].mail);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    struct mailbox box;
    struct sender senders[SENDERS];
    int next[SENDERS] = {0};
    assert_int_equal(mailbox_init(&box, NULL, NULL), 0);
    for (int i = 0; i < SENDERS; i++) {
        struct letter *letters = calloc(LETTERS, sizeof *letters);
        assert_non_null(letters);
        senders[i] = (struct sender){.box = &box, .letters = letters, .id = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    for (int got = 0; got < SENDERS * LETTERS;) {
        mailbox_wait(&box);
        for (struct mail *m = mailbox_take(&box); m; m = m->next) {
            struct letter *letter = CONTAINER_OF(m, struct letter, mail);
            assert_int_equal(letter->number, next[letter->sender]++); /* in each sender's order */
            got++;
        }
    }
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_int_equal(next[i], LETTERS);
        free(senders[i].letters);
    }
    assert_true(mailbox_empty(&box));
    mailbox_release(&box);
}

struct player {
    struct mailbox mine;
    struct mailbox *theirs;
    int hits;
};

/* Each waits for the one letter and gives it back: every push finds an empty box, so every wake-up
 * counts. */
static void *play(void *context)
{
    struct player *self = context;
    for (int i = 0; i < LETTERS / 4; i++) {
        mailbox_wait(&self->mine);
        struct mail *ball = mailbox_take(&self->mine);
        self->hits += ball && !ball->next;
        mailbox_push(self->theirs, ball);
    }
    return NULL;
}

static void no_wake_up_is_lost(void **state)
{
    (void)state;
    struct player a = {0}, b = {0};
    struct letter ball;
    pthread_t thread;
    assert_int_equal(mailbox_init(&a.mine, NULL, NULL), 0);
    assert_int_equal(mailbox_init(&b.mine, NULL, NULL), 0);
    a.theirs = &b.mine;
    b.theirs = &a.mine;
    mailbox_push(&a.mine, &ball.mail);
    assert_int_equal(pthread_create(&thread, NULL, play, &b), 0);
    play(&a);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.hits, LETTERS / 4);
    assert_int_equal(b.hits, LETTERS / 4);
    assert_ptr_equal(mailbox_take(&a.mine), &ball.mail);
    mailbox_release(&a.mine);
    mailbox_release(&b.mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_first_and_one_ring_a_filling),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(no_wake_up_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
