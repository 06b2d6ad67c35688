/* SPDX-License-Identifier: GPL-2.0-only */
/* Regions that userfaultfd fills, and any region at all. */
#ifndef SHAPES_FILL_H
#define SHAPES_FILL_H

#include "shapes-file.h"
#include "shapes-uffd.h"

/* What it puts there itself. */
static void fill_uffd(const struct region *r)
{
	static const enum entry entry_of[] = { [PUT_ZERO] = ZERO, [PUT_COPY] = ANON,
					       [PUT_POISON] = MARKER };
	unsigned long size = r->pages * TB_PAGE, n = how_many(r);
	int kinds = uffd_features & UFFD_POISON && !pick(3) ? 3 : 2;

	doing = "uffd";
	map_anon(r->at, size);
	uffd_register(r->at, size, UFFDIO_REGISTER_MODE_MISSING);
	while (n--) {
		unsigned long i = pick(r->pages);
		enum put what = pick(kinds);

		if (state[i] != NONE)
			continue;
		uffd_fill(r->at + i * TB_PAGE, what);
		state[i] = entry_of[what];
	}
}

/* What is there keeps its page with a bit set; what is not gets a marker if the kernel has them. */
static void fill_uffd_wp(const struct region *r)
{
	unsigned long n = 1 + pick(r->pages < 40 ? r->pages : 40), first = pick(r->pages - n + 1);
	unsigned long size = r->pages * TB_PAGE;
	bool markers = uffd_features & UFFD_WP_UNPOPULATED;

	doing = "uffd-wp";
	if (uffd_features & UFFD_FEATURE_WP_HUGETLBFS_SHMEM && pick(2)) {
		int fd;

		on_ramfs = false;
		shared = true;
		markers = true;
		fd = new_file(size);
		map_at(r->at, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		close(fd);
		touch_some(r, touch_file_either);
	} else {
		map_anon(r->at, size);
		touch_some(r, touch_either);
	}
	uffd_register(r->at, size, UFFDIO_REGISTER_MODE_WP);
	uffd_protect(r->at + first * TB_PAGE, n * TB_PAGE);
	for (unsigned long i = first; markers && i < first + n; i++)
		if (state[i] == NONE)
			state[i] = MARKER;
}

/* ---- any of them ---- */

static void commit(const struct region *r)
{
	for (unsigned long i = 0; i < r->pages; i++)
		if (state[i] != NONE)
			add_entry((uintptr_t)r->at + i * TB_PAGE, state[i]);
}

static void fill_plain(const struct region *r)
{
	bool file = theme == ONLY_FILES || (theme == ANYTHING && pick(2));

	if (!file)
		fill_anon(r);
	else if (pick(5))
		fill_file(r);
	else
		fill_shared_anon(r);
}

/* With `theme`, all is bare: what is held would be needed. */
static enum hold choose_hold(void)
{
	enum hold wanted = theme == ANYTHING && !pick(4) ? pick(NR_HOLD) : BARE;

	return wanted == REGISTERED && uffd < 0 ? BARE : wanted;
}

static void fill_region(char *at, unsigned long pages)
{
	struct region r = { at, pages, choose_hold() };
	unsigned long size = pages * TB_PAGE;

	memset(state, NONE, pages);
	if (theme == ANYTHING && uffd >= 0 && !pick(8)) {
		r.hold = REGISTERED;
		if (pick(2) || !(uffd_features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
			fill_uffd(&r);
		else
			fill_uffd_wp(&r);
	} else {
		fill_plain(&r);
		if (r.hold == LOCKED)
			lock(at, size);
		else if (r.hold == REGISTERED && !uffd_try_register(at, size, pick(4)))
			r.hold = BARE;
	}
	if (r.hold != BARE)
		hold((uintptr_t)at, size);
	commit(&r);
}

#endif
