#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Every atomic access states its memory order. Sequential consistency never
# comes by omission, and nothing is shared by volatile, __sync or (outside
# atoms.h and cell.h) __atomic. What a pattern can not see, as count++ on an
# _Atomic, clang sees, where it is installed. In C++ all goes through Word
# (detail/atoms.h), which has no default order: there is none to be left out.
. "$(dirname "$0")/lint.sh"
: "${top_srcdir:?}"

operations='load|store|exchange|compare_exchange_(strong|weak)|fetch_[a-z]+'
operations+='|flag_test_and_set|flag_clear'
beside_word='std::atomic(_ref)?[ <(]|__(atomic|sync)_|\<volatile\>'

lint()
{
	local root=$1 file

	for file in $(files "$root" 'libzeroipc/*.[ch]' 'cli/*.[ch]' \
			'zeroipcd/*.[ch]' 'examples/*.[ch]' 'bench/*.[ch]'); do
		grep -HnE "\<atomic_($operations) *\(" "$root/$file" |
			sed 's/$/  <- without _explicit/'
		grep -Hn '__sync_' "$root/$file"
		case ${file##*/} in
		atoms.h | cell.h) ;;
		*) grep -Hn '__atomic_' "$root/$file" ;;
		esac
		grep -Hnw volatile "$root/$file" |
			grep -vE 'asm(__)? volatile|volatile sig_atomic_t'
	done
	for file in $(files "$root" 'cpp/*.h'); do
		[ "${file##*/}" = atoms.h ] ||
			grep -HnE "$beside_word" "$root/$file"
	done
	command -v clang >/dev/null || return 0
	for file in $(files "$root" 'libzeroipc/*.c'); do
		clang -fsyntax-only -std=gnu11 -D_GNU_SOURCE \
			-Wno-everything -Watomic-implicit-seq-cst \
			-I"$top_srcdir/libzeroipc/include" "$root/$file"
	done 2>&1 | grep implicit-seq-cst
}

plant()
{
	mkdir "$1/libzeroipc"
	cat >"$1/libzeroipc/planted.c"
	echo "${2-libzeroipc/planted.c:3}"
}

plant_order_by_omission()
{
	plant "$1" <<-'END'
		#include <stdatomic.h>
		static _Atomic int word;
		int get(void) { return atomic_load(&word); }
	END
}

plant_bare_fetch()
{
	plant "$1" <<-'END'
		#include <stdatomic.h>
		static _Atomic int word;
		int get(void) { return atomic_fetch_add (&word, 1); }
	END
}

plant_sync_builtin()
{
	plant "$1" <<-'END'
		static int word;

		int get(void) { return __sync_fetch_and_add(&word, 1); }
	END
}

plant_atomic_builtin()
{
	plant "$1" <<-'END'
		static int word;

		int get(void) { return __atomic_load_n(&word, 0); }
	END
}

plant_atomic_beside_word()
{
	mkdir -p "$1/cpp/zeroipc"
	echo 'inline std::atomic<int> planted;' >"$1/cpp/zeroipc/planted.h"
	echo cpp/zeroipc/planted.h:1
}

plant_volatile()
{
	plant "$1" <<-'END'
		#include <signal.h>
		volatile sig_atomic_t this_is_allowed;
		volatile int word;
	END
}

if command -v clang >/dev/null; then
plant_plain_increment()
{
	plant "$1" <<-'END'
		#include <stdatomic.h>
		static _Atomic int word;
		void grow(void) { word++; }
	END
}

plant_plain_assignment()
{
	plant "$1" <<-'END'
		struct shared { _Atomic int word; };
		void set(struct shared *shared);
		void set(struct shared *shared) { shared->word = 1; }
	END
}
fi

run_lint
