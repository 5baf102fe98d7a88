#include "isolators/init_image.h"

#include <errno.h>
#include <stddef.h>

#include "base/sealed.h"

#ifdef INIT_IMAGE /* the path of the program that init/init.c becomes */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "init_image:\n"
        ".incbin \"" INIT_IMAGE "\"\n"
        "init_image_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char init_image[] __attribute__((visibility("hidden")));
extern const char init_image_end[] __attribute__((visibility("hidden")));
#endif

int init_image_fd(int *ret_fd, struct err *err)
{
#ifdef INIT_IMAGE
    static int fd = -1;
    /* The task's user executes it and cannot read it: so it cannot trace it, and make calls in its name that its own
     * seccomp profile does not let through. */
    int rc = fd >= 0 ? 0
                     : sealed_from_bytes("proffer-init", init_image,
                                         (size_t)(init_image_end - init_image), 0111, &fd, err);

    if (rc == 0)
        *ret_fd = fd;
    return rc;
#else
    (void)ret_fd;
    return err_set(err, -ENOTSUP, "its init has not been written for this kind of machine");
#endif
}
