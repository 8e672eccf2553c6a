#pragma once

/* The files that a dueq-host finds open. */
enum {
    HOST_CONTROL = 3, /* the channel of the process */
    HOST_PLUGIN = 4,  /* the plugin's file */
    HOST_SLOTS = 5,   /* the channels of its slots, one after the other */
};
