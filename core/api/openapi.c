/*
 * /openapi.json: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.0), made from the route table, the API's
 * schemas and the connectors' schemas: from the very documents that validate.
 */
#include "api/render.h"
#include "api/resources.h"
#include "api/schemas.h"
#include "hub_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENAPI_MAX (16u << 20)

/* --- Schemas: references inside the document ---------------------------------------------------*/

/* A copy in which "$ref": "Name" becomes "#/components/schemas/Name", and "hub:file" File's. The
 * `base` is where local references ("#/…") of a connector's schema begin. */
static struct json_object *localized(struct json_object *value, const char *base);

static struct json_object *localized_reference(const char *reference, const char *base)
{
    struct buf text;
    struct json_object *string;

    buf_init(&text, 4096);
    if (strcmp(reference, "hub:file") == 0) {
        buf_append_c(&text, "#/components/schemas/File");
    } else if (reference[0] == '#') {
        buf_append_format(&text, "%s%s", base, reference + 1);
    } else {
        buf_append_format(&text, "#/components/schemas/%s", reference);
    }
    string = json_object_new_string(text.ptr != NULL ? text.ptr : "");
    buf_release(&text);
    return string;
}

static struct json_object *localized_object(struct json_object *object, const char *base)
{
    struct json_object *copy = json_object_new_object();

    json_object_object_foreach(object, key, value) {
        if (strcmp(key, "$id") == 0 || strcmp(key, "$schema") == 0) {
            continue;
        }
        if (strcmp(key, "$ref") == 0 && json_object_is_type(value, json_type_string)) {
            json_object_object_add(copy, key,
                                   localized_reference(json_object_get_string(value), base));
        } else {
            json_object_object_add(copy, key, localized(value, base));
        }
    }
    return copy;
}

static struct json_object *localized(struct json_object *value, const char *base)
{
    if (json_object_is_type(value, json_type_object)) {
        return localized_object(value, base);
    }
    if (json_object_is_type(value, json_type_array)) {
        struct json_object *copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_object_array_add(copy, localized(json_object_array_get_idx(value, i), base));
        }
        return copy;
    }
    return json_object_get(value);
}

/* One object of components.schemas. */
struct components {
    struct buf *out;
    const char *separator;
};

static void append_component(struct components *self, const char *name, struct json_object *schema)
{
    char base[256];
    struct json_object *copy;

    snprintf(base, sizeof base, "#/components/schemas/%s", name);
    copy = localized(schema, base);
    buf_append_c(self->out, self->separator);
    self->separator = ",";
    buf_append_json_string(self->out, str_from_c(name));
    buf_append_char(self->out, ':');
    json_append(self->out, copy);
    json_object_put(copy);
}

static void add_api_schema(void *context, const char *name, struct json_object *document)
{
    append_component(context, name, document);
}

static void append_text_component(struct components *self, const char *name, struct str text)
{
    struct json_object *schema;

    if (json_read(text, JSON_DEPTH_MAX, &schema, NULL, NULL) == 0) { /* it was JSON before */
        append_component(self, name, schema);
        json_object_put(schema);
    }
}

static void add_connector_schemas(void *context, const struct supervisor_connector *connector)
{
    char name[200];

    if (connector->health == CONNECTOR_REFUSED || connector->health == CONNECTOR_REMOVED) {
        return;
    }
    for (unsigned i = 0; i < connector->operation_count; i++) {
        const struct supervisor_operation *operation = &connector->operations[i];

        snprintf(name, sizeof name, "%.*s.%.*s.input", STR_ARG(connector->name),
                 STR_ARG(operation->name));
        append_text_component(context, name, operation->input_schema);
        if (operation->result_schema.ptr != NULL) {
            snprintf(name, sizeof name, "%.*s.%.*s.result", STR_ARG(connector->name),
                     STR_ARG(operation->name));
            append_text_component(context, name, operation->result_schema);
        }
    }
}

static void append_components(struct buf *out, const struct api *api)
{
    struct components components = {out, ""};

    buf_append_c(out, "\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"http\","
                      "\"scheme\":\"bearer\",\"description\":\"An API key: hub_ID_SECRET.\"}},"
                      "\"responses\":{\"Problem\":{\"description\":\"What went wrong.\","
                      "\"content\":{\"application/problem+json\":{\"schema\":"
                      "{\"$ref\":\"#/components/schemas/Problem\"}}}}},\"schemas\":{");
    api_schemas_each(add_api_schema, &components);
    supervisor_each(api->deps.supervisor, add_connector_schemas, &components);
    buf_append_c(out, "}}");
}

/* --- Paths -------------------------------------------------------------------------------------*/

static void append_content(struct buf *out, const char *media_type, const char *schema)
{
    buf_append_format(out, "\"content\":{\"%s\":{\"schema\":",
                      media_type != NULL ? media_type : "application/json");
    if (schema != NULL) {
        buf_append_format(out, "{\"$ref\":\"#/components/schemas/%s\"}}}", schema);
    } else {
        buf_append_c(out, "{}}}");
    }
}

static void append_parameters(struct buf *out, const struct api_route *route)
{
    const char *separator = "";

    if (route->params[0].name == NULL) {
        return;
    }
    buf_append_c(out, ",\"parameters\":[");
    for (const struct api_param *p = route->params; p->name != NULL; p++) {
        buf_append_format(
            out, "%s{\"name\":\"%s\",\"in\":\"%s\",%s\"schema\":%s,\"description\":", separator,
            p->name, p->in, strcmp(p->in, "path") == 0 ? "\"required\":true," : "", p->schema);
        buf_append_json_string(out, str_from_c(p->summary));
        buf_append_char(out, '}');
        separator = ",";
    }
    buf_append_char(out, ']');
}

