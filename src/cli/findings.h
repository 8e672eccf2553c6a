#pragma once

#include "check_findings.h"
#include "cli.h"

/* Prints what was found, a line each or as JSON. The exit status: EXIT_NO with a failure among
 * them.
 */
int findings_print(const struct cli *cli, const struct check_finding *findings, size_t count);
