/*
 * The start of the VFS: caches, the root file system, and the mm's view of files.
 *
 * Mirrors Linux fs/dcache.c (vfs_caches_init). Exercised by every boot.
 */
#include "kernel/fs/fdtable.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/namei.h"
#include "kernel/fs/tmpfs.h"
#include "mm/cache/pagemap.h"

void vfs_caches_init(void)
{
	filemap_init();
	writeback_init();
	fsize_limit_init();
	dcache_init();
	inode_init();
	namei_init();
	file_table_init();
	fdtable_init();
	tmpfs_init();
	mount_init();
}
