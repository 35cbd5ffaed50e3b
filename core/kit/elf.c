#include "kit/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#else
#error "which machine is this?"
#endif

/* The dynamic section, read. */
struct dynamic {
    const Elf64_Dyn *entries;
    size_t count;
    struct str strings;
};

static int bad(struct hub_error *error, const char *what)
{
    return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s", what);
}

/* `len` bytes at `offset`, or NULL if they are not all there or not aligned. */
static const void *at(const struct elf *self, uint64_t offset, uint64_t len, size_t alignment)
{
    bool inside = offset <= self->len && len <= self->len - offset;
    return inside && offset % alignment == 0 ? self->bytes + offset : NULL;
}

static int check_header(const struct elf *self, const Elf64_Ehdr **ret_header,
                        struct hub_error *error)
{
    const Elf64_Ehdr *header = at(self, 0, sizeof *header, 1);
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return bad(error, "it is no ELF file");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != MACHINE) {
        return bad(error, "it was built for another machine");
    }
    if (header->e_type != ET_DYN) {
        return bad(error, "it is no shared object: link it with -shared");
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr)) {
        return bad(error, "its program headers are damaged");
    }
    *ret_header = header;
    return 0;
}

/* Where the byte that is loaded at `address` stands in the file; UINT64_MAX: nowhere. */
static uint64_t offset_of(const Elf64_Phdr *segments, unsigned count, uint64_t address)
{
    for (unsigned i = 0; i < count; i++) {
        const Elf64_Phdr *segment = &segments[i];
        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            address - segment->p_vaddr < segment->p_filesz) {
            return segment->p_offset + (address - segment->p_vaddr);
        }
    }
    return UINT64_MAX;
}

static bool string_at(struct str strings, uint64_t offset, struct str *ret_text)
{
    if (offset >= strings.len) {
        return false;
    }
    const char *from = strings.ptr + offset;
    const char *end = memchr(from, '\0', strings.len - offset);
    *ret_text = str_of(from, end ? (size_t)(end - from) : 0);
    return end != NULL;
}

static uint64_t value_of(const struct dynamic *dynamic, int64_t tag)
{
    for (size_t i = 0; i < dynamic->count && dynamic->entries[i].d_tag != DT_NULL; i++) {
        if (dynamic->entries[i].d_tag == tag) {
            return dynamic->entries[i].d_un.d_val;
        }
    }
    return UINT64_MAX;
}

static int read_dynamic(const struct elf *self, const Elf64_Phdr *segments, unsigned count,
                        struct dynamic *ret_dynamic, struct hub_error *error)
{
    *ret_dynamic = (struct dynamic){0};
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].p_type == PT_DYNAMIC) {
            ret_dynamic->count = segments[i].p_filesz / sizeof(Elf64_Dyn);
            ret_dynamic->entries = at(self, segments[i].p_offset,
                                      ret_dynamic->count * sizeof(Elf64_Dyn), _Alignof(Elf64_Dyn));
        }
    }
    if (!ret_dynamic->entries) {
        return bad(error, "it has no dynamic section: it is not a shared object");
    }
    uint64_t address = value_of(ret_dynamic, DT_STRTAB);
    uint64_t len = value_of(ret_dynamic, DT_STRSZ);
    const char *strings = at(self, offset_of(segments, count, address), len, 1);
    if (!strings) {
        return bad(error, "its string table is damaged");
    }
    ret_dynamic->strings = str_of(strings, len);
    return 0;
}

