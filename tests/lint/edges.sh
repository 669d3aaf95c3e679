#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Named edges of the memory order. A file that has some states them in a table
# in its head comment,
#
#   edge     written by   read by   carries
#   filled   push         pop       the element
#
# up to an empty line, and the comment at each access begins with which end it
# is: "filled: release" or "filled: acquire"; around an asymmetric fence,
# "filled: the heavy fence" and "filled: relaxed behind the fence". Names are
# unique, each edge has both ends, and each end stands in a table. The C library
# and the C++ headers implement the same edges, each by itself.
. "$(dirname "$0")/lint.sh"
: "${top_srcdir:?}"

lint()
{
	local implementation

	cd "$1" || return
	for implementation in 'libzeroipc/*.[ch]' 'cpp/*.h'; do
		files . "$implementation" |
			xargs -r awk -f "$top_srcdir/tests/lint/edges.awk"
	done
}

plant()
{
	mkdir "$1/libzeroipc"
	cat >"$1/libzeroipc/planted.c"
	echo "$2"
}

plant_missing_acquire()
{
	plant "$1" 'nobody acquires filled' <<-'END'
		/*
		 *   edge     written by   read by   carries
		 *   filled   push         pop       the element
		 */
		/* filled: release. The element is whole. */
	END
}

plant_missing_acquire_in_cxx()
{
	mkdir -p "$1/cpp" "$1/libzeroipc"
	cat >"$1/cpp/planted.h" <<-'END'
		/*
		 *   edge     written by   read by   carries
		 *   filled   push         pop       the element
		 */
		/* filled: release. The element is whole. */
	END
	echo '/* filled: acquire; another implementation. */' \
		>"$1/libzeroipc/planted.h"
	echo 'nobody acquires filled'
}

plant_missing_release()
{
	plant "$1" 'nobody releases taken' <<-'END'
		/*
		 * edge   | written by | read by | carries
		 * filled | push       | pop     | the element
		 * taken  | pop        | push    | the room
		 *
		 * The lines may stand or not.
		 */
		/* filled: release. The element is whole. */
		/* filled: acquire; pairs with push. */
		/* taken: acquire; pairs with pop. */
	END
}

plant_unknown_edge()
{
	plant "$1" 'emptied is in no table' <<-'END'
		/* emptied: release. Nobody wrote it down. */
	END
}

plant_fence_with_one_end()
{
	plant "$1" 'nobody acquires asked' <<-'END'
		/*
		 *   edge    written by   read by   carries
		 *   asked   settle       push      the question
		 *   seen    settle       push      the answer
		 */
		/* asked: the heavy fence follows. */
		/* seen: heavy fence. */
		/* seen: relaxed is enough behind the fence. */
	END
}

plant_one_name_for_two_edges()
{
	plant "$1" 'filled is also at' <<-'END'
		/*
		 *   edge     written by   read by   carries
		 *   filled   push         pop       the element
		 *
		 *   edge     written by   read by   carries
		 *   filled   push         pop       the element
		 */
		/* filled: acquire and release; pairs with itself. */
	END
}

run_lint
