# label: fast
# Structures are removed; who has one open keeps it, and stat tells who.

$ zeroipc create $S --size 64K
$ zeroipc create $S/a --kind array --type u8 --capacity 20000
$ zeroipc create $S/b --kind array --type u8 --capacity 15000
$ zeroipc rm $S/a
$ zeroipc ls $S
> STRUCTURE  KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
> b          array     15000     15000     15K  u8
$ zeroipc rm $S/a
! zeroipc: rm: zt-0000000-t/a: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
$ zeroipc rm -f $S/a
$ zeroipc rm $S-none/a
! zeroipc: rm: zt-0000000-t-none: no such segment; `zeroipc ls` lists what there is
? 1

# Its space and its name are used again.
$ zeroipc create $S/a --kind queue --type u8 --capacity 100
$ zeroipc rm $S/a $S/b
$ zeroipc create $S/a --kind array --type u8 --capacity 40000
$ zeroipc rm $S/a

# A process that waits has it open.
$ zeroipc create $S/jobs --kind queue --type u8 --capacity 1000
$ pid=$("$ZEROIPC" pop --wait forever $S/jobs >/dev/null & echo $!); until zeroipc stat --json $S/jobs | jq -e .readers_asleep >/dev/null; do :; done; zeroipc rm $S/jobs; zeroipc stat $S | grep -A1 REMOVED; zeroipc stat --json $S | jq -c '[.removed_entries, .removed_bytes, (.removed[] | .name, (.pids | length))]'; kill -9 $pid; until zeroipc stat $S | tail -n 1 | grep nobody; do :; done
>~ REMOVED +MEMORY +PID +PROCESS
>~ jobs +21K +[0-9]+ +zeroipc
> [1,21568,"jobs",1]
>~ jobs +21K +- +nobody: the next create frees it
$ zeroipc create $S/a --kind array --type u8 --capacity 40000
$ zeroipc stat $S | grep -c -i removed
> 0
? 1
