# label: fast
# A stream: emitted, looked into and followed, privately and by name.

$ zeroipc create $S --size 1M
$ zeroipc create $S/ticks --kind stream --type '{n:u32, x:f32}' --capacity 4
$ zeroipc emit $S/ticks '{"n": 1, "x": 0.5}' '{"n": 2, "x": 1}'
$ printf '{"n": 3, "x": 2}\n\n{"n": 4, "x": 3}\n' | zeroipc emit $S/ticks -
$ zeroipc cat $S/ticks
> {"n": 1, "x": 0.5}
> {"n": 2, "x": 1}
> {"n": 3, "x": 2}
> {"n": 4, "x": 3}
$ zeroipc cat "$S/ticks[-1]"
> {"n": 4, "x": 3}
$ zeroipc emit $S/ticks '{"n": 5}' 5 2>&1 | head -n 1 | cut -c 1-24
> zeroipc: emit: value 2: 
$ zeroipc follow --oldest -n 2 $S/ticks
> {"n": 1, "x": 0.5}
> {"n": 2, "x": 1}
$ zeroipc follow --wait 0 $S/ticks
! zeroipc: follow: zt-0000000-t/ticks has no new element
? 3

# A named subscription stays, and holds producers back.
$ zeroipc create $S/s --kind stream --type u8 --capacity 4 --max-subscriptions 2
$ seq 100 110 | zeroipc emit $S/s
$ zeroipc cat $S/s | tail -n 2
> 109
> 110
$ zeroipc follow --subscription n --oldest -n 1 --wait 0 $S/s
> 107
$ zeroipc emit $S/s 1 2 3
! zeroipc: emit: zt-0000000-t/s is full: a named subscription has yet to read; --wait waits for room
! zeroipc: emit: 1 of 3 values were emitted
? 3
$ zeroipc stat $S/s | tail -n 7
> when full    producers wait for named subscriptions
> times        none
> producers    0 of at most 64
> subscribers  1 of at most 2 named ones
> 
> SUBSCRIPTION  PID  STATE  NEXT  LAG  LOST
> n               -  free      9    4     0
$ zeroipc follow --subscription n --wait 0 $S/s
> 108
> 109
> 110
> 1
$ zeroipc rm $S/s/n
$ zeroipc rm $S/s/n
! zeroipc: rm: zt-0000000-t/s/n: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
$ zeroipc rm -f $S/s/n
$ zeroipc emit $S/s 1 2 3 4 5 6
$ zeroipc stat --json $S/s | jq -c '[.policy, .timestamps, .ended, .position, .dropped, .max_writers, .subscriptions]'
> ["block",false,false,19,0,64,[]]

# The other policies.
$ zeroipc create $S/new --kind stream --type u8 --capacity 2 --policy drop-new
$ zeroipc follow --subscription n --wait 0 $S/new
! zeroipc: follow: zt-0000000-t/new has no new element
? 3
$ zeroipc emit $S/new 1 2 3
! zeroipc: emit: zt-0000000-t/new is full: it was dropped, as its policy says
! zeroipc: emit: 2 of 3 values were emitted
? 3
$ zeroipc stat $S/new | grep ^dropped
> dropped      1
$ zeroipc create $S/old --kind stream --type u8 --capacity 2 --max-writers 1 --policy drop-old --timestamps
$ zeroipc follow --subscription n --wait 0 $S/old
! zeroipc: follow: zt-0000000-t/old has no new element
? 3
$ zeroipc emit $S/old 1 2 3 4 5
$ zeroipc follow --subscription n --wait 0 $S/old
> 4
> 5
! zeroipc: follow: 3 elements were overwritten before they were read

# As they come.
$ zeroipc follow -n 1 $S/old >out & while kill -0 $! 2>/dev/null; do zeroipc emit $S/old 7; done; wait; cat out
> 7

# The wrong words.
$ zeroipc create $S/r --kind stream --type u8 --capacity 1 --policy never 2>&1 | head -n 1
> zeroipc: create: --policy is block, drop-new, drop-old or error, not `never`
$ zeroipc create $S/r --kind queue --type u8 --capacity 1 --policy block 2>&1 | head -n 1
> zeroipc: create: --kind queue takes no --policy
$ zeroipc create $S/r --kind ring --size 1K; zeroipc follow -s n $S/r 2>&1 | head -n 1
> zeroipc: follow: only a stream has subscriptions
