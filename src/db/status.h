#pragma once

#include "connection.h"

/* The class of a server or client error number. */
enum db_status db_status_of(unsigned number);
