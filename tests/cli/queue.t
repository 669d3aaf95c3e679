# label: fast
# push and pop, and a queue that is looked into.

$ zeroipc create $S --size 1M
$ zeroipc create $S/jobs --kind queue --type i32 --capacity 5
$ zeroipc push $S/jobs 1 -5 3
$ zeroipc cat $S/jobs
> 1
> -5
> 3
$ zeroipc cat --json $S/jobs
> [
>   1,
>   -5,
>   3
> ]
$ zeroipc cat --json "$S/jobs[3:]"
> []
$ zeroipc cat "$S/jobs[-1]"; zeroipc cat "$S/jobs[:-1]"; zeroipc cat "$S/jobs[1:2]"
> 3
> 1
> -5
> -5
$ zeroipc cat "$S/jobs[3]"
! zeroipc: cat: zt-0000000-t/jobs has 3 elements: there is no [3]
? 1
$ zeroipc cat "$S/jobs[-4]"
! zeroipc: cat: zt-0000000-t/jobs has 3 elements: there is no [-4]
? 1

# From stdin, until it is full: what does not fit is told by its line.
$ printf '7\n\n  8  \n9\n10\n' | zeroipc push $S/jobs -
! zeroipc: push: zt-0000000-t/jobs is full (5 elements); --wait waits for room
! zeroipc: push: stopped at line 4; those before it were pushed
? 3
$ zeroipc push --wait 0.01 $S/jobs 1
! zeroipc: push: zt-0000000-t/jobs is full (5 elements)
? 3
$ zeroipc stat $S/jobs
> structure    zt-0000000-t/jobs
> kind         queue
> type         i32
> element      4 bytes
> elements     5 of at most 5
>~ memory       5\.[0-9]K \([0-9]+ bytes\)
>~ begins       at byte [0-9]+
> pushed       5 ever
> popped       0 ever
>~ asleep       (none|maybe writers)
> late wakes   0
$ zeroipc stat --json $S/jobs | jq -c 'del(.offset_bytes, .size_bytes, .writers_asleep)'
> {"name":"jobs","kind":"queue","type":"i32","elem_size":4,"capacity":5,"size":5,"added":5,"removed":0,"readers_asleep":false,"late_wakes":0}
$ zeroipc pop $S/jobs
> 1
$ zeroipc pop -n 2 --json $S/jobs
> [
>   -5,
>   3
> ]
$ zeroipc pop -n 100 $S/jobs
> 7
> 8
$ zeroipc pop $S/jobs
! zeroipc: pop: zt-0000000-t/jobs is empty; --wait waits for an element
? 3
$ zeroipc pop --wait 0.01 $S/jobs
! zeroipc: pop: zt-0000000-t/jobs is empty
? 3
$ zeroipc pop --json $S/jobs
> []
! zeroipc: pop: zt-0000000-t/jobs is empty; --wait waits for an element
? 3
$ zeroipc pop --wait forever $S/jobs & zeroipc push $S/jobs 77; wait
> 77

# What is wrong on the command line keeps all of it out.
$ zeroipc push $S/jobs 1 2 3x
!~ zeroipc: push: value 3: .*
? 1
$ zeroipc push $S/jobs 2147483648
!~ zeroipc: push: value 1: .*i32.*
? 1
$ printf '5\nx\n' | zeroipc push $S/jobs
!~ zeroipc: push: line 2: .*
! zeroipc: push: stopped at line 2; those before it were pushed
? 1
$ zeroipc pop -n 9 $S/jobs
> 5

# Records, and text that wants to be more than text.
$ zeroipc create $S/events --kind queue --type '{ts:u64, what:bytes:12, v:f64[2]}' --capacity 4
$ zeroipc push $S/events '{ts: 18446744073709551615, what: "a\u001b[1m\"b", v: [0.1, -1e300]}' '{"what": "ünï"}'
$ zeroipc cat $S/events
> {"ts": 18446744073709551615, "what": "0x611b5b316d22620000000000", "v": [0.1, -1e+300]}
> {"ts": 0, "what": "ünï", "v": [0, 0]}
$ zeroipc pop --json -n 2 $S/events | jq -c '.[1]'
> {"ts":0,"what":"ünï","v":[0,0]}

$ zeroipc create $S/cells --kind array --type u8 --capacity 3
$ zeroipc push $S/cells 1
!~ zeroipc: push: zt-0000000-t/cells: `cells` in segment .* not (a )?queue.*
? 1
$ zeroipc pop $S/none
! zeroipc: pop: zt-0000000-t/none: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
$ zeroipc pop $S-none/jobs
! zeroipc: pop: zt-0000000-t-none: no such segment; `zeroipc ls` lists what there is
? 1
