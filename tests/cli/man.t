# label: fast
# The example in zeroipc(1) prints what the page says.

$ sed -n '/^\$ zeroipc create sensors/,/^\.Ed/{s/\\e$/\\/;/^\.Ed/d;p}' "$top_srcdir/man/zeroipc.1" | sed "s/sensors/$S/g" >example; grep -c '^\$' example
> 6
$ grep -v '^{' example | sed 's/^\$ //' >commands; diff <(grep '^{' example) <(bash -e commands)
