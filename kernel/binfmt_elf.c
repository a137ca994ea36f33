/*
 * ELF64 programs: static, static-PIE, and dynamic ones through their interpreter (ld.so).
 *
 * 1. Nothing in a file is trusted. Headers are checked before the point of no return: magic, class, type, machine, sizes of the
 *    tables; for each segment that file part <= memory part, both within user space, and that address and offset agree within
 *    a page. What is wrong gives -ENOEXEC, -EINVAL or -ENOMEM, and the caller goes on as it was.
 * 2. Segments are mapped in the file's order with MAP_FIXED, so a later one wins where they overlap, as on Linux. The part
 *    beyond the file part (bss) is zeroed to the end of its page, the rest is anonymous memory.
 * 3. ET_DYN with an interpreter is loaded at two thirds of user space plus a random offset; without one (static-PIE, or ld.so
 *    called directly) among the mappings, and its brk goes where the others' images are.
 * 4. The stack, from the top: strings, platform name, random bytes, auxiliary vector, environment, arguments, argc.
 *
 * Locks: mmap_lock inside the mm calls; nobody else uses the new mm yet. Facts: System V ABI, AMD64 supplement 3.4.
 * Mirrors Linux fs/binfmt_elf.c. Exercised by tests/user/{exec,badelf}.c.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/switch.h"
#include "kernel/cred.h"
#include "kernel/elf.h"
#include "kernel/exec.h"
#include "kernel/fs/fs.h"
#include "kernel/random.h"
#include "kernel/rseq.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"
#include "mm/user/mman.h"

#define ELF_ET_DYN_BASE	   (TASK_SIZE / 3 * 2)
#define ELF_MAX_PHDRS_SIZE 65536UL
#define BRK_RND_SIZE	   0x02000000UL
#define NR_AUXV		   22
#define PLATFORM	   "x86_64"

/* A file that is to be mapped, and where its parts came to lie. */
struct image {
	struct file *file;
	struct elf64_hdr hdr;
	struct elf64_phdr *phdrs;
	bool phdrs_alloced;
	unsigned long lowest, highest; /* pages of all segments, before the bias */
	unsigned long align;	       /* the largest of the segments, at least a page */
	unsigned long bias;
	unsigned long phdr_addr; /* of the program headers in memory */
	unsigned long start_code, end_code, start_data, end_data, brk;
};

/* ---- checking ---- */

static bool elf_header_ok(const struct image *img)
{
	const struct elf64_hdr *h = &img->hdr;

	return !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (h->e_type == ET_EXEC || h->e_type == ET_DYN) && h->e_machine == EM_X86_64 &&
	       img->file->f_op->mmap;
}

/* Exactly len bytes at @pos; -EIO when the file ends before. */
static int elf_read(struct file *file, void *buf, size_t len, loff_t pos)
{
	ssize_t n;

	if (pos < 0)
		return -EINVAL;
	n = kernel_read(file, buf, len, &pos);
	if (n < 0)
		return n;
	return (size_t)n == len ? 0 : -EIO;
}

/* The program headers: inside @head, the file's first bytes, or read separately. */
static int load_phdrs(struct image *img, char *head, size_t head_len)
{
	size_t size = (size_t)img->hdr.e_phnum * sizeof(struct elf64_phdr);
	u64 off = img->hdr.e_phoff;
	int err;

	if (img->hdr.e_phentsize != sizeof(struct elf64_phdr) || !size || size > ELF_MAX_PHDRS_SIZE)
		return -ENOEXEC;
	if (off <= head_len && size <= head_len - off && IS_ALIGNED(off, 8)) {
		img->phdrs = (struct elf64_phdr *)(head + off);
		return 0;
	}
	img->phdrs = kmalloc(size, GFP_KERNEL);
	if (!img->phdrs)
		return -ENOMEM;
	img->phdrs_alloced = true;
	err = elf_read(img->file, img->phdrs, size, off);
	return err;
}

