#include "options.h"

#include <limits.h>
#include <stdio.h>

/* --- Words -------------------------------------------------------------------------------------*/

static const struct {
    const char *name;
    enum fit fit;
} FITS[] = {
    {"cover", FIT_COVER},   {"contain", FIT_CONTAIN}, {"fill", FIT_FILL},
    {"inside", FIT_INSIDE}, {"outside", FIT_OUTSIDE},
};

static const struct {
    const char *name;
    struct gravity gravity;
} GRAVITIES[] = {
    {"center", {0.5, 0.5}}, {"centre", {0.5, 0.5}}, {"north", {0.5, 0}}, {"northeast", {1, 0}},
    {"east", {1, 0.5}},     {"southeast", {1, 1}},  {"south", {0.5, 1}}, {"southwest", {0, 1}},
    {"west", {0, 0.5}},     {"northwest", {0, 0}},  {"top", {0.5, 0}},   {"right", {1, 0.5}},
    {"bottom", {0.5, 1}},   {"left", {0, 0.5}},
};

static const struct {
    const char *name;
    struct colour colour;
} COLOURS[] = {
    {"transparent", {0, 0, 0, 0}},
    {"white", {255, 255, 255, 255}},
    {"black", {0, 0, 0, 255}},
};

/* --- Members: each takes what is there and leaves the default otherwise
 * -------------------------*/

static void take_size(json_object *from, const char *name, uint32_t *value)
{
    json_object *member = json_object_object_get(from, name);
    if (member)
        *value = (uint32_t)json_object_get_int64(member);
}

static void take_bool(json_object *from, const char *name, bool *value)
{
    json_object *member = json_object_object_get(from, name);
    if (member)
        *value = json_object_get_boolean(member);
}

static const char *text_of(json_object *from, const char *name)
{
    json_object *member = json_object_object_get(from, name);
    return member ? json_object_get_string(member) : NULL;
}

