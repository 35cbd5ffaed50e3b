/*
 * method.h — from a method's name to enum http_method. Thread: [any].
 */
#ifndef HUB_HTTP_METHOD_H
#define HUB_HTTP_METHOD_H

#include "http/server.h"

/* False if the server does not know it. Case matters (RFC 9110 §9.1). */
bool method_lookup(struct str name, enum http_method *ret_method);

#endif