static int check_segment(struct image *img, const struct elf64_phdr *ph)
{
	if (ph->p_filesz > ph->p_memsz || ph->p_vaddr > TASK_SIZE ||
	    ph->p_memsz > TASK_SIZE - ph->p_vaddr)
		return -EINVAL;
	if (ph->p_offset > S64_MAX || ph->p_filesz > S64_MAX - ph->p_offset)
		return -EINVAL;
	if (ph->p_filesz && ((ph->p_vaddr ^ ph->p_offset) & ~PAGE_MASK))
		return -ENOEXEC;
	img->lowest = min(img->lowest, (unsigned long)ph->p_vaddr & PAGE_MASK);
	img->highest = max(img->highest, PAGE_ALIGN(ph->p_vaddr + ph->p_memsz));
	if (is_power_of_2(ph->p_align) && ph->p_align > img->align)
		img->align = ph->p_align;
	return 0;
}

/* All segments, and the span that they need. */
static int check_segments(struct image *img)
{
	img->lowest = ULONG_MAX;
	img->highest = 0;
	img->align = PAGE_SIZE;
	for (int i = 0; i < img->hdr.e_phnum; i++) {
		const struct elf64_phdr *ph = &img->phdrs[i];
		int err;

		if (ph->p_type != PT_LOAD)
			continue;
		err = check_segment(img, ph);
		if (err)
			return err;
		if (!img->phdr_addr && ph->p_offset <= img->hdr.e_phoff &&
		    img->hdr.e_phoff - ph->p_offset < ph->p_filesz)
			img->phdr_addr = img->hdr.e_phoff - ph->p_offset + ph->p_vaddr;
	}
	return img->lowest < img->highest ? 0 : -EINVAL;
}

static void free_image(struct image *img)
{
	if (img->phdrs_alloced)
		kfree(img->phdrs);
}

/* ---- mapping ---- */

static unsigned long elf_prot(u32 p_flags)
{
	return (p_flags & PF_R ? PROT_READ : 0) | (p_flags & PF_W ? PROT_WRITE : 0) |
	       (p_flags & PF_X ? PROT_EXEC : 0);
}

/* The part that is in the file, whole pages. */
static int map_file_part(struct image *img, const struct elf64_phdr *ph)
{
	unsigned long in_page = ph->p_vaddr & ~PAGE_MASK, addr;

	if (!ph->p_filesz)
		return 0;
	addr = vm_mmap(img->file, img->bias + ph->p_vaddr - in_page, ph->p_filesz + in_page,
		       elf_prot(ph->p_flags), MAP_PRIVATE | MAP_FIXED, ph->p_offset - in_page);
	return IS_ERR_VALUE(addr) ? (int)addr : 0;
}

/* The part that is not: zeroes. */
static int map_bss(struct image *img, const struct elf64_phdr *ph)
{
	unsigned long start = img->bias + ph->p_vaddr + ph->p_filesz,
		      end = img->bias + ph->p_vaddr + ph->p_memsz;
	int err;

	if (ph->p_filesz) {
		err = exec_clear_page_tail(current->mm, start);
		/* In a segment that cannot be written nothing stands there that mattered. */
		if (err && (ph->p_flags & PF_W))
			return err;
		start = PAGE_ALIGN(start);
	} else {
		start &= PAGE_MASK;
	}
	end = PAGE_ALIGN(end);
	return end > start ? vm_brk_flags(start, end - start, ph->p_flags & PF_X ? VM_EXEC : 0) : 0;
}

static void note_segment(struct image *img, const struct elf64_phdr *ph)
{
	unsigned long start = img->bias + ph->p_vaddr, file_end = start + ph->p_filesz;

	if ((ph->p_flags & PF_X) && start < img->start_code)
		img->start_code = start;
	if (img->start_data < start)
		img->start_data = start;
	if ((ph->p_flags & PF_X) && img->end_code < file_end)
		img->end_code = file_end;
	if (img->end_data < file_end)
		img->end_data = file_end;
	img->brk = max(img->brk, start + (unsigned long)ph->p_memsz);
}

