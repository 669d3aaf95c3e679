# SPDX-License-Identifier: MIT
# The faults of the named edges in the files given; see edges.sh.

FNR == 1 {
	table = 0
}

/edge[ |]+written by[ |]+read by[ |]+carries/ {
	table = 1
	next
}

table && /^[ \t]*\*?[ \t]*(\*\/)?$/ {
	table = 0
}

# A row's name is its first word, and stands no further right than its comment
# star and three spaces; what stands further right goes on with the row above.
table {
	if (match($0, /^[ \t]*\*? ? ? ?[a-z][a-z_-]*/)) {
		name = substr($0, RSTART, RLENGTH)
		gsub(/[ \t*]/, "", name)
		if (name in edge)
			print FILENAME ":" FNR ": " name " is also at " \
				edge[name]
		edge[name] = FILENAME ":" FNR
	}
	next
}

{
	line = $0
	end = "(^[ \t]*|/|[;.] *)\\*? *[a-z][a-z_-]*: (the )?" \
		"(heavy fence|relaxed [a-z ]*fence|" \
		"(release|acquire)( and (release|acquire))?)"
	while (match(line, end)) {
		found = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		name = found
		sub(/:.*/, "", name)
		gsub(/[^a-z_-]/, "", name)
		if (found ~ /release|heavy/)
			released[name] = FILENAME ":" FNR
		if (found ~ /acquire|relaxed/)
			acquired[name] = FILENAME ":" FNR
	}
}

END {
	for (name in edge) {
		if (!(name in released))
			print edge[name] ": nobody releases " name
		if (!(name in acquired))
			print edge[name] ": nobody acquires " name
	}
	for (name in released)
		if (!(name in edge))
			print released[name] ": " name " is in no table"
	for (name in acquired)
		if (!(name in edge) && !(name in released))
			print acquired[name] ": " name " is in no table"
}
