#pragma once

/* Removes a directory with all that is in it, without following links or crossing into another file
 * system. What cannot be removed stays. Nothing where there is none. */
void remove_tree(const char *path);