static int map_segments(struct image *img)
{
	img->start_code = ULONG_MAX;
	for (int i = 0; i < img->hdr.e_phnum; i++) {
		const struct elf64_phdr *ph = &img->phdrs[i];
		int err;

		if (ph->p_type != PT_LOAD)
			continue;
		err = map_file_part(img, ph);
		if (!err && ph->p_memsz > ph->p_filesz)
			err = map_bss(img, ph);
		if (err)
			return err;
		note_segment(img, ph);
	}
	return 0;
}

/* Bias for an image that lies wherever there is room. => the new mm is current's */
static int find_room(struct image *img)
{
	unsigned long size = img->highest - img->lowest, slack = img->align - PAGE_SIZE, addr;

	if (size + slack < size)
		return -ENOMEM;
	mmap_write_lock(current->mm);
	addr = get_unmapped_area(NULL, 0, size + slack, 0, 0);
	mmap_write_unlock(current->mm);
	if (IS_ERR_VALUE(addr))
		return addr;
	img->bias = ALIGN(addr, img->align) - ALIGN_DOWN(img->lowest, img->align);
	/* The lowest segment may begin some pages into its alignment. */
	if (img->bias + img->highest > addr + size + slack)
		img->bias = addr - img->lowest;
	return 0;
}

/* The range must be free in @mm, which holds the stack and perhaps another image. */
static int range_is_free(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;

	if (end > TASK_SIZE || end <= start)
		return -ENOMEM;
	mmap_read_lock(mm);
	vma = find_vma(mm, start);
	mmap_read_unlock(mm);
	return vma && vma->vm_start < end ? -EEXIST : 0;
}

static int place_main_image(struct image *img, bool dynamic)
{
	/* The range of ET_EXEC was found free before the point of no return. */
	if (img->hdr.e_type == ET_EXEC)
		return 0;
	if (!dynamic)
		return find_room(img);
	img->bias = PAGE_ALIGN(ELF_ET_DYN_BASE) + arch_mmap_rnd();
	img->bias = (img->bias & ~(img->align - 1)) - img->lowest;
	return range_is_free(current->mm, img->bias + img->lowest, img->bias + img->highest);
}

/* ---- the interpreter ---- */

/* Path in a PT_INTERP segment, to kfree; ERR_PTR(-ENOEXEC...). */
static char *interp_path(struct file *file, const struct elf64_phdr *ph)
{
	char *path;
	int err;

	if (ph->p_filesz > PATH_MAX || ph->p_filesz < 2)
		return ERR_PTR(-ENOEXEC);
	path = kmalloc(ph->p_filesz, GFP_KERNEL);
	if (!path)
		return ERR_PTR(-ENOMEM);
	err = elf_read(file, path, ph->p_filesz, ph->p_offset);
	if (!err && path[ph->p_filesz - 1])
		err = -ENOEXEC;
	if (!err)
		return path;
	kfree(path);
	return ERR_PTR(err);
}

/* Opens and checks the interpreter that @ph names. On error img->file may be set: the caller puts it. */
static int open_interp(struct file *file, const struct elf64_phdr *ph, struct image *interp)
{
	char *path = interp_path(file, ph);
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	interp->file = open_exec(path);
	kfree(path);
	if (IS_ERR(interp->file)) {
		err = PTR_ERR(interp->file);
		interp->file = NULL;
		return err;
	}
	err = elf_read(interp->file, &interp->hdr, sizeof(interp->hdr), 0);
	if (err)
		return err;
	if (!elf_header_ok(interp) || load_phdrs(interp, NULL, 0) || check_segments(interp))
		return -ELIBBAD;
	return 0;
}

static int map_interp(struct image *interp)
{
	int err;

	if (interp->hdr.e_type == ET_DYN)
		err = find_room(interp);
	else
		err = range_is_free(current->mm, interp->lowest, interp->highest);
	return err ? err : map_segments(interp);
}

/* ---- the stack ---- */

/* A cursor that writes words upwards. */
struct stack_writer {
	struct linux_binprm *bprm;
	unsigned long sp;
	bool failed;
};

