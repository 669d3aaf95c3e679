#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Models and code stay together. Each part of a model in tests/model/ names the
# functions that it stands for, "code: NAME, NAME.", and the edges of the memory
# order, "Edge NAME": those functions have to be defined in libzeroipc/, and
# those edges to stand in a table there. Each model names some, and is run.
. "$(dirname "$0")/lint.sh"

# The names that stand behind "code:" in a model, a line each.
functions_in()
{
	tr -s '\n\t *' ' ' <"$1" |
		grep -oE 'code: [a-z_]+(, [a-z_]+)*' |
		sed 's/^code: //; s/, /\n/g' | sort -u
}

edges_in()
{
	tr -s '\n\t *' ' ' <"$1" |
		grep -oE 'Edges? [a-z]+: [a-z ]+(, [a-z]+: [a-z ]+)*' |
		sed 's/^Edges* //' | grep -oE '[a-z]+:' | tr -d : | sort -u
}

lint()
{
	local root=$1 model name

	cd "$root" || return
	for model in $(files . 'tests/model/*.pml'); do
		[ -n "$(functions_in "$model")" ] ||
			echo "$model: names no code"
		for name in $(functions_in "$model"); do
			cat libzeroipc/*.[ch] | grep -qE \
				"^[a-zA-Z_].*\<$name\(|^$name\(" ||
				echo "$model: $name() is not in libzeroipc/"
		done
		for name in $(edges_in "$model"); do
			cat libzeroipc/*.[ch] | grep -qE \
				"^ \*   $name +[a-z_]+.* " ||
				echo "$model: $name is in no table of edges"
		done
		name=${model##*/}
		grep -qE "^${name%.pml} +\|" tests/model/runs ||
			echo "$model: is not run"
	done
}

# plant ROOT MODEL: a library with one function and one edge.
plant()
{
	mkdir -p "$1/libzeroipc" "$1/tests/model"
	cat >"$1/libzeroipc/ring.c" <<-'END'
		/*
		 *   edge     written by   read by   carries
		 *   filled   push         pop       the element
		 */
		static void push(void)
		{
		        called();
		}
	END
	echo 'planted | one | small | holds | words | ' >"$1/tests/model/runs"
	cat >"$1/tests/model/planted.pml"
	echo "$2"
}

plant_function_that_is_gone()
{
	plant "$1" 'pushed() is not' <<<'/* code: push, pushed. Words. */'
}

plant_function_that_is_only_called()
{
	plant "$1" 'called() is not' <<-'END'
		/*
		 * code: push,
		 * called. Edge filled: release.
		 */
	END
}

plant_edge_that_is_gone()
{
	plant "$1" 'emptied is in no table' <<-'END'
		/* code: push. Edges filled: release, emptied: acquire. */
	END
}

plant_model_of_nothing()
{
	plant "$1" 'names no code' <<<'active proctype planted() { skip }'
}

plant_model_that_is_not_run()
{
	plant "$1" 'is not run' <<<'/* code: push. */'
	: >"$1/tests/model/runs"
}

run_lint
