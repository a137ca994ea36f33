/*
 * execve: current gets a new program.
 *
 * 1. Everything that can fail is done first, on the side: the file is opened, a new mm is made, arguments are copied
 *    into its stack pages. Then comes the point of no return (begin_new_exec): other threads die, the mm is
 *    exchanged, handlers and close-on-exec files go. What fails after that kills the process.
 * 2. A binary format is asked whether the first bytes are its own: -ENOEXEC passes on to the next. A script replaces
 *    the file by its interpreter and the search begins again.
 * 3. The argument strings are written straight into the pages of the new stack through the linear map.
 *
 * Mirrors Linux include/linux/binfmts.h, fs/exec.c. Exercised by tests/user/{exec,badelf}.c.
 */
#pragma once

#include "lib/types.h"

struct cred;
struct file;
struct mm_struct;
struct pt_regs;
struct vm_area_struct;

#define BINPRM_BUF_SIZE	   640		/* holds an ELF header and ten program headers */
#define BINPRM_SCRIPT_SIZE 256		/* longest #! line */
#define MAX_ARG_STRLEN	   (32UL << 12) /* one string */
#define MAX_ARG_STRINGS	   0x7fffffff
#define EXSTACK_DEFAULT	   0
#define EXSTACK_DISABLE_X  1
#define EXSTACK_ENABLE_X   2

struct linux_binprm {
	struct mm_struct *mm;	    /* the new one */
	struct vm_area_struct *vma; /* its stack */
	unsigned long p;	    /* lowest address written so far */
	unsigned long argmin;	    /* p may not go below it */
	struct file *file;	    /* what to load now */
	struct file *interpreter;   /* a script's, to become file */
	int argc, envc;
	const char *filename; /* as the caller gave it; for comm */
	const char *interp;   /* what is really executed */
	char *fdpath;	      /* "/dev/fd/N/..." for execveat, to free */
	bool interp_alloced;
	bool path_inaccessible; /* execveat by a descriptor that exec closes */
	bool point_of_no_return;
	unsigned long kept_flags; /* MMF_INIT_MASK of the old program's mm */
	bool secureexec;
	u32 euid, egid;	    /* after set-user-ID bits */
	unsigned long exec; /* address of the file name string: AT_EXECFN */
	unsigned long
		page_addr; /* the stack page that is at hand (~0: none), and where the kernel sees it */
	char *page;
	int buf_len; /* valid bytes of buf; the rest is zero */
	char buf[BINPRM_BUF_SIZE] __aligned(8);
};

struct linux_binfmt {
	const char *name;
	int (*load_binary)(struct linux_binprm *bprm); /* 0, -ENOEXEC: not mine, other errors */
};
extern const struct linux_binfmt elf_format, script_format;

/*
 * Runs @path in current with kernel strings; for process 1. 0: current is that program once it returns from its
 * kernel function; or -errno with nothing changed. => may sleep
 */
int kernel_execve(const char *path, const char *const *argv, const char *const *envp);

/* For formats. Point of no return: 0, or an error after which the caller must fail too. */
int begin_new_exec(struct linux_binprm *bprm);
/* Stack permissions as the image wants; p may move. => after begin_new_exec() */
int setup_arg_pages(struct linux_binprm *bprm, int executable_stack);
/* Lets go of the page at hand. */
void bprm_drop_page(struct linux_binprm *bprm);
char *bprm_other_stack_page(struct linux_binprm *bprm, unsigned long addr);
/* Kernel address of a byte of the new stack, faulted in; NULL: no memory or limit. The rest of the page follows. */
static __always_inline char *bprm_stack_page(struct linux_binprm *bprm, unsigned long addr)
{
	if (likely(addr - bprm->page_addr < 4096))
		return bprm->page + (addr - bprm->page_addr);
	return bprm_other_stack_page(bprm, addr);
}
/* len bytes to the new stack. 0, -EFAULT. */
int bprm_write(struct linux_binprm *bprm, unsigned long addr, const void *from, size_t len);
/* A vector of strings in user or kernel memory. */
struct arg_list {
	const char __user *const __user *user;
	const char *const *kern;
};
/* How many; -EFAULT, -E2BIG, -EINTR. */
int bprm_count_args(const struct arg_list *list);
/* Pushes n strings, the last one first. 0, -E2BIG, -EFAULT, -ENOMEM, -EINTR. */
int bprm_copy_strings(int n, const struct arg_list *list, struct linux_binprm *bprm);
int copy_string_kernel(const char *arg,
		       struct linux_binprm *bprm); /* pushes it. 0, -E2BIG, -ENOMEM */
/* Zeroes from @addr to the end of its page in the new program's memory. 0, -EFAULT. */
int exec_clear_page_tail(struct mm_struct *mm, unsigned long addr);
int remove_arg_zero(struct linux_binprm *bprm);
int bprm_change_interp(const char *interp, struct linux_binprm *bprm);

/* How far addresses vary; norandmaps makes all of them 0. */
extern int randomize_va_space;
extern int sysctl_legacy_va_layout; /* /proc/sys/vm: mappings from a third of the space upwards */
bool exec_randomize(void);	    /* for current: also personality(ADDR_NO_RANDOMIZE) */
unsigned long arch_mmap_rnd(void);  /* offset in bytes, whole pages; 0 without randomization */
