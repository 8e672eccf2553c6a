#include "remove_tree.h"

#include <ftw.h>
#include <stdio.h>

enum { DESCRIPTORS = 16 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void) status, (void) type, (void) walk;
    (void) remove(path);
    return 0;
}

void remove_tree(const char *path)
{
    (void) nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
