#include "step.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "blend.h"

/* --- Words -------------------------------------------------------------------------------------*/

struct word {
    const char *text; /* NULL ends the list */
    int value;
};

static const struct word FITS[] = {
    {"cover", FIT_COVER},   {"contain", FIT_CONTAIN}, {"fill", FIT_FILL},
    {"inside", FIT_INSIDE}, {"outside", FIT_OUTSIDE}, {NULL, 0},
};

static const struct word KERNELS[] = {
    {"lanczos3", KERNEL_LANCZOS3},
    {"lanczos2", KERNEL_LANCZOS2},
    {"mitchell", KERNEL_MITCHELL},
    {"cubic", KERNEL_CUBIC},
    {"linear", KERNEL_LINEAR},
    {"nearest", KERNEL_NEAREST},
    {NULL, 0},
};

static const struct word ALIGNS[] = {
    {"left", ALIGN_LEFT},
    {"center", ALIGN_CENTRE},
    {"centre", ALIGN_CENTRE},
    {"right", ALIGN_RIGHT},
    {NULL, 0},
};

static const struct {
    const char *name;
    struct gravity gravity;
    enum smart smart;
} POSITIONS[] = {
    {"center", {0.5, 0.5, false}, SMART_NONE},
    {"centre", {0.5, 0.5, false}, SMART_NONE},
    {"north", {0.5, 0, false}, SMART_NONE},
    {"northeast", {1, 0, false}, SMART_NONE},
    {"east", {1, 0.5, false}, SMART_NONE},
    {"southeast", {1, 1, false}, SMART_NONE},
    {"south", {0.5, 1, false}, SMART_NONE},
    {"southwest", {0, 1, false}, SMART_NONE},
    {"west", {0, 0.5, false}, SMART_NONE},
    {"northwest", {0, 0, false}, SMART_NONE},
    {"top", {0.5, 0, false}, SMART_NONE},
    {"right", {1, 0.5, false}, SMART_NONE},
    {"bottom", {0.5, 1, false}, SMART_NONE},
    {"left", {0, 0.5, false}, SMART_NONE},
    {"attention", {0.5, 0.5, false}, SMART_ATTENTION},
    {"entropy", {0.5, 0.5, false}, SMART_ENTROPY},
};

