/*
 * Names for a build on the host (QUIRE_HOSTED), where a C library has functions of the same names:
 * ours get a q_ in front, so that the sanitizers' own copies stay in use for everything but the
 * code under test.
 *
 * Used by tests/host/lib_host.c; has no part in the kernel.
 */
#ifndef LIB_HOSTED_H
#define LIB_HOSTED_H

#define memcpy	    q_memcpy
#define memmove	    q_memmove
#define memset	    q_memset
#define memcmp	    q_memcmp
#define memchr	    q_memchr
#define strlen	    q_strlen
#define strnlen	    q_strnlen
#define strcmp	    q_strcmp
#define strncmp	    q_strncmp
#define strcasecmp  q_strcasecmp
#define strncasecmp q_strncasecmp
#define strcpy	    q_strcpy
#define strncpy	    q_strncpy
#define stpcpy	    q_stpcpy
#define strcat	    q_strcat
#define strncat	    q_strncat
#define strlcpy	    q_strlcpy
#define strlcat	    q_strlcat
#define strchr	    q_strchr
#define strchrnul   q_strchrnul
#define strrchr	    q_strrchr
#define strstr	    q_strstr
#define strnstr	    q_strnstr
#define strspn	    q_strspn
#define strcspn	    q_strcspn
#define strpbrk	    q_strpbrk
#define strsep	    q_strsep
#define ffs	    q_ffs
#define isdigit	    q_isdigit
#define isupper	    q_isupper
#define islower	    q_islower
#define isalpha	    q_isalpha
#define isalnum	    q_isalnum
#define isspace	    q_isspace
#define isprint	    q_isprint
#define isgraph	    q_isgraph
#define ispunct	    q_ispunct
#define iscntrl	    q_iscntrl
#define isxdigit    q_isxdigit
#define tolower	    q_tolower
#define toupper	    q_toupper
#define vsnprintf   q_vsnprintf
#define snprintf    q_snprintf
#define vsprintf    q_vsprintf
#define sprintf	    q_sprintf
#define vsscanf	    q_vsscanf
#define sscanf	    q_sscanf
#define bsearch	    q_bsearch

#endif /* LIB_HOSTED_H */
