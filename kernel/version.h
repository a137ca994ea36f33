/*
 * The kernel's name and version, as uname(2) and /proc/version give them.
 *
 * Mirrors Linux include/linux/utsname.h and init/version.c. Exercised by tests/user/process.c.
 */
#pragma once

#define UTS_SYSNAME "Linux"
#define UTS_NODENAME "quire"
#define UTS_RELEASE "6.12.0-quire"
#define UTS_VERSION "#1 SMP"
#define UTS_MACHINE "x86_64"

extern const char linux_banner[]; /* "Linux version ...\n" */
