#include "options.h"

#include <stdio.h>

#include "base/json.h"

/* --- Members: each takes what is there and leaves the default otherwise ------------------------*/

static json_object *member_of(json_object *from, const char *name)
{
    return json_object_object_get(from, name);
}

static void take_size(json_object *from, const char *name, uint32_t *value)
{
    json_object *member = member_of(from, name);
    if (member)
        *value = (uint32_t)json_object_get_int64(member);
}

static void take_int(json_object *from, const char *name, int *value)
{
    json_object *member = member_of(from, name);
    if (member)
        *value = json_object_get_int(member);
}

static void take_bool(json_object *from, const char *name, bool *value)
{
    json_object *member = member_of(from, name);
    if (member)
        *value = json_object_get_boolean(member);
}

static const char *text_of(json_object *from, const char *name)
{
    json_object *member = member_of(from, name);
    return member ? json_object_get_string(member) : NULL;
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

/* `accept`: an Accept header, or a list of media types or format names. */
static void take_accept(json_object *from, struct output_options *self)
{
    json_object *accept = member_of(from, "accept");
    if (!accept)
        return;
    self->accept = 0;
    if (!json_object_is_type(accept, json_type_array)) {
        self->accept = codec_accepted(json_object_get_string(accept));
        return;
    }
    for (size_t i = 0; i < json_object_array_length(accept); i++)
        self->accept |=
            codec_accepted(json_object_get_string(json_object_array_get_idx(accept, i)));
}

static int take_format(json_object *from, struct output_options *self, struct fault *fault)
{
    const char *format = text_of(from, "format");
    take_accept(from, self);
    if (!format)
        return 0;
    self->negotiate = strcmp(format, "auto") == 0;
    self->format = self->negotiate ? NULL : codec_by_name(format, strlen(format));
    if (!self->negotiate && (!self->format || !self->format->encode))
        return fault_set(fault, FAULT_UNSUPPORTED, "There is no output format \"%.40s\".", format);
    return 0;
}

static void take_metadata(json_object *from, struct output_options *self)
{
    const char *text = text_of(from, "metadata");
    if (text)
        self->metadata = strcmp(text, "keep") == 0        ? METADATA_KEEP
                         : strcmp(text, "copyright") == 0 ? METADATA_COPYRIGHT
                                                          : METADATA_STRIP;
}

static void take_encoding(json_object *from, struct encode_options *encode)
{
    take_int(from, "quality", &encode->quality);
    take_bool(from, "progressive", &encode->progressive);
    take_bool(from, "lossless", &encode->lossless);
    take_int(from, "near_lossless", &encode->near_lossless);
    take_int(from, "effort", &encode->effort);
    take_int(from, "compression_level", &encode->compression_level);
    take_bool(from, "palette", &encode->palette);
    take_int(from, "colours", &encode->colours);
    take_int(from, "depth", &encode->depth);
    take_int(from, "loop", &encode->loop);
    take_int(from, "delay", &encode->delay);
    json_object *dither = member_of(from, "dither");
    if (dither)
        encode->dither = json_object_get_double(dither);
    const char *chroma = text_of(from, "chroma_subsampling");
    if (chroma)
        encode->chroma = strcmp(chroma, "4:4:4") == 0   ? CHROMA_444
                         : strcmp(chroma, "4:2:2") == 0 ? CHROMA_422
                                                        : CHROMA_420;
}

/* --- Steps -------------------------------------------------------------------------------------*/

static int read_steps(struct output_options *self, json_object *from, const char *pointer,
                      struct fault *fault)
{
    if (steps_read(self->steps, &self->step_count, from, pointer, fault) != 0)
        return -1;
    json_object *list = member_of(from, "steps");
    size_t count = list ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++) {
        char at[IMAGE_MAX_POINTER];
        snprintf(at, sizeof(at), "%.60s/steps/%zu", pointer, i);
        if (steps_read(self->steps, &self->step_count, json_object_array_get_idx(list, i), at,
                       fault) != 0)
            return -1;
    }
    return 0;
}

/* Takes one step into the head. False if it is not for the head, which ends it. */
static bool take_head(struct head *head, const struct step *step, int *rank)
{
    static step_apply_fn *const ORDER[] = {apply_extract, apply_rotate, apply_flip, apply_flop,
                                           apply_resize};
    int place = 0;
    while (place < 5 && ORDER[place] != step->operation->apply)
        place++;
    if (place == 5 || place < *rank || (place == 1 && step->rotate.background.set))
        return false;
    *rank = place + 1;
    switch (place) {
    case 0:
        head->has_extract = true;
        head->extract.left = step->extract.left;
        head->extract.top = step->extract.top;
        head->extract.width = step->extract.width;
        head->extract.height = step->extract.height;
        break;
    case 1:
        head->rotate = step->rotate.angle;
        break;
    case 2:
        head->flip = true;
        break;
    case 3:
        head->flop = true;
        break;
    default:
        head->width = step->resize.width;
        head->height = step->resize.height;
        head->fit = (enum fit)step->resize.fit;
        head->gravity = step->resize.position.gravity;
        head->without_enlargement = step->resize.without_enlargement;
        head->kernel = (enum kernel_kind)step->resize.kernel;
        break;
    }
    return true;
}

/* A cut that the picture itself shall tell needs the picture: the head only makes it so small that
 * the cut remains. */