/* Two hexadecimal digits at `text`, or -1. */
static int hex_byte(const char *text)
{
    int value = 0;
    for (int i = 0; i < 2; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + (c | 0x20) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

static int take_background(json_object *from, struct output_options *self, struct fault *fault)
{
    const char *text = text_of(from, "background");
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof(COLOURS) / sizeof(COLOURS[0]); i++) {
        if (strcmp(COLOURS[i].name, text) == 0) {
            self->background = COLOURS[i].colour;
            self->has_background = true;
            return 0;
        }
    }
    size_t len = strlen(text);
    int parts[4] = {0, 0, 0, 255};
    bool valid = text[0] == '#' && (len == 7 || len == 9);
    for (size_t i = 0; valid && i < (len - 1) / 2; i++) {
        parts[i] = hex_byte(text + 1 + i * 2);
        valid = parts[i] >= 0;
    }
    if (!valid)
        return fault_set(fault, FAULT_INVALID,
                         "The background \"%.40s\" is not a colour like #ff8800.", text);
    self->background =
        (struct colour){(uint8_t)parts[0], (uint8_t)parts[1], (uint8_t)parts[2], (uint8_t)parts[3]};
    self->has_background = true;
    return 0;
}

static int take_words(json_object *from, struct output_options *self, struct fault *fault)
{
    const char *fit = text_of(from, "fit");
    for (size_t i = 0; fit && i < sizeof(FITS) / sizeof(FITS[0]); i++) {
        if (strcmp(FITS[i].name, fit) == 0)
            self->fit = FITS[i].fit;
    }
    const char *position = text_of(from, "position");
    for (size_t i = 0; position && i < sizeof(GRAVITIES) / sizeof(GRAVITIES[0]); i++) {
        if (strcmp(GRAVITIES[i].name, position) == 0)
            self->gravity = GRAVITIES[i].gravity;
    }
    const char *format = text_of(from, "format");
    if (!format)
        return 0;
    self->format = codec_by_name(format, strlen(format));
    if (!self->format || !self->format->encode)
        return fault_set(fault, FAULT_UNSUPPORTED, "There is no output format \"%.40s\".", format);
    return 0;
}

static void take_crop(json_object *from, struct output_options *self)
{
    json_object *crop = json_object_object_get(from, "crop");
    if (!crop)
        return;
    self->has_crop = true;
    self->crop.left = self->crop.top = 0;
    take_size(crop, "left", &self->crop.left);
    take_size(crop, "top", &self->crop.top);
    take_size(crop, "width", &self->crop.width);
    take_size(crop, "height", &self->crop.height);
}

/* A name is one plain path component: it ends up on somebody's disk. */
static int take_name(json_object *from, struct output_options *self, struct fault *fault)
{
    const char *name = text_of(from, "name");
    if (!name)
        return 0;
    bool plain = name[0] != '\0' && strlen(name) <= IMAGE_MAX_NAME_BYTES && !strchr(name, '/') &&
                 !strchr(name, '\\') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    for (const char *at = name; *at; at++)
        plain = plain && (unsigned char)*at >= 0x20 && *at != 0x7f;
    if (!plain)
        return fault_set(fault, FAULT_INVALID,
                         "A name is a plain file name of at most %d bytes, without a path.",
                         IMAGE_MAX_NAME_BYTES);
    snprintf(self->name, sizeof(self->name), "%s", name);
    return 0;
}

static int take_output(json_object *from, struct output_options *self, struct fault *fault)
{
    take_size(from, "width", &self->width);
    take_size(from, "height", &self->height);
    take_bool(from, "without_enlargement", &self->without_enlargement);
    take_bool(from, "flip", &self->flip);
    take_bool(from, "flop", &self->flop);
    take_bool(from, "auto_orient", &self->auto_orient);
    take_bool(from, "progressive", &self->progressive);
    json_object *rotate = json_object_object_get(from, "rotate");
    if (rotate)
        self->rotate = json_object_get_double(rotate);
    json_object *quality = json_object_object_get(from, "quality");
    if (quality)
        self->quality = json_object_get_int(quality);
    take_crop(from, self);
    if (take_words(from, self, fault) != 0 || take_background(from, self, fault) != 0)
        return -1;
    return take_name(from, self, fault);
}

/* --- The whole ---------------------------------------------------------------------------------*/

static int check_names(const struct transform_options *self, struct fault *fault)
{
    for (uint32_t i = 0; i < self->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (self->outputs[i].name[0] &&
                strcmp(self->outputs[i].name, self->outputs[j].name) == 0)
                return fault_set(fault, FAULT_INVALID, "Two outputs are called \"%s\".",
                                 self->outputs[i].name);
        }
    }
    return 0;
}

static int read_root(struct transform_options *self, json_object *root, struct fault *fault)
{
    struct output_options base = {.auto_orient = true, .gravity = {0.5, 0.5}};
    if (take_output(root, &base, fault) != 0)
        return -1;
    json_object *outputs = json_object_object_get(root, "outputs");
    self->listed = outputs != NULL;
    self->count = outputs ? (uint32_t)json_object_array_length(outputs) : 1;
    if (self->count < 1 || self->count > IMAGE_MAX_OUTPUTS)
        return fault_set(fault, FAULT_INVALID, "There are 1 to %d outputs.", IMAGE_MAX_OUTPUTS);
    for (uint32_t i = 0; i < self->count; i++) {
        self->outputs[i] = base;
        if (outputs &&
            take_output(json_object_array_get_idx(outputs, i), &self->outputs[i], fault) != 0)
            return -1;
    }
    return check_names(self, fault);
}

int transform_options_read(struct transform_options *self, hub_str input, struct fault *fault)
{
    *self = (struct transform_options){0};
    json_tokener *tokener = json_tokener_new();
    if (!tokener)
        return fault_memory(fault);
    json_object *root = NULL;
    if (input.len <= INT_MAX)
        root = json_tokener_parse_ex(tokener, input.ptr, (int)input.len);
    json_tokener_free(tokener);
    int result = json_object_is_type(root, json_type_object)
                     ? read_root(self, root, fault)
                     : fault_set(fault, FAULT_INVALID, "The input is no JSON object.");
    json_object_put(root);
    return result;
}
