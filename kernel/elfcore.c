/*
 * A core file's contents: ELF of type ET_CORE.
 *
 * 1. First the ELF header and the program headers: one PT_NOTE, then one PT_LOAD for each area, in address order. An area that
 *    is not dumped, or only its first page, has a file size less than its memory size.
 * 2. The notes: for each thread its registers, signal state and floating-point registers, the one that died
 *    first; once for the process its name, the signal's details, the auxiliary vector, and which files were mapped where.
 * 3. Then the areas' bytes, page by page. A page that nobody touched becomes a hole: to look at it does not make it.
 * 4. More than 65534 areas do not fit into e_phnum: it is PN_XNUM then, and the count stands in a section header at the end.
 *
 * The areas are listed once, under mmap_lock, at the start: threads are gone, but another process can still move them
 * (process_madvise); what is not there any more reads as a hole, and all offsets hold.
 *
 * Facts: System V ABI; core(5). Mirrors Linux fs/binfmt_elf.c (second half). Exercised by tests/user/coredumps.c.
 */
#include "arch/x86/fpu.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/uaccess.h"
#include "kernel/coredump.h"
#include "kernel/cred.h"
#include "kernel/elf.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/gup.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"

#define ET_CORE	      4
#define PT_NOTE	      4
#define EV_CURRENT    1
#define PN_XNUM	      0xffff
#define NT_PRSTATUS   1
#define NT_PRFPREG    2
#define NT_PRPSINFO   3
#define NT_AUXV	      6
#define NT_X86_XSTATE 0x202
#define NT_SIGINFO    0x53494749
#define NT_FILE	      0x46494c45
#define FXSAVE_SIZE   512
#define XSTATE_XCR0   464 /* where debuggers look for the mask of components */
#define FILE_NOTE_MAX (4UL << 20)
#define NR_USER_REGS  27

/* One area, as it was when the dump began. */
struct core_vma {
	unsigned long start, end, flags, dump_size, pgoff;
	struct file *file; /* reference */
};

struct core_vmas {
	struct core_vma *vma;
	int count;
};

struct elf64_nhdr {
	u32 n_namesz, n_descsz, n_type;
};

struct elf_prstatus {
	int si_signo, si_code, si_errno;
	short pr_cursig;
	unsigned long pr_sigpend, pr_sighold;
	pid_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
	struct timeval pr_utime, pr_stime, pr_cutime, pr_cstime;
	unsigned long pr_reg[NR_USER_REGS];
	int pr_fpvalid;
};
BUILD_BUG_ON(sizeof(struct elf_prstatus) != 336);

struct elf_prpsinfo {
	char pr_state, pr_sname, pr_zomb, pr_nice;
	unsigned long pr_flag;
	u32 pr_uid, pr_gid;
	pid_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
	char pr_fname[16], pr_psargs[80];
};
BUILD_BUG_ON(sizeof(struct elf_prpsinfo) != 136);

/* ---- the notes: collected in one buffer, so that their length is known before the headers ---- */

struct notes {
	char *buf;
	size_t len, size;
	bool failed;
};

/* Room for @len more bytes, zeroed; NULL: no memory. */
static void *notes_add(struct notes *n, size_t len)
{
	char *p;

	if (n->len + len > n->size && !n->failed) {
		size_t size = max(2 * n->size, n->len + len);

		p = kvzalloc(size, GFP_KERNEL);
		n->failed = !p;
		if (p) {
			memcpy(p, n->buf, n->len);
			kvfree(n->buf);
			n->buf = p;
			n->size = size;
		}
	}
	if (n->failed)
		return NULL;
	p = n->buf + n->len;
	n->len += len;
	return p;
}

/* A note with room for its contents, which the caller fills; NULL: no memory. */
static void *add_note(struct notes *n, const char *name, unsigned int type, size_t len)
{
	size_t name_len = strlen(name) + 1;
	struct elf64_nhdr *h = notes_add(n, sizeof(*h) + ALIGN(name_len, 4) + ALIGN(len, 4));

	if (!h)
		return NULL;
	*h = (struct elf64_nhdr){ name_len, len, type };
	memcpy(h + 1, name, name_len);
	return (char *)(h + 1) + ALIGN(name_len, 4);
}

static struct timeval timeval_of(u64 ns)
{
	return (struct timeval){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC };
}

