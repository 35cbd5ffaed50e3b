#include "http/method.h"

static const struct str NAMES[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = STR_INIT("GET"),         [HTTP_HEAD] = STR_INIT("HEAD"),
    [HTTP_POST] = STR_INIT("POST"),       [HTTP_PUT] = STR_INIT("PUT"),
    [HTTP_PATCH] = STR_INIT("PATCH"),     [HTTP_DELETE] = STR_INIT("DELETE"),
    [HTTP_OPTIONS] = STR_INIT("OPTIONS"),
};

const char *http_method_name(enum http_method method)
{
    return method < HTTP_METHOD_COUNT ? NAMES[method].ptr : "?";
}

bool method_lookup(struct str name, enum http_method *ret_method)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (str_eq(name, NAMES[i])) {
            *ret_method = (enum http_method)i;
            return true;
        }
    }
    return false;
}
