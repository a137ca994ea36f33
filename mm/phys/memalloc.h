/*
 * Scopes: what every allocation of a task is told while it is inside something.
 *
 * A file system that holds a lock which reclaim would want must not enter reclaim through __GFP_FS; but the allocation may be
 * ten calls below, in code that knows nothing of it. So the task carries the restriction:
 *
 *	unsigned int flags = memalloc_nofs_save();
 *	... every allocation in here behaves as GFP_NOFS ...
 *	memalloc_nofs_restore(flags);
 *
 * Scopes nest. Reclaim itself runs under memalloc_noreclaim_save(): it may use the reserves and does not recurse.
 * Mirrors Linux include/linux/sched/mm.h. Exercised by the buddy_path suite.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/task.h"
#include "mm/phys/gfp.h"

/* gfp as the current task's scopes allow it. */
static __always_inline gfp_t current_gfp_context(gfp_t gfp)
{
	unsigned int flags = current->flags;

	if (unlikely(flags & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS))) {
		if (flags & PF_MEMALLOC_NOIO) /* no I/O, so no file system either */
			gfp &= ~(__GFP_IO | __GFP_FS);
		else
			gfp &= ~__GFP_FS;
	}
	return gfp;
}

/* Sets a flag of the current task; returns what the matching restore needs. */
static __always_inline unsigned int memalloc_flags_save(unsigned int flag)
{
	unsigned int old = current->flags & flag;

	current->flags |= flag;
	return old;
}

static __always_inline void memalloc_flags_restore(unsigned int flag, unsigned int old)
{
	current->flags = (current->flags & ~flag) | old;
}

#define memalloc_noio_save()		memalloc_flags_save(PF_MEMALLOC_NOIO)
#define memalloc_noio_restore(old)	memalloc_flags_restore(PF_MEMALLOC_NOIO, old)
#define memalloc_nofs_save()		memalloc_flags_save(PF_MEMALLOC_NOFS)
#define memalloc_nofs_restore(old)	memalloc_flags_restore(PF_MEMALLOC_NOFS, old)
#define memalloc_noreclaim_save()	memalloc_flags_save(PF_MEMALLOC)
#define memalloc_noreclaim_restore(old) memalloc_flags_restore(PF_MEMALLOC, old)