/* In the order of ptrace's user_regs_struct, whose beginning is that of pt_regs. */
static void fill_regs(unsigned long *reg, struct task_struct *t)
{
	const struct pt_regs *regs = task_pt_regs(t);
	unsigned int n = sizeof(*regs) / sizeof(*reg);

	memcpy(reg, regs, sizeof(*regs));
	reg[n++] = t->thread.fsbase;
	reg[n++] = t->thread.gsbase;
	/* ds, es, fs, gs: zero, as programs have them */
	BUILD_BUG_ON(sizeof(*regs) / sizeof(*reg) + 6 != NR_USER_REGS);
}

static void note_prstatus(struct notes *n, struct task_struct *t, const struct kernel_siginfo *info)
{
	struct elf_prstatus *p = add_note(n, "CORE", NT_PRSTATUS, sizeof(*p));
	u64 utime, stime;

	if (!p)
		return;
	p->si_signo = p->pr_cursig = info->si_signo;
	p->si_code = info->si_code;
	p->si_errno = info->si_errno;
	p->pr_sigpend = t->pending.signal;
	p->pr_sighold = t->blocked;
	p->pr_pid = t->pid;
	p->pr_ppid = task_ppid_nr(t);
	p->pr_pgrp = task_pgrp_nr(t);
	p->pr_sid = task_session_nr(t);
	if (thread_group_leader(t))
		thread_group_cputime_adjusted(t, &utime, &stime);
	else
		task_cputime_adjusted(t, &utime, &stime);
	p->pr_utime = timeval_of(utime);
	p->pr_stime = timeval_of(stime);
	p->pr_cutime = timeval_of(t->signal->cutime);
	p->pr_cstime = timeval_of(t->signal->cstime);
	fill_regs(p->pr_reg, t);
	p->pr_fpvalid = t->thread.fpu != NULL;
}

static void note_fpregs(struct notes *n, struct task_struct *t)
{
	unsigned long flags;
	char *p;

	if (!t->thread.fpu)
		return;
	if (t == current) {
		/* Others were saved when they left their CPU. */
		local_irq_save(flags);
		fpu_save(t->thread.fpu);
		local_irq_restore(flags);
	}
	p = add_note(n, "CORE", NT_PRFPREG, FXSAVE_SIZE);
	if (p)
		memcpy(p, t->thread.fpu, FXSAVE_SIZE);
	if (!fpu_xfeatures)
		return;
	p = add_note(n, "LINUX", NT_X86_XSTATE, fpu_state_size);
	if (!p)
		return;
	memcpy(p, t->thread.fpu, fpu_state_size);
	memcpy(p + XSTATE_XCR0, &fpu_xfeatures, sizeof(fpu_xfeatures));
}

static void note_prpsinfo(struct notes *n)
{
	struct elf_prpsinfo *p = add_note(n, "CORE", NT_PRPSINFO, sizeof(*p));
	struct task_struct *me = current;
	struct mm_struct *mm = me->mm;
	size_t len;

	if (!p)
		return;
	p->pr_sname = 'R';
	p->pr_nice = task_nice(me);
	p->pr_flag = me->flags;
	p->pr_uid = current_uid();
	p->pr_gid = current_gid();
	p->pr_pid = me->tgid;
	p->pr_ppid = task_ppid_nr(me);
	p->pr_pgrp = task_pgrp_nr(me);
	p->pr_sid = task_session_nr(me);
	get_task_comm(p->pr_fname, me);
	len = min(mm->arg_end - mm->arg_start, sizeof(p->pr_psargs) - 1);
	len -= copy_from_user(p->pr_psargs, (const void __user *)mm->arg_start, len);
	for (size_t i = 0; i < len; i++)
		if (!p->pr_psargs[i])
			p->pr_psargs[i] = ' ';
}

static void note_process(struct notes *n, const struct kernel_siginfo *info)
{
	struct mm_struct *mm = current->mm;
	unsigned int words = 0;
	char *p;

	note_prpsinfo(n);
	p = add_note(n, "CORE", NT_SIGINFO, SIGINFO_SIZE);
	if (p)
		memcpy(p, info, sizeof(*info));
	do {
		words += 2;
	} while (words < AT_VECTOR_SIZE && mm->saved_auxv[words - 2]);
	p = add_note(n, "CORE", NT_AUXV, words * sizeof(long));
	if (p)
		memcpy(p, mm->saved_auxv, words * sizeof(long));
}

