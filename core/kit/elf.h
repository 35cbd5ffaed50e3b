/*
 * elf.h — what an ELF file says about itself, read without running anything of it.
 *
 *     struct elf elf;
 *     if (elf_read(fd, &elf, &err) < 0) …       // err.detail: why it is no library for this
 * machine elf.needed[0] … elf.exports[0] … elf_release(&elf);
 *
 * 64-bit little-endian shared objects of the machine that this program was built for. The file is
 * hostile input: every offset is checked. After the System V ABI, chapters 4 and 5.
 *
 * Owner: the caller. Thread: [any].
 */
#ifndef HUB_KIT_ELF_H
#define HUB_KIT_ELF_H

#include "base/error.h"
#include "base/str.h"

#define ELF_NAMES_MAX 256 /* of each kind; more is HUB_ERR_LIMIT */

struct elf {
    struct str needed[ELF_NAMES_MAX]; /* DT_NEEDED: what it is linked with; views into the file */
    unsigned needed_count;
    struct str exports[ELF_NAMES_MAX]; /* what others can see */
    unsigned export_count;
    bool more_exports;   /* than there is room for */
    struct str run_path; /* DT_RUNPATH or DT_RPATH; may be empty */
    bool executable_stack;
    bool text_relocations; /* DT_TEXTREL: its code is written to when it is loaded */
    const char *bytes;     /* the file, mapped */
    size_t len;
};

HUB_MUST_CHECK int elf_read(int fd, struct elf *ret_elf, struct hub_error *error);
void elf_release(struct elf *self);

#endif
