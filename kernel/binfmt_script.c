/*
 * Scripts: a file that begins with "#!" names its interpreter in its first line.
 *
 * The line is "#!", blanks, the interpreter's path, and perhaps blanks and one argument, which is all the rest of the line. The
 * interpreter gets: its path, that argument, the script's path, the caller's arguments from the second on.
 *
 * Mirrors Linux fs/binfmt_script.c. Exercised by tests/user/exec.c.
 */
#include "kernel/exec.h"
#include "kernel/fs/fs.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Cuts the line of @line (BINPRM_SCRIPT_SIZE bytes, terminated) into interpreter and argument (NULL: none). -ENOEXEC when the
 * interpreter's path is missing or longer than what was read.
 */
static int parse_line(char *line, char **interp, char **arg)
{
	char *end = strchr(line, '\n'), *name = line + 2, *p;
	bool whole = end != NULL;

	if (!whole)
		end = line + strlen(line);
	while (end > name && blank(end[-1])) {
		end--;
		whole = true;
	}
	*end = 0;
	while (blank(*name))
		name++;
	for (p = name; *p && !blank(*p); p++)
		;
	/* Without any end in sight the path may go on behind the buffer. */
	if (p == name || (!*p && !whole && end - line >= BINPRM_SCRIPT_SIZE - 1))
		return -ENOEXEC;
	*interp = name;
	*arg = NULL;
	if (*p) {
		*p++ = 0;
		while (blank(*p))
			p++;
		if (*p)
			*arg = p;
	}
	return 0;
}

static int load_script(struct linux_binprm *bprm)
{
	char line[BINPRM_SCRIPT_SIZE], *interp, *arg;
	struct file *file;
	int err;

	if (bprm->buf[0] != '#' || bprm->buf[1] != '!')
		return -ENOEXEC;
	memcpy(line, bprm->buf, sizeof(line));
	line[sizeof(line) - 1] = 0;
	err = parse_line(line, &interp, &arg);
	if (err)
		return err;
	/* The interpreter could not open it: the descriptor is closed by then. */
	if (bprm->path_inaccessible)
		return -ENOENT;
	err = remove_arg_zero(bprm);
	if (!err)
		err = copy_string_kernel(bprm->interp, bprm);
	if (!err && arg)
		err = copy_string_kernel(arg, bprm);
	if (!err)
		err = copy_string_kernel(interp, bprm);
	if (!err)
		err = bprm_change_interp(interp, bprm);
	if (err)
		return err;
	bprm->argc += arg ? 3 : 2;
	file = open_exec(interp);
	if (IS_ERR(file))
		return PTR_ERR(file);
	bprm->interpreter = file;
	return 0;
}

const struct linux_binfmt script_format = { .name = "script", .load_binary = load_script };