static void append_body(struct buf *out, const struct api_route *route)
{
    if (route->body == BODY_JSON) {
        buf_append_c(out, ",\"requestBody\":{\"required\":true,");
        append_content(out, NULL, route->request);
        buf_append_char(out, '}');
    } else if (route->body == BODY_STREAM && route->request != NULL) {
        buf_append_format(out,
                          ",\"requestBody\":{\"required\":true,\"content\":{"
                          "\"application/json\":{\"schema\":"
                          "{\"$ref\":\"#/components/schemas/%s\"}},"
                          "\"application/x-ndjson\":{\"schema\":{}}}}",
                          route->request);
    } else if (route->body == BODY_STREAM) {
        buf_append_c(out, ",\"requestBody\":{\"required\":true,"
                          "\"content\":{\"*/*\":{\"schema\":{}}}}");
    }
}

static bool takes_prefer(const struct api_route *route)
{
    for (const struct api_param *p = route->params; p->name != NULL; p++) {
        if (strcmp(p->name, "Prefer") == 0) {
            return true;
        }
    }
    return false;
}

static void append_success(struct buf *out, const struct api_route *route)
{
    buf_append_format(out, "\"%d\":{\"description\":\"Success.\"", route->status);
    if (route->response != NULL || route->media_type != NULL) {
        buf_append_char(out, ',');
        append_content(out, route->media_type, route->response);
    }
    buf_append_char(out, '}');
    if (route->method == HTTP_PUT) {
        buf_append_c(out, ",\"201\":{\"description\":\"It is new.\",");
        append_content(out, NULL, route->response);
        buf_append_char(out, '}');
    }
    if (!takes_prefer(route)) {
        return;
    }
    buf_append_c(out, ",\"200\":{\"description\":\"With `Prefer: wait`: the finished job.\",");
    append_content(out, NULL, route->response);
    buf_append_char(out, '}');
}

static void append_operation(struct buf *out, const struct api_route *route)
{
    static const char PROBLEM[] = "{\"$ref\":\"#/components/responses/Problem\"}";
    char method[16];
    size_t i;

    for (i = 0; http_method_name(route->method)[i] != '\0'; i++) {
        method[i] = (char)(http_method_name(route->method)[i] | 0x20);
    }
    method[i] = '\0';
    buf_append_format(out, "\"%s\":{\"operationId\":\"%s\",\"tags\":[\"%s\"],\"summary\":", method,
                      route->operation_id, route->tag);
    buf_append_json_string(out, str_from_c(route->summary));
    if (route->scope != 0) {
        buf_append_format(out,
                          ",\"description\":\"Needs the scope `%s`.\",\"security\":[{\"key\":[]}]",
                          scope_name(route->scope));
    } else {
        buf_append_c(out, ",\"security\":[]");
    }
    append_parameters(out, route);
    append_body(out, route);
    buf_append_c(out, ",\"responses\":{");
    append_success(out, route);
    buf_append_format(out, ",\"4XX\":%s,\"5XX\":%s}}", PROBLEM, PROBLEM);
}

static void append_paths(struct buf *out)
{
    const char *separator = "";

    buf_append_c(out, "\"paths\":{");
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const char *pattern = API_ROUTES[i].pattern;
        bool seen = false;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = strcmp(API_ROUTES[k].pattern, pattern) == 0;
        }
        if (seen) {
            continue;
        }
        buf_append_format(out, "%s\"%s\":{", separator, pattern);
        separator = "";
        for (size_t k = i; k < API_ROUTE_COUNT; k++) {
            if (strcmp(API_ROUTES[k].pattern, pattern) == 0) {
                buf_append_c(out, separator);
                append_operation(out, &API_ROUTES[k]);
                separator = ",";
            }
        }
        buf_append_char(out, '}');
        separator = ",";
    }
    buf_append_c(out, "},");
}

static int make_document(struct api *api)
{
    struct buf out;

    buf_init(&out, OPENAPI_MAX);
    buf_append_format(&out,
                      "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"hubd\",\"version\":\"%s\","
                      "\"summary\":\"Jobs in over HTTP, done by connectors, nothing lost.\","
                      "\"description\":\"Post jobs, watch them, fetch what they made.\","
                      "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
                      "\"servers\":[{\"url\":\"/\"}],"
                      "\"tags\":[{\"name\":\"Jobs\",\"description\":\"Work to be done.\"},"
                      "{\"name\":\"Artifacts\",\"description\":\"Files that jobs take and make.\"},"
                      "{\"name\":\"Connectors\",\"description\":\"What can be done.\"},"
                      "{\"name\":\"Accounts\",\"description\":\"With whose credentials.\"},"
                      "{\"name\":\"Schedules\",\"description\":\"When to make which job.\"},"
                      "{\"name\":\"Queues\",\"description\":\"How fast, and when.\"},"
                      "{\"name\":\"Keys\",\"description\":\"Who may do what.\"},"
                      "{\"name\":\"Events\",\"description\":\"What is happening.\"},"
                      "{\"name\":\"Operations\",\"description\":\"For whoever runs hubd.\"}],",
                      HUB_VERSION);
    append_paths(&out);
    append_components(&out, api);
    buf_append_char(&out, '}');
    api->openapi = buf_steal(&out, &api->openapi_len);
    buf_release(&out);
    return api->openapi != NULL ? 0 : HUB_ERR_NOMEM;
}

void api_openapi(struct api_call *call)
{
    struct api *api = call->api;

    if (api->openapi == NULL && make_document(api) < 0) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    api_reply(call, 200, str_of(api->openapi, api->openapi_len));
}