static void put_word(struct stack_writer *w, unsigned long value)
{
	unsigned long *to = (unsigned long *)bprm_stack_page(w->bprm, w->sp);

	if (unlikely(!to)) {
		w->failed = true;
		return;
	}
	*to = value;
	w->sp += sizeof(value);
}

/* Length with terminator of a string that push_string() put on the stack. */
static unsigned long stack_strlen(struct linux_binprm *bprm, unsigned long addr)
{
	unsigned long len = 0;

	for (;;) {
		unsigned long room = PAGE_SIZE - ((addr + len) & ~PAGE_MASK), n;
		const char *s = bprm_stack_page(bprm, addr + len);

		if (!s)
			return len + 1;
		n = strnlen(s, room);
		len += n;
		if (n < room)
			return len + 1;
	}
}

/* Pointers to @n strings from @str on, and NULL; answers the address behind the last string. */
static unsigned long put_pointers(struct stack_writer *w, int n, unsigned long str)
{
	while (n-- > 0) {
		put_word(w, str);
		str += stack_strlen(w->bprm, str);
	}
	put_word(w, 0);
	return str;
}

static int fill_auxv(unsigned long *auxv, const struct linux_binprm *bprm, const struct image *img,
		     unsigned long interp_base, unsigned long platform, unsigned long random)
{
	const struct cred *cred = current_cred();
	int n = 0;

#define AUX(id, value) (auxv[n++] = (id), auxv[n++] = (unsigned long)(value))
	AUX(AT_HWCAP, boot_cpu_data.x86_capability[0]);
	AUX(AT_PAGESZ, PAGE_SIZE);
	AUX(AT_CLKTCK, USER_HZ);
	AUX(AT_PHDR, img->phdr_addr ? img->bias + img->phdr_addr : 0);
	AUX(AT_PHENT, sizeof(struct elf64_phdr));
	AUX(AT_PHNUM, img->hdr.e_phnum);
	AUX(AT_BASE, interp_base);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, img->bias + img->hdr.e_entry);
	AUX(AT_UID, cred->uid);
	AUX(AT_EUID, cred->euid);
	AUX(AT_GID, cred->gid);
	AUX(AT_EGID, cred->egid);
	AUX(AT_SECURE, bprm->secureexec);
	AUX(AT_RANDOM, random);
	AUX(AT_HWCAP2, 0);
	AUX(AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE);
	AUX(AT_RSEQ_ALIGN, RSEQ_ALIGN);
	AUX(AT_EXECFN, bprm->exec);
	AUX(AT_PLATFORM, platform);
	AUX(AT_NULL, 0);
#undef AUX
	return n;
}

/* Below the strings everything that a program finds; bprm->p becomes its stack pointer. */
static int create_elf_tables(struct linux_binprm *bprm, const struct image *img,
			     unsigned long interp_base)
{
	unsigned long auxv[2 * NR_AUXV], p = bprm->p, platform, random, seed[2];
	struct mm_struct *mm = current->mm;
	struct stack_writer w = { .bprm = bprm };
	int n, words;

	BUILD_BUG_ON(2 * NR_AUXV > AT_VECTOR_SIZE);
	get_random_bytes(seed, sizeof(seed));
	/* Where the words begin varies within two pages. */
	if (exec_randomize())
		p -= get_random_u32() & 0x1ff0;
	platform = (p & ~15UL) - sizeof(PLATFORM);
	random = (platform - sizeof(seed)) & ~15UL;
	n = fill_auxv(auxv, bprm, img, interp_base, platform, random);
	words = 1 + bprm->argc + 1 + bprm->envc + 1 + n;
	w.sp = (random - words * sizeof(long)) & ~15UL;
	mm->arg_start = bprm->p;
	bprm->p = mm->start_stack = w.sp;
	if (bprm_write(bprm, platform, PLATFORM, sizeof(PLATFORM)) ||
	    bprm_write(bprm, random, seed, sizeof(seed)))
		return -EFAULT;
	put_word(&w, bprm->argc);
	mm->arg_end = mm->env_start = put_pointers(&w, bprm->argc, mm->arg_start);
	mm->env_end = put_pointers(&w, bprm->envc, mm->env_start);
	for (int i = 0; i < n; i++)
		put_word(&w, auxv[i]);
	memcpy(mm->saved_auxv, auxv, n * sizeof(long));
	return w.failed ? -EFAULT : 0;
}