static const struct {
    const char *name;
    struct colour colour;
} COLOURS[] = {
    {"transparent", {0, 0, 0, 0}},   {"white", {255, 255, 255, 255}},
    {"black", {0, 0, 0, 255}},       {"red", {255, 0, 0, 255}},
    {"green", {0, 128, 0, 255}},     {"blue", {0, 0, 255, 255}},
    {"yellow", {255, 255, 0, 255}},  {"orange", {255, 165, 0, 255}},
    {"purple", {128, 0, 128, 255}},  {"cyan", {0, 255, 255, 255}},
    {"magenta", {255, 0, 255, 255}}, {"gray", {128, 128, 128, 255}},
    {"grey", {128, 128, 128, 255}},  {"silver", {192, 192, 192, 255}},
    {"navy", {0, 0, 128, 255}},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- The table ---------------------------------------------------------------------------------*/

enum value_type {
    VALUE_END,
    VALUE_NUMBER,   /* double */
    VALUE_COUNT,    /* uint32_t */
    VALUE_OFFSET,   /* int32_t */
    VALUE_BOOL,     /* bool */
    VALUE_WORD,     /* int, from `words` */
    VALUE_BLEND,    /* int, from blend.c */
    VALUE_COLOUR,   /* struct tint */
    VALUE_POSITION, /* struct position */
    VALUE_TEXT,     /* const char * */
};

struct step_value {
    const char *name;
    enum value_type type;
    size_t at; /* in struct step */
    double otherwise;
    const struct word *words;
};

#define AT(member) offsetof(struct step, member)

static const struct step_value NO_VALUES[] = {{0}};

static const struct step_value TRIM[] = {
    {"threshold", VALUE_NUMBER, AT(trim.threshold), 10},
    {"background", VALUE_COLOUR, AT(trim.background)},
    {0},
};

static const struct step_value EXTRACT[] = {
    {"left", VALUE_COUNT, AT(extract.left)},
    {"top", VALUE_COUNT, AT(extract.top)},
    {"width", VALUE_COUNT, AT(extract.width)},
    {"height", VALUE_COUNT, AT(extract.height)},
    {0},
};

static const struct step_value ROTATE[] = {
    {"angle", VALUE_NUMBER, AT(rotate.angle)},
    {"background", VALUE_COLOUR, AT(rotate.background)},
    {0},
};

static const struct step_value RESIZE[] = {
    {"width", VALUE_COUNT, AT(resize.width)},
    {"height", VALUE_COUNT, AT(resize.height)},
    {"fit", VALUE_WORD, AT(resize.fit), FIT_COVER, FITS},
    {"position", VALUE_POSITION, AT(resize.position)},
    {"without_enlargement", VALUE_BOOL, AT(resize.without_enlargement)},
    {"kernel", VALUE_WORD, AT(resize.kernel), KERNEL_LANCZOS3, KERNELS},
    {"dpr", VALUE_NUMBER, AT(resize.dpr), 1},
    {0},
};

static const struct step_value EXTEND[] = {
    {"top", VALUE_COUNT, AT(extend.top)},
    {"right", VALUE_COUNT, AT(extend.right)},
    {"bottom", VALUE_COUNT, AT(extend.bottom)},
    {"left", VALUE_COUNT, AT(extend.left)},
    {"background", VALUE_COLOUR, AT(extend.background)},
    {0},
};

static const struct step_value MEDIAN[] = {{"size", VALUE_COUNT, AT(median.size), 3}, {0}};

static const struct step_value BLUR[] = {{"sigma", VALUE_NUMBER, AT(blur.sigma), 0.6}, {0}};

static const struct step_value SHARPEN[] = {
    {"sigma", VALUE_NUMBER, AT(sharpen.sigma), 0.7},
    {"amount", VALUE_NUMBER, AT(sharpen.amount), 1},
    {"flat", VALUE_NUMBER, AT(sharpen.flat), 2},
    {0},
};

static const struct step_value GAMMA[] = {{"exponent", VALUE_NUMBER, AT(gamma.exponent), 2.2}, {0}};

static const struct step_value MODULATE[] = {
    {"brightness", VALUE_NUMBER, AT(modulate.brightness), 1},
    {"saturation", VALUE_NUMBER, AT(modulate.saturation), 1},
    {"hue", VALUE_NUMBER, AT(modulate.hue)},
    {"lightness", VALUE_NUMBER, AT(modulate.lightness)},
    {0},
};

static const struct step_value LINEAR[] = {
    {"slope", VALUE_NUMBER, AT(linear.slope), 1},
    {"offset", VALUE_NUMBER, AT(linear.offset)},
    {0},
};

static const struct step_value NORMALISE[] = {
    {"lower", VALUE_NUMBER, AT(normalise.lower), 1},
    {"upper", VALUE_NUMBER, AT(normalise.upper), 99},
    {0},
};

static const struct step_value TINT[] = {
    {"colour", VALUE_COLOUR, AT(tint.colour)},
    {"color", VALUE_COLOUR, AT(tint.colour)},
    {0},
};

static const struct step_value NEGATE[] = {{"alpha", VALUE_BOOL, AT(negate.alpha)}, {0}};

static const struct step_value THRESHOLD[] = {
    {"level", VALUE_COUNT, AT(threshold.level), 128},
    {"greyscale", VALUE_BOOL, AT(threshold.greyscale), true},
    {0},
};

static const struct step_value FLATTEN[] = {
    {"background", VALUE_COLOUR, AT(flatten.background)},
    {0},
};

static const struct step_value ROUND[] = {{"radius", VALUE_NUMBER, AT(round.radius)}, {0}};

static const struct step_value COMPOSITE[] = {
    {"text", VALUE_TEXT, AT(composite.text)},
    {"size", VALUE_NUMBER, AT(composite.size), 32},
    {"colour", VALUE_COLOUR, AT(composite.colour)},
    {"color", VALUE_COLOUR, AT(composite.colour)},
    {"align", VALUE_WORD, AT(composite.align), ALIGN_LEFT, ALIGNS},
    {"rotate", VALUE_NUMBER, AT(composite.angle)},
    {"width", VALUE_COUNT, AT(composite.width)},
    {"height", VALUE_COUNT, AT(composite.height)},
    {"scale", VALUE_NUMBER, AT(composite.scale)},
    {"opacity", VALUE_NUMBER, AT(composite.opacity), 1},
    {"position", VALUE_POSITION, AT(composite.position)},
    {"left", VALUE_OFFSET, AT(composite.left)},
    {"top", VALUE_OFFSET, AT(composite.top)},
    {"tile", VALUE_BOOL, AT(composite.tile)},
    {"spacing", VALUE_COUNT, AT(composite.spacing)},
    {"blend", VALUE_BLEND, AT(composite.blend)},
    {0},
};

/* In the order in which they happen within one object. */
static const struct operation OPERATIONS[] = {
    {"trim", NULL, TRIM, false, apply_trim},
    {"extract", "crop", EXTRACT, false, apply_extract},
    {"rotate", NULL, ROTATE, false, apply_rotate},
    {"flip", NULL, NO_VALUES, false, apply_flip},
    {"flop", NULL, NO_VALUES, false, apply_flop},
    {"resize", NULL, RESIZE, true, apply_resize},
    {"extend", "padding", EXTEND, false, apply_extend},
    {"median", NULL, MEDIAN, false, apply_median},
    {"blur", NULL, BLUR, false, apply_blur},
    {"sharpen", NULL, SHARPEN, false, apply_sharpen},
    {"gamma", NULL, GAMMA, false, apply_gamma},
    {"linear", NULL, LINEAR, false, apply_linear},
    {"normalise", "normalize", NORMALISE, false, apply_normalise},
    {"modulate", NULL, MODULATE, false, apply_modulate},
    {"greyscale", "grayscale", NO_VALUES, false, apply_greyscale},
    {"tint", NULL, TINT, false, apply_tint},
    {"negate", NULL, NEGATE, false, apply_negate},
    {"threshold", NULL, THRESHOLD, false, apply_threshold},
    {"flatten", NULL, FLATTEN, false, apply_flatten},
    {"composite", "watermark", COMPOSITE, false, apply_composite},
    {"round", NULL, ROUND, false, apply_round},
};

/* --- Reading -----------------------------------------------------------------------------------*/

/* `count` hexadecimal digits at `text` as a byte, one of them doubled; or -1. */
static int hex_byte(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + (c | 0x20) - 'a' + 10;
        else
            return -1;
    }
    return count == 1 ? value * 17 : value;
}

