/*
 * Reading the log back, see log.h. The buffer is static: suites run one after the other.
 */
#include "tests/kernel/log.h"

#include "lib/string.h"

int logged(u64 seq, const char *text)
{
	static char line[1024];
	int found = 0;
	ssize_t n;

	while ((n = kmsg_read_record(&seq, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		found += strstr(line, text) != NULL;
	}
	return found;
}
