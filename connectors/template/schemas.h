/*
 * What template.run takes and gives: JSON Schema 2020-12, written as JSON.
 *
 * HUB_JSON() of <hub/connector.h> makes a string literal of it.
 */
#define RUN_INPUT                                                                                  \
    HUB_JSON({                                                                                     \
        "type": "object",                                                                          \
        "properties": {                                                                            \
            "text": {"type": "string", "minLength": 1, "maxLength": 1000,                          \
                     "description": "What to say."},                                               \
            "times": {"type": "integer", "minimum": 1, "maximum": 100, "default": 1,               \
                      "description": "How often to say it."}                                       \
        },                                                                                         \
        "required": ["text"],                                                                      \
        "additionalProperties": false                                                              \
    })

#define RUN_RESULT                                                                                 \
    HUB_JSON({                                                                                     \
        "type": "object",                                                                          \
        "properties": {"said": {"type": "string"}},                                                \
        "required": ["said"],                                                                      \
        "additionalProperties": false                                                              \
    })

#define RUN_EXAMPLE HUB_JSON({"text": "hello", "times": 3})
