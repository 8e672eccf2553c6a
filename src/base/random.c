#include "random.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t random_u64(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) != (ssize_t) sizeof value)
        abort(); /* up to 256 bytes it cannot fail on a kernel that has it */
    return value;
}

double random_unit(void)
{
    static _Thread_local unsigned short state[3];
    static _Thread_local int seeded;

    if (!seeded) {
        uint64_t seed = random_u64();
        for (int i = 0; i < 3; i++)
            state[i] = (unsigned short) (seed >> (16 * i));
        seeded = 1;
    }
    return erand48(state);
}