/* Count, page size, a triple for each mapping, then as many names. */
static void note_files(struct notes *n, const struct core_vmas *v)
{
	struct notes names = {};
	char *page = kmalloc(PATH_MAX, GFP_KERNEL), *path, *dst;
	unsigned long count = 0, *words;

	for (int i = 0; page && i < v->count; i++) {
		if (!v->vma[i].file)
			continue;
		path = d_path(&v->vma[i].file->f_path, page, PATH_MAX);
		if (IS_ERR(path))
			path = strcpy(page, "?");
		dst = notes_add(&names, strlen(path) + 1);
		if (dst)
			memcpy(dst, path, strlen(path) + 1);
		count++;
	}
	if (page && !names.failed && count && names.len < FILE_NOTE_MAX) {
		words = add_note(n, "CORE", NT_FILE, (2 + 3 * count) * sizeof(long) + names.len);
		if (words) {
			*words++ = count;
			*words++ = PAGE_SIZE;
			for (int i = 0; i < v->count; i++) {
				if (!v->vma[i].file)
					continue;
				*words++ = v->vma[i].start;
				*words++ = v->vma[i].end;
				*words++ = v->vma[i].pgoff;
			}
			memcpy(words, names.buf, names.len);
		}
	}
	kvfree(names.buf);
	kfree(page);
}

static void collect_notes(struct notes *n, struct coredump_params *cprm, const struct core_vmas *v)
{
	struct core_thread *c;

	note_prstatus(n, current, cprm->siginfo);
	note_process(n, cprm->siginfo);
	note_files(n, v);
	note_fpregs(n, current);
	list_for_each_entry(c, &cprm->state->threads, node) {
		/* One that was on its way out by itself is not part of the picture. */
		if (!(c->task->flags & PF_SIGNALED))
			continue;
		note_prstatus(n, c->task, cprm->siginfo);
		note_fpregs(n, c->task);
	}
}

/* ---- memory ---- */

static bool is_elf_header(const struct vm_area_struct *vma)
{
	char magic[SELFMAG];

	return vma->vm_pgoff == 0 && (vma->vm_flags & VM_READ) &&
	       !copy_from_user_nofault(magic, (const void __user *)vma->vm_start, SELFMAG) &&
	       !memcmp(magic, ELFMAG, SELFMAG);
}

/* Bytes of the area that the filter lets through. => mmap_lock held */
static unsigned long vma_dump_size(const struct vm_area_struct *vma, unsigned long mm_flags)
{
	unsigned long filter = mm_flags >> MMF_DUMP_FILTER_SHIFT, whole;

	whole = vma->vm_end - vma->vm_start;
	if (vma->vm_flags & (VM_DONTDUMP | VM_IO))
		return 0;
	if (vma->vm_flags & VM_SHARED) {
		bool unnamed = vma->vm_file && !file_inode(vma->vm_file)->i_nlink;

		return filter & (unnamed ? MMF_DUMP_ANON_SHARED : MMF_DUMP_MAPPED_SHARED) ? whole
											  : 0;
	}
	if (vma->anon_vma && (filter & MMF_DUMP_ANON_PRIVATE))
		return whole;
	if (!vma->vm_file)
		return 0;
	if (filter & MMF_DUMP_MAPPED_PRIVATE)
		return whole;
	return (filter & MMF_DUMP_ELF_HEADERS) && is_elf_header(vma) ? PAGE_SIZE : 0;
}

/* 0, -ENOMEM */
static int collect_vmas(struct core_vmas *v, unsigned long mm_flags)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int room;

	mmap_read_lock(mm);
	room = mm->map_count;
	v->vma = kvcalloc(room, sizeof(*v->vma), GFP_KERNEL);
	for_each_vma_mm(mm, vma) {
		struct core_vma *c = v->vma + v->count;

		if (!v->vma || v->count == room)
			break;
		c->start = vma->vm_start;
		c->end = vma->vm_end;
		c->flags = vma->vm_flags;
		c->pgoff = vma->vm_pgoff;
		c->dump_size = vma_dump_size(vma, mm_flags);
		c->file = vma->vm_file ? get_file(vma->vm_file) : NULL;
		v->count++;
	}
	mmap_read_unlock(mm);
	return v->vma ? 0 : -ENOMEM;
}

static void put_vmas(struct core_vmas *v)
{
	for (int i = 0; i < v->count; i++)
		if (v->vma[i].file)
			fput(v->vma[i].file);
	kvfree(v->vma);
}

