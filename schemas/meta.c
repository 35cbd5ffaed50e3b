#include "schemas/meta.h"

#define DIALECT "https://json-schema.org/draft/2020-12/"

/* hub_embed() defines these. */
#define DOCUMENTS(X)                                                                               \
    X("schema", schema_meta_schema)                                                                \
    X("meta/core", schema_meta_core)                                                               \
    X("meta/applicator", schema_meta_applicator)                                                   \
    X("meta/unevaluated", schema_meta_unevaluated)                                                 \
    X("meta/validation", schema_meta_validation)                                                   \
    X("meta/meta-data", schema_meta_meta_data)                                                     \
    X("meta/format-annotation", schema_meta_format_annotation)                                     \
    X("meta/format-assertion", schema_meta_format_assertion)                                       \
    X("meta/content", schema_meta_content)

#define DECLARE(name, symbol)                                                                      \
    extern const char symbol[];                                                                    \
    extern const size_t symbol##_len;
DOCUMENTS(DECLARE)

bool schema_meta_find(struct str uri, struct str *ret_text)
{
#define ENTRY(name, symbol) {STR_INIT(DIALECT name), symbol, &symbol##_len},
    static const struct {
        struct str uri;
        const char *text;
        const size_t *len;
    } documents[] = {DOCUMENTS(ENTRY)};

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (str_eq(uri, documents[i].uri)) {
            *ret_text = str_of(documents[i].text, *documents[i].len);
            return true;
        }
    }
    return false;
}
