/*
 * shutdown_fs MOUNTPOINT — cuts the power of an ext4 file system: EXT4_IOC_SHUTDOWN with
 * EXT4_GOING_FLAGS_NOLOGFLUSH. What was not on disk, journal included, never gets there; every
 * later write fails with EIO until the file system is mounted anew. Needs CAP_SYS_ADMIN.
 *
 * The numbers are those of Linux' fs/ext4/ext4.h, which is no public header.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXT4_IOC_SHUTDOWN           _IOR('X', 125, uint32_t)
#define EXT4_GOING_FLAGS_NOLOGFLUSH 2u

int main(int argc, char **argv)
{
    uint32_t flags = EXT4_GOING_FLAGS_NOLOGFLUSH;

    if (argc != 2) {
        fputs("usage: shutdown_fs MOUNTPOINT\n", stderr);
        return EXIT_FAILURE;
    }
    int fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, EXT4_IOC_SHUTDOWN, &flags) < 0) {
        fprintf(stderr, "shutdown_fs: %s: %s\n", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    close(fd);
    return EXIT_SUCCESS;
}
