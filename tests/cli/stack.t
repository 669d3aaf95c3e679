# label: fast
# push and pop, and a stack that is looked into, the newest first.

$ zeroipc create $S --size 1M
$ zeroipc create $S/undo --kind stack --type i32 --capacity 5
$ zeroipc create $S/wide --kind stack --type "{at:u64, what:bytes:8}" --capacity 3 --max-writers 2
$ zeroipc push $S/undo 1 -5 3
$ zeroipc cat $S/undo
> 3
> -5
> 1
$ zeroipc cat "$S/undo[0]"; zeroipc cat "$S/undo[-1]"; zeroipc cat "$S/undo[1:]"
> 3
> 1
> -5
> 1
$ zeroipc cat "$S/undo[3]"
! zeroipc: cat: zt-0000000-t/undo has 3 elements: there is no [3]
? 1
$ printf '7\n8\n9\n' | zeroipc push $S/undo -
! zeroipc: push: zt-0000000-t/undo is full (5 elements); --wait waits for room
! zeroipc: push: stopped at line 3; those before it were pushed
? 3
$ zeroipc push --wait 0.01 $S/undo 1
! zeroipc: push: zt-0000000-t/undo is full (5 elements)
? 3
$ zeroipc stat $S/undo
> structure    zt-0000000-t/undo
> kind         stack
> type         i32
> element      4 bytes
> elements     5 of at most 5
>~ memory       .*
>~ begins       at byte [0-9]+
> pushed       5 ever
> popped       0 ever
>~ asleep       (none|maybe writers)
> late wakes   0
$ zeroipc pop $S/undo
> 8
$ zeroipc pop -n 100 --json $S/undo
> [
>   7,
>   3,
>   -5,
>   1
> ]
$ zeroipc pop $S/undo
! zeroipc: pop: zt-0000000-t/undo is empty; --wait waits for an element
? 3
$ zeroipc pop --wait forever $S/undo & zeroipc push $S/undo 77; wait
> 77

# Elements of more than 8 bytes.
$ zeroipc push $S/wide '{"at": 1, "what": "0x6f6e650000000000"}' '{"at": 2, "what": "0x74776f0000000000"}'
? 0
$ zeroipc cat $S/wide | jq -c .at
> 2
> 1
$ zeroipc pop $S/wide | jq -c .at
> 2
$ zeroipc stat --json $S/wide | jq -c '[.kind, .size, .capacity, .added, .removed]'
> ["stack",1,3,2,1]
$ zeroipc ls $S | awk '{ print $1, $2 }'
> STRUCTURE KIND
> undo stack
> wide stack