/* Is nothing mapped there, in private memory that then reads as zero? */
static bool is_untouched(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool untouched = false;
	pmd_t *pmd;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, addr);
	if (!vma || vma_is_anonymous(vma)) {
		pmd = vma ? mm_find_pmd(mm, addr) : NULL;
		untouched = !pmd || pte_none(*pte_offset_kernel(pmd, addr));
	}
	mmap_read_unlock(mm);
	return untouched;
}

static bool dump_range(struct coredump_params *cprm, const struct core_vma *c, void *page)
{
	for (unsigned long addr = c->start; addr < c->start + c->dump_size; addr += PAGE_SIZE) {
		bool ok;

		/* What cannot be read is a hole, too: a file that was cut, a page that was guarded. */
		if (is_untouched(addr) ||
		    access_remote_vm(current->mm, addr, page, PAGE_SIZE, FOLL_FORCE) != PAGE_SIZE)
			ok = dump_skip(cprm, PAGE_SIZE);
		else
			ok = dump_emit(cprm, page, PAGE_SIZE);
		if (!ok)
			return false;
		cond_resched();
	}
	return true;
}

/* ---- headers ---- */

static void fill_elf_header(struct elf64_hdr *h, unsigned int segments, u64 shoff)
{
	*h = (struct elf64_hdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(*h),
		.e_ehsize = sizeof(*h),
		.e_phentsize = sizeof(struct elf64_phdr),
		.e_phnum = min(segments, (unsigned int)PN_XNUM),
	};
	if (segments >= PN_XNUM) {
		h->e_shoff = shoff;
		h->e_shentsize = sizeof(struct elf64_shdr);
		h->e_shnum = 1;
	}
}

static u32 segment_flags(unsigned long vm_flags)
{
	return (vm_flags & VM_READ ? PF_R : 0) | (vm_flags & VM_WRITE ? PF_W : 0) |
	       (vm_flags & VM_EXEC ? PF_X : 0);
}

/* ELF header, program headers, notes; the file stands where the first area's bytes go. */
static bool dump_headers(struct coredump_params *cprm, const struct core_vmas *v,
			 const struct notes *n, u64 *shoff)
{
	unsigned int segments = v->count + 1;
	u64 at = sizeof(struct elf64_hdr) + (u64)segments * sizeof(struct elf64_phdr), data;
	struct elf64_phdr ph = {
		.p_type = PT_NOTE, .p_offset = at, .p_filesz = n->len, .p_align = 4
	};
	struct elf64_hdr hdr;

	data = *shoff = PAGE_ALIGN(at + n->len);
	for (int i = 0; i < v->count; i++)
		*shoff += v->vma[i].dump_size;
	fill_elf_header(&hdr, segments, *shoff);
	if (!dump_emit(cprm, &hdr, sizeof(hdr)) || !dump_emit(cprm, &ph, sizeof(ph)))
		return false;
	for (int i = 0; i < v->count; i++) {
		const struct core_vma *c = &v->vma[i];

		ph = (struct elf64_phdr){
			.p_type = PT_LOAD,
			.p_flags = segment_flags(c->flags),
			.p_offset = data,
			.p_vaddr = c->start,
			.p_filesz = c->dump_size,
			.p_memsz = c->end - c->start,
			.p_align = PAGE_SIZE,
		};
		data += c->dump_size;
		if (!dump_emit(cprm, &ph, sizeof(ph)))
			return false;
	}
	return dump_emit(cprm, n->buf, n->len) &&
	       dump_skip(cprm, PAGE_ALIGN(cprm->pos) - cprm->pos);
}

static bool dump_all(struct coredump_params *cprm, const struct core_vmas *v, const struct notes *n)
{
	struct elf64_shdr sh = { .sh_size = 1, .sh_info = v->count + 1 };
	void *page = (void *)__get_free_page(GFP_KERNEL);
	u64 shoff;
	bool ok = page && dump_headers(cprm, v, n, &shoff);

	for (int i = 0; ok && i < v->count; i++)
		ok = dump_range(cprm, &v->vma[i], page);
	if (ok && v->count + 1 >= PN_XNUM)
		ok = dump_emit(cprm, &sh, sizeof(sh));
	free_page((unsigned long)page);
	return ok;
}

bool elf_core_dump(struct coredump_params *cprm)
{
	struct core_vmas v = {};
	struct notes n = {};
	bool ok = false;

	if (!collect_vmas(&v, cprm->mm_flags)) {
		collect_notes(&n, cprm, &v);
		ok = !n.failed && dump_all(cprm, &v, &n);
	}
	kvfree(n.buf);
	put_vmas(&v);
	return ok;
}
