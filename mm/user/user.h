/*
 * The start of the mm/user room: caches and hooks. Called once by start_kernel().
 *
 * Exercised by every boot.
 */
#pragma once

/* => after kmem_cache_init(), before the first process */
void mm_user_init(void);
