/*
 * State of one path walk, shared by look-up, open and the calls that change directories.
 *
 * Mirrors Linux fs/namei.c (struct nameidata). Exercised by tests/user/{names,vfs}.c.
 */
#pragma once

#include "kernel/fs/fs.h"

/* LAST_BIND: a magic link was the last component and nd->path is what it leads to. */
enum { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT, LAST_BIND };

/* What remains of a name behind a symbolic link that is being walked. */
struct saved_name {
	const char *rest;
	char *buf;	       /* text to kfree, or NULL */
	struct dentry *dentry; /* the link: keeps its text alive */
};

struct nameidata {
	struct path path, root;
	struct qstr last; /* LOOKUP_PARENT: the last component, in the caller's or a link's text */
	int last_type;
	bool trailing_slash; /* "name/": must be a directory */
	unsigned int flags;
	int depth, total_links;
	struct saved_name stack[MAXSYMLINKS + 1];
};

void namei_init(void);
/* 0: nd->path (or the parent, LOOKUP_PARENT). terminate_walk() in any case. */
int path_walk(struct nameidata *nd, int dfd, const char *name, unsigned int flags);
int path_follow_last(struct nameidata *nd, struct dentry *link);
void terminate_walk(struct nameidata *nd);
/* Cached or looked-up child, possibly negative; ERR_PTR. => dir's i_rwsem held */
struct dentry *__lookup_hash(const struct qstr *name, struct dentry *dir, unsigned int flags);
