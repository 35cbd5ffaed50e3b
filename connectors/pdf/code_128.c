/*
 * Code 128 (ISO/IEC 15417). Which of the three character sets to use when is found by looking back
 * from the end: how many symbols does the rest of the text need if it is begun in this set? The
 * shift symbol, which can save one symbol in rare mixtures, is not used.
 */
#include "code_kinds.h"

#include <string.h>

enum { MAX_TEXT = 80, MAX_SYMBOLS = 2 * MAX_TEXT + 4, BARS_A_SYMBOL = 3, QUIET = 10 };
enum { SET_A, SET_B, SET_C, SETS };
enum { START_A = 103, STOP = 106, FNC1 = 102, GS = 0x1d };

/* Widths of three bars and three spaces, bar first; the stop symbol has a seventh (table 1). */
static const char PATTERNS[][8] = {
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212",
    "221213", "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221",
    "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122", "321221",
    "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
    "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131",
    "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131",
    "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111",
    "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
    "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242",
    "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
    "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112"};

/* The symbol that changes from any other set into this one. */
static const uint8_t LATCH[SETS] = {101, 100, 99};

struct plan {
    struct str text;
    bool gs1;
    uint16_t cost[MAX_TEXT + 1][SETS]; /* symbols for the text from here on, when in this set */
    uint8_t next[MAX_TEXT][SETS];      /* the set of the next symbol, when in this set */
    uint8_t first;                     /* the set to begin in */
};

enum { IMPOSSIBLE = 1000 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many characters the next symbol takes if it is of `set`, and its value; 0: none. */
static size_t symbol_at(const struct plan *plan, size_t at, int set, uint8_t *ret_value)
{
    unsigned char c = (unsigned char)plan->text.ptr[at];
    if (plan->gs1 && c == GS) {
        *ret_value = FNC1;
        return 1;
    }
    if (set == SET_C) {
        if (at + 1 >= plan->text.len || !is_digit((char)c) || !is_digit(plan->text.ptr[at + 1])) {
            return 0;
        }
        *ret_value = (uint8_t)((c - '0') * 10 + (plan->text.ptr[at + 1] - '0'));
        return 2;
    }
    if (set == SET_A ? c > 95 : c < 32) {
        return 0;
    }
    *ret_value = (uint8_t)(c < 32 ? c + 64 : c - 32);
    return 1;
}

static void plan_step(struct plan *plan, size_t at)
{
    uint16_t *cost = plan->cost[at];
    uint8_t best = SET_A;
    for (uint8_t set = 0; set < SETS; set++) {
        uint8_t value;
        size_t taken = symbol_at(plan, at, set, &value);
        cost[set] = taken ? (uint16_t)(1 + plan->cost[at + taken][set]) : IMPOSSIBLE;
        best = cost[set] < cost[best] ? set : best;
    }
    uint16_t change = (uint16_t)(cost[best] + 1);
    for (uint8_t set = 0; set < SETS; set++) {
        plan->next[at][set] = cost[set] <= change ? set : best;
        cost[set] = cost[set] <= change ? cost[set] : change;
    }
    plan->first = best;
}

/* All but check and stop symbol. */
static size_t encode(const struct plan *plan, uint8_t ret_symbols[MAX_SYMBOLS])
{
    size_t count = 0;
    uint8_t set = plan->first;
    ret_symbols[count++] = (uint8_t)(START_A + set);
    if (plan->gs1) {
        ret_symbols[count++] = FNC1;
    }
    for (size_t at = 0; at < plan->text.len; count++) {
        uint8_t next = plan->next[at][set];
        if (next != set) {
            ret_symbols[count++] = LATCH[next];
            set = next;
        }
        at += symbol_at(plan, at, set, &ret_symbols[count]);
    }
    return count;
}

static uint8_t check_symbol(const uint8_t *symbols, size_t count)
{
    unsigned sum = symbols[0];
    for (size_t i = 1; i < count; i++) {
        sum += (unsigned)(i * symbols[i]);
    }
    return (uint8_t)(sum % 103);
}

static int check_text(struct str text, struct hub_error *error)
{
    if (text.len > MAX_TEXT) {
        return hub_fail(error, HUB_ERR_TOO_LARGE,
                        "a Code 128 holds %d characters, the text has %zu", MAX_TEXT, text.len);
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] > 127) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT, "Code 128 holds ASCII characters only");
        }
    }
    return 0;
}

/* The text without control characters. */
static struct str label_of(struct str text, struct arena *arena)
{
    char *label = arena_strdup(arena, text);
    size_t len = 0;
    for (size_t i = 0; label && i < text.len; i++) {
        if (text.ptr[i] >= ' ' && text.ptr[i] < 127) {
            label[len++] = text.ptr[i];
        }
    }
    return str_of(label, len);
}

int code_encode_128(struct str text, const struct code_options *options, struct arena *arena,
                    struct code *ret_code, struct hub_error *error)
{
    int err = check_text(text, error);
    if (err < 0) {
        return err;
    }
    struct plan plan = {.text = text, .gs1 = options->gs1};
    for (size_t at = text.len; at-- > 0;) {
        plan_step(&plan, at);
    }
    uint8_t symbols[MAX_SYMBOLS];
    size_t count = encode(&plan, symbols);
    symbols[count] = check_symbol(symbols, count);
    symbols[++count] = STOP;

    struct code_bars bars = {
        .rects = arena_alloc(arena, ((count + 1) * BARS_A_SYMBOL + 1) * sizeof(struct code_rect))};
    ret_code->label = label_of(text, arena);
    if (!bars.rects || !ret_code->label.ptr) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for a bar code");
    }
    for (size_t i = 0; i <= count; i++) {
        const char *pattern = PATTERNS[symbols[i]];
        uint8_t widths[sizeof PATTERNS[0]];
        size_t bar_count = strlen(pattern);
        for (size_t bar = 0; bar < bar_count; bar++) {
            widths[bar] = (uint8_t)(pattern[bar] - '0');
        }
        code_bars_add(&bars, widths, bar_count, true, false);
    }
    ret_code->width = bars.width;
    ret_code->height = 1;
    ret_code->quiet_left = ret_code->quiet_right = QUIET;
    ret_code->rects = bars.rects;
    ret_code->rect_count = bars.rect_count;
    return 0;
}
