// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real allocator: many objects, first and last page touched, nearly all freed in random order,
 * then the allocator's own call to give memory back. The allocator comes by LD_PRELOAD from the
 * scenario; this program only proves that it did.
 */
#include "tb-press.h"

#include <dlfcn.h>
#include <malloc.h>

typedef void (*release_fn)(void);

static unsigned long objects, size;
static char **object;		/* NULL once freed */

static void trim(void)
{
	malloc_trim(0);
}

static void nothing(void)
{
}

/*
 * An address lies in the object that it was loaded from; malloc() itself must come from where the
 * release call does.
 */
static int from(void *symbol, const char *library)
{
	Dl_info where;

	return symbol && dladdr(symbol, &where) && where.dli_fname &&
	       strstr(where.dli_fname, library);
}

static void need(const char *symbol, const char *library)
{
	if (!from(dlsym(RTLD_DEFAULT, symbol), library))
		tb_fail("%s is not %s's: is LD_PRELOAD set?", symbol, library);
}

static release_fn find_release(const char *allocator)
{
	if (!strcmp(allocator, "jemalloc")) {
		need("malloc", "libjemalloc");
		need("mallctl", "libjemalloc");
		return nothing;		/* decay 0: every free has given its pages back */
	}
	if (!strcmp(allocator, "tcmalloc")) {
		need("malloc", "libtcmalloc");
		need("MallocExtension_ReleaseFreeMemory", "libtcmalloc");
		return (release_fn)dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
	}
	if (!strcmp(allocator, "glibc")) {
		need("malloc", "libc.so");
		return trim;
	}
	tb_fail("--allocator=%s: jemalloc, tcmalloc or glibc", allocator);
}

/*
 * The first and the last word, so that of an object only its first and its last page are touched.
 */
static uint64_t *end_of(char *p, int last)
{
	return (uint64_t *)(last ? p + size - sizeof(uint64_t) : p);
}

static void fill(unsigned long i)
{
	object[i] = malloc(size);
	if (!object[i])
		tb_fail("malloc of object %lu: %s", i, strerror(errno));
	for (int last = 0; last < 2; last++)
		*end_of(object[i], last) = tb_mix((uintptr_t)end_of(object[i], last));
}

static void check(unsigned long i)
{
	for (int last = 0; last < 2; last++)
		if (*end_of(object[i], last) != tb_mix((uintptr_t)end_of(object[i], last)))
			tb_fail("object %lu: contents lost at %p", i,
				(void *)end_of(object[i], last));
}

int main(int argc, char **argv)
{
	const char *allocator = tb_string(argc, argv, "allocator");
	enum tb_press press = tb_press_asked(argc, argv);
	unsigned long keep;
	release_fn release;
	uint64_t seed = 160000;
	uint32_t *order;

	objects = tb_number(argc, argv, "objects");
	size = tb_size(argc, argv, "object", 8);
	keep = objects * tb_number(argc, argv, "keep-permille") / 1000;
	if (size < 4 * TB_PAGE)
		tb_fail("--object=%lu is too small to leave pages untouched", size);
	object = tb_book(objects * sizeof(*object));
	order = tb_book(objects * sizeof(*order));
	for (unsigned long i = 0; i < objects; i++)
		order[i] = i;
	tb_shuffle(order, objects, &seed);
	tb_no_huge_pages();
	release = find_release(allocator);
	/*
	 * glibc serves what is large by mmap() only until it has seen the first such object freed;
	 * from then on from its heap, as in any process that has run for a while.
	 */
	fill(0);
	free(object[0]);

	tb_phase("start");
	for (unsigned long i = 0; i < objects; i++)
		fill(i);
	tb_phase("peak");
	for (unsigned long i = keep; i < objects; i++) {
		free(object[order[i]]);
		object[order[i]] = NULL;
	}
	release();
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (unsigned long i = 0; i < objects; i++)
		if (object[i])
			check(i);
	return 0;
}
