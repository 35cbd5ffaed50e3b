/*
 * header.h — one header field, as everybody in this folder sees it.
 */
#ifndef HUB_HTTP_HEADER_H
#define HUB_HTTP_HEADER_H

#include "base/str.h"

struct http_header {
    struct str name;  /* as sent; case does not matter */
    struct str value; /* without blanks at either end */
};

#endif