int colour_read(struct tint *ret_tint, const char *text, struct fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(COLOURS); i++) {
        if (strcasecmp(COLOURS[i].name, text) == 0) {
            *ret_tint = (struct tint){true, COLOURS[i].colour};
            return 0;
        }
    }
    size_t len = strlen(text);
    int digits = len == 4 ? 1 : 2; /* of each part */
    int parts[4] = {0, 0, 0, 255};
    bool valid = text[0] == '#' && (len == 4 || len == 7 || len == 9);
    for (size_t i = 0; valid && i < (len - 1) / (size_t)digits; i++) {
        parts[i] = hex_byte(text + 1 + i * (size_t)digits, digits);
        valid = parts[i] >= 0;
    }
    if (!valid)
        return fault_set(fault, FAULT_INVALID, "\"%.40s\" is not a colour like #ff8800.", text);
    *ret_tint = (struct tint){
        true, {(uint8_t)parts[0], (uint8_t)parts[1], (uint8_t)parts[2], (uint8_t)parts[3]}};
    return 0;
}

static int read_position(struct position *position, json_object *from, struct fault *fault)
{
    if (json_object_is_type(from, json_type_object)) {
        json_object *x = json_object_object_get(from, "x");
        json_object *y = json_object_object_get(from, "y");
        *position = (struct position){
            true,
            {x ? json_object_get_double(x) : 0.5, y ? json_object_get_double(y) : 0.5, true},
            SMART_NONE};
        return 0;
    }
    const char *text = json_object_get_string(from);
    for (size_t i = 0; i < COUNT_OF(POSITIONS); i++) {
        if (strcmp(POSITIONS[i].name, text) == 0) {
            *position = (struct position){true, POSITIONS[i].gravity, POSITIONS[i].smart};
            return 0;
        }
    }
    return fault_set(fault, FAULT_INVALID, "There is no position \"%.40s\".", text);
}

static int read_word(int *ret_value, const struct word *words, const char *text,
                     struct fault *fault)
{
    for (; words->text; words++) {
        if (strcmp(words->text, text) == 0) {
            *ret_value = words->value;
            return 0;
        }
    }
    return fault_set(fault, FAULT_INVALID, "There is no \"%.40s\".", text);
}

static int read_value(struct step *step, const struct step_value *value, json_object *from,
                      struct fault *fault)
{
    void *at = (char *)step + value->at;
    switch (value->type) {
    case VALUE_NUMBER:
        *(double *)at = json_object_get_double(from);
        break;
    case VALUE_COUNT:
        *(uint32_t *)at = (uint32_t)json_object_get_int64(from);
        break;
    case VALUE_OFFSET:
        *(int32_t *)at = json_object_get_int(from);
        break;
    case VALUE_BOOL:
        *(bool *)at = json_object_get_boolean(from);
        break;
    case VALUE_WORD:
        return read_word(at, value->words, json_object_get_string(from), fault);
    case VALUE_BLEND:
        return blend_find(json_object_get_string(from), at, fault);
    case VALUE_COLOUR:
        return colour_read(at, json_object_get_string(from), fault);
    case VALUE_POSITION:
        return read_position(at, from, fault);
    case VALUE_TEXT:
        *(const char **)at = json_object_get_string(from);
        break;
    case VALUE_END:
        break;
    }
    return 0;
}