static bool is_smart(const struct step *step)
{
    return step->operation->apply == apply_resize && step->resize.position.smart != SMART_NONE &&
           step->resize.fit == FIT_COVER && step->resize.width > 0 && step->resize.height > 0;
}

static void split_head(struct output_options *self)
{
    uint32_t taken = 0;
    int rank = 0;
    while (taken < self->step_count && take_head(&self->head, &self->steps[taken], &rank)) {
        if (is_smart(&self->steps[taken])) {
            self->head.fit = FIT_OUTSIDE;
            break;
        }
        taken++;
    }
    self->step_count -= taken;
    memmove(self->steps, self->steps + taken, self->step_count * sizeof(self->steps[0]));
}

/* --- The whole ---------------------------------------------------------------------------------*/

void output_options_init(struct output_options *self)
{
    *self = (struct output_options){
        .auto_orient = true,
        .head.gravity = {0.5, 0.5, false},
        .encode = ENCODE_DEFAULTS,
    };
}

int output_options_read(struct output_options *self, json_object *from, const char *pointer,
                        struct fault *fault)
{
    output_options_init(self);
    take_bool(from, "auto_orient", &self->auto_orient);
    take_encoding(from, &self->encode);
    take_metadata(from, self);
    json_object *max_bytes = member_of(from, "max_bytes");
    if (max_bytes)
        self->max_bytes = (uint64_t)json_object_get_int64(max_bytes);
    const char *background = text_of(from, "background");
    if (background && colour_read(&self->background, background, fault) != 0)
        return -1;
    if (take_format(from, self, fault) != 0 || take_name(from, self, fault) != 0 ||
        read_steps(self, from, pointer, fault) != 0)
        return -1;
    split_head(self);
    return 0;
}

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

static bool is_default_of_outputs(const char *name)
{
    return strcmp(name, "image") != 0 && strcmp(name, "outputs") != 0;
}

/* `root` without its outputs, overlaid with the members of `output`. NULL without memory. */
static json_object *overlay(json_object *root, json_object *output)
{
    json_object *merged = json_object_new_object();
    json_object *const layers[] = {root, output};
    for (int i = 0; merged && i < 2; i++) {
        json_object_object_foreach(layers[i], name, value) {
            if ((i == 0 && !is_default_of_outputs(name)) ||
                json_object_object_add(merged, name, json_object_get(value)) == 0)
                continue;
            json_object_put(value);
            json_object_put(merged);
            return NULL;
        }
    }
    return merged;
}

/* Files of an output stand at its own place, those of the defaults beside `outputs`. */
static int read_listed(struct transform_options *self, uint32_t index, json_object *root,
                       json_object *output, struct fault *fault)
{
    struct output_options *options = &self->outputs[index];
    json_object *merged = self->kept[index + 1] = overlay(root, output);
    if (!merged)
        return fault_memory(fault);
    char pointer[32];
    snprintf(pointer, sizeof(pointer), "/outputs/%u", index);
    if (output_options_read(options, merged, pointer, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < options->step_count; i++) {
        char *at = options->steps[i].pointer;
        json_object *found;
        if (!json_at(root, str_from_c(at), &found))
            memmove(at, at + strlen(pointer), strlen(at + strlen(pointer)) + 1);
    }
    return 0;
}

static int read_root(struct transform_options *self, json_object *root, struct fault *fault)
{
    self->frames = (struct frame_range){.pages = 1};
    bool animated = false;
    take_bool(root, "animated", &animated);
    if (animated)
        self->frames.pages = UINT32_MAX;
    take_size(root, "page", &self->frames.first);
    json_object *pages = member_of(root, "pages");
    if (pages)
        self->frames.pages =
            json_object_get_int64(pages) < 0 ? UINT32_MAX : (uint32_t)json_object_get_int64(pages);
    json_object *outputs = member_of(root, "outputs");
    self->listed = outputs != NULL;
    size_t count = outputs ? json_object_array_length(outputs) : 1;
    if (count < 1 || count > IMAGE_MAX_OUTPUTS)
        return fault_set(fault, FAULT_INVALID, "There are 1 to %d outputs.", IMAGE_MAX_OUTPUTS);
    for (; self->count < count; self->count++) {
        uint32_t i = self->count;
        int result = outputs
                         ? read_listed(self, i, root, json_object_array_get_idx(outputs, i), fault)
                         : output_options_read(&self->outputs[i], root, "", fault);
        if (result != 0)
            return -1;
    }
    return check_names(self, fault);
}

int options_parse(hub_str input, json_object **ret_root, struct fault *fault)
{
    struct hub_error error;
    json_object *root = NULL;
    int result = json_read(str_of(input.ptr, input.len), JSON_DEPTH_MAX, &root, NULL, &error);
    if (result == HUB_ERR_NOMEM)
        return fault_memory(fault);
    if (result != 0 || !json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        return fault_set(fault, FAULT_INVALID, "The input is no JSON object.");
    }
    *ret_root = root;
    return 0;
}

int transform_options_read(struct transform_options *self, hub_str input, struct fault *fault)
{
    *self = (struct transform_options){0};
    if (options_parse(input, &self->kept[0], fault) != 0)
        return -1;
    return read_root(self, self->kept[0], fault);
}

void transform_options_release(struct transform_options *self)
{
    for (size_t i = 0; i < sizeof(self->kept) / sizeof(self->kept[0]); i++) {
        json_object_put(self->kept[i]);
        self->kept[i] = NULL;
    }
}
