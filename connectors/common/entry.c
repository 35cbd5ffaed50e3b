#include "entry.h"

#include "base/hash.h"

#include <string.h>

void partition_of(struct str account, char ret_partition[PARTITION_LEN + 1])
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    sha256_of(account, &digest);
    sha256_hex(&digest, hex);
    memcpy(ret_partition, hex, PARTITION_LEN);
    ret_partition[PARTITION_LEN] = '\0';
}

void wipe_buf(struct buf *buf)
{
    if (buf->ptr) {
        explicit_bzero(buf->ptr, buf->len);
    }
    buf_release(buf);
}
