/*
 * Scopes: what a variable's end undoes.
 *
 * 1. DEFINE_GUARD(name, type, lock, unlock) makes a scope of a lock: guard(name)(ptr) takes it, and
 *    every way out of the block (return, goto, break) gives it back. scoped_guard(name, ptr) { ...
 *    } does so for one block.
 * 2. DEFINE_FREE(name, type, expression) makes __free(name): T *p __free(name) = ...; is freed when
 *    p leaves its block, unless no_free_ptr(p) or return_ptr(p) took it. The compiler's cleanup
 *    attribute does the work; a scope costs what the calls inside cost.
 *
 * Mirrors Linux include/linux/cleanup.h. Exercised by the locks suite.
 */
#pragma once

#include "lib/types.h"

#define DEFINE_FREE(_name, _type, _free)                    \
	static __always_inline void __free_##_name(void *p) \
	{                                                   \
		_type _T = *(_type *)p;                     \
		_free;                                      \
	}
#define __free(_name) __cleanup(__free_##_name)
#define no_free_ptr(p)                   \
	({                               \
		__auto_type __nfp = (p); \
		(p) = NULL;              \
		__nfp;                   \
	})
#define return_ptr(p) return no_free_ptr(p)

#define DEFINE_CLASS(_name, _type, _exit, _init, _init_args...)              \
	typedef _type class_##_name##_t;                                     \
	static __always_inline void class_##_name##_destructor(_type *p)     \
	{                                                                    \
		_type _T = *p;                                               \
		_exit;                                                       \
	}                                                                    \
	static __always_inline _type class_##_name##_constructor(_init_args) \
	{                                                                    \
		_type t = _init;                                             \
		return t;                                                    \
	}
#define CLASS(_name, var)                                           \
	class_##_name##_t var __cleanup(class_##_name##_destructor) \
		__maybe_unused = class_##_name##_constructor

/* _lock and _unlock are statements that name the object _T. */
#define DEFINE_GUARD(_name, _type, _lock, _unlock)     \
	DEFINE_CLASS(                                  \
		_name, _type, if (_T) { _unlock; }, ({ \
			_lock;                         \
			_T;                            \
		}),                                    \
		_type _T)

/* The same for what also keeps interrupts off: _lock and _unlock name _T->lock and _T->flags. */
#define DEFINE_LOCK_GUARD_1(_name, _type, _lock, _unlock)                              \
	typedef struct {                                                               \
		_type *lock;                                                           \
		unsigned long flags;                                                   \
	} class_##_name##_t;                                                           \
	static __always_inline void class_##_name##_destructor(class_##_name##_t *_T)  \
	{                                                                              \
		_unlock;                                                               \
	}                                                                              \
	static __always_inline class_##_name##_t class_##_name##_constructor(_type *l) \
	{                                                                              \
		class_##_name##_t _t = { .lock = l, .flags = 0 }, *_T = &_t;           \
		_lock;                                                                 \
		return _t;                                                             \
	}

/* The same without an object: guard(rcu)(). */
#define DEFINE_LOCK_GUARD_0(_name, _lock, _unlock)                                    \
	typedef struct {                                                              \
		unsigned long flags;                                                  \
	} class_##_name##_t;                                                          \
	static __always_inline void class_##_name##_destructor(class_##_name##_t *_T) \
	{                                                                             \
		(void)_T;                                                             \
		_unlock;                                                              \
	}                                                                             \
	static __always_inline class_##_name##_t class_##_name##_constructor(void)    \
	{                                                                             \
		class_##_name##_t _t = { .flags = 0 }, *_T = &_t;                     \
		(void)_T;                                                             \
		_lock;                                                                \
		return _t;                                                            \
	}

#define guard(_name) CLASS(_name, __UNIQUE_ID(guard))
#define scoped_guard(_name, args...) \
	__scoped_guard(_name, __UNIQUE_ID(once), __UNIQUE_ID(scope), args)
#define __scoped_guard(_name, once, scope, args...) \
	for (bool once = true; once; once = false)  \
		for (CLASS(_name, scope)(args); once; once = false)
