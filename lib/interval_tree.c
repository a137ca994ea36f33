/*
 * The interval tree of plain numbers, made from the template in interval_tree.h.
 *
 * Mirrors Linux's lib/interval_tree.c. Exercised by tests/kernel/lib_rbtree.c.
 */
#include "lib/interval_tree.h"

#define START(n) ((n)->start)
#define LAST(n)	 ((n)->last)

INTERVAL_TREE_DEFINE(struct interval_tree_node, rb, unsigned long, __subtree_last, START, LAST, ,
		     interval_tree)