static int read_needed(struct elf *self, const struct dynamic *dynamic, struct hub_error *error)
{
    for (size_t i = 0; i < dynamic->count && dynamic->entries[i].d_tag != DT_NULL; i++) {
        const Elf64_Dyn *entry = &dynamic->entries[i];
        struct str text;
        bool named =
            entry->d_tag == DT_NEEDED || entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH;
        if (named && !string_at(dynamic->strings, entry->d_un.d_val, &text)) {
            return bad(error, "its dynamic section is damaged");
        }
        if (entry->d_tag == DT_NEEDED && self->needed_count == ELF_NAMES_MAX) {
            return hub_fail(error, HUB_ERR_LIMIT, "it is linked with more than %d libraries",
                            ELF_NAMES_MAX);
        }
        if (entry->d_tag == DT_NEEDED) {
            self->needed[self->needed_count++] = text;
        } else if (named) {
            self->run_path = text;
        }
        self->text_relocations |=
            entry->d_tag == DT_TEXTREL ||
            (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0);
    }
    return 0;
}

/* How many symbols there are is written in the section headers only. */
static int read_exports(struct elf *self, const Elf64_Ehdr *header, const struct dynamic *dynamic,
                        struct hub_error *error)
{
    const Elf64_Shdr *sections = at(
        self, header->e_shoff, (uint64_t)header->e_shnum * sizeof *sections, _Alignof(Elf64_Shdr));
    const Elf64_Shdr *found = NULL;
    for (unsigned i = 0; sections && i < header->e_shnum; i++) {
        found = sections[i].sh_type == SHT_DYNSYM ? &sections[i] : found;
    }
    const Elf64_Sym *symbols =
        found ? at(self, found->sh_offset, found->sh_size, _Alignof(Elf64_Sym)) : NULL;
    if (!symbols) {
        return bad(error, "its table of symbols is missing or damaged");
    }
    for (size_t i = 1; i < found->sh_size / sizeof *symbols; i++) {
        const Elf64_Sym *symbol = &symbols[i];
        struct str name;
        bool global = ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL ||
                      ELF64_ST_BIND(symbol->st_info) == STB_WEAK;
        bool hidden = ELF64_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN ||
                      ELF64_ST_VISIBILITY(symbol->st_other) == STV_INTERNAL;
        if (!global || hidden || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS) {
            continue;
        }
        if (!string_at(dynamic->strings, symbol->st_name, &name)) {
            return bad(error, "its table of symbols is damaged");
        }
        if (self->export_count < ELF_NAMES_MAX) {
            self->exports[self->export_count++] = name;
        } else {
            self->more_exports = true;
        }
    }
    return 0;
}

static int read_all(struct elf *self, struct hub_error *error)
{
    const Elf64_Ehdr *header = NULL;
    struct dynamic dynamic;
    int err = check_header(self, &header, error);
    if (err < 0) {
        return err;
    }
    const Elf64_Phdr *segments = at(
        self, header->e_phoff, (uint64_t)header->e_phnum * sizeof *segments, _Alignof(Elf64_Phdr));
    if (!segments) {
        return bad(error, "its program headers are damaged");
    }
    for (unsigned i = 0; i < header->e_phnum; i++) {
        self->executable_stack |=
            segments[i].p_type == PT_GNU_STACK && (segments[i].p_flags & PF_X) != 0;
    }
    err = read_dynamic(self, segments, header->e_phnum, &dynamic, error);
    if (err == 0) {
        err = read_needed(self, &dynamic, error);
    }
    return err < 0 ? err : read_exports(self, header, &dynamic, error);
}

int elf_read(int fd, struct elf *ret_elf, struct hub_error *error)
{
    struct stat st;
    *ret_elf = (struct elf){0};
    if (fstat(fd, &st) < 0) {
        return hub_fail_errno(error, errno, "fstat");
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return bad(error, "it is no regular file, or an empty one");
    }
    ret_elf->len = (size_t)st.st_size;
    void *bytes = mmap(NULL, ret_elf->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return hub_fail_errno(error, errno, "mmap");
    }
    ret_elf->bytes = bytes;
    int err = read_all(ret_elf, error);
    if (err < 0) {
        elf_release(ret_elf);
    }
    return err;
}

void elf_release(struct elf *self)
{
    if (self->bytes) {
        munmap((void *)self->bytes, self->len);
    }
    self->bytes = NULL;
}
