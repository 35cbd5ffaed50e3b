#include "runner/resolve.h"

#include "runner/broker.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

bool resolver_of_libc(struct resolver *ret_resolver)
{
    *(void **)&ret_resolver->find = dlsym(RTLD_NEXT, "getaddrinfo");
    *(void **)&ret_resolver->forget = dlsym(RTLD_NEXT, "freeaddrinfo");
    return ret_resolver->find && ret_resolver->forget;
}

/* An entry with its address, in the form that the C library's freeaddrinfo() knows too: one block
 * to be freed, and the name another. */
struct entry {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

EXPORTED void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

static struct addrinfo *make_entry(const struct broker_address *from)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return NULL;
    }
    entry->address = from->address;
    entry->info = (struct addrinfo){
        .ai_family = from->family,
        .ai_socktype = from->type,
        .ai_protocol = from->protocol,
        .ai_addrlen = from->size,
        .ai_addr = (struct sockaddr *)&entry->address,
    };
    return &entry->info;
}

static int make_list(const struct broker_answer *answer, struct addrinfo **ret_list)
{
    struct addrinfo *list = NULL;
    struct addrinfo **end = &list;
    for (uint32_t i = 0; i < answer->count; i++) {
        *end = make_entry(&answer->addresses[i]);
        if (!*end) {
            freeaddrinfo(list);
            return EAI_MEMORY;
        }
        end = &(*end)->ai_next;
    }
    if (list && answer->canonical[0] != '\0') {
        list->ai_canonname = strndup(answer->canonical, sizeof answer->canonical);
    }
    *ret_list = list;
    return 0;
}

EXPORTED int getaddrinfo(const char *restrict host, const char *restrict service,
                         const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list)
{
    struct broker_answer answer;
    if (!broker_exists()) {
        struct resolver real;
        return resolver_of_libc(&real) ? real.find(host, service, hints, ret_list) : EAI_FAIL;
    }
    broker_resolve(host, service, hints, &answer);
    if (answer.result == EAI_SYSTEM) {
        errno = answer.problem;
    }
    return answer.result == 0 ? make_list(&answer, ret_list) : answer.result;
}
