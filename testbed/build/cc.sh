#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's C compiler. ccache in depend mode does not see what an assembler file takes in by .incbin: it would give
# a bzImage the kernel of an earlier build whose compressed size is the same.
for word; do
	case $word in *.S) exec gcc "$@" ;; esac
done
exec ccache gcc "$@"
