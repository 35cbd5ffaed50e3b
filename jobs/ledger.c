#include "jobs/ledger.h"

#include <endian.h>

static void add_text(struct sha256 *hash, struct str text)
{
    uint64_t len = htobe64(text.len);

    sha256_update(hash, &len, sizeof len);
    sha256_update(hash, text.ptr, text.len);
}

static void add_number(struct sha256 *hash, int64_t number)
{
    char bytes[32];
    struct buf digits;

    buf_init_fixed(&digits, bytes, sizeof bytes);
    buf_append_i64(&digits, number);
    add_text(hash, buf_view(&digits));
}

int ledger_hash(const struct ledger_entry *entry, const struct sha256_digest *previous,
                struct sha256_digest *ret_hash)
{
    char job[ID_TEXT_LEN + 1];
    struct sha256 hash;
    int err = sha256_init(&hash);

    if (err < 0) {
        return err;
    }
    id_format(&entry->job, job);
    sha256_update(&hash, previous->bytes, SHA256_LEN);
    add_number(&hash, entry->seq);
    add_number(&hash, entry->at);
    add_text(&hash, entry->connector);
    add_text(&hash, entry->account);
    add_text(&hash, str_of(job, ID_TEXT_LEN));
    add_number(&hash, entry->attempt);
    add_text(&hash, entry->kind);
    add_text(&hash, entry->body);
    sha256_final(&hash, ret_hash);
    return 0;
}