/* ---- loading ---- */

static void set_brk(struct mm_struct *mm, const struct image *img, bool dynamic)
{
	unsigned long brk = PAGE_ALIGN(img->brk);

	if (exec_randomize() && randomize_va_space > 1) {
		/* Among the mappings there would be no room to grow. */
		if (img->hdr.e_type == ET_DYN && !dynamic)
			brk = PAGE_ALIGN(ELF_ET_DYN_BASE);
		brk += (get_random_long() % (BRK_RND_SIZE >> PAGE_SHIFT)) << PAGE_SHIFT;
	}
	mm->start_brk = mm->brk = brk;
}

/* Everything after the point of no return: an error kills. */
static int install_image(struct linux_binprm *bprm, struct image *img, struct image *interp,
			 int exec_stack)
{
	unsigned long entry;
	struct mm_struct *mm;
	int err = setup_arg_pages(bprm, exec_stack);

	if (err)
		return err;
	mm = current->mm;
	err = place_main_image(img, interp->file != NULL);
	if (!err)
		err = map_segments(img);
	if (err)
		return err;
	entry = img->bias + img->hdr.e_entry;
	if (interp->file) {
		err = map_interp(interp);
		if (err)
			return err;
		entry = interp->bias + interp->hdr.e_entry;
	}
	if (entry >= TASK_SIZE)
		return -EINVAL;
	mm->start_code = img->start_code == ULONG_MAX ? 0 : img->start_code;
	mm->end_code = img->end_code;
	mm->start_data = img->start_data;
	mm->end_data = img->end_data;
	set_brk(mm, img, interp->file != NULL);
	err = create_elf_tables(bprm, img, interp->file ? interp->bias + interp->lowest : 0);
	if (err)
		return err;
	start_thread(current_pt_regs(), entry, bprm->p);
	return 0;
}

/* What headers besides PT_LOAD say: the interpreter and the stack. */
static int read_other_phdrs(struct image *img, struct image *interp, int *exec_stack)
{
	int err;

	for (int i = 0; i < img->hdr.e_phnum; i++) {
		const struct elf64_phdr *ph = &img->phdrs[i];

		if (ph->p_type == PT_GNU_STACK) {
			*exec_stack = ph->p_flags & PF_X ? EXSTACK_ENABLE_X : EXSTACK_DISABLE_X;
		} else if (ph->p_type == PT_INTERP && !interp->file) {
			err = open_interp(img->file, ph, interp);
			if (err)
				return err;
		}
	}
	return 0;
}

static int load_elf_binary(struct linux_binprm *bprm)
{
	struct image img = { .file = bprm->file }, interp = { .file = NULL };
	int exec_stack = EXSTACK_DEFAULT, err;

	memcpy(&img.hdr, bprm->buf, sizeof(img.hdr));
	if (bprm->buf_len < (int)sizeof(img.hdr) || !elf_header_ok(&img))
		return -ENOEXEC;
	err = load_phdrs(&img, bprm->buf, bprm->buf_len);
	if (!err)
		err = read_other_phdrs(&img, &interp, &exec_stack);
	if (!err)
		err = check_segments(&img);
	if (!err && img.hdr.e_type == ET_EXEC)
		err = range_is_free(bprm->mm, img.lowest, img.highest);
	if (!err)
		err = begin_new_exec(bprm);
	if (!err)
		err = install_image(bprm, &img, &interp, exec_stack);
	free_image(&img);
	free_image(&interp);
	if (interp.file)
		fput(interp.file);
	return err;
}

const struct linux_binfmt elf_format = { .name = "elf", .load_binary = load_elf_binary };