static void set_default(struct step *step, const struct step_value *value)
{
    void *at = (char *)step + value->at;
    switch (value->type) {
    case VALUE_NUMBER:
        *(double *)at = value->otherwise;
        break;
    case VALUE_COUNT:
        *(uint32_t *)at = (uint32_t)value->otherwise;
        break;
    case VALUE_BOOL:
        *(bool *)at = value->otherwise != 0;
        break;
    case VALUE_WORD:
        *(int *)at = (int)value->otherwise;
        break;
    case VALUE_POSITION:
        *(struct position *)at = (struct position){.gravity = {0.5, 0.5, false}};
        break;
    default: /* zero */
        break;
    }
}

/* A padding of one number is the same on all sides; of a size, dpr is done with here. */
static void complete(struct step *step, bool single)
{
    if (step->operation->apply == apply_extend && single) {
        uint32_t size = step->extend.top;
        step->extend.right = step->extend.bottom = step->extend.left = size;
    }
    if (step->operation->apply == apply_resize) {
        step->resize.width = (uint32_t)(step->resize.width * step->resize.dpr + 0.5);
        step->resize.height = (uint32_t)(step->resize.height * step->resize.dpr + 0.5);
    }
}

static int read_step(struct step *step, const struct operation *operation, json_object *from,
                     const char *pointer, struct fault *fault)
{
    *step = (struct step){.operation = operation};
    snprintf(step->pointer, sizeof(step->pointer), "%s", pointer);
    bool object = json_object_is_type(from, json_type_object);
    bool single = !object && !json_object_is_type(from, json_type_boolean);
    const struct step_value *values = operation->values;
    for (size_t i = 0; values[i].type != VALUE_END; i++) {
        set_default(step, &values[i]);
        json_object *given = object ? json_object_object_get(from, values[i].name) : NULL;
        if (single && i == 0)
            given = from;
        if (given && read_value(step, &values[i], given, fault) != 0)
            return -1;
    }
    complete(step, single);
    return 0;
}

static int append(struct step *steps, uint32_t *count, const struct operation *operation,
                  json_object *from, const char *pointer, struct fault *fault)
{
    if (json_object_is_type(from, json_type_boolean) && !json_object_get_boolean(from))
        return 0;
    if (*count == IMAGE_MAX_STEPS)
        return fault_set(fault, FAULT_INVALID, "An output has at most %d steps.", IMAGE_MAX_STEPS);
    return read_step(&steps[(*count)++], operation, from, pointer, fault);
}

/* The elements of an array, one after the other; anything else is one. */
static int append_each(struct step *steps, uint32_t *count, const struct operation *operation,
                       json_object *from, const char *pointer, struct fault *fault)
{
    if (!json_object_is_type(from, json_type_array))
        return append(steps, count, operation, from, pointer, fault);
    for (size_t i = 0; i < json_object_array_length(from); i++) {
        char at[IMAGE_MAX_POINTER];
        snprintf(at, sizeof(at), "%.70s/%zu", pointer, i);
        if (append(steps, count, operation, json_object_array_get_idx(from, i), at, fault) != 0)
            return -1;
    }
    return 0;
}

static bool has_value_of(json_object *from, const struct operation *operation)
{
    for (const struct step_value *value = operation->values; value->type != VALUE_END; value++) {
        if (json_object_object_get(from, value->name))
            return true;
    }
    return false;
}

int steps_read(struct step *steps, uint32_t *count, json_object *from, const char *pointer,
               struct fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(OPERATIONS); i++) {
        const struct operation *operation = &OPERATIONS[i];
        if (operation->flat && has_value_of(from, operation) &&
            append(steps, count, operation, from, pointer, fault) != 0)
            return -1;
        const char *const names[] = {operation->name, operation->alias};
        for (size_t n = 0; n < 2 && names[n]; n++) {
            json_object *member = json_object_object_get(from, names[n]);
            char at[IMAGE_MAX_POINTER];
            snprintf(at, sizeof(at), "%.70s/%s", pointer, names[n]);
            if (member && append_each(steps, count, operation, member, at, fault) != 0)
                return -1;
        }
    }
    return 0;
}

int step_apply(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    return self->operation->apply(self, pixmap, stage, fault);
}
