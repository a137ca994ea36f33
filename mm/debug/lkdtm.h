/*
 * lkdtm: bugs on demand, one function for each. Theory in lkdtm.c.
 *
 * Mirrors Linux drivers/misc/lkdtm/lkdtm.h. Exercised by tests/boot/test_slab.py.
 */
#pragma once

/* lkdtm_heap.c: kernel objects. => may sleep */
void lkdtm_slab_linear_overflow(void); /* writes a word behind an object */
void lkdtm_write_after_free(void);
void lkdtm_read_after_free(void);
void lkdtm_slab_free_double(void);
void lkdtm_slab_free_cross(void); /* frees an object to another cache */
void lkdtm_slab_free_page(void);  /* frees a page that is no object */
void lkdtm_slab_leak(void);	  /* forgets some objects, for kmemleak */

/* lkdtm_usercopy.c: each makes a right copy, which must succeed, then one out of bounds. => process context */
void lkdtm_usercopy_slab_size_to(void);
void lkdtm_usercopy_slab_size_from(void);
void lkdtm_usercopy_slab_whitelist_to(void);
void lkdtm_usercopy_slab_whitelist_from(void);
void lkdtm_usercopy_stack_frame_to(void);
void lkdtm_usercopy_stack_frame_from(void);
void lkdtm_usercopy_stack_beyond(void);
void lkdtm_usercopy_pages(void);
void lkdtm_usercopy_vmalloc(void);
void lkdtm_usercopy_kernel(void);
