/* json_read() against any bytes. What it accepts, json-c's own strict tokener must accept too, and
 * writing and reading it again must give the same text. */

#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_with_tokener(struct str text)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    /* A number at the very end might go on, so the tokener waits for more. */
    require(error == json_tokener_success || error == json_tokener_continue);
    json_object_put(value);
    json_tokener_free(tokener);
}

static void check_round_trip(struct json_object *value)
{
    struct buf first, second;
    struct json_object *again = NULL;
    buf_init(&first, BUF_NO_LIMIT);
    buf_init(&second, BUF_NO_LIMIT);
    json_append(&first, value);
    require(!buf_failed(&first));
    require(json_read(buf_view(&first), JSON_DEPTH_MAX, &again, NULL, NULL) == 0);
    json_append(&second, again);
    require(str_eq(buf_view(&first), buf_view(&second)));
    require(json_object_equal(value, again));
    json_object_put(again);
    buf_release(&first);
    buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str text = str_of((const char *)bytes, len);
    struct json_object *value = NULL;
    struct hub_error error = {0};
    size_t offset = SIZE_MAX;
    int err = json_read(text, JSON_DEPTH_MAX, &value, &offset, &error);

    if (err < 0) {
        require(err == HUB_ERR_INVALID_JSON || err == HUB_ERR_TOO_LARGE);
        require(offset <= len && error.err == err && error.detail[0] && !value);
        return 0;
    }
    require(offset == SIZE_MAX);
    check_with_tokener(text);
    check_round_trip(value);
    json_object_put(value);
    return 0;
}
