/*
 * The banner: the first line of the boot log and all of /proc/version.
 *
 * Mirrors Linux init/version.c. Exercised by tests/boot.
 */
#include "kernel/version.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char linux_banner[] = UTS_SYSNAME " version " UTS_RELEASE " (quire) (" COMPILER
					") " UTS_VERSION "\n";
