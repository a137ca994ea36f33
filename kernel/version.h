/*
 * The kernel's name and version, as uname(2) and /proc/version give them.
 *
 * Mirrors Linux include/linux/utsname.h and init/version.c. Exercised by tests/user/process.c.
 */
#pragma once

#define UTS_SYSNAME  "Linux"
#define UTS_NODENAME "quire"
#define UTS_RELEASE  "6.12.0-quire"
#define UTS_VERSION  "#1 SMP"
#define UTS_MACHINE  "x86_64"

extern const char linux_banner[]; /* "Linux version ...\n" */

/* The two names that can be set while the system runs. */
enum uts_field { UTS_FIELD_NODENAME, UTS_FIELD_DOMAINNAME };
#define UTS_NAME_LEN 64
/* => may sleep. uts_set: 0, or -EINVAL for more than UTS_NAME_LEN bytes; the caller checked the right to. */
void uts_get(enum uts_field field, char name[UTS_NAME_LEN + 1]);
int uts_set(enum uts_field field, const char *name, unsigned long len);
